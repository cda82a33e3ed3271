/*
 * What a slot takes at rest, in a pool of 1024: at most 32 KiB, also once it has traded, and 36 KiB
 * once it has had a large answer (docs/many-venues.md):
 *
 *   slot_memory queue | poll
 *
 * What was freed is the heap's, and malloc_trim makes the heap give it back: so what is counted is
 * what the library holds. But where rustls has given back a buffer in which it had joined a long
 * record, the heap keeps 4 KiB between others. After large answers to all slots at once it keeps
 * more.
 *
 * How long orders take decides how many pages have counts: one up to a millisecond, and two up to a
 * quarter of a second. The limits hold with two.
 */
#include "venue.h"

#include <malloc.h>

enum { SLOTS = 1024, KIB = 32, KIB_AFTER_LARGE = 36, KIB_AFTER_ALL_AT_ONCE = 80, ORDERS = 40 };

static vp_pool *pool;
static vp_lease leases[SLOTS];

/* So many requests on each slot, one after the other. */
static void trade(const char *path, int count) {
    vp_request *request = request_to(pool, "GET", path);
    for (int i = 0; i < SLOTS * count; i++) {
        OK(vp_lease_submit(pool, leases[i / count], request, NULL));
        vp_completion done = next_completion(pool);
        CHECK_EQ(done.http_status, 200);
        vp_response_release(done.response);
    }
    vp_request_free(request);
}

/* A request on each slot at the same time. */
static void trade_at_once(const char *path) {
    vp_request *request = request_to(pool, "GET", path);
    for (int i = 0; i < SLOTS; i++) OK(vp_lease_submit(pool, leases[i], request, NULL));
    for (int i = 0; i < SLOTS; i++) {
        vp_completion done = next_completion(pool);
        CHECK_EQ(done.http_status, 200);
        vp_response_release(done.response);
    }
    vp_request_free(request);
}

static long grown_kib(long before) {
    malloc_trim(0);
    return resident_kib() - before;
}

/* Gives memory a while to go back. */
static void check_memory(long before, long most_each_kib, const char *when) {
    uint64_t begin = now_ns();
    long most_kib = SLOTS * most_each_kib;
    long kib = grown_kib(before), first = kib;
    while (kib > most_kib && now_ns() < begin + PATIENCE_NS) {
        breathe();
        kib = grown_kib(before);
    }
    printf("%s: %ld KiB, for each slot %.1f; %.0f ms before %ld KiB\n", when, kib,
           (double)kib / SLOTS, (double)(now_ns() - begin) / 1e6, first);
    CHECK(kib <= most_kib);
}

int main(int argc, char **argv) {
    if (argc != 2) CHECK_FAIL("usage: slot_memory queue | poll");
    /* What the first pool of a process brings. */
    vp_pool *first = venue_pool(1);
    vp_config *config = venue_config(SLOTS);
    if (strcmp(argv[1], "poll") == 0) OK(vp_config_set_drive(config, VP_DRIVE_CALLER));
    long before = grown_kib(0);
    OK(vp_pool_open(config, &pool, NULL));
    vp_config_free(config);
    check_memory(before, KIB, "at rest");
    for (int i = 0; i < SLOTS; i++) OK(vp_pool_try_acquire(pool, &leases[i]));
    trade("/api/v3/time", ORDERS);
    check_memory(before, KIB, "after orders");
    trade("/api/v3/exchangeInfo?bytes=100000", 1);
    check_memory(before, KIB_AFTER_LARGE, "after large answers");
    trade_at_once("/api/v3/exchangeInfo?bytes=100000");
    check_memory(before, KIB_AFTER_ALL_AT_ONCE, "after large answers at once");
    OK(vp_pool_close(pool));
    OK(vp_pool_close(first));
    return 0;
}
