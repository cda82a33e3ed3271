/*
 * Shutdown with a grace: what waits in line fails at once as NOT_SENT, what is in flight may
 * finish, nothing new is accepted. Shutdown without: what is in flight fails, and says that it was
 * sent.
 */
#include "venue.h"

/* One request in flight whose answer comes after `delay_ms`, and one in line. */
static vp_pool *busy_pool(vp_request **request, int delay_ms) {
    char fault[64];
    snprintf(fault, sizeof fault, "POST /fault?spec=delay=%dms", delay_ms);
    venue_do("POST /faults/clear");
    venue_do(fault);
    vp_pool *pool = venue_pool(1);
    *request = request_to(pool, "GET", "/api/v3/ping");
    OK(vp_request_set_user_data(*request, 1));
    OK(vp_submit(pool, *request, 0, NULL));
    OK(vp_request_set_user_data(*request, 2));
    OK(vp_submit(pool, *request, VP_QUEUE, NULL));
    return pool;
}

static void check(vp_completion completion, vp_outcome outcome, vp_wire wire) {
    CHECK_EQ(completion.outcome, outcome);
    CHECK_EQ(completion.wire_state, wire);
    vp_response_release(completion.response);
}

/* The one in flight was cut off, the one in line was never sent; told in whatever order. */
static void expect_both_shut_down(vp_pool *pool) {
    for (int i = 0, seen = 0; i < 2; i++) {
        vp_completion completion = next_completion(pool);
        CHECK_EQ(seen & 1 << completion.user_data, 0);
        seen |= 1 << completion.user_data;
        check(completion, VP_OUTCOME_SHUTDOWN,
              completion.user_data == 1 ? VP_WIRE_SENT : VP_WIRE_NOT_SENT);
    }
}

static void refuses_all(vp_pool *pool, vp_request *request) {
    vp_lease lease;
    CHECK_STATUS(vp_submit(pool, request, 0, NULL), VP_ERR_CLOSED);
    CHECK_STATUS(vp_submit(pool, request, VP_QUEUE, NULL), VP_ERR_CLOSED);
    CHECK_STATUS(vp_pool_try_acquire(pool, &lease), VP_ERR_CLOSED);
    CHECK_STATUS(vp_pool_acquire(pool, UINT64_MAX, &lease), VP_ERR_CLOSED);
}

int main(void) {
    vp_request *request;
    vp_completion none = empty_completion();

    vp_pool *pool = busy_pool(&request, 300);
    OK(vp_pool_shutdown(pool, PATIENCE_NS));
    refuses_all(pool, request);
    check(next_completion(pool), VP_OUTCOME_SHUTDOWN, VP_WIRE_NOT_SENT);
    check(next_completion(pool), VP_OUTCOME_OK, VP_WIRE_ANSWERED);
    CHECK_STATUS(vp_pool_wait(pool, &none, 1, UINT64_MAX), VP_ERR_CLOSED);
    OK(vp_pool_close(pool));
    CHECK_STATUS(vp_pool_shutdown(pool, 0), VP_ERR_CLOSED);
    vp_request_free(request);

    pool = busy_pool(&request, 60000);
    OK(vp_pool_shutdown(pool, PATIENCE_NS));
    OK(vp_pool_shutdown(pool, 0)); /* Sooner is possible, later is not. */
    OK(vp_pool_shutdown(pool, PATIENCE_NS));
    expect_both_shut_down(pool);
    OK(vp_pool_close(pool));
    vp_request_free(request);

    /* Close alone does the same, and what was not polled before is there afterwards. */
    pool = busy_pool(&request, 60000);
    OK(vp_pool_close(pool));
    CHECK_STATUS(vp_submit(pool, request, 0, NULL), VP_ERR_CLOSED);
    expect_both_shut_down(pool);
    CHECK_STATUS(vp_pool_poll(pool, &none, 1), VP_ERR_CLOSED);
    vp_request_free(request);
    return 0;
}
