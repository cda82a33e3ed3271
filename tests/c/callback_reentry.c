/*
 * A callback may submit, cancel, retain, release and shut down. The first completion submits two
 * more and cancels one of them, the last shuts the pool down.
 */
#include "venue.h"

#include <stdatomic.h>

enum { CHAIN = 50 };

static vp_pool *pool;
static vp_request *request;
static vp_response *kept[CHAIN];
static atomic_int answered, cancelled, shut_down;

static void on_cancelled(void *context, const vp_completion *completion) {
    (void)context;
    CHECK_EQ(completion->outcome, VP_OUTCOME_CANCELLED);
    CHECK(completion->response == NULL);
    atomic_fetch_add(&cancelled, 1);
}

static void on_complete(void *context, const vp_completion *completion) {
    (void)context;
    CHECK_EQ(completion->outcome, VP_OUTCOME_OK);
    int count = (int)completion->user_data;
    OK(vp_response_retain(completion->response));
    OK(vp_response_retain(completion->response));
    vp_response_release(completion->response);
    kept[count] = completion->response;
    if (count == 0) {
        vp_request *doomed = request_to(pool, "GET", "/api/v3/ping");
        uint64_t id = 0;
        OK(vp_request_set_on_complete(doomed, on_cancelled, NULL));
        OK(vp_submit(pool, doomed, 0, &id));
        OK(vp_cancel(pool, id));
        vp_request_free(doomed);
    }
    if (count + 1 < CHAIN) {
        OK(vp_request_set_user_data(request, (uint64_t)count + 1));
        OK(vp_submit(pool, request, VP_QUEUE, NULL));
    } else {
        OK(vp_pool_shutdown(pool, 0));
        CHECK_STATUS(vp_submit(pool, request, VP_QUEUE, NULL), VP_ERR_CLOSED);
        atomic_store(&shut_down, 1);
    }
    atomic_fetch_add(&answered, 1);
}

int main(void) {
    pool = venue_pool(2);
    request = request_to(pool, "GET", "/api/v3/time");
    OK(vp_request_set_on_complete(request, on_complete, NULL));
    /* An answer that has arrived when the cancel is looked at would win. */
    venue_do("POST /fault?spec=delay=2s,on:/api/v3/ping");
    OK(vp_submit(pool, request, 0, NULL));
    uint64_t deadline = now_ns() + PATIENCE_NS;
    while (!atomic_load(&shut_down) && now_ns() < deadline) breathe();
    OK(vp_pool_close(pool));
    CHECK_EQ(atomic_load(&answered), CHAIN);
    CHECK_EQ(atomic_load(&cancelled), 1);
    for (int i = 0; i < CHAIN; i++) {
        CHECK_EQ(vp_response_status(kept[i]), 200);
        CHECK(memchr(vp_response_body(kept[i]).ptr, '}', vp_response_body(kept[i]).len) != NULL);
        vp_response_release(kept[i]);
    }
    vp_request_free(request);
    return 0;
}
