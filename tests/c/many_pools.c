/*
 * 200 pools of two connections on one thread: one pool thread, and at most 40 MiB of memory with
 * small queues and responses (docs/many-venues.md).
 */
#include "venue.h"

enum { POOLS = 200, MOST_KIB = 40 * 1024 };

static vp_pool *pools[POOLS];

static long resident_kib(void) {
    char *status = read_file("/proc/self/status");
    const char *line = strstr(status, "VmRSS:");
    CHECK(line != NULL);
    long kib = strtol(line + strlen("VmRSS:"), NULL, 10);
    free(status);
    return kib;
}

/* An order on each pool: what is taken at the first one is counted, too. */
static void trade(void) {
    for (int i = 0; i < POOLS; i++) {
        vp_request *request = request_to(pools[i], "GET", "/api/v3/time");
        OK(vp_submit(pools[i], request, 0, NULL));
        vp_request_free(request);
    }
    for (int i = 0; i < POOLS; i++) {
        vp_completion done = next_completion(pools[i]);
        CHECK_EQ(done.http_status, 200);
        vp_response_release(done.response);
    }
}

int main(void) {
    int threads = thread_count(), fds = fd_count();
    vp_thread *thread;
    OK(vp_thread_new(text("vp-shared"), -1, 0, &thread));
    vp_config *config = venue_config(2);
    OK(vp_config_set_thread(config, thread));
    /* The queue and the responses take their memory at once, by default 0.9 MB for each pool. The
     * histograms take theirs at the first order, 0.1 MB for each slot. */
    OK(vp_config_set_histograms(config, 0));
    OK(vp_config_set_completion_capacity(config, 256));
    OK(vp_config_set_response_capacity(config, 16 * 1024));
    long before = resident_kib();
    for (int i = 0; i < POOLS; i++) OK(vp_pool_open(config, &pools[i], NULL));
    trade();
    long grown = resident_kib() - before;
    printf("%d pools: %ld KiB\n", POOLS, grown);
    CHECK(grown <= MOST_KIB);
    /* The shared thread and the dial thread; the thread of a look-up ends in its own time. */
    uint64_t end = now_ns() + PATIENCE_NS;
    while (thread_count() > threads + 2 && now_ns() < end) breathe();
    CHECK_EQ(thread_count(), threads + 2);
    vp_config_free(config);
    vp_thread_free(thread);
    trade();
    for (int i = 0; i < POOLS; i++) OK(vp_pool_close(pools[i]));
    until_as_before(threads, fds);
    return 0;
}
