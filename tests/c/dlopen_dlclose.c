/*
 * A plugin host may load the library by dlopen and close it again while a pool is at work: the
 * library stays, and so does the pool.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* No check.h: it would link the library. */
#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

#include "venuepool.h"

/* name_ is the function of that name in the library. */
#define FIND(name)                                                                                 \
    __typeof__(name) *name##_;                                                                     \
    *(void **)&name##_ = dlsym(library, #name);                                                    \
    CHECK(name##_ != NULL)

static vp_str text(const char *string) {
    vp_str str = {string, strlen(string)};
    return str;
}

int main(int argc, char **argv) {
    CHECK(argc == 2);
    void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
    if (library == NULL) fprintf(stderr, "%s\n", dlerror());
    CHECK(library != NULL);
    FIND(vp_config_new);
    FIND(vp_config_set_url);
    FIND(vp_config_free);
    FIND(vp_pool_open);
    FIND(vp_request_new);
    FIND(vp_request_begin);
    FIND(vp_execute);
    FIND(vp_response_release);
    FIND(vp_request_free);
    FIND(vp_pool_close);

    vp_config *config;
    vp_pool *pool;
    vp_request *request;
    CHECK(vp_config_new_(&config) == VP_OK);
    CHECK(vp_config_set_url_(config, text(getenv("VENUE_URL"))) == VP_OK);
    CHECK(vp_pool_open_(config, &pool, NULL) == VP_OK);
    vp_config_free_(config);

    CHECK(dlclose(library) == 0);
    CHECK(dlopen(argv[1], RTLD_NOW | RTLD_NOLOAD) != NULL);

    CHECK(vp_request_new_(pool, &request) == VP_OK);
    for (int i = 0; i < 100; i++) {
        vp_completion completion;
        completion.struct_size = sizeof completion;
        CHECK(vp_request_begin_(request, text("GET"), text("/api/v3/time")) == VP_OK);
        CHECK(vp_execute_(pool, request, 0, &completion) == VP_OK);
        CHECK(completion.http_status == 200);
        vp_response_release_(completion.response);
    }
    vp_request_free_(request);
    CHECK(vp_pool_close_(pool) == VP_OK);
    return 0;
}
