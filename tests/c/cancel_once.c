/*
 * A cancelled request has exactly one completion, with its wire state: in line it was not sent, in
 * flight it was. Cancelling again, or after the end, finds nothing.
 */
#include "venue.h"

static vp_pool *pool;
static vp_request *request;

static uint64_t submit(void) {
    uint64_t id = 0;
    OK(vp_submit(pool, request, VP_QUEUE, &id));
    return id;
}

static void expect_cancelled(uint64_t id, vp_wire wire) {
    vp_completion completion = next_completion(pool);
    CHECK_EQ(completion.id, id);
    CHECK_EQ(completion.outcome, VP_OUTCOME_CANCELLED);
    CHECK_EQ(completion.wire_state, wire);
    CHECK(completion.response == NULL);
    CHECK_STATUS(vp_cancel(pool, id), VP_ERR_UNKNOWN_ID);
}

int main(void) {
    vp_config *config = venue_config(1);
    /* Each cancel in flight costs the connection, and the test its next dial. */
    OK(vp_config_set_dials_per_second(config, 1000));
    OK(vp_config_set_backoff(config, MILLISECOND_NS, MILLISECOND_NS));
    OK(vp_pool_open(config, &pool, NULL));
    vp_config_free(config);
    request = request_to(pool, "GET", "/api/v3/ping");
    venue_do("POST /fault?spec=stall");

    uint64_t in_flight = submit(), queued = submit();
    OK(vp_cancel(pool, queued));
    expect_cancelled(queued, VP_WIRE_NOT_SENT);
    OK(vp_cancel(pool, in_flight));
    expect_cancelled(in_flight, VP_WIRE_SENT);

    /* Racing with the answer: one completion, whichever it is. */
    venue_do("POST /faults/clear");
    int cancelled = 0, answered = 0;
    for (int i = 0; i < 300; i++) {
        wait_until_live(pool, 1);
        uint64_t id = submit(), until = now_ns() + (uint64_t)(i % 30) * 10000;
        while (now_ns() < until) continue;
        vp_status status = vp_cancel(pool, id);
        CHECK(status == VP_OK || status == VP_ERR_UNKNOWN_ID);
        vp_completion completion = next_completion(pool);
        CHECK_EQ(completion.id, id);
        CHECK(completion.outcome == VP_OUTCOME_OK || completion.outcome == VP_OUTCOME_CANCELLED);
        if (status == VP_ERR_UNKNOWN_ID) CHECK_EQ(completion.outcome, VP_OUTCOME_OK);
        *(completion.outcome == VP_OUTCOME_OK ? &answered : &cancelled) += 1;
        vp_response_release(completion.response);
    }
    printf("%d cancelled, %d answered\n", cancelled, answered);
    vp_completion none = empty_completion();
    CHECK_EQ(vp_pool_poll(pool, &none, 1), 0);
    vp_request_free(request);
    OK(vp_pool_close(pool));
    return 0;
}
