/*
 * An engine with one loop of its own: the pool's completions are one descriptor among others.
 *
 *   epoll_loop --url https://localhost:40123 --ca ca.pem --count 100
 *
 * A timer stands for the market: at each tick an order is sent. Nothing here blocks but epoll_wait.
 * The same code serves both drives; with --drive caller this thread reads the answers itself.
 */
#include "example.h"

#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

enum { TICK_NS = 2000000, BATCH = 16 };

struct engine {
    vp_pool *pool;
    vp_request *request;
    int epoll;
    int timer;
    unsigned long count;
    unsigned long ticks;
    unsigned long sent;
    unsigned long answered;
};

static void watch(int epoll, int fd) {
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0);
}

static int start_timer(void) {
    struct itimerspec every = {{0, TICK_NS}, {0, TICK_NS}};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    CHECK(timer >= 0 && timerfd_settime(timer, 0, &every, NULL) == 0);
    return timer;
}

static void on_tick(struct engine *engine) {
    uint64_t ticks;
    if (read(engine->timer, &ticks, sizeof ticks) != sizeof ticks) return;
    engine->ticks += (unsigned long)ticks;
    if (engine->sent == engine->count) return;

    build_order(engine->request, "epoll_loop", engine->sent);
    CHECK_OK(vp_request_set_user_data(engine->request, engine->sent));
    /* Fail fast: when all connections are busy this tick is over, and the next one tries again. */
    int32_t status = vp_submit(engine->pool, engine->request, 0, NULL);
    if (status == VP_ERR_NO_SLOT) return;
    CHECK_OK(status);
    engine->sent++;
}

static void on_completions(struct engine *engine) {
    vp_completion done[BATCH];
    done[0].struct_size = sizeof done[0];
    /* What does not fit keeps the descriptor readable, and the loop comes back for it. */
    int32_t count = vp_pool_poll(engine->pool, done, BATCH);
    CHECK_OK(count);
    for (int32_t i = 0; i < count; i++) {
        CHECK(confirms_order(&done[i], "epoll_loop", (unsigned long)done[i].user_data));
        vp_response_release(done[i].response);
        engine->answered++;
    }
}

static void run(struct engine *engine, int pool_fd) {
    while (engine->answered < engine->count) {
        struct epoll_event events[2];
        int ready = epoll_wait(engine->epoll, events, 2, 5000);
        CHECK(ready > 0);
        for (int i = 0; i < ready; i++) {
            if (events[i].data.fd == pool_fd) {
                on_completions(engine);
            } else {
                on_tick(engine);
            }
        }
    }
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "100");
    struct engine engine = {.count = arguments.count};
    int pool_fd;
    engine.pool = open_pool(&arguments);
    engine.timer = start_timer();
    engine.epoll = epoll_create1(EPOLL_CLOEXEC);
    CHECK_OK(vp_request_new(engine.pool, &engine.request));
    CHECK_OK(vp_pool_fd(engine.pool, &pool_fd));
    watch(engine.epoll, engine.timer);
    watch(engine.epoll, pool_fd);

    run(&engine, pool_fd);
    printf("%lu orders sent and answered in %lu ticks\n", engine.answered, engine.ticks);

    close(engine.epoll);
    close(engine.timer);
    vp_request_free(engine.request);
    CHECK_OK(vp_pool_close(engine.pool));
    return 0;
}
