/*
 * Places one order and waits for the answer: the whole way, step by step, each step checked.
 *
 *   place_order --url https://localhost:40123 --ca ca.pem
 *
 * Waiting (vp_execute) is for scripts. Engines submit and take completions: see burst.c.
 */
#include "example.h"

static vp_pool *open_step_by_step(const struct arguments *arguments) {
    vp_config *config;
    CHECK_OK(vp_config_new(&config));
    CHECK_OK(vp_config_set_url(config, text(arguments->url)));
    CHECK_OK(vp_config_set_connections(config, 2));
    if (arguments->ca_pem.len > 0) CHECK_OK(vp_config_set_ca_pem(config, arguments->ca_pem));

    /* All connections are dialled now, so that no order ever waits for a handshake. */
    vp_pool *pool;
    vp_error error = {.struct_size = sizeof error};
    if (vp_pool_open(config, &pool, &error) != VP_OK) {
        fprintf(stderr, "%s: %s\n", vp_status_name(error.status), error.text);
        exit(1);
    }
    vp_config_free(config);
    return pool;
}

static void show(const vp_completion *done) {
    printf("%s, %s: HTTP %d in %.1f us on slot %u\n", vp_outcome_name(done->outcome),
           vp_wire_name(done->wire_state), (int)done->http_status,
           (double)(done->done_ns - done->submit_ns) / 1000.0, (unsigned)done->slot);

    vp_str weight;
    if (vp_response_header_find(done->response, VP_STR("X-MBX-USED-WEIGHT-1M"), &weight) == VP_OK) {
        printf("weight used in this minute: %.*s\n", (int)weight.len, weight.ptr);
    }
    vp_str body = vp_response_body(done->response);
    printf("%.*s\n", (int)body.len, body.ptr);
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "1");
    vp_pool *pool = open_step_by_step(&arguments);

    /* A request is made once and built again for each order. */
    vp_request *request;
    CHECK_OK(vp_request_new(pool, &request));
    CHECK_OK(vp_request_begin(request, VP_STR("POST"), VP_STR("/api/v3/order")));
    CHECK_OK(vp_request_header(request, VP_STR("Content-Type"),
                               VP_STR("application/x-www-form-urlencoded")));
    CHECK_OK(vp_request_body(request, VP_STR("symbol=BTCUSDT&side=BUY&quantity=0.01"
                                             "&newClientOrderId=place_order-1")));

    vp_completion done = {.struct_size = sizeof done};
    CHECK_OK(vp_execute(pool, request, 0, &done));
    if (done.outcome != VP_OUTCOME_OK) {
        /* The wire state says whether the order may have been executed all the same. */
        fprintf(stderr, "%s, %s\n", vp_outcome_name(done.outcome), vp_wire_name(done.wire_state));
        return 1;
    }
    show(&done);
    CHECK(confirms_order(&done, "place_order", 1));

    vp_response_release(done.response);
    vp_request_free(request);
    CHECK_OK(vp_pool_close(pool));
    return 0;
}
