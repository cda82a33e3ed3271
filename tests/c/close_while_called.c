/*
 * A pool is closed while other threads are in calls on it: they are told so, and nothing of the
 * pool is left.
 */
#include "venue.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { CALLERS = 2, POOLS = 50 };

static vp_pool *pool;
static atomic_bool over;

static void *call(void *argument) {
    vp_health health = {.struct_size = sizeof health};
    (void)argument;
    while (!atomic_load(&over)) {
        vp_status status = vp_pool_health(pool, &health);
        CHECK(status == VP_OK || status == VP_ERR_CLOSED);
    }
    return NULL;
}

int main(void) {
    vp_config *config = venue_config(1);
    OK(vp_config_set_drive(config, VP_DRIVE_CALLER)); /* Has descriptors from the beginning. */
    int descriptors = fd_count();
    for (int i = 0; i < POOLS; i++) {
        pthread_t threads[CALLERS];
        atomic_store(&over, false);
        OK(vp_pool_open(config, &pool, NULL));
        for (int k = 0; k < CALLERS; k++)
            CHECK_EQ(pthread_create(&threads[k], NULL, call, NULL), 0);
        OK(vp_pool_close(pool));
        CHECK_STATUS(vp_pool_close(pool), VP_ERR_CLOSED);
        atomic_store(&over, true);
        for (int k = 0; k < CALLERS; k++) CHECK_EQ(pthread_join(threads[k], NULL), 0);
    }
    uint64_t deadline = now_ns() + PATIENCE_NS;
    /* The thread that looks names up may still be on its way out. */
    while (fd_count() > descriptors) {
        CHECK(now_ns() < deadline);
        breathe();
    }
    vp_config_free(config);
    return 0;
}
