/*
 * Waiting for a slot: for as long as was asked and no longer, in the order of arrival, woken the
 * moment that one is free, and by the end of the pool.
 */
#include "venue.h"

#include <pthread.h>
#include <stdatomic.h>

enum { WAITERS = 4 };

static vp_pool *pool;
static atomic_int turn, dismissed;

static void *wait_for_a_turn(void *argument) {
    int number = (int)(intptr_t)argument;
    vp_lease lease;
    OK(vp_pool_acquire(pool, PATIENCE_NS, &lease));
    CHECK_EQ(atomic_fetch_add(&turn, 1), number);
    OK(vp_lease_release(pool, lease));
    return NULL;
}

static void *wait_for_the_end(void *argument) {
    vp_lease lease;
    (void)argument;
    CHECK_STATUS(vp_pool_acquire(pool, UINT64_MAX, &lease), VP_ERR_CLOSED);
    atomic_fetch_add(&dismissed, 1);
    return NULL;
}

static void until_waiting(uint32_t count) {
    uint64_t deadline = now_ns() + PATIENCE_NS;
    while (health_of(pool).waiting < count) {
        CHECK(now_ns() < deadline);
        breathe();
    }
}

int main(void) {
    vp_config *config = venue_config(1);
    OK(vp_config_set_waiting_capacity(config, WAITERS));
    OK(vp_pool_open(config, &pool, NULL));
    vp_config_free(config);
    vp_lease lease, none;
    OK(vp_pool_acquire(pool, 0, &lease)); /* Free at once: no time is needed. */

    uint64_t before = now_ns();
    CHECK_STATUS(vp_pool_acquire(pool, 50 * MILLISECOND_NS, &none), VP_ERR_TIMEOUT);
    CHECK(now_ns() - before >= 50 * MILLISECOND_NS);
    CHECK(now_ns() - before < 5000 * MILLISECOND_NS);
    CHECK_STATUS(vp_pool_acquire(pool, 0, &none), VP_ERR_TIMEOUT);
    CHECK_EQ(health_of(pool).waiting, 0);

    pthread_t threads[WAITERS];
    for (int i = 0; i < WAITERS; i++) {
        CHECK_EQ(pthread_create(&threads[i], NULL, wait_for_a_turn, (void *)(intptr_t)i), 0);
        until_waiting((uint32_t)i + 1);
    }
    CHECK_STATUS(vp_pool_acquire(pool, PATIENCE_NS, &none), VP_ERR_WAITING_FULL);
    OK(vp_lease_release(pool, lease));
    for (int i = 0; i < WAITERS; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(atomic_load(&turn), WAITERS);
    CHECK_EQ(health_of(pool).idle, 1);

    OK(vp_pool_acquire(pool, 0, &lease));
    for (int i = 0; i < 2; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, wait_for_the_end, NULL), 0);
    until_waiting(2);
    OK(vp_pool_close(pool));
    for (int i = 0; i < 2; i++) CHECK_EQ(pthread_join(threads[i], NULL), 0);
    CHECK_EQ(atomic_load(&dismissed), 2);
    return 0;
}
