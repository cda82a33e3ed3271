/*
 * A venue of several addresses: the slots are spread over them, and one address is left while
 * orders go on.
 *
 *   edges --url https://localhost:40123 --ca ca.pem --count 200
 *
 * Nobody listens at the second address here, as when a machine of the venue is down.
 */
#include "example.h"

#define MS UINT64_C(1000000)
#define MAX_ADDRESSES 16
#define MAX_SLOTS 64

static size_t show_addresses(const vp_pool *pool) {
    vp_address addresses[MAX_ADDRESSES];
    addresses[0].struct_size = sizeof addresses[0];
    int32_t count = vp_pool_addresses(pool, addresses, MAX_ADDRESSES);
    CHECK_OK(count);
    for (int32_t i = 0; i < count; i++) {
        const vp_address *one = &addresses[i];
        printf("%s:%u: %u slots, connect %.3f ms, round trip %.3f ms, %llu failures%s\n",
               one->address, (unsigned)one->port, one->slots, (double)one->connect_ns / 1e6,
               (double)one->rtt_min_ns / 1e6, (unsigned long long)one->failures,
               one->is_listed ? "" : ", not used any more");
    }
    return (size_t)count;
}

/* Finds the connections in a capture. */
static void show_slots(const vp_pool *pool) {
    vp_slot_health slots[MAX_SLOTS];
    slots[0].struct_size = sizeof slots[0];
    int32_t count = vp_pool_slots(pool, slots, MAX_SLOTS);
    CHECK_OK(count);
    for (int32_t i = 0; i < count; i++) {
        const vp_slot_health *slot = &slots[i];
        printf("slot %u: %s:%u to %s:%u, TLS 0x%04x in %.3f ms\n", slot->slot, slot->local_address,
               (unsigned)slot->local_port, slot->peer_address, (unsigned)slot->peer_port,
               slot->tls_version, (double)slot->handshake_ns / 1e6);
        CHECK(strcmp(slot->peer_address, "127.0.0.1") == 0);
    }
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "200");
    vp_config *config = new_config(&arguments);
    CHECK_OK(vp_config_set_addresses(config, text("127.0.0.2,127.0.0.1")));
    CHECK_OK(vp_config_set_placement(config, VP_PLACEMENT_SPREAD, 20, 10000 * MS));
    vp_pool *pool = open_configured(config);
    CHECK(show_addresses(pool) == 2);

    vp_request *request;
    CHECK_OK(vp_request_new(pool, &request));
    for (unsigned long number = 0; number < arguments.count; number++) {
        /* The address is left for maintenance; no order notices. */
        if (number == arguments.count / 2) {
            CHECK_OK(vp_pool_set_addresses(pool, text("127.0.0.1")));
        }
        build_order(request, "edges", number);
        vp_completion done = {.struct_size = sizeof done};
        CHECK_OK(vp_execute(pool, request, VP_QUEUE, &done));
        CHECK(done.outcome == VP_OUTCOME_OK && done.http_status == 200);
        vp_response_release(done.response);
    }
    show_addresses(pool);
    show_slots(pool);

    vp_request_free(request);
    CHECK_OK(vp_pool_close(pool));
    return 0;
}
