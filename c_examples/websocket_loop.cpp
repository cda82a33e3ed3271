// One loop for a session and a pool, and an order that goes out over both: the first answer counts.
//
//   websocket_loop --url https://localhost:40123 --ca ca.pem --count 20
//
// AN ORDER THAT LEAVES TWICE IS EXECUTED TWICE, unless the venue refuses the second one by its
// client id. Do this with such a venue only. The mock venue of this example takes both.
//
// The engine's thread drives both (caller drive). Their group has one descriptor, which is in the
// engine's epoll set beside whatever else it waits for.
#include "example.h"

#include <sys/epoll.h>
#include <unistd.h>

#include <chrono>
#include <string>
#include <string_view>

#include <venuepool.hpp>
#include <venuepool/ws.hpp>

namespace {

using namespace std::chrono_literals;

// One order on two ways. Its copies have ended when both are 0.
struct Order {
    unsigned long number = 0;
    std::uint64_t pool_id = 0, call_id = 0;
    std::string_view first;  // The way of the first good answer.
};

struct Engine {
    Order order;
    unsigned long over_pool = 0, over_session = 0;
};

// The number behind "id" is the key.
std::int32_t on_match(void*, std::int32_t, vp_str message, std::uint64_t* key) {
    const std::string_view text(message.ptr, message.len);
    const std::size_t at = text.find("\"id\":");
    if (at == text.npos) return 0;
    *key = std::strtoull(message.ptr + at + 5, nullptr, 10);  // Zeros are behind the message.
    return 1;
}

// Runs in poll for the group, on the engine's thread.
void on_event(void* context, const vp_ws_event* event) {
    Order& order = static_cast<Engine*>(context)->order;
    if (event->kind != VP_WS_EVENT_COMPLETION || event->id != order.call_id) return;
    order.call_id = 0;
    if (event->outcome == VP_OUTCOME_OK && order.first.empty()) order.first = "session";
}

// Sends the order on both ways. A way that is down has no part in it.
void send(venuepool::Pool& pool, venuepool::Request& request, venuepool::WsSession& session,
          Order& order) {
    const std::string id = "both-" + std::to_string(order.number);
    const std::string text = R"({"op":"order","id":)" + std::to_string(order.number) +
                             R"(,"clientOrderId":")" + id + "\"}";
    const auto call = session.call(text, order.number, 5s);
    if (call.ok()) order.call_id = call.value();
    request.begin("POST", "/api/v3/order").body("symbol=BTCUSDT&side=BUY&newClientOrderId=" + id);
    order.pool_id = pool.submit(request).value();
}

void take(venuepool::Group& group, Engine& engine) {
    venuepool::GroupCompletions<16> room;
    for (const venuepool::Completion& done : group.poll(room)) {
        engine.order.pool_id = 0;
        if (done.ok() && done.http_status() == 200 && engine.order.first.empty())
            engine.order.first = "pool";
    }
}

}  // namespace

int main(int argc, char** argv) {
    const arguments arguments = parse_arguments(argc, argv, "20");
    venuepool::Config config;
    config.url(arguments.url).drive(VP_DRIVE_CALLER);
    if (arguments.ca_pem.len > 0) {
        config.ca_pem({arguments.ca_pem.ptr, arguments.ca_pem.len});
    }
    venuepool::WsConfig settings;
    CHECK(settings.on_match(on_match, nullptr).ok());
    Engine engine;
    venuepool::Pool pool = venuepool::Pool::open(config).value();
    venuepool::Request request = pool.new_request().value();
    venuepool::WsSession session =
        venuepool::WsSession::open(config, settings, "/ws", on_event, &engine).value();

    venuepool::Group group = venuepool::Group::make().value();
    CHECK(group.add(pool).ok());
    CHECK(group.add(session.get()).ok());
    const int epoll = epoll_create1(EPOLL_CLOEXEC);
    epoll_event watched{};
    watched.events = EPOLLIN;
    CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, group.fd().value(), &watched) == 0);

    for (unsigned long number = 1; number <= arguments.count; number++) {
        engine.order = {number, 0, 0, {}};
        send(pool, request, session, engine.order);
        // Both copies are awaited: also the second one says what has become of the order.
        while (engine.order.pool_id != 0 || engine.order.call_id != 0) {
            epoll_event ready;
            CHECK(epoll_wait(epoll, &ready, 1, 10'000) == 1);
            take(group, engine);
        }
        CHECK(!engine.order.first.empty());
        (engine.order.first == "pool" ? engine.over_pool : engine.over_session)++;
    }
    close(epoll);
    CHECK(session.close().ok());
    std::printf("%lu orders were answered first over REST, %lu over WebSocket\n",
                engine.over_pool, engine.over_session);
    return 0;
}
