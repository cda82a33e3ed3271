/*
 * A lease is a slot of one's own: it sends again and again on the same connection, one exchange at
 * a time, survives the loss of the connection, and is worth nothing once it was given back.
 */
#include "venue.h"

static void exchange(vp_pool *pool, vp_lease lease, vp_request *request) {
    uint64_t id = 0;
    OK(vp_lease_submit(pool, lease, request, &id));
    vp_completion completion = next_completion(pool);
    CHECK_EQ(completion.id, id);
    CHECK_EQ(completion.outcome, VP_OUTCOME_OK);
    CHECK_EQ(completion.slot, lease.slot);
    vp_response_release(completion.response);
}

/* The slot heals while it is leased: until then a submit is refused by name. */
static void loses_its_connection(vp_pool *pool, vp_lease lease, vp_request *request) {
    uint64_t connected = stats_of(pool).connected, deadline = now_ns() + PATIENCE_NS;
    venue_do("POST /kill");
    while (stats_of(pool).connected < connected + 2) {
        CHECK(now_ns() < deadline);
        breathe();
    }
    wait_until_live(pool, 2);
    exchange(pool, lease, request);
}

int main(void) {
    vp_pool *pool = venue_pool(2);
    vp_request *request = request_to(pool, "GET", "/api/v3/ping");
    vp_request *slow = request_to(pool, "GET", "/api/v3/time");
    vp_lease first, second, third;
    OK(vp_pool_try_acquire(pool, &first));
    OK(vp_pool_try_acquire(pool, &second));
    CHECK(first.slot != second.slot && first.generation != second.generation);
    CHECK_STATUS(vp_pool_try_acquire(pool, &third), VP_ERR_NO_SLOT);
    CHECK_STATUS(vp_submit(pool, request, 0, NULL), VP_ERR_NO_SLOT);
    CHECK_EQ(health_of(pool).leased, 2);
    CHECK_EQ(health_of(pool).idle, 0);

    for (int i = 0; i < 20; i++) exchange(pool, first, request);
    CHECK_EQ(venue_count("max_requests_on_connection"), 20);

    venue_do("POST /fault?spec=delay=200ms,on:/api/v3/time");
    OK(vp_lease_submit(pool, first, slow, NULL));
    CHECK_STATUS(vp_lease_submit(pool, first, request, NULL), VP_ERR_SLOT_BUSY);
    exchange(pool, second, request); /* The other one is free of that. */
    vp_response_release(next_completion(pool).response);

    loses_its_connection(pool, first, request);

    /* Given back in flight: the slot rejoins once the exchange is over. */
    OK(vp_lease_submit(pool, first, slow, NULL));
    OK(vp_lease_release(pool, first));
    CHECK_STATUS(vp_lease_release(pool, first), VP_ERR_STALE_LEASE);
    CHECK_STATUS(vp_lease_submit(pool, first, request, NULL), VP_ERR_STALE_LEASE);
    CHECK_STATUS(vp_pool_try_acquire(pool, &third), VP_ERR_NO_SLOT);
    vp_response_release(next_completion(pool).response);
    OK(vp_pool_try_acquire(pool, &third));
    CHECK_EQ(third.slot, first.slot);
    CHECK_STATUS(vp_lease_release(pool, first), VP_ERR_STALE_LEASE);
    OK(vp_lease_release(pool, third));
    OK(vp_lease_release(pool, second));
    CHECK_EQ(health_of(pool).idle, 2);

    /* A lease by completion. An older caller's struct has no room for it. */
    uint64_t id;
    OK(vp_pool_acquire_async(pool, PATIENCE_NS, 77, NULL, NULL, &id));
    vp_completion granted = next_completion(pool);
    CHECK(granted.id == id && granted.user_data == 77 && granted.outcome == VP_OUTCOME_OK);
    first = vp_completion_lease(&granted);
    CHECK(first.generation != 0 && first.slot == granted.slot);
    exchange(pool, first, request);
    OK(vp_lease_release(pool, first));
    granted.struct_size = 88;
    CHECK_EQ(vp_completion_lease(&granted).generation, 0);
    vp_request_free(slow);
    vp_request_free(request);
    OK(vp_pool_close(pool));
    return 0;
}
