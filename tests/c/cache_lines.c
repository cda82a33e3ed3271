/*
 * Places orders for cache_lines.py, which runs this under valgrind's callgrind:
 *
 *   cache_lines WAY ORDERS
 *
 * Before each order the simulated caches are emptied, and after it what was missed in them is
 * written out. The caches are large, so each miss is a line that the order touches for the first
 * time. Before the first order nothing is recorded, so a TLS handshake costs no time here.
 */
#include "interpose.h"
#include "orders.h"

#if __has_include(<valgrind/callgrind.h>)
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <valgrind/callgrind.h>

/* What only a first order touches is not of the steady state. */
enum { WARM_UP = 64 };

/* The pool thread is about to sleep, or sleeps. */
static atomic_bool pool_sleeps;

/* The engine's thread, which in caller drive sleeps in the same call. */
static pthread_t engines;

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout) {
    static __typeof__(&epoll_wait) real;
    FIND(real, "epoll_wait");
    bool is_pool = !pthread_equal(pthread_self(), engines);
    if (is_pool) atomic_store(&pool_sleeps, true);
    int found = real(fd, events, most, timeout);
    if (is_pool) atomic_store(&pool_sleeps, false);
    return found;
}

/* What the pool thread does behind an answer belongs to that order, and to no other. */
static void until_pool_sleeps(void) {
    do breathe();
    while (!atomic_load(&pool_sleeps));
}

int main(int argc, char **argv) {
    if (argc != 3) CHECK_FAIL("usage: cache_lines WAY ORDERS");
    engines = pthread_self();
    struct engine engine;
    engine_open(&engine, argv[1], 1, "/api/v3/time");
    engine_place(&engine, WARM_UP);
    /* It takes long to go to sleep under the tool. Whoever sleeps for an answer is to do it. */
    if (engine.way != POLL) venue_do("POST /fault?spec=delay=200ms");
    for (int order = 0; order < atoi(argv[2]); order++) {
        until_pool_sleeps();
        CALLGRIND_STOP_INSTRUMENTATION;
        CALLGRIND_START_INSTRUMENTATION;
        CALLGRIND_ZERO_STATS;
        engine_place(&engine, 1);
        until_pool_sleeps();
        CALLGRIND_DUMP_STATS;
    }
    CALLGRIND_STOP_INSTRUMENTATION;
    engine_close(&engine);
    return 0;
}
#else
int main(void) {
    SKIP("there is no valgrind/callgrind.h");
}
#endif
