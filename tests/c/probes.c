/*
 * What probes_fire.sh traces: one order on one connection, that connection lost and healed, and the
 * end of the pool. It prints what the engine is told of them, in the words of the probes.
 */
#include "venue.h"

int main(void) {
    vp_config *config = venue_config(1);
    OK(vp_config_set_thread_name(config, text("traced")));
    vp_pool *pool;
    OK(vp_pool_open(config, &pool, NULL));
    vp_request *request = request_to(pool, "GET", "/api/v3/time");
    OK(vp_request_set_user_data(request, 4711));
    uint64_t id = 0;
    OK(vp_submit(pool, request, 0, &id));
    vp_completion done = next_completion(pool);
    CHECK_EQ(done.id, id);
    printf("TOLD submit %llu %llu\n", (unsigned long long)id, (unsigned long long)done.user_data);
    printf("TOLD write %llu %d 1\n", (unsigned long long)id, (int)done.slot);
    printf("TOLD first_byte %llu %d\n", (unsigned long long)id, (int)done.slot);
    printf("TOLD done %llu %d %d %d\n", (unsigned long long)id, (int)done.slot, (int)done.outcome,
           (int)done.wire_state);
    vp_response_release(done.response);
    vp_request_free(request);

    venue_do("POST /kill");
    uint64_t deadline = now_ns() + PATIENCE_NS;
    while (stats_of(pool).heals < 1 && now_ns() < deadline) breathe();
    CHECK_EQ(stats_of(pool).heals, 1);
    printf("TOLD lost 0 traced\nTOLD healed 0 traced\n");
    vp_config_free(config);
    OK(vp_pool_close(pool));
    printf("TOLD lost 0 traced\n");
    return 0;
}
