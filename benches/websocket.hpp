// What the WebSocket clients of the comparison share: the order, the load of K and L, the check of
// what comes back. The record is that of harness.hpp.
//
// It does not know how a message is sent. A client is a class with
//
//   Client(const Options&)              dials, and returns when the connection has switched
//   std::string_view echo(order)        sends it, and gives what has come back
//   void stream(request, count)         sends it, and returns when so many messages have come
#ifndef VENUEPOOL_BENCH_WEBSOCKET_HPP
#define VENUEPOOL_BENCH_WEBSOCKET_HPP

#include "harness.hpp"

namespace bench {

/// What each message has: an order, and each message of the stream.
constexpr std::size_t MESSAGE = 200;

/// One order: the next one differs by its number.
class Order {
  public:
    static constexpr std::size_t ID_AT = 6, ID_SIZE = 16;

    Order() {
        text_ = R"({"id":1000000000000000,"op":"order","symbol":"BTCUSDT","side":"BUY")"
                R"(,"type":"LIMIT","timeInForce":"GTC","quantity":"0.00100000")"
                R"(,"price":"65000.00","recvWindow":5000,"pad":")";
        text_.resize(MESSAGE - 2, 'x');
        text_ += "\"}";
    }

    void next() {
        number_++;
        for (std::size_t at = ID_AT + ID_SIZE - 1; ++text_[at] > '9'; at--) text_[at] = '0';
    }

    std::uint64_t number() const { return number_; }
    std::string_view text() const { return text_; }

  private:
    std::uint64_t number_ = 1'000'000'000'000'000;
    std::string text_;
};

/// The number of an order, of which `text` is a copy.
inline std::uint64_t number_of(const char *text) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < Order::ID_SIZE; i++)
        number = number * 10 + static_cast<std::uint64_t>(text[Order::ID_AT + i] - '0');
    return number;
}

/// The request that switches the connection, for clients that write it by hand.
inline std::string switch_request(const Options &options) {
    return "GET /ws HTTP/1.1\r\nHost: " + options.host + ":" + std::to_string(options.port) +
           "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
           "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
}

template <typename Client>
void load(Client &client, const Options &options, std::uint64_t messages, Record &record) {
    static Order order;
    if (options.content == "stream") {
        const std::uint64_t start = now_ns();
        client.stream("stream " + std::to_string(messages), messages);
        record.latency_ns.push_back(now_ns() - start);
        return;
    }
    record.latency_ns.reserve(messages);
    for (std::uint64_t i = 0; i < messages; i++) {
        order.next();
        const std::uint64_t sent = now_ns();
        const std::string_view back = client.echo(order);
        record.latency_ns.push_back(now_ns() - sent);
        if (back.size() != MESSAGE || number_of(back.data()) != order.number())
            fail("another order came back");
    }
}

/// The main function of a client.
template <typename Client>
int run_websocket(const Options &options) {
    const std::uint64_t rss_before = rss_kib();
    Client client(options);
    const std::uint64_t rss_open = rss_kib();
    Record warm, record;
    load(client, options, options.warm_up, warm);
    const Usage before = Usage::now();
    const std::uint64_t start = now_ns();
    load(client, options, options.requests, record);
    const std::uint64_t elapsed = now_ns() - start;
    const Usage after = Usage::now();
    print("latency_ns", record.latency_ns);
    print("wire_ns", record.wire_ns);
    std::printf("elapsed_ns %lu\nuser_us %lu\nsys_us %lu\nfailed 0\n", elapsed,
                after.user_us - before.user_us, after.sys_us - before.sys_us);
    std::printf("rss_before_kib %lu\nrss_open_kib %lu\nidle_us 0\nmessages %lu\n", rss_before,
                rss_open, options.requests);
    return 0;
}

}  // namespace bench

#endif
