/*
 * Checks for tests in C and C++: the first that fails says where and what, and ends the program.
 *
 *   CHECK(x > 0);                            anything true
 *   CHECK_EQ(count, 3);                      two integers
 *   CHECK_STATUS(vp_cancel(p, 1), VP_ERR_UNKNOWN_ID);
 *   OK(vp_config_new(&config));              the status VP_OK
 *   CHECK_TEXT(str, "hello");                a vp_str and a C string
 *   SKIP("no such thing here");              ends the test as not runnable here
 */
#ifndef CHECK_H
#define CHECK_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "venuepool.h"

#define CHECK_FAIL(...)                                                                            \
    do {                                                                                           \
        fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                                            \
        fprintf(stderr, __VA_ARGS__);                                                              \
        fputc('\n', stderr);                                                                       \
        exit(1);                                                                                   \
    } while (0)

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) CHECK_FAIL("%s", #condition);                                            \
    } while (0)

#define CHECK_EQ(value, expected)                                                                  \
    do {                                                                                           \
        long long is_ = (long long)(value), wanted_ = (long long)(expected);                       \
        if (is_ != wanted_) CHECK_FAIL("%s is %lld, not %lld", #value, is_, wanted_);              \
    } while (0)

#define CHECK_STATUS(call, expected)                                                               \
    do {                                                                                           \
        int is_ = (int)(call), wanted_ = (int)(expected);                                          \
        if (is_ != wanted_)                                                                        \
            CHECK_FAIL("%s is %d (%s), not %s", #call, is_, vp_status_name(is_),                   \
                       vp_status_name(wanted_));                                                   \
    } while (0)

#define OK(call) CHECK_STATUS(call, VP_OK)

#define CHECK_TEXT(str, text)                                                                      \
    do {                                                                                           \
        vp_str is_ = (str);                                                                        \
        if (is_.len != strlen(text) || memcmp(is_.ptr, text, is_.len) != 0)                        \
            CHECK_FAIL("%s is '%.*s', not '%s'", #str, (int)is_.len, is_.ptr, text);               \
    } while (0)

#define SKIP(reason)                                                                               \
    do {                                                                                           \
        printf("SKIPPED: %s\n", reason);                                                           \
        exit(77);                                                                                  \
    } while (0)

#endif
