/*
 * A WebSocket session from C, against the mock venue, in both drives: login, subscription, calls, a
 * loss and its truth, healing, what is refused, calls that wait, and the end.
 */
#include "venue.h"

#include <stdio.h>

static vp_ws *signed_session;

#define SUBSCRIBE "{\"op\":\"subscribe\",\"count\":2}"

/* An opening message that is written when it is sent, as a signed login is. */
static int64_t write_login(void *context, uint64_t wall_ns, uint8_t *room, size_t capacity) {
    (void)context;
    CHECK(wall_ns > 1600000000ull * 1000000000ull);
    const int len = snprintf((char *)room, capacity, "{\"op\":\"login\",\"timestamp\":%llu}",
                             (unsigned long long)(wall_ns / MILLISECOND_NS));
    return len;
}

static int32_t on_acknowledge(void *context, uint32_t index, int32_t opcode, vp_str message) {
    (void)context;
    CHECK_EQ(index, 0);
    CHECK_EQ(opcode, VP_WS_TEXT);
    return strstr(message.ptr, "\"login\"") != NULL; /* 64 zeros are behind it. */
}

/* The key of a call is the number behind "id". */
static int32_t on_match(void *context, int32_t opcode, vp_str message, uint64_t *key) {
    (void)context;
    (void)opcode;
    const char *id = strstr(message.ptr, "\"id\":");
    if (id == NULL) return 0;
    *key = strtoull(id + 5, NULL, 10);
    return 1;
}

static vp_ws_event next(vp_ws *session) {
    vp_ws_event event = {.struct_size = sizeof event};
    CHECK_EQ(vp_ws_wait(session, &event, 1, PATIENCE_NS), 1);
    for (size_t i = 0; event.data != NULL && i < 64; i++) {
        CHECK_EQ(event.payload.ptr[event.payload.len + i], 0);
    }
    return event;
}

/* The next event must be of that kind, and have that text. */
static vp_ws_event expect(vp_ws *session, int32_t kind, const char *has) {
    vp_ws_event event = next(session);
    CHECK_EQ(event.kind, kind);
    if (has != NULL) CHECK(event.data != NULL && strstr(event.payload.ptr, has) != NULL);
    vp_ws_data_release(event.data);
    return event;
}

static void logs_in(vp_ws *session, uint32_t connection) {
    expect(session, VP_WS_EVENT_MESSAGE, "login");
    CHECK_EQ(expect(session, VP_WS_EVENT_UP, NULL).connection, connection);
    expect(session, VP_WS_EVENT_MESSAGE, "\"number\":0");
    expect(session, VP_WS_EVENT_MESSAGE, "\"number\":1");
}

static uint64_t order(vp_ws *session, uint64_t key) {
    char message[128];
    uint64_t id = 0;
    snprintf(message, sizeof message,
             "{\"op\":\"order\",\"id\":%llu,\"clientOrderId\":\"ws-%llu\"}",
             (unsigned long long)key, (unsigned long long)key);
    OK(vp_ws_call(session, VP_WS_TEXT, text(message), key, PATIENCE_NS, 7 * key, &id));
    return id;
}

static void trade(vp_ws *session, uint64_t first) {
    for (uint64_t key = first; key < first + 100; key++) {
        const uint64_t id = order(session, key);
        const vp_ws_event done = expect(session, VP_WS_EVENT_COMPLETION, "\"NEW\"");
        CHECK(done.id == id && done.key == key && done.user_data == 7 * key);
        CHECK_EQ(done.outcome, VP_OUTCOME_OK);
        CHECK_EQ(done.wire_state, VP_WIRE_ANSWERED);
        CHECK(done.time_ns >= done.sent_ns);
    }
    CHECK_EQ(venue_count("duplicates"), 0);
}

