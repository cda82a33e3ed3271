/*
 * Rate limits at a glance: an engine slows down before the venue tells it to stop.
 *
 *   rate_limits --url https://localhost:40123 --ca ca.pem --count 200
 *
 * The venue says in each answer how much of a limit is used. The engine watches that header: it
 * reads the number of one answer without a search, and asks the pool for the last number of all
 * answers, from any thread and at any time.
 */
#include "example.h"

/* The venue allows more. The engine keeps a reserve for cancels. */
enum { OWN_LIMIT = 100 };

/* Opens a pool that watches one header; `weight` is then its index. */
static vp_pool *open_watching(const struct arguments *arguments, uint32_t *weight) {
    vp_config *config = new_config(arguments);
    CHECK_OK(vp_config_watch_header(config, VP_STR("X-MBX-USED-WEIGHT-1M"), weight));
    return open_configured(config);
}

/* How much the venue has counted, as far as the pool knows; 0 before the first answer. */
static uint64_t used(const vp_pool *pool, uint32_t weight) {
    vp_watched last = {.struct_size = sizeof last};
    vp_status status = vp_pool_watched(pool, weight, &last);
    if (status == VP_ERR_NOT_FOUND) return 0;
    CHECK_OK(status);
    /* Not every value is a number, and none is longer than `text` here. */
    CHECK(last.is_number && last.len < sizeof last.text);
    return last.number;
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "200");
    uint32_t weight;
    vp_pool *pool = open_watching(&arguments, &weight);
    vp_request *request;
    CHECK_OK(vp_request_new(pool, &request));

    unsigned long sent = 0;
    uint64_t most = 0;
    while (sent < arguments.count && used(pool, weight) < OWN_LIMIT) {
        vp_completion done = {.struct_size = sizeof done};
        build_order(request, "rate_limits", sent++);
        CHECK_OK(vp_execute(pool, request, 0, &done));
        CHECK(done.outcome == VP_OUTCOME_OK);

        /* What this one answer said. */
        uint64_t said;
        CHECK_OK(vp_response_watched_u64(done.response, weight, &said));
        CHECK(said <= OWN_LIMIT);
        if (said > most) most = said;
        vp_response_release(done.response);
    }
    printf("%lu orders sent, the venue has counted %lu\n", sent, (unsigned long)most);
    /* A new minute may have begun meanwhile, and then the venue counts from 0 again. */
    CHECK(sent == arguments.count || most == OWN_LIMIT);

    vp_request_free(request);
    CHECK_OK(vp_pool_close(pool));
    return 0;
}
