/*
 * Each public struct has the layout that programs were compiled with. A number here may only be
 * added; one that has to change breaks programs, and so asks for a new VP_ABI_VERSION.
 */
#include "check.h"

#include <stddef.h>

#define SIZE(type, bytes) CHECK_EQ(sizeof(type), bytes)
#define FIELD(type, field, offset, bytes)                                                          \
    do {                                                                                           \
        CHECK_EQ(offsetof(type, field), offset);                                                   \
        CHECK_EQ(sizeof(((type *)0)->field), bytes);                                               \
    } while (0)

int main(void) {
    if (sizeof(void *) != 8) SKIP("the numbers are for 64-bit systems");

    SIZE(vp_status, 4);
    SIZE(vp_outcome, 4);
    SIZE(vp_wire, 4);
    SIZE(vp_close_reason, 4);
    SIZE(vp_event_kind, 4);
    SIZE(vp_slot_state, 4);
    SIZE(vp_on_complete, 8);
    SIZE(vp_on_event, 8);

    SIZE(vp_str, 16);
    FIELD(vp_str, ptr, 0, 8);
    FIELD(vp_str, len, 8, 8);

    SIZE(vp_error, 272);
    FIELD(vp_error, struct_size, 0, 8);
    FIELD(vp_error, status, 8, 4);
    FIELD(vp_error, os_error, 12, 4);
    FIELD(vp_error, text, 16, 256);

    SIZE(vp_health, 56);
    FIELD(vp_health, struct_size, 0, 8);
    FIELD(vp_health, slots, 8, 4);
    FIELD(vp_health, live, 12, 4);
    FIELD(vp_health, idle, 16, 4);
    FIELD(vp_health, in_flight, 20, 4);
    FIELD(vp_health, leased, 24, 4);
    FIELD(vp_health, waiting, 28, 4);
    FIELD(vp_health, suspended_until_ns, 32, 8);
    FIELD(vp_health, dials_needed, 40, 4);
    FIELD(vp_health, dials_allowed, 44, 4);
    FIELD(vp_health, open_lanes, 48, 4);
    FIELD(vp_health, outstanding, 52, 4);

    SIZE(vp_slot_health, 200);
    FIELD(vp_slot_health, struct_size, 0, 8);
    FIELD(vp_slot_health, slot, 8, 4);
    FIELD(vp_slot_health, state, 12, 4);
    FIELD(vp_slot_health, up_ns, 16, 8);
    FIELD(vp_slot_health, requests, 24, 8);
    FIELD(vp_slot_health, proven_ns, 32, 8);
    FIELD(vp_slot_health, rtt_ns, 40, 8);
    FIELD(vp_slot_health, next_dial_ns, 48, 8);
    FIELD(vp_slot_health, connections, 56, 4);
    FIELD(vp_slot_health, last_close_reason, 60, 4);
    FIELD(vp_slot_health, connect_ns, 64, 8);
    FIELD(vp_slot_health, handshake_ns, 72, 8);
    FIELD(vp_slot_health, tls_version, 80, 4);
    FIELD(vp_slot_health, is_resumed, 84, 4);
    FIELD(vp_slot_health, source, 88, 4);
    FIELD(vp_slot_health, local_port, 92, 2);
    FIELD(vp_slot_health, peer_port, 94, 2);
    FIELD(vp_slot_health, local_address, 96, 48);
    FIELD(vp_slot_health, peer_address, 144, 48);
    FIELD(vp_slot_health, suspended_until_ns, 192, 8);

    SIZE(vp_address, 112);
    FIELD(vp_address, struct_size, 0, 8);
    FIELD(vp_address, connect_min_ns, 8, 8);
    FIELD(vp_address, connect_ns, 16, 8);
    FIELD(vp_address, rtt_min_ns, 24, 8);
    FIELD(vp_address, rtt_ns, 32, 8);
    FIELD(vp_address, connections, 40, 8);
    FIELD(vp_address, failures, 48, 8);
    FIELD(vp_address, slots, 56, 4);
    FIELD(vp_address, port, 60, 2);
    FIELD(vp_address, is_listed, 62, 2);
    FIELD(vp_address, address, 64, 48);

    SIZE(vp_event, 96);
    FIELD(vp_event, struct_size, 0, 8);
    FIELD(vp_event, kind, 8, 4);
    FIELD(vp_event, slot, 12, 4);
    FIELD(vp_event, time_ns, 16, 8);
    FIELD(vp_event, live, 24, 4);
    FIELD(vp_event, close_reason, 28, 4);
    FIELD(vp_event, status, 32, 4);
    FIELD(vp_event, reserved, 36, 4);
    FIELD(vp_event, until_ns, 40, 8);
    FIELD(vp_event, text, 48, 16);
    FIELD(vp_event, late, 64, 8);
    FIELD(vp_event, source, 72, 4);
    FIELD(vp_event, reserved2, 76, 4);
    FIELD(vp_event, recording, 80, 16);

    SIZE(vp_log_pair, 32);
    FIELD(vp_log_pair, key, 0, 16);
    FIELD(vp_log_pair, value, 16, 16);

    SIZE(vp_log_record, 64);
    FIELD(vp_log_record, struct_size, 0, 8);
    FIELD(vp_log_record, level, 8, 4);
    FIELD(vp_log_record, count, 12, 4);
    FIELD(vp_log_record, time_ns, 16, 8);
    FIELD(vp_log_record, target, 24, 16);
    FIELD(vp_log_record, message, 40, 16);
    FIELD(vp_log_record, pairs, 56, 8);

    SIZE(vp_stats, 480);
    FIELD(vp_stats, struct_size, 0, 8);
    FIELD(vp_stats, submitted, 8, 8);
    FIELD(vp_stats, refused, 16, 8);
    FIELD(vp_stats, answered, 24, 8);
    FIELD(vp_stats, failed, 32, 8);
    FIELD(vp_stats, dials, 40, 8);
    FIELD(vp_stats, connected, 48, 8);
    FIELD(vp_stats, failed_resolve, 56, 8);
    FIELD(vp_stats, failed_connect, 64, 8);
    FIELD(vp_stats, failed_tls, 72, 8);
    FIELD(vp_stats, failed_system, 80, 8);
    FIELD(vp_stats, closed, 88, 256);
    FIELD(vp_stats, heartbeats, 344, 8);
    FIELD(vp_stats, late, 352, 8);
    FIELD(vp_stats, stale_answers, 360, 8);
    FIELD(vp_stats, heals, 368, 8);
    FIELD(vp_stats, rotations, 376, 8);
    FIELD(vp_stats, pauses, 384, 8);
    FIELD(vp_stats, fanouts, 392, 8);
    FIELD(vp_stats, copies, 400, 8);
    FIELD(vp_stats, lanes, 408, 32);
    FIELD(vp_stats, wire_states, 440, 40);

    SIZE(vp_completion, 232);
    FIELD(vp_completion, struct_size, 0, 8);
    FIELD(vp_completion, id, 8, 8);
    FIELD(vp_completion, user_data, 16, 8);
    FIELD(vp_completion, outcome, 24, 4);
    FIELD(vp_completion, wire_state, 28, 4);
    FIELD(vp_completion, http_status, 32, 4);
    FIELD(vp_completion, slot, 36, 4);
    FIELD(vp_completion, response, 40, 8);
    FIELD(vp_completion, submit_ns, 48, 8);
    FIELD(vp_completion, write_ns, 56, 8);
    FIELD(vp_completion, first_byte_ns, 64, 8);
    FIELD(vp_completion, done_ns, 72, 8);
    FIELD(vp_completion, bytes_sent, 80, 8);
    FIELD(vp_completion, bytes_acked, 88, 8);
    FIELD(vp_completion, bytes_unsent, 96, 8);
    FIELD(vp_completion, start_ns, 104, 8);
    FIELD(vp_completion, lease_generation, 112, 8);
    FIELD(vp_completion, queue_wait_ns, 120, 8);
    FIELD(vp_completion, write_begin_ns, 128, 8);
    FIELD(vp_completion, write_wall_ns, 136, 8);
    FIELD(vp_completion, head_ns, 144, 8);
    FIELD(vp_completion, delivered_ns, 152, 8);
    FIELD(vp_completion, bytes_received, 160, 8);
    FIELD(vp_completion, connection, 168, 4);
    FIELD(vp_completion, copies_sent, 172, 4);
    FIELD(vp_completion, flags, 176, 4);
    FIELD(vp_completion, reserved, 180, 4);
    FIELD(vp_completion, local_ip, 184, 16);
    FIELD(vp_completion, peer_ip, 200, 16);
    FIELD(vp_completion, local_port, 216, 4);
    FIELD(vp_completion, peer_port, 220, 4);
    FIELD(vp_completion, arrival_wall_ns, 224, 8);

    SIZE(vp_summary, 64);
    FIELD(vp_summary, struct_size, 0, 8);
    FIELD(vp_summary, count, 8, 8);
    FIELD(vp_summary, min_ns, 16, 8);
    FIELD(vp_summary, max_ns, 24, 8);
    FIELD(vp_summary, mean_ns, 32, 8);
    FIELD(vp_summary, stdev_ns, 40, 8);
    FIELD(vp_summary, since_wall_ns, 48, 8);
    FIELD(vp_summary, until_wall_ns, 56, 8);

    SIZE(vp_lease, 16);
    FIELD(vp_lease, generation, 0, 8);
    FIELD(vp_lease, slot, 8, 4);
    FIELD(vp_lease, reserved, 12, 4);

    SIZE(vp_watched, 96);
    FIELD(vp_watched, struct_size, 0, 8);
    FIELD(vp_watched, time_ns, 8, 8);
    FIELD(vp_watched, number, 16, 8);
    FIELD(vp_watched, is_number, 24, 4);
    FIELD(vp_watched, len, 28, 4);
    FIELD(vp_watched, text, 32, 64);
    SIZE(vp_ws_event, 184);
    FIELD(vp_ws_event, struct_size, 0, 8);
    FIELD(vp_ws_event, kind, 8, 4);
    FIELD(vp_ws_event, opcode, 12, 4);
    FIELD(vp_ws_event, time_ns, 16, 8);
    FIELD(vp_ws_event, payload, 24, 16);
    FIELD(vp_ws_event, data, 40, 8);
    FIELD(vp_ws_event, key, 48, 8);
    FIELD(vp_ws_event, has_key, 56, 4);
    FIELD(vp_ws_event, connection, 60, 4);
    FIELD(vp_ws_event, outcome, 64, 4);
    FIELD(vp_ws_event, wire_state, 68, 4);
    FIELD(vp_ws_event, id, 72, 8);
    FIELD(vp_ws_event, user_data, 80, 8);
    FIELD(vp_ws_event, sent_ns, 88, 8);
    FIELD(vp_ws_event, sequence, 96, 8);
    FIELD(vp_ws_event, loss, 104, 4);
    FIELD(vp_ws_event, close_code, 108, 4);
    FIELD(vp_ws_event, last_sequence, 112, 8);
    FIELD(vp_ws_event, acked_through, 120, 8);
    FIELD(vp_ws_event, sent_through, 128, 8);
    FIELD(vp_ws_event, partial_sequence, 136, 8);
    FIELD(vp_ws_event, bytes_acked, 144, 8);
    FIELD(vp_ws_event, until_ns, 152, 8);
    FIELD(vp_ws_event, status, 160, 4);
    FIELD(vp_ws_event, http_status, 164, 4);
    FIELD(vp_ws_event, os_error, 168, 4);
    FIELD(vp_ws_event, previous, 172, 4);
    FIELD(vp_ws_event, dropped, 176, 8);
    SIZE(vp_ws_health, 56);
    FIELD(vp_ws_health, struct_size, 0, 8);
    FIELD(vp_ws_health, stage, 8, 4);
    FIELD(vp_ws_health, connections, 12, 4);
    FIELD(vp_ws_health, calls, 16, 8);
    FIELD(vp_ws_health, bytes_unsent, 24, 8);
    FIELD(vp_ws_health, rtt_ns, 32, 8);
    FIELD(vp_ws_health, ready, 40, 8);
    FIELD(vp_ws_health, waiting, 48, 8);
    return 0;
}
