/*
 * The ways of orders.h that are of a WebSocket session: calls whose answers are waited for or
 * called back, and messages of a stream that are called back, or taken in caller drive.
 */
#include "orders.h"

#include <semaphore.h>

static sem_t called_back;

static void on_event(void *context, const vp_ws_event *event) {
    (void)context;
    if (event->kind == VP_WS_EVENT_UP || event->kind == VP_WS_EVENT_CLOSED) return;
    if (event->kind == VP_WS_EVENT_LOST && event->loss == VP_WS_LOSS_CLOSED) return;
    CHECK(event->kind == VP_WS_EVENT_COMPLETION || event->kind == VP_WS_EVENT_MESSAGE);
    if (event->kind == VP_WS_EVENT_COMPLETION) CHECK_EQ(event->outcome, VP_OUTCOME_OK);
    sem_post(&called_back);
}

/* The key is at a fixed place, as an engine's own parser would find it at once. */
static int32_t on_match(void *context, int32_t opcode, vp_str message, uint64_t *key) {
    (void)context;
    (void)opcode;
    const char *id = strstr(message.ptr, "\"id\":");
    if (id == NULL) return 0;
    *key = strtoull(id + 5, NULL, 10);
    return 1;
}

void ws_engine_open(struct engine *engine) {
    sem_init(&called_back, 0, 0);
    vp_config *config = venue_config(1);
    vp_ws_config *settings;
    const int is_stream = engine->way == WS_STREAM || engine->way == WS_STREAM_WAIT;
    const int is_taken = engine->way == WS_WAIT || engine->way == WS_STREAM_WAIT;
    if (engine->way == WS_STREAM_WAIT) OK(vp_config_set_drive(config, VP_DRIVE_CALLER));
    OK(vp_ws_config_new(&settings));
    /* All on their way at once, and what is measured is not the keeping alive. */
    OK(vp_ws_config_set_counts(settings, 64, 1 << 16));
    OK(vp_ws_config_set_keep_alive(settings, 0, 0, 0));
    if (!is_stream) OK(vp_ws_config_set_on_match(settings, on_match, NULL));
    vp_ws_on_event function = is_taken ? NULL : on_event;
    OK(vp_ws_open(config, settings, text("/ws"), function, NULL, &engine->session, NULL));
    if (function == NULL) {
        vp_ws_event event = {.struct_size = sizeof event};
        CHECK_EQ(vp_ws_wait(engine->session, &event, 1, PATIENCE_NS), 1);
        CHECK_EQ(event.kind, VP_WS_EVENT_UP);
    }
    vp_ws_config_free(settings);
    vp_config_free(config);
}

static void call(struct engine *engine) {
    char message[128];
    const uint64_t key = ++engine->key;
    const int length =
        snprintf(message, sizeof message, "{\"op\":\"order\",\"id\":%llu,\"clientOrderId\":\"c\"}",
                 (unsigned long long)key);
    const vp_str bytes = {message, (size_t)length};
    OK(vp_ws_call(engine->session, VP_WS_TEXT, bytes, key, PATIENCE_NS, 0, NULL));
}

static void take(struct engine *engine, int32_t kind, int count) {
    static vp_ws_event events[64];
    while (count > 0) {
        events[0].struct_size = sizeof events[0];
        const int taken = vp_ws_wait(engine->session, events, 64, PATIENCE_NS);
        CHECK(taken > 0);
        for (int i = 0; i < taken; i++) {
            CHECK_EQ(events[i].kind, kind);
            if (kind == VP_WS_EVENT_COMPLETION) CHECK_EQ(events[i].outcome, VP_OUTCOME_OK);
            vp_ws_data_release(events[i].data);
        }
        count -= taken;
    }
}

static void take_called_back(int count) {
    for (int i = 0; i < count; i++)
        while (sem_wait(&called_back) != 0) {
        }
}

void ws_engine_place(struct engine *engine, int orders) {
    if (engine->way == WS_STREAM || engine->way == WS_STREAM_WAIT) {
        char message[64];
        snprintf(message, sizeof message, "{\"op\":\"subscribe\",\"count\":%d,\"size\":200}",
                 orders);
        OK(vp_ws_send(engine->session, VP_WS_TEXT, text(message), NULL));
        if (engine->way == WS_STREAM_WAIT)
            take(engine, VP_WS_EVENT_MESSAGE, orders);
        else
            take_called_back(orders);
        return;
    }
    for (int placed = 0; placed < orders; placed += engine->in_flight) {
        for (int i = 0; i < engine->in_flight; i++) call(engine);
        if (engine->way == WS_WAIT)
            take(engine, VP_WS_EVENT_COMPLETION, engine->in_flight);
        else
            take_called_back(engine->in_flight);
    }
}

void ws_engine_close(struct engine *engine) {
    OK(vp_ws_close(engine->session));
}
