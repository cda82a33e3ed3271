/*
 * Cancels all orders, now: also while the pool keeps a pause that the venue asked for.
 *
 *   cancel_all --url https://localhost:40123 --ca ca.pem --count 40
 *
 * The lane of cancels keeps a connection for itself and is exempt from pauses. A cancel may be
 * executed twice, so one without an answer is simply sent again.
 */
#include "example.h"

#define SECOND UINT64_C(1000000000)

enum { TRIES = 3 };

static vp_pool *open_with_cancels(const struct arguments *arguments) {
    vp_config *config = new_config(arguments);
    CHECK_OK(vp_config_set_lane(config, VP_LANE_URGENT, 1, 1024, VP_LANE_THROUGH_PAUSE));
    return open_configured(config);
}

static void submit_cancel(vp_pool *pool, vp_request *request, uint64_t number) {
    char path[96];
    snprintf(path, sizeof path, "/api/v3/order?origClientOrderId=cancel_all-%lu",
             (unsigned long)number);
    CHECK_OK(vp_request_begin(request, VP_STR("DELETE"), text(path)));
    CHECK_OK(vp_request_set_lane(request, VP_LANE_URGENT));
    CHECK_OK(vp_request_set_user_data(request, number));
    CHECK_OK(vp_submit(pool, request, VP_QUEUE, NULL));
}

/* Submits all cancels at once, then takes their answers. What has no answer is sent again. */
static void cancel_all(vp_pool *pool, vp_request *request, unsigned long count) {
    unsigned long tries_left = TRIES * count;
    for (unsigned long number = 0; number < count; number++) submit_cancel(pool, request, number);
    for (unsigned long open = count; open > 0;) {
        vp_completion done = {.struct_size = sizeof done};
        CHECK(vp_pool_wait(pool, &done, 1, 5 * SECOND) == 1);
        if (done.outcome == VP_OUTCOME_OK && done.http_status == 200) {
            open--;
        } else {
            CHECK(--tries_left > 0); /* somebody must call the venue's desk */
            submit_cancel(pool, request, done.user_data);
        }
        vp_response_release(done.response);
    }
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "40");
    vp_pool *pool = open_with_cancels(&arguments);
    vp_request *request;
    CHECK_OK(vp_request_new(pool, &request));
    for (unsigned long number = 0; number < arguments.count; number++) {
        vp_completion done = {.struct_size = sizeof done};
        build_order(request, "cancel_all", number);
        CHECK_OK(vp_execute(pool, request, VP_QUEUE, &done));
        CHECK(confirms_order(&done, "cancel_all", number));
        vp_response_release(done.response);
    }

    /* As after a 429: no order is accepted any more, and each cancel is. */
    CHECK_OK(vp_pool_suspend(pool, 60 * SECOND));
    build_order(request, "cancel_all", arguments.count);
    CHECK(vp_submit(pool, request, VP_QUEUE, NULL) == VP_ERR_SUSPENDED);
    cancel_all(pool, request, arguments.count);
    printf("%lu orders cancelled during a pause\n", arguments.count);

    vp_request_free(request);
    CHECK_OK(vp_pool_close(pool));
    return 0;
}
