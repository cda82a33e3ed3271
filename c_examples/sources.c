/*
 * A machine with two addresses, at a venue that counts requests by address: each order goes from
 * the address that has most of its limit left. When the venue asks one of them to wait, the other
 * one goes on.
 *
 *   sources --url https://localhost:40123 --ca ca.pem --count 200
 *
 * The addresses are both of loopback here, so any Linux has them.
 */
#include "example.h"

#define MAX_SLOTS 64

enum { SOURCES = 2 };

static vp_pool *open_with_sources(const struct arguments *arguments) {
    vp_config *config = new_config(arguments);
    CHECK_OK(vp_config_set_addresses(config, VP_STR("127.0.0.1")));
    /* Their numbers are 0 and 1: the order of the calls. */
    CHECK_OK(vp_config_set_bind_address(config, VP_STR("127.0.0.1")));
    CHECK_OK(vp_config_add_bind_address(config, VP_STR("127.0.0.2")));
    /* The venue counts by address, so a 429 holds the address only that it came by. */
    CHECK_OK(vp_config_suspend_on(config, 429, 60000000000u, VP_SUSPEND_KEEP));
    CHECK_OK(vp_config_set_suspend_scope(config, VP_SUSPEND_SCOPE_SOURCE));
    return open_configured(config);
}

/* Asks the pool itself from which source a slot connects. */
static uint32_t source_of(const vp_pool *pool, uint32_t slot) {
    vp_slot_health slots[MAX_SLOTS];
    slots[0].struct_size = sizeof slots[0];
    int32_t count = vp_pool_slots(pool, slots, MAX_SLOTS);
    CHECK_OK(count);
    CHECK(slot < (uint32_t)count);
    return slots[slot].source;
}

static vp_status ask(vp_pool *pool, vp_request *request, uint32_t source, vp_completion *done) {
    CHECK_OK(vp_request_begin(request, VP_STR("GET"), VP_STR("/api/v3/ping")));
    CHECK_OK(vp_request_set_source(request, source));
    done->struct_size = sizeof *done;
    vp_status status = vp_execute(pool, request, VP_QUEUE, done);
    if (status == VP_OK) vp_response_release(done->response);
    return status;
}

/* Nothing goes by the first source while it is held, and all that may go by the other one does. */
static void go_on_beside_a_pause(vp_pool *pool, vp_request *request) {
    vp_completion done;
    CHECK_OK(ask(pool, request, 0, &done));
    if (done.http_status != 429) {
        printf("the venue asked no source to wait\n");
        return;
    }
    CHECK(ask(pool, request, 0, &done) == VP_ERR_SUSPENDED);
    CHECK_OK(ask(pool, request, VP_SOURCE_ANY, &done));
    CHECK(done.http_status == 200 && source_of(pool, done.slot) == 1);

    /* Several questions in a row, all from the source that is open. */
    vp_lease lease;
    CHECK(vp_pool_try_acquire_from(pool, 0, &lease) == VP_ERR_SUSPENDED);
    CHECK_OK(vp_pool_try_acquire_from(pool, 1, &lease));
    CHECK(source_of(pool, lease.slot) == 1);
    CHECK_OK(vp_lease_release(pool, lease));
    printf("127.0.0.1 was asked to wait, and 127.0.0.2 went on\n");
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "200");
    vp_pool *pool = open_with_sources(&arguments);
    vp_request *request;
    CHECK_OK(vp_request_new(pool, &request));

    /* What is left of each limit. Something else has used the first address before. */
    unsigned long left[SOURCES] = {arguments.count / 4, arguments.count};
    unsigned long sent[SOURCES] = {0};
    for (unsigned long number = 0; number < arguments.count; number++) {
        uint32_t source = left[1] > left[0] ? 1 : 0;
        build_order(request, "sources", number);
        CHECK_OK(vp_request_set_source(request, source));
        vp_completion done = {.struct_size = sizeof done};
        CHECK_OK(vp_execute(pool, request, VP_QUEUE, &done));
        CHECK(done.outcome == VP_OUTCOME_OK && done.http_status == 200);
        CHECK(source_of(pool, done.slot) == source);
        vp_response_release(done.response);
        left[source]--;
        sent[source]++;
    }
    printf("%lu orders from 127.0.0.1, %lu from 127.0.0.2\n", sent[0], sent[1]);
    CHECK(sent[1] > sent[0] && sent[0] > 0);

    /* A third source is not there, and nothing is sent. */
    uint64_t id;
    build_order(request, "sources", arguments.count);
    CHECK_OK(vp_request_set_source(request, SOURCES));
    CHECK(vp_submit(pool, request, 0, &id) == VP_ERR_ADDRESS);

    go_on_beside_a_pause(pool, request);

    vp_request_free(request);
    CHECK_OK(vp_pool_close(pool));
    return 0;
}
