/*
 * A program that was compiled with an older header works with this library, though some of its
 * structs are smaller. CMakeLists.txt compiles it with each header of frozen/.
 */
#include "venue.h"

#include <stddef.h>

/* A struct as the older header has it, and bytes behind it that are not the library's. */
#define GUARDED(type)                                                                              \
    struct {                                                                                       \
        type value;                                                                                \
        unsigned char guard[256];                                                                  \
    }

#define PREPARE(guarded)                                                                           \
    do {                                                                                           \
        memset(&(guarded), 0xA5, sizeof(guarded));                                                 \
        (guarded).value.struct_size = sizeof(guarded).value;                                       \
    } while (0)

#define CHECK_GUARDED(guarded)                                                                     \
    do {                                                                                           \
        CHECK_EQ((guarded).value.struct_size, sizeof(guarded).value);                              \
        for (size_t i_ = 0; i_ < sizeof(guarded).guard; i_++) CHECK_EQ((guarded).guard[i_], 0xA5); \
    } while (0)

enum { ORDERS = 20, AT_ONCE = 4 };

static void check_execute(vp_pool *pool, vp_request *request) {
    GUARDED(vp_completion) done;
    PREPARE(done);
    OK(vp_execute(pool, request, 0, &done.value));
    CHECK_GUARDED(done);
    CHECK_EQ(done.value.outcome, VP_OUTCOME_OK);
    CHECK_EQ(done.value.wire_state, VP_WIRE_ANSWERED);
    CHECK_EQ(done.value.http_status, 200);
    CHECK(done.value.bytes_sent > 0 && vp_response_body(done.value.response).len > 0);
    vp_response_release(done.value.response);
}

/* The distance between completions in a row is that of the older header, too. */
static void check_poll(vp_pool *pool, vp_request *request) {
    vp_completion row[AT_ONCE + 1];
    for (int completed = 0, submitted = 0; completed < ORDERS;) {
        uint64_t id;
        while (submitted < ORDERS && vp_submit(pool, request, 0, &id) == VP_OK) submitted++;
        memset(row, 0xA5, sizeof row);
        row[0].struct_size = sizeof row[0];
        int32_t count = vp_pool_wait(pool, row, AT_ONCE, PATIENCE_NS);
        CHECK(count > 0 && count <= AT_ONCE);
        for (int32_t i = 0; i < count; i++) {
            CHECK_EQ(row[i].struct_size, sizeof row[i]);
            CHECK_EQ(row[i].outcome, VP_OUTCOME_OK);
            CHECK(row[i].done_ns >= row[i].submit_ns);
            vp_response_release(row[i].response);
        }
        for (size_t i = 0; i < sizeof row[0]; i++)
            CHECK_EQ(((unsigned char *)&row[AT_ONCE])[i], 0xA5);
        completed += count;
    }
}

static void check_books(const vp_pool *pool) {
    GUARDED(vp_stats) stats;
    PREPARE(stats);
    OK(vp_pool_stats(pool, &stats.value));
    CHECK_GUARDED(stats);
    CHECK_EQ(stats.value.submitted, ORDERS + 1);
    CHECK_EQ(stats.value.answered, ORDERS + 1);

    GUARDED(vp_health) health;
    PREPARE(health);
    OK(vp_pool_health(pool, &health.value));
    CHECK_GUARDED(health);
    CHECK_EQ(health.value.slots, AT_ONCE);
}

int main(void) {
    CHECK(vp_version_number() >= VP_VERSION_NUMBER);
    vp_pool *pool = venue_pool(AT_ONCE);
    vp_request *request = request_to(pool, "GET", "/api/v3/time");
    check_execute(pool, request);
    check_poll(pool, request);
    check_books(pool);
    vp_request_free(request);
    OK(vp_pool_close(pool));

    vp_config *config;
    GUARDED(vp_error) error;
    PREPARE(error);
    OK(vp_config_new(&config));
    CHECK_STATUS(vp_pool_open(config, &pool, &error.value), VP_ERR_URL);
    CHECK_GUARDED(error);
    vp_config_free(config);
    return 0;
}