/* A call that the venue does not answer: it ends the connection instead. */
static void loses(vp_ws *session, const char *fault, uint32_t connection, int32_t loss) {
    uint64_t id = 0;
    OK(vp_ws_call(session, VP_WS_TEXT, text(fault), 1000, PATIENCE_NS, 0, &id));
    const vp_ws_event lost = expect(session, VP_WS_EVENT_LOST, NULL);
    CHECK_EQ(lost.loss, loss);
    CHECK_EQ(lost.close_code, loss == VP_WS_LOSS_PEER_CLOSED ? 1012 : 0);
    CHECK_EQ(lost.sent_through, lost.last_sequence);
    CHECK_EQ(lost.partial_sequence, 0);
    CHECK(lost.acked_through <= lost.sent_through);
    const vp_ws_event done = expect(session, VP_WS_EVENT_COMPLETION, NULL);
    CHECK(done.id == id && done.sequence == lost.last_sequence);
    CHECK(done.outcome != VP_OUTCOME_OK);
    CHECK_EQ(done.wire_state, VP_WIRE_SENT);
    logs_in(session, connection + 1);
}

/* Writes the key of the call where the message has room for it, and refuses the third one. */
static int32_t signs(void *context, uint64_t wall_ns, uint8_t *message, size_t length) {
    uint64_t *calls = context;
    CHECK(wall_ns > 1600000000ull * 1000000000ull && length > 0);
    char *number = strstr((char *)message, "00000000");
    CHECK(number != NULL);
    char digits[9];
    snprintf(digits, sizeof digits, "%08llu", (unsigned long long)++*calls);
    memcpy(number, digits, 8);
    CHECK_STATUS(vp_ws_cancel(signed_session, 1), VP_ERR_WOULD_DEADLOCK);
    return *calls % 3 == 0;
}

/* A message that a function fills in the moment when it is sent, or withdraws. */
static void signs_late(vp_ws *session, uint64_t first) {
    vp_ws_frame *frame = NULL;
    char *room = NULL;
    uint64_t calls = first - first % 3;
    signed_session = session;
    OK(vp_ws_frame_new(session, 128, &frame));
    OK(vp_ws_frame_set_on_send(frame, signs, &calls));
    for (int round = 0; round < 6; round++) {
        OK(vp_ws_frame_room(frame, (uint8_t **)&room, NULL));
        const int len = snprintf(room, 128,
                                 "{\"op\":\"order\",\"id\":%llu,\"clientOrderId\":\"s-00000000\"}",
                                 (unsigned long long)first);
        const vp_status sent = vp_ws_call_frame(session, frame, VP_WS_TEXT, (size_t)len, first,
                                                PATIENCE_NS, 0, NULL);
        CHECK_STATUS(sent, calls % 3 == 0 ? VP_ERR_ARGUMENT : VP_OK);
        char expected[32];
        snprintf(expected, sizeof expected, "s-%08llu", (unsigned long long)calls);
        if (sent == VP_OK) expect(session, VP_WS_EVENT_COMPLETION, expected);
    }
    vp_ws_frame_free(frame);
}

