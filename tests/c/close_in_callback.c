/*
 * In a callback all that would wait for the pool thread is refused instead of hanging, and the pool
 * can still be closed afterwards.
 */
#include "venue.h"

#include <stdatomic.h>

static vp_pool *pool;
static vp_request *another;
static atomic_int calls;

static void on_complete(void *context, const vp_completion *completion) {
    CHECK(context == &calls);
    CHECK_EQ(completion->outcome, VP_OUTCOME_OK);
    vp_completion none = empty_completion();
    vp_lease lease, leases[2];
    CHECK_STATUS(vp_pool_close(pool), VP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(vp_execute(pool, another, 0, &none), VP_ERR_WOULD_DEADLOCK);
    CHECK_STATUS(vp_pool_wait(pool, &none, 1, UINT64_MAX), VP_ERR_WOULD_DEADLOCK);
    /* One that is free at once is no wait; with none left, it would be one. */
    for (int i = 0; i < 2; i++) OK(vp_pool_try_acquire(pool, &leases[i]));
    CHECK_STATUS(vp_pool_acquire(pool, UINT64_MAX, &lease), VP_ERR_WOULD_DEADLOCK);
    for (int i = 0; i < 2; i++) OK(vp_lease_release(pool, leases[i]));
    atomic_fetch_add(&calls, 1);
}

int main(void) {
    pool = venue_pool(2);
    another = request_to(pool, "GET", "/api/v3/ping");
    vp_request *request = request_to(pool, "GET", "/api/v3/time");
    OK(vp_request_set_on_complete(request, on_complete, &calls));
    OK(vp_submit(pool, request, 0, NULL));
    uint64_t deadline = now_ns() + PATIENCE_NS;
    while (atomic_load(&calls) == 0 && now_ns() < deadline) breathe();
    CHECK_EQ(atomic_load(&calls), 1);
    CHECK_EQ(health_of(pool).idle, 2);
    vp_request_free(request);
    vp_request_free(another);
    OK(vp_pool_close(pool));
    return 0;
}
