/*
 * What the examples share, so that each shows one thing only: their arguments, the file with the
 * certificate to trust, and checks. C99 and C++17; include it first.
 */
#ifndef EXAMPLE_H
#define EXAMPLE_H

#if !defined(__cplusplus) && !defined(_POSIX_C_SOURCE)
#define _POSIX_C_SOURCE 200809L
#endif

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "venuepool.h"

/* Ends the program if something is not as it should be: each example is a test, too. */
#define CHECK(condition)                                                                      \
    do {                                                                                      \
        if (!(condition)) {                                                                   \
            fprintf(stderr, "%s:%d: this should hold: %s\n", __FILE__, __LINE__, #condition); \
            exit(1);                                                                          \
        }                                                                                     \
    } while (0)

/* The same for a status, which is named. */
#define CHECK_OK(call)                                                                      \
    do {                                                                                    \
        int32_t status_ = (call);                                                           \
        if (status_ < 0) {                                                                  \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, vp_status_name(status_), \
                    #call);                                                                 \
            exit(1);                                                                        \
        }                                                                                   \
    } while (0)

/* --url URL, --ca FILE, --control URL, --count N, --drive caller; without them VENUE_URL, VENUE_CA,
 * VENUE_CONTROL, and the example's own choice. */
struct arguments {
    const char *url;
    vp_str ca_pem;       /* what the file holds; empty when there is none */
    const char *control; /* the mock venue's control server; empty when there is none */
    unsigned long count;
    uint32_t drive; /* VP_DRIVE_THREAD or VP_DRIVE_CALLER */
};

static inline vp_str text(const char *string) {
    vp_str view = {string, strlen(string)};
    return view;
}

static inline const char *argument(int argc, char **argv, const char *name, const char *otherwise) {
    for (int i = 1; i + 1 < argc; i++) {
        if (strcmp(argv[i], name) == 0) return argv[i + 1];
    }
    return otherwise != NULL ? otherwise : "";
}

static inline vp_str read_pem(const char *path) {
    static char pem[64 * 1024];
    vp_str view = {pem, 0};
    if (path[0] == '\0') return view;
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    view.len = fread(pem, 1, sizeof pem, file);
    fclose(file);
    return view;
}

static inline struct arguments parse_arguments(int argc, char **argv, const char *default_count) {
    struct arguments arguments;
    arguments.url = argument(argc, argv, "--url", getenv("VENUE_URL"));
    arguments.ca_pem = read_pem(argument(argc, argv, "--ca", getenv("VENUE_CA")));
    arguments.control = argument(argc, argv, "--control", getenv("VENUE_CONTROL"));
    arguments.count = strtoul(argument(argc, argv, "--count", default_count), NULL, 10);
    arguments.drive = strcmp(argument(argc, argv, "--drive", ""), "caller") == 0 ? VP_DRIVE_CALLER
                                                                                 : VP_DRIVE_THREAD;
    if (arguments.url[0] == '\0' || arguments.count == 0) {
        fprintf(stderr, "usage: %s --url URL [--ca FILE] [--control URL] [--count N]\n", argv[0]);
        exit(2);
    }
    return arguments;
}

#ifndef __cplusplus
/* Settings for a pool of the venue that the arguments name. */
static inline vp_config *new_config(const struct arguments *arguments) {
    vp_config *config;
    CHECK_OK(vp_config_new(&config));
    CHECK_OK(vp_config_set_url(config, text(arguments->url)));
    CHECK_OK(vp_config_set_drive(config, arguments->drive));
    if (arguments->ca_pem.len > 0) CHECK_OK(vp_config_set_ca_pem(config, arguments->ca_pem));
    return config;
}

/* Opens a pool as place_order.c shows it step by step, and frees its settings. */
static inline vp_pool *open_configured(vp_config *config) {
    vp_pool *pool;
    vp_error error = {.struct_size = sizeof error};
    if (vp_pool_open(config, &pool, &error) != VP_OK) {
        fprintf(stderr, "%s: %s\n", vp_status_name(error.status), error.text);
        exit(1);
    }
    vp_config_free(config);
    return pool;
}

static inline vp_pool *open_pool(const struct arguments *arguments) {
    return open_configured(new_config(arguments));
}

/* Builds order `number` of a program: its client order id is the program's name and the number. */
static inline void build_order(vp_request *request, const char *program, unsigned long number) {
    char body[160];
    int length = snprintf(body, sizeof body,
                          "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01"
                          "&price=65000.00&newClientOrderId=%s-%lu",
                          program, number);
    CHECK(length > 0 && (size_t)length < sizeof body);
    vp_str form = {body, (size_t)length};
    CHECK_OK(vp_request_begin(request, VP_STR("POST"), VP_STR("/api/v3/order")));
    CHECK_OK(vp_request_header(request, VP_STR("Content-Type"),
                               VP_STR("application/x-www-form-urlencoded")));
    CHECK_OK(vp_request_body(request, form));
}

/* Whether the answer confirms just that order. Zero bytes follow each body, so strstr finds its
 * end. */
static inline int confirms_order(const vp_completion *done, const char *program,
                                 unsigned long number) {
    char id[80];
    snprintf(id, sizeof id, "\"clientOrderId\":\"%s-%lu\"", program, number);
    return done->outcome == VP_OUTCOME_OK && done->http_status == 200 &&
           strstr(vp_response_body(done->response).ptr, id) != NULL;
}
#endif

#endif /* EXAMPLE_H */
