/*
 * Sends a burst of orders over a few connections and takes the completions from the queue.
 *
 *   burst --url https://localhost:40123 --ca ca.pem --count 2000
 *
 * With VP_QUEUE an order that finds no idle connection waits in line instead of being refused. Each
 * order comes back exactly once; user_data tells which one it was.
 */
#include "example.h"

enum { MOST_ORDERS = 100000, BATCH = 64 };

static unsigned char answered[MOST_ORDERS];

/* Takes what is there, or waits for it; answers how many orders came back. */
static unsigned long take(vp_pool *pool, uint64_t timeout_ns) {
    vp_completion done[BATCH];
    done[0].struct_size = sizeof done[0];
    int32_t count = vp_pool_wait(pool, done, BATCH, timeout_ns);
    CHECK_OK(count);
    for (int32_t i = 0; i < count; i++) {
        uint64_t number = done[i].user_data;
        CHECK(confirms_order(&done[i], "burst", (unsigned long)number));
        CHECK(!answered[number]);
        answered[number] = 1;
        vp_response_release(done[i].response);
    }
    return (unsigned long)count;
}

/* Sends one order; when the line is full it makes room first, and answers what came back. */
static unsigned long place(vp_pool *pool, vp_request *request, unsigned long number) {
    unsigned long came_back = 0;
    build_order(request, "burst", number);
    CHECK_OK(vp_request_set_user_data(request, number));
    for (;;) {
        int32_t status = vp_submit(pool, request, VP_QUEUE, NULL);
        if (status != VP_ERR_WAITING_FULL && status != VP_ERR_COMPLETIONS_FULL) {
            CHECK_OK(status);
            return came_back;
        }
        came_back += take(pool, 1000000);
    }
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "2000");
    CHECK(arguments.count <= MOST_ORDERS);
    vp_pool *pool = open_pool(&arguments);
    vp_request *request;
    CHECK_OK(vp_request_new(pool, &request));

    unsigned long came_back = 0;
    for (unsigned long number = 0; number < arguments.count; number++) {
        came_back += place(pool, request, number);
    }
    while (came_back < arguments.count) {
        unsigned long more = take(pool, UINT64_C(5000000000));
        CHECK(more > 0);
        came_back += more;
    }
    printf("%lu orders, each answered once\n", came_back);

    vp_request_free(request);
    CHECK_OK(vp_pool_close(pool));
    return 0;
}