/* Calls whose messages are written straight into their frame, and what is wrong with a frame. */
static void writes_in_place(vp_ws *session, uint64_t first) {
    vp_ws_frame *frame = NULL;
    char *room = NULL, *again = NULL;
    size_t capacity = 0;
    CHECK_STATUS(vp_ws_frame_new(session, 128, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_frame_new(session, 0, &frame), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_frame_new(session, 1 << 20, &frame), VP_ERR_TOO_LARGE);
    OK(vp_ws_frame_new(session, 128, &frame));
    CHECK_STATUS(vp_ws_send_frame(session, NULL, VP_WS_TEXT, 1, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_call_frame(session, NULL, VP_WS_TEXT, 1, 1, 1, 1, NULL), VP_ERR_NULL);
    CHECK_STATUS(vp_ws_send_frame(session, frame, VP_WS_TEXT, 1, NULL), VP_ERR_PHASE);
    CHECK_STATUS(vp_ws_frame_room(frame, NULL, &capacity), VP_ERR_NULL);
    for (uint64_t key = first; key < first + 10; key++) {
        uint64_t id = 0;
        OK(vp_ws_frame_room(frame, (uint8_t **)&room, &capacity));
        CHECK_EQ(capacity, 128);
        const int len = snprintf(room, capacity,
                                 "{\"op\":\"order\",\"id\":%llu,\"clientOrderId\":\"f-%llu\"}",
                                 (unsigned long long)key, (unsigned long long)key);
        CHECK_STATUS(vp_ws_send_frame(session, frame, 3, (size_t)len, NULL), VP_ERR_ARGUMENT);
        CHECK_STATUS(vp_ws_send_frame(session, frame, VP_WS_TEXT, 129, NULL), VP_ERR_TOO_LARGE);
        OK(vp_ws_call_frame(session, frame, VP_WS_TEXT, (size_t)len, key, PATIENCE_NS, 7, &id));
        const vp_ws_event done = expect(session, VP_WS_EVENT_COMPLETION, "\"NEW\"");
        CHECK(done.id == id && done.key == key && done.user_data == 7);
    }
    OK(vp_ws_frame_room(frame, (uint8_t **)&again, NULL));
    CHECK(again == room);
    vp_ws_frame_free(frame);
    CHECK_STATUS(vp_ws_frame_room(frame, (uint8_t **)&again, NULL), VP_ERR_CLOSED);
    CHECK_STATUS(vp_ws_send_frame(session, frame, VP_WS_TEXT, 1, NULL), VP_ERR_CLOSED);
    vp_ws_frame_free(frame);
}

static void is_refused(vp_ws *session) {
    vp_str nothing = {NULL, 0};
    CHECK_STATUS(vp_ws_send(session, 3, nothing, NULL), VP_ERR_ARGUMENT);
    CHECK_STATUS(vp_ws_cancel(session, 1), VP_ERR_UNKNOWN_ID);
    CHECK_STATUS(vp_ws_shutdown(session, 1006, nothing), VP_ERR_ARGUMENT);
    vp_ws_event event = {.struct_size = 8};
    CHECK_STATUS(vp_ws_poll(session, &event, 1), VP_ERR_STRUCT_SIZE);
    event.struct_size = sizeof event;
    CHECK_STATUS(vp_ws_poll(session, &event, 0), VP_ERR_ARGUMENT);
    CHECK_EQ(vp_ws_poll(session, &event, 1), 0);
    vp_ws_health health = {.struct_size = sizeof health};
    OK(vp_ws_state(session, &health));
    CHECK_EQ(health.stage, VP_WS_UP);
    int32_t fd = -1;
    OK(vp_ws_fd(session, &fd));
    CHECK(fd > 2);
}

/* Each client order id of a drive is its own: behind `first`. */
static void in_drive(uint32_t drive, uint64_t first) {
    vp_config *config = venue_config(1);
    OK(vp_config_set_drive(config, drive));
    vp_ws_config *settings;
    vp_ws *session;
    OK(vp_ws_config_new(&settings));
    OK(vp_ws_config_add_opening_function(settings, VP_WS_TEXT, write_login, NULL, VP_WS_AWAIT));
    OK(vp_ws_config_add_opening(settings, VP_WS_TEXT, text(SUBSCRIBE), 0));
    OK(vp_ws_config_set_on_acknowledge(settings, on_acknowledge, NULL));
    OK(vp_ws_config_set_on_match(settings, on_match, NULL));
    OK(vp_ws_open(config, settings, text("/ws"), NULL, NULL, &session, NULL));
    vp_ws_config_free(settings);
    vp_config_free(config);

    logs_in(session, 1);
    is_refused(session);
    trade(session, first);
    writes_in_place(session, first + 500);
    signs_late(session, first + 600);
    loses(session, "{\"op\":\"fault\",\"name\":\"close\",\"code\":1012}", 1,
          VP_WS_LOSS_PEER_CLOSED);
    loses(session, "{\"op\":\"fault\",\"name\":\"half-frame\"}", 2, VP_WS_LOSS_ENDED);
    loses(session, "{\"op\":\"fault\",\"name\":\"rst\"}", 3, VP_WS_LOSS_RESET);
    OK(vp_ws_send(session, VP_WS_TEXT, text("{\"op\":\"fault\",\"name\":\"pings\",\"count\":500}"),
                  NULL));
    order(session, first + 700);
    expect(session, VP_WS_EVENT_COMPLETION, "\"NEW\"");

    OK(vp_ws_close(session));
    CHECK_EQ(expect(session, VP_WS_EVENT_LOST, NULL).loss, VP_WS_LOSS_CLOSED);
    expect(session, VP_WS_EVENT_CLOSED, NULL);
    vp_ws_event event = {.struct_size = sizeof event};
    CHECK_STATUS(vp_ws_poll(session, &event, 1), VP_ERR_CLOSED);
    CHECK_STATUS(vp_ws_send(session, VP_WS_TEXT, text("late"), NULL), VP_ERR_CLOSED);
    CHECK_STATUS(vp_ws_close(session), VP_ERR_CLOSED);
}

/* A second connection is ready when the first one is reset. */
static void takes_over(uint32_t drive, uint64_t first) {
    vp_config *config = venue_config(1);
    vp_ws_config *settings;
    vp_ws *session;
    vp_ws_event event = {.struct_size = sizeof event};
    vp_ws_health health = {.struct_size = sizeof health};
    uint64_t id = 0;
    OK(vp_config_set_drive(config, drive));
    OK(vp_ws_config_new(&settings));
    OK(vp_ws_config_add_opening_function(settings, VP_WS_TEXT, write_login, NULL, VP_WS_AWAIT));
    OK(vp_ws_config_add_opening(settings, VP_WS_TEXT, text(SUBSCRIBE), 0));
    OK(vp_ws_config_set_on_acknowledge(settings, on_acknowledge, NULL));
    OK(vp_ws_config_set_on_match(settings, on_match, NULL));
    OK(vp_ws_config_set_connections(settings, 2));
    OK(vp_ws_config_set_max_age_ns(settings, 3600ull * 1000000000ull, PATIENCE_NS));
    OK(vp_ws_open(config, settings, text("/ws"), NULL, NULL, &session, NULL));
    vp_ws_config_free(settings);
    vp_config_free(config);

    logs_in(session, 1);
    do {
        /* In caller drive this is what lets the second one come. It tells nothing. */
        CHECK_EQ(vp_ws_poll(session, &event, 1), 0);
        OK(vp_ws_state(session, &health));
    } while (health.ready == 0);
    OK(vp_ws_call(session, VP_WS_TEXT, text("{\"op\":\"fault\",\"name\":\"rst\"}"), 1,
                  PATIENCE_NS, 0, &id));
    CHECK_EQ(expect(session, VP_WS_EVENT_LOST, NULL).loss, VP_WS_LOSS_RESET);
    CHECK_EQ(expect(session, VP_WS_EVENT_COMPLETION, NULL).id, id);
    const vp_ws_event switched = expect(session, VP_WS_EVENT_SWITCHED, NULL);
    CHECK(switched.connection == 2 && switched.previous == 1);
    CHECK_EQ(switched.loss, VP_WS_LOSS_RESET);
    id = order(session, first);
    do {
        /* What its subscription gives may come first. */
        event = next(session);
        vp_ws_data_release(event.data);
        CHECK_EQ(event.connection, 2);
    } while (event.kind == VP_WS_EVENT_MESSAGE);
    CHECK_EQ(event.kind, VP_WS_EVENT_COMPLETION);
    CHECK_EQ(event.id, id);
    OK(vp_ws_close(session));
}

/* The end of a call that has waited; dials that fail are told before it. */
static void ends_unsent(vp_ws *session, uint64_t id, int32_t outcome) {
    vp_ws_event event;
    do {
        event = next(session);
        vp_ws_data_release(event.data);
    } while (event.kind == VP_WS_EVENT_FAILED);
    CHECK_EQ(event.kind, VP_WS_EVENT_COMPLETION);
    CHECK_EQ(event.id, id);
    CHECK_EQ(event.outcome, outcome);
    CHECK_EQ(event.wire_state, VP_WIRE_NOT_SENT);
    CHECK(event.sequence == 0 && event.connection == 0);
}

/* Calls wait while there is no venue, in two lanes of one place each. */
static void waits_while_down(uint32_t drive) {
    vp_config *config;
    vp_ws_config *settings;
    vp_ws *session;
    vp_ws_frame *frame, *other;
    vp_ws_health health = {.struct_size = sizeof health};
    uint8_t *room;
    uint64_t id, urgent, order;
    OK(vp_config_new(&config));
    OK(vp_config_set_url(config, text("http://127.0.0.1:1")));
    OK(vp_config_set_degraded_open(config, 1));
    OK(vp_config_set_drive(config, drive));
    OK(vp_ws_config_new(&settings));
    OK(vp_ws_config_set_waiting(settings, 1));
    OK(vp_ws_open(config, settings, text("/ws"), NULL, NULL, &session, NULL));
    vp_ws_config_free(settings);
    vp_config_free(config);
    OK(vp_ws_frame_new(session, 8, &frame));
    OK(vp_ws_frame_new(session, 8, &other));

    OK(vp_ws_frame_room(frame, &room, NULL));
    memcpy(room, "a cancel", 8);
    OK(vp_ws_call_frame(session, frame, VP_WS_TEXT, 8, 1, PATIENCE_NS, 0, &id));
    CHECK_STATUS(vp_ws_frame_room(frame, &room, NULL), VP_ERR_PHASE);
    CHECK_STATUS(vp_ws_frame_set_lane(frame, VP_LANE_URGENT), VP_ERR_PHASE);
    CHECK_STATUS(vp_ws_frame_set_on_send(frame, signs, NULL), VP_ERR_PHASE);
    CHECK_STATUS(vp_ws_send_frame(session, frame, VP_WS_TEXT, 8, NULL), VP_ERR_PHASE);
    OK(vp_ws_frame_room(other, &room, NULL));
    CHECK_STATUS(vp_ws_call_frame(session, other, VP_WS_TEXT, 8, 2, PATIENCE_NS, 0, &urgent),
                 VP_ERR_WAITING_FULL);
    CHECK_STATUS(vp_ws_frame_set_lane(other, 4), VP_ERR_ARGUMENT);
    OK(vp_ws_frame_set_lane(other, VP_LANE_URGENT));
    OK(vp_ws_call_frame(session, other, VP_WS_TEXT, 8, 2, PATIENCE_NS, 0, &urgent));
    OK(vp_ws_state(session, &health));
    CHECK(health.waiting == 2 && health.calls == 2);

    OK(vp_ws_cancel(session, id));
    ends_unsent(session, id, VP_OUTCOME_CANCELLED);
    OK(vp_ws_frame_room(frame, &room, NULL));
    CHECK(memcmp(room, "a cancel", 8) == 0);
    OK(vp_ws_call(session, VP_WS_TEXT, text("an order"), 3, PATIENCE_NS, 0, &order));
    CHECK_STATUS(vp_ws_call(session, VP_WS_TEXT, text("one more"), 4, PATIENCE_NS, 0, NULL),
                 VP_ERR_WAITING_FULL);
    /* A frame that is freed meanwhile was accepted all the same. */
    vp_ws_frame_free(other);
    OK(vp_ws_close(session));
    ends_unsent(session, urgent, VP_OUTCOME_SHUTDOWN);
    ends_unsent(session, order, VP_OUTCOME_SHUTDOWN);
    vp_ws_frame_free(frame);
}

static void count_events(void *context, const vp_ws_event *event) {
    if (event->kind == VP_WS_EVENT_MESSAGE) ++*(int *)context;
}

/* A group names a session that has events to take, in either drive, and its events are polled. */
static void is_named_by_a_group(uint32_t drive) {
    vp_config *config = venue_config(1);
    vp_ws_config *settings;
    vp_ws *session, *ready = NULL, *calls;
    vp_group *group;
    vp_completion done = {.struct_size = sizeof done};
    vp_ws_event event = {.struct_size = sizeof event};
    int messages = 0;
    OK(vp_config_set_drive(config, drive));
    OK(vp_ws_config_new(&settings));
    OK(vp_ws_open(config, settings, text("/ws"), NULL, NULL, &session, NULL));
    OK(vp_group_new(&group));
    OK(vp_group_add_ws(group, session));
    if (drive == VP_DRIVE_THREAD) {
        OK(vp_ws_open(config, settings, text("/ws"), count_events, &messages, &calls, NULL));
        CHECK_STATUS(vp_group_add_ws(group, calls), VP_ERR_PHASE);
        OK(vp_ws_close(calls));
    }
    vp_ws_config_free(settings);
    vp_config_free(config);
    OK(vp_ws_send(session, VP_WS_TEXT, text(SUBSCRIBE), NULL));
    for (messages = 0; messages < 2;) {
        CHECK_EQ(vp_group_wait(group, &done, NULL, 1, PATIENCE_NS), 0);
        while (vp_group_ready_ws(group, &ready, 1) == 1) {
            CHECK(ready == session);
            while (vp_ws_poll(session, &event, 1) == 1) {
                messages += event.kind == VP_WS_EVENT_MESSAGE;
                vp_ws_data_release(event.data);
            }
        }
    }
    OK(vp_ws_close(session));
    /* It stays until its last event was taken. */
    do {
        CHECK_EQ(vp_group_wait(group, &done, NULL, 1, PATIENCE_NS), 0);
        CHECK_EQ(vp_group_ready_ws(group, &ready, 1), 1);
        CHECK_EQ(vp_ws_poll(session, &event, 1), 1);
        vp_ws_data_release(event.data);
    } while (event.kind != VP_WS_EVENT_CLOSED);
    while (vp_group_poll(group, &done, NULL, 1) == 0) continue;
    CHECK_STATUS(vp_group_poll(group, &done, NULL, 1), VP_ERR_CLOSED);
    CHECK_EQ(vp_group_ready_ws(group, &ready, 1), 0);
    OK(vp_group_free(group));
}

/* A group drives a session that has a function. */
static void is_in_a_group(void) {
    vp_config *config = venue_config(1);
    vp_ws_config *settings;
    vp_ws *session;
    vp_group *group;
    vp_completion done = {.struct_size = sizeof done};
    int messages = 0;
    OK(vp_config_set_drive(config, VP_DRIVE_CALLER));
    OK(vp_ws_config_new(&settings));
    OK(vp_ws_open(config, settings, text("/ws"), count_events, &messages, &session, NULL));
    vp_ws_config_free(settings);
    vp_config_free(config);
    OK(vp_group_new(&group));
    OK(vp_group_add_ws(group, session));
    CHECK_STATUS(vp_group_add_ws(group, session), VP_ERR_GROUPED);
    OK(vp_ws_send(session, VP_WS_TEXT, text(SUBSCRIBE), NULL));
    while (messages < 2) CHECK_EQ(vp_group_wait(group, &done, NULL, 1, PATIENCE_NS), 0);
    OK(vp_group_remove_ws(group, session));
    CHECK_STATUS(vp_group_remove_ws(group, session), VP_ERR_NOT_FOUND);
    OK(vp_group_free(group));
    OK(vp_ws_close(session));
}

int main(void) {
    in_drive(VP_DRIVE_THREAD, 1);
    in_drive(VP_DRIVE_CALLER, 2000);
    takes_over(VP_DRIVE_THREAD, 4000);
    takes_over(VP_DRIVE_CALLER, 5000);
    waits_while_down(VP_DRIVE_THREAD);
    waits_while_down(VP_DRIVE_CALLER);
    is_in_a_group();
    is_named_by_a_group(VP_DRIVE_THREAD);
    is_named_by_a_group(VP_DRIVE_CALLER);
    return 0;
}
