/*
 * 200 pools of two TLS connections on one thread, with the default settings: one pool thread, and
 * at most 40 MiB of memory (docs/many-venues.md).
 *
 * Memory for what seldom happens is reserved, and must not be touched: 4096 completions, 64 KiB in
 * each response, histograms of 110 KiB for each slot and 95 KiB for each address. With 95 KiB for
 * each slot, and all of it touched, there were 211 MiB.
 */
#include "venue.h"

enum { POOLS = 200, MOST_KIB = 40 * 1024, MOST_WITH_ADDRESSES_KIB = 48 * 1024 };

static vp_pool *pools[POOLS];

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

/* What a monitor does: it looks at all histograms, and begins them anew. */
static void take_histograms(void) {
    for (int i = 0; i < POOLS; i++) {
        for (uint32_t kind = VP_HISTOGRAM_QUEUE_WAIT; kind <= VP_HISTOGRAM_HEAL; kind++) {
            vp_histogram *histogram;
            OK(vp_pool_histogram(pools[i], kind, VP_ALL_SLOTS, VP_HISTOGRAM_RESET, &histogram));
            vp_histogram_free(histogram);
        }
    }
}

/* A monitor that compares addresses: what slots have recorded is then kept in two more places. */
static void take_histograms_of_address(void) {
    vp_address address = {.struct_size = sizeof address};
    for (int i = 0; i < POOLS; i++) {
        CHECK_EQ(vp_pool_addresses(pools[i], &address, 1), 1);
        for (uint32_t kind = VP_HISTOGRAM_QUEUE_WAIT; kind <= VP_HISTOGRAM_HEAL; kind++) {
            vp_histogram *histogram;
            OK(vp_pool_address_histogram(pools[i], kind, text(address.address), 0, &histogram));
            vp_histogram_free(histogram);
        }
    }
}

static void check_memory(long before, long most, const char *when) {
    long grown = resident_kib() - before;
    printf("%d pools %s: %ld KiB\n", POOLS, when, grown);
    CHECK(grown <= most);
}

int main(void) {
    int threads = thread_count(), fds = fd_count();
    vp_thread *thread;
    OK(vp_thread_new(text("vp-shared"), -1, 0, &thread));
    vp_config *config = venue_config(2);
    OK(vp_config_set_thread(config, thread));
    long before = resident_kib();
    for (int i = 0; i < POOLS; i++) OK(vp_pool_open(config, &pools[i], NULL));
    check_memory(before, MOST_KIB, "at rest");
    trade();
    take_histograms();
    check_memory(before, MOST_KIB, "after an order, with their histograms taken");
    trade();
    take_histograms_of_address();
    check_memory(before, MOST_WITH_ADDRESSES_KIB, "with those of their addresses taken, too");
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
