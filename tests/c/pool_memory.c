/*
 * What a pool of two without traffic takes, besides what the first pool of a process brings: at
 * most 256 KiB (docs/many-venues.md). It has a thread of its own.
 */
#include "venue.h"

enum { POOLS = 16, MOST_KIB = 256 };

int main(void) {
    vp_pool *pools[1 + POOLS];
    pools[0] = venue_pool(2);
    long before = resident_kib();
    for (int i = 1; i <= POOLS; i++) pools[i] = venue_pool(2);
    long each = (resident_kib() - before) / POOLS;
    printf("a pool of two: %ld KiB\n", each);
    CHECK(each <= MOST_KIB);
    for (int i = 0; i <= POOLS; i++) OK(vp_pool_close(pools[i]));
    return 0;
}
