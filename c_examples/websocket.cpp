// A WebSocket session: login, subscription, orders by call, a loss, and what became of the orders.
//
//   websocket --url https://localhost:40123 --ca ca.pem --count 50
//
// The session logs in with a message that is written when it is sent, and subscribes. Orders are
// calls: each ends exactly once, with its answer or with the truth about it. Half way the venue is
// asked to reset the connection. The session heals by itself and logs in again.
#include "example.h"

#include <chrono>
#include <string>
#include <string_view>

#include <venuepool.hpp>
#include <venuepool/ws.hpp>

namespace {

using namespace std::chrono_literals;

std::int64_t write_login(void*, std::uint64_t wall_ns, std::uint8_t* room, std::size_t capacity) {
    // A real login would be signed here, with this time.
    return std::snprintf(reinterpret_cast<char*>(room), capacity,
                         "{\"op\":\"login\",\"timestamp\":%llu}",
                         static_cast<unsigned long long>(wall_ns / 1'000'000));
}

std::int32_t on_acknowledge(void*, std::uint32_t, std::int32_t, vp_str message) {
    const std::string_view text(message.ptr, message.len);
    return text.find("\"login\"") != text.npos ? 1 : 0;
}

// The number behind "id" is the key. A parser such as simdjson would read it in place.
std::int32_t on_match(void*, std::int32_t, vp_str message, std::uint64_t* key) {
    const std::string_view text(message.ptr, message.len);
    const std::size_t at = text.find("\"id\":");
    if (at == text.npos) return 0;
    *key = std::strtoull(message.ptr + at + 5, nullptr, 10);  // Zeros are behind the message.
    return 1;
}

struct Counts {
    unsigned long answered = 0, uncertain = 0, not_executed = 0, lost = 0, stream = 0;
};

// Takes events until the session is up, or until `ends` calls have ended.
void take(venuepool::WsSession& session, Counts& counts, unsigned long ends, bool until_up) {
    venuepool::WsEvent event;
    while (until_up || ends > 0) {
        CHECK(session.wait(event, 10s).value());
        switch (event.kind) {
            case VP_WS_EVENT_COMPLETION:
                if (ends > 0) ends--;
                if (event.outcome == VP_OUTCOME_OK) {
                    counts.answered++;
                } else if (event.wire_state == VP_WIRE_SENT) {
                    counts.uncertain++;  // A real engine asks the venue about this order.
                } else {
                    counts.not_executed++;
                }
                break;
            case VP_WS_EVENT_MESSAGE:
                counts.stream++;
                break;
            case VP_WS_EVENT_LOST:
                counts.lost++;
                std::printf("lost: %s; sent up to message %llu of %llu\n",
                            std::string(event.bytes()).c_str(),
                            static_cast<unsigned long long>(event.sent_through),
                            static_cast<unsigned long long>(event.last_sequence));
                break;
            case VP_WS_EVENT_UP:
                until_up = false;
                break;
            default:
                break;
        }
    }
}

constexpr std::size_t capacity = 256;

// Writes an order straight into its frame, and sends it from there.
bool order(venuepool::WsSession& session, venuepool::WsFrame& frame, unsigned long number) {
    const int length = std::snprintf(frame.room().value(), capacity,
                                     R"({"op":"order","id":%lu,"clientOrderId":"example-%lu"})",
                                     number, number);
    return session.call(frame, static_cast<std::size_t>(length), number, 5s).ok();
}

}  // namespace

int main(int argc, char** argv) {
    const arguments arguments = parse_arguments(argc, argv, "50");
    venuepool::Config config;
    config.url(arguments.url);
    if (arguments.ca_pem.len > 0) {
        config.ca_pem({arguments.ca_pem.ptr, arguments.ca_pem.len});
    }
    venuepool::WsConfig settings;
    CHECK(settings.opening_function(VP_WS_TEXT, write_login, nullptr, VP_WS_AWAIT).ok());
    CHECK(settings.opening("{\"op\":\"subscribe\",\"count\":3}").ok());
    CHECK(settings.on_acknowledge(on_acknowledge, nullptr).ok());
    CHECK(settings.on_match(on_match, nullptr).ok());
    venuepool::WsSession session =
        venuepool::WsSession::open(config, settings, "/ws").value();
    venuepool::WsFrame frame = session.frame(capacity).value();

    Counts counts;
    take(session, counts, 0, true);
    const unsigned long half = arguments.count / 2;
    for (unsigned long number = 1; number <= half; number++) CHECK(order(session, frame, number));
    take(session, counts, half, false);
    CHECK(counts.answered == half);

    // The venue resets the connection behind this message, so the orders after it are lost.
    CHECK(session.send("{\"op\":\"fault\",\"name\":\"rst\"}").ok());
    unsigned long accepted = 0;
    for (unsigned long number = half + 1; number <= arguments.count; number++) {
        if (!order(session, frame, number)) break;  // VP_ERR_SLOT_DOWN: the loss is known already.
        accepted++;
    }
    take(session, counts, accepted, true);
    CHECK(counts.lost == 1);

    CHECK(order(session, frame, arguments.count + 1));
    take(session, counts, 1, false);
    CHECK(counts.answered + counts.uncertain + counts.not_executed == half + accepted + 1);
    CHECK(session.close().ok());
    std::printf("%lu answered, %lu uncertain, %lu not executed, %lu messages of the stream\n",
                counts.answered, counts.uncertain, counts.not_executed, counts.stream);
    return 0;
}
