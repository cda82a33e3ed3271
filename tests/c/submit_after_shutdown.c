/*
 * Shutdown with a grace: what waits in line fails at once as NOT_SENT, what is in flight may finish,
 * nothing new is accepted. Shutdown without: what is in flight fails, and says that it was sent.
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

static void expect(vp_pool *pool, uint64_t user_data, vp_outcome outcome, vp_wire wire) {
    vp_completion completion = next_completion(pool);
    CHECK_EQ(completion.user_data, user_data);
    CHECK_EQ(completion.outcome, outcome);
    CHECK_EQ(completion.wire_state, wire);
    vp_response_release(completion.response);
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
    expect(pool, 2, VP_OUTCOME_SHUTDOWN, VP_WIRE_NOT_SENT);
    refuses_all(pool, request);
    expect(pool, 1, VP_OUTCOME_OK, VP_WIRE_ANSWERED);
    CHECK_STATUS(vp_pool_wait(pool, &none, 1, UINT64_MAX), VP_ERR_CLOSED);
    OK(vp_pool_close(pool));
    CHECK_STATUS(vp_pool_shutdown(pool, 0), VP_ERR_CLOSED);
    vp_request_free(request);

    pool = busy_pool(&request, 60000);
    OK(vp_pool_shutdown(pool, PATIENCE_NS));
    expect(pool, 2, VP_OUTCOME_SHUTDOWN, VP_WIRE_NOT_SENT);
    OK(vp_pool_shutdown(pool, 0)); /* Sooner is possible, later is not. */
    OK(vp_pool_shutdown(pool, PATIENCE_NS));
    expect(pool, 1, VP_OUTCOME_SHUTDOWN, VP_WIRE_SENT);
    OK(vp_pool_close(pool));
    vp_request_free(request);

    /* Close alone does the same, and what was not polled before is there afterwards. */
    pool = busy_pool(&request, 60000);
    OK(vp_pool_close(pool));
    CHECK_STATUS(vp_submit(pool, request, 0, NULL), VP_ERR_CLOSED);
    expect(pool, 2, VP_OUTCOME_SHUTDOWN, VP_WIRE_NOT_SENT);
    expect(pool, 1, VP_OUTCOME_SHUTDOWN, VP_WIRE_SENT);
    CHECK_STATUS(vp_pool_poll(pool, &none, 1), VP_ERR_CLOSED);
    vp_request_free(request);
    return 0;
}
