/*
 * What a look at a group costs in which nothing happens: one system call, however many pools.
 *
 *   idle_group POOLS LOOKS
 *
 * The time of a look, at best, is printed and not checked: it depends on the machine.
 */
#include "interpose.h"
#include "venue.h"

#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/types.h>

enum { BATCHES = 100 };

static _Thread_local long waits, receives;

int epoll_wait(int fd, struct epoll_event *events, int most, int timeout) {
    static __typeof__(&epoll_wait) real;
    FIND(real, "epoll_wait");
    waits++;
    return real(fd, events, most, timeout);
}

ssize_t recv(int fd, void *data, size_t size, int flags) {
    static __typeof__(&recv) real;
    FIND(real, "recv");
    receives++;
    return real(fd, data, size, flags);
}

/* A pool has some six descriptors, and the usual limit is 1024. */
static void allow_descriptors(void) {
    struct rlimit limit;
    CHECK_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    limit.rlim_cur = limit.rlim_max;
    CHECK_EQ(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static vp_pool *caller_pool(void) {
    vp_pool *pool;
    vp_config *config = venue_config(2);
    OK(vp_config_set_drive(config, VP_DRIVE_CALLER));
    OK(vp_pool_open(config, &pool, NULL));
    vp_config_free(config);
    return pool;
}

static void look(vp_group *group, long looks) {
    vp_completion done = empty_completion();
    for (long i = 0; i < looks; i++) CHECK_EQ(vp_group_poll(group, &done, NULL, 1), 0);
}

/* A socket that came up says once that it can be written. */
static void until_silent(vp_group *group) {
    uint64_t end = now_ns() + PATIENCE_NS;
    long before;
    do {
        before = waits;
        look(group, 1);
        CHECK(now_ns() < end);
    } while (waits - before > 1);
}

int main(int argc, char **argv) {
    if (argc < 3) CHECK_FAIL("usage: idle_group POOLS LOOKS");
    allow_descriptors();
    int count = atoi(argv[1]);
    long looks = atol(argv[2]);
    vp_group *group;
    vp_pool **pools = calloc((size_t)count, sizeof *pools);
    CHECK(pools != NULL);
    OK(vp_group_new(&group));
    for (int i = 0; i < count; i++) {
        pools[i] = caller_pool();
        OK(vp_group_add(group, pools[i]));
    }
    until_silent(group);
    long before = waits, received = receives;
    double best = 1e9;
    for (int batch = 0; batch < BATCHES; batch++) {
        uint64_t start = now_ns();
        look(group, looks / BATCHES);
        double each = (double)(now_ns() - start) / (double)(looks / BATCHES);
        if (each < best) best = each;
    }
    printf("%d pools: %.0f ns for each look\n", count, best);
    CHECK_EQ(waits - before, looks / BATCHES * BATCHES);
    CHECK_EQ(receives - received, 0);
    for (int i = 0; i < count; i++) OK(vp_pool_close(pools[i]));
    OK(vp_group_free(group));
    free(pools);
    return 0;
}
