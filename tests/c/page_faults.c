/*
 * Counts page faults of orders, on all threads of the process, as the kernel counts them:
 *
 *   page_faults WAY ORDERS MOST HOW [PATH]
 *
 * Fails when so many orders have more than MOST faults together. HOW is `first` for the first ones
 * of a pool, `prefault` for those with vp_config_set_prefault on, or `warm`: others come before.
 */
#include "orders.h"

#include <sys/resource.h>

static long faults(void) {
    struct rusage usage;
    CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
    return usage.ru_minflt + usage.ru_majflt;
}

int main(int argc, char **argv) {
    if (argc < 5) CHECK_FAIL("usage: page_faults WAY ORDERS MOST HOW [PATH]");
    int orders = atoi(argv[2]);
    long most = atol(argv[3]);
    const char *how = argv[4], *path = argc > 5 ? argv[5] : "/api/v3/time";
    struct engine engine;
    vp_config *config = venue_config(1);
    OK(vp_config_set_prefault(config, strcmp(how, "prefault") == 0));
    engine_open_with(&engine, config, argv[1], 1, path);
    if (strcmp(how, "warm") == 0) engine_place(&engine, 1000);
    long before = faults();
    engine_place(&engine, orders);
    long found = faults() - before;
    engine_close(&engine);
    printf("page faults of %d orders: %ld\n", orders, found);
    CHECK(found <= most);
    return 0;
}
