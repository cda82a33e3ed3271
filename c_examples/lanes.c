/*
 * Lanes: a cancel goes out before the orders that wait, and queries never have the last connection.
 *
 *   lanes --url https://localhost:40123 --ca ca.pem
 *
 * Each of the four lanes has a number, and a smaller number goes first. Here the lane of cancels
 * keeps one connection of four for itself, and it is served although the pool is suspended.
 */
#include "example.h"

enum { ORDERS = 200, CANCEL = ORDERS, QUERY = ORDERS + 1, ALL = ORDERS + 2 };

/* Opens a pool of four connections. */
static vp_pool *open_with_lanes(const struct arguments *arguments) {
    vp_config *config = new_config(arguments);
    CHECK_OK(vp_config_set_connections(config, 4));
    /* Cancels: one connection is theirs, 64 may wait, and a 429 does not stop them. */
    CHECK_OK(vp_config_set_lane(config, VP_LANE_URGENT, 1, 64, VP_LANE_THROUGH_PAUSE));
    /* Queries: 8 may wait. */
    CHECK_OK(vp_config_set_lane(config, VP_LANE_QUERIES, 0, 8, 0));
    return open_configured(config);
}

/* Submits a request that has no body. */
static void submit(vp_pool *pool, vp_request *request, const char *method, const char *path,
                   uint32_t lane, uint64_t number) {
    CHECK_OK(vp_request_begin(request, text(method), text(path)));
    CHECK_OK(vp_request_set_lane(request, lane));
    CHECK_OK(vp_request_set_user_data(request, number));
    CHECK_OK(vp_submit(pool, request, VP_QUEUE, NULL));
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "1");
    vp_pool *pool = open_with_lanes(&arguments);
    vp_request *request;
    CHECK_OK(vp_request_new(pool, &request));

    /* More orders than connections: most of them wait. */
    for (unsigned long number = 0; number < ORDERS; number++) {
        build_order(request, "lanes", number);
        CHECK_OK(vp_request_set_lane(request, VP_LANE_ORDERS));
        CHECK_OK(vp_request_set_user_data(request, number));
        CHECK_OK(vp_submit(pool, request, VP_QUEUE, NULL));
    }
    submit(pool, request, "GET", "/api/v3/account", VP_LANE_QUERIES, QUERY);
    submit(pool, request, "DELETE", "/api/v3/order?origClientOrderId=lanes-0", VP_LANE_URGENT,
           CANCEL);

    /* The times tell who waited. The cancel was submitted last, and left at once. The query waited
     * until 64 orders in a row had gone before it: no lane waits longer. */
    uint64_t sent_ns[ALL];
    for (int taken = 0; taken < ALL; taken++) {
        vp_completion done = {.struct_size = sizeof done};
        CHECK(vp_pool_wait(pool, &done, 1, UINT64_C(5000000000)) == 1);
        CHECK(done.outcome == VP_OUTCOME_OK);
        sent_ns[done.user_data] = done.write_ns;
        vp_response_release(done.response);
    }
    unsigned before_cancel = 0, before_query = 0;
    for (int number = 0; number < ORDERS; number++) {
        before_cancel += sent_ns[number] < sent_ns[CANCEL];
        before_query += sent_ns[number] < sent_ns[QUERY];
    }
    printf("of %d orders, %u were sent before the cancel and %u before the query\n", ORDERS,
           before_cancel, before_query);

    vp_request_free(request);
    CHECK_OK(vp_pool_close(pool));
    return 0;
}
