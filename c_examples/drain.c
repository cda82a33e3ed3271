/*
 * How an engine stops: drain, wait, reconcile, cancel, close.
 *
 *   drain --url https://localhost:40123 --ca ca.pem --count 400
 *
 * After the drain the pool takes no new order, but it still takes cancels and queries. So the
 * engine knows what became of each of its orders before it closes the pool.
 */
#include "example.h"

#define SECOND UINT64_C(1000000000)

/* What the engine knows of an order. */
enum state { OPEN, RESTS, NOT_THERE, UNKNOWN };

struct engine {
    vp_pool *pool;
    vp_request *request;
    enum state *orders; /* by number */
    unsigned long sent, ended;
    unsigned long drained; /* those that waited when the drain began */
};

/* Takes the next completion, and notes what it says of its order. */
static void take_one(struct engine *engine) {
    vp_completion done = {.struct_size = sizeof done};
    CHECK(vp_pool_wait(engine->pool, &done, 1, 10 * SECOND) == 1);
    CHECK(engine->orders[done.user_data] == OPEN);
    if (done.outcome == VP_OUTCOME_OK) {
        engine->orders[done.user_data] = done.http_status == 200 ? RESTS : NOT_THERE;
    } else if (done.wire_state == VP_WIRE_NOT_SENT || done.wire_state == VP_WIRE_PARTIAL) {
        engine->orders[done.user_data] = NOT_THERE;
    } else {
        engine->orders[done.user_data] = UNKNOWN;
    }
    engine->drained += done.outcome == VP_OUTCOME_DRAINING;
    engine->ended++;
    vp_response_release(done.response);
}

/* Asks the venue about an order, or cancels it, and gives the status. Without an answer it asks
 * again: unlike an order, both may be executed twice. */
static int32_t call(struct engine *engine, const char *method, unsigned long number,
                    uint32_t lane) {
    char path[96];
    vp_completion done = {.struct_size = sizeof done};
    snprintf(path, sizeof path, "/api/v3/order?origClientOrderId=drain-%lu", number);
    CHECK_OK(vp_request_begin(engine->request, text(method), text(path)));
    CHECK_OK(vp_request_set_lane(engine->request, lane));
    for (int tries = 0; tries < 3; tries++) {
        CHECK_OK(vp_execute(engine->pool, engine->request, VP_QUEUE, &done));
        vp_response_release(done.response);
        if (done.outcome == VP_OUTCOME_OK) return done.http_status;
    }
    fprintf(stderr, "no answer about order %lu: call the venue's desk\n", number);
    exit(1);
}

/* Sends all orders; half of them have ended when it returns. */
static void trade(struct engine *engine, unsigned long count) {
    CHECK_OK(vp_request_set_lane(engine->request, VP_LANE_ORDERS));
    CHECK_OK(vp_request_set_timeout_ns(engine->request, SECOND));
    for (; engine->sent < count; engine->sent++) {
        build_order(engine->request, "drain", engine->sent);
        CHECK_OK(vp_request_set_user_data(engine->request, engine->sent));
        CHECK_OK(vp_submit(engine->pool, engine->request, VP_QUEUE, NULL));
    }
    while (engine->ended < count / 2) take_one(engine);
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "400");
    struct engine engine = {.pool = open_pool(&arguments)};
    vp_health health = {.struct_size = sizeof health};
    CHECK_OK(vp_request_new(engine.pool, &engine.request));
    engine.orders = calloc(arguments.count, sizeof *engine.orders);
    CHECK(engine.orders != NULL);
    trade(&engine, arguments.count);

    /* From here on no order leaves. Those that waited end at once, and were not sent. */
    CHECK_OK(vp_pool_drain(engine.pool, VP_LANES_BUT_ORDERS));
    build_order(engine.request, "drain", engine.sent);
    CHECK(vp_submit(engine.pool, engine.request, VP_QUEUE, NULL) == VP_ERR_DRAINING);

    /* Those in flight have their answer, or their timeout. */
    while (engine.ended < engine.sent) take_one(&engine);
    CHECK_OK(vp_pool_health(engine.pool, &health));
    CHECK(health.open_lanes == VP_LANES_BUT_ORDERS && health.outstanding == 0);

    /* What is not certain is asked: the lane of queries is open. */
    unsigned long asked = 0, cancelled = 0;
    for (unsigned long number = 0; number < engine.sent; number++) {
        if (engine.orders[number] != UNKNOWN) continue;
        int32_t status = call(&engine, "GET", number, VP_LANE_QUERIES);
        engine.orders[number] = status == 200 ? RESTS : NOT_THERE;
        asked++;
    }
    /* And what rests at the venue is cancelled: so is the lane of cancels. */
    for (unsigned long number = 0; number < engine.sent; number++) {
        if (engine.orders[number] != RESTS) continue;
        CHECK(call(&engine, "DELETE", number, VP_LANE_URGENT) == 200);
        cancelled++;
    }
    printf("%lu orders: %lu ended by the drain, %lu asked about, %lu cancelled\n", engine.sent,
           engine.drained, asked, cancelled);

    free(engine.orders);
    vp_request_free(engine.request);
    CHECK_OK(vp_pool_close(engine.pool));
    return 0;
}
