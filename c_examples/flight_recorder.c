/*
 * What happened to order 4711? The pool's flight recorder tells.
 *
 *   flight_recorder --url https://localhost:40123 --ca ca.pem --count 100
 *
 * Each order has its client order id as its tag. When an order is lost with its connection, the
 * pool tells what was recorded of both. When an order has no answer, the recorder is asked for it:
 * when it was sent, on which connection, and how that ended. At the end the record of the last
 * order is written as JSON.
 */
#include "example.h"

/* A report is a few hundred bytes for each thing that happened. */
static char report[64 * 1024];

/* What an engine does with an order that has no answer, before it asks the venue about it. */
static void tell(const vp_pool *pool, const char *order) {
    size_t needed;
    int32_t status = vp_pool_recorder_find_tag(pool, text(order), VP_RECORDER_TEXT, report,
                                               sizeof report, &needed);
    /* Only the last orders of each slot are kept. */
    printf("what happened to %s:\n%s\n", order, status == VP_OK ? report : vp_status_name(status));
}

/* Nobody asks for this one: it comes with the loss, on the pool thread. */
static void on_event(void *context, const vp_event *event) {
    (void)context;
    if (event->recording.ptr == NULL) return;
    printf("lost with an order:\n%.*s\n", (int)event->recording.len, event->recording.ptr);
}

int main(int argc, char **argv) {
    struct arguments arguments = parse_arguments(argc, argv, "100");
    vp_config *config = new_config(&arguments);
    /* 64 orders and 64 events of the connections for each slot, in 40 KiB. */
    CHECK_OK(vp_config_set_recorder(config, 64));
    /* And 512 bytes of the head of each order and of its answer, in 64 KiB. */
    CHECK_OK(vp_config_set_recorder_heads(config, 512));
    CHECK_OK(vp_config_set_event(config, on_event, NULL));
    vp_pool *pool = open_configured(config);
    vp_request *request;
    CHECK_OK(vp_request_new(pool, &request));

    char order[VP_TAG_BYTES];
    unsigned long unanswered = 0;
    uint64_t last = 0;
    for (unsigned long number = 0; number < arguments.count; number++) {
        snprintf(order, sizeof order, "flight-%lu", number);
        build_order(request, "flight", number);
        CHECK_OK(vp_request_set_tag(request, text(order)));
        vp_completion done = {.struct_size = sizeof done};
        CHECK_OK(vp_execute(pool, request, VP_QUEUE, &done));
        if (done.outcome != VP_OUTCOME_OK) {
            unanswered++;
            tell(pool, order);
            /* The kind of the failure is in the completion, too; the words of it are here. */
            CHECK(strstr(report, order) != NULL);
            CHECK(strstr(report, vp_outcome_name(done.outcome)) != NULL);
        }
        vp_response_release(done.response);
        last = done.id;
    }
    printf("%lu of %lu orders had no answer\n", unanswered, arguments.count);

    size_t needed;
    CHECK_OK(vp_pool_recorder_find(pool, last, VP_RECORDER_JSON, report, sizeof report, &needed));
    printf("%s", report);
    CHECK(strstr(report, order) != NULL);
    CHECK(strstr(report, "\"request_head\":\"POST ") != NULL);

    vp_request_free(request);
    CHECK_OK(vp_pool_close(pool));
    return 0;
}
