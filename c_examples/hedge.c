/*
 * An order that must be answered soon: when the answer does not come, one more copy is sent on
 * another connection.
 *
 *   hedge --url https://localhost:40123 --ca ca.pem --count 120
 *
 * THE VENUE MAY RECEIVE AN ORDER TWICE. Do this only with a venue that knows an order by its client
 * order id, and refuses the second one.
 */
#include "example.h"

#define SECOND UINT64_C(1000000000)
#define HEDGE_AFTER_NS UINT64_C(10000000)

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "120");
    vp_pool *pool = open_pool(&arguments);
    vp_request *request;
    CHECK_OK(vp_request_new(pool, &request));
    CHECK_OK(vp_request_set_timeout_ns(request, 10 * SECOND));

    unsigned long hedged = 0;
    uint64_t slowest_ns = 0;
    for (unsigned long number = 0; number < arguments.count; number++) {
        uint64_t id;
        build_order(request, "hedge", number);
        CHECK_OK(vp_submit_fanout(pool, request, 2, HEDGE_AFTER_NS, VP_QUEUE, &id));

        /* One completion, however many copies left. */
        vp_completion done = {.struct_size = sizeof done};
        CHECK(vp_pool_wait(pool, &done, 1, 20 * SECOND) == 1);
        CHECK(done.id == id && done.outcome == VP_OUTCOME_OK && done.http_status == 200);
        CHECK(done.copies_sent == 1 || done.copies_sent == 2);
        hedged += done.copies_sent == 2;
        uint64_t took_ns = done.done_ns - done.submit_ns;
        if (took_ns > slowest_ns) slowest_ns = took_ns;
        vp_response_release(done.response);
    }
    printf("%lu orders: %lu had a second copy, the slowest took %.1f ms\n", arguments.count, hedged,
           (double)slowest_ns / 1e6);

    vp_request_free(request);
    CHECK_OK(vp_pool_close(pool));
    return hedged > 0 ? 0 : 1;
}
