/*
 * The shortest way for an order: one thread that never sleeps sends it and reads its answer itself.
 *
 *   busy_loop --url https://localhost:40123 --ca ca.pem --count 2000
 *
 * In caller drive the pool thread only heals: vp_pool_poll reads the sockets on this thread, and so
 * nothing is handed from thread to thread. Give the loop a core of its own, where you can.
 */
#include "example.h"

#include <sched.h>

struct engine {
    vp_pool *pool;
    vp_request *request;
    unsigned long sent;
    unsigned long answered;
    uint64_t total_ns;
};

static void place(struct engine *engine) {
    build_order(engine->request, "busy_loop", engine->sent);
    CHECK_OK(vp_request_set_user_data(engine->request, engine->sent));
    CHECK_OK(vp_submit(engine->pool, engine->request, VP_QUEUE, NULL));
    engine->sent++;
}

/* One turn of the loop: looks at the sockets, and takes the completion if there is one. */
static void turn(struct engine *engine) {
    vp_completion done = {.struct_size = sizeof done};
    int32_t count = vp_pool_poll(engine->pool, &done, 1);
    CHECK_OK(count);
    if (count == 0) {
        sched_yield(); /* for machines where the venue shares our core; with one of our own: spin */
        return;
    }
    CHECK(confirms_order(&done, "busy_loop", (unsigned long)done.user_data));
    engine->total_ns += done.done_ns - done.submit_ns;
    engine->answered++;
    vp_response_release(done.response);
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "2000");
    struct engine engine = {.sent = 0};
    arguments.drive = VP_DRIVE_CALLER;
    engine.pool = open_pool(&arguments);
    CHECK_OK(vp_request_new(engine.pool, &engine.request));

    while (engine.answered < arguments.count) {
        if (engine.sent == engine.answered) place(&engine);
        turn(&engine);
    }
    printf("%lu orders one after the other, %.1f us each on average\n", engine.answered,
           (double)engine.total_ns / 1000.0 / (double)engine.answered);

    vp_request_free(engine.request);
    CHECK_OK(vp_pool_close(engine.pool));
    return 0;
}
