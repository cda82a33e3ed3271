// The venue of the comparison: one thread, one epoll set, one send for each answer. It is as quick
// as a server can be, so that the clients' differences show, and the same for all of them.
//
//   venue [--tls SERVER.pem SERVER.key] [--idle-close-ms MOST] [--die-after-execute EVERY]
//         [--closes-per-second RATE]
//
// prints its port, serves until its standard input ends, then prints how many orders came and how
// many of their ids came before. With --idle-close-ms it closes each connection after a random time
// without a request; with --die-after-execute it executes each EVERY-th order, but closes its
// connection instead of answering. With --closes-per-second it closes so many connections, chosen
// at random from those without a request. Orders are told apart by newClientOrderId; what else is
// asked for does not matter but for its path. At /ws it speaks WebSocket: an order comes back as it
// is, and the text "stream N" is followed by N messages.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "venue_websocket.hpp"

using Clock = std::chrono::steady_clock;

namespace {

[[noreturn]] void fail(const char *what) {
    std::perror(what);
    std::exit(1);
}

// --------------------------------------------------------------------------------- the answers

std::string head(const std::string &framing) {
    return "HTTP/1.1 200 OK\r\nContent-Type: application/json;charset=UTF-8\r\n" + framing +
           "Connection: keep-alive\r\nDate: Wed, 25 Nov 2026 12:00:00 GMT\r\nServer: nginx\r\n"
           "x-mbx-uuid: 0a6e1b0c-9f4e-4b9a-8a7e-2f8b1f0c9d3e\r\nx-mbx-used-weight: 12\r\n"
           "x-mbx-used-weight-1m: 12\r\nx-mbx-order-count-10s: 3\r\nx-mbx-order-count-1d: 1207\r\n"
           "Strict-Transport-Security: max-age=31536000; includeSubdomains\r\n"
           "Cache-Control: no-cache, no-store, must-revalidate\r\n\r\n";
}

std::string framed(const std::string &body) {
    return head("Content-Length: " + std::to_string(body.size()) + "\r\n") + body;
}

std::string order_body() {
    return "{\"clientOrderId\":\"0000000000000000\",\"symbol\":\"BTCUSDT\",\"orderId\":28457,"
           "\"orderListId\":-1,\"transactTime\":1764090000000,\"price\":\"65000.00000000\","
           "\"origQty\":\"0.00100000\",\"executedQty\":\"0.00000000\","
           "\"cummulativeQuoteQty\":\"0.00000000\",\"status\":\"NEW\",\"timeInForce\":\"GTC\","
           "\"type\":\"LIMIT\",\"side\":\"BUY\",\"selfTradePreventionMode\":\"NONE\",\"fills\":[]}";
}

std::string chunked() {
    std::string text = head("Transfer-Encoding: chunked\r\n");
    for (int i = 0; i < 4; i++) text += "400\r\n" + std::string(1024, 'x') + "\r\n";
    return text + "0\r\n\r\n";
}

std::string order_answer = framed(order_body());
const std::size_t order_id_at = order_answer.find("0000000000000000");
const std::string body_answer = framed(std::string(16384, 'x'));
const std::string chunked_answer = chunked();

constexpr std::size_t BLOCK = 256;
const std::string stream_block = websocket::stream_of(BLOCK);

// ----------------------------------------------------------------------------- the connections

struct Connection {
    int fd;
    SSL *tls = nullptr;
    std::size_t have = 0;
    Clock::time_point close_at = Clock::time_point::max();
    bool is_websocket = false;
    char bytes[16384];
};

struct Venue {
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    SSL_CTX *tls = nullptr;
    long idle_close_us = 0;
    unsigned long die_every = 0;
    std::chrono::nanoseconds close_every{0};
    Clock::time_point next_close = Clock::now();
    std::minstd_rand random{1};
    std::vector<Connection *> connections;
    std::unordered_set<std::string> ids;
    unsigned long orders = 0, duplicates = 0;

    void accept_from(int listener);
    void serve(Connection *connection);
    bool answer(Connection *connection);
    std::size_t answer_frame(Connection *connection);
    void stream(Connection *connection, std::size_t messages);
    void close(Connection *connection);
    long receive(Connection *connection);
    void send(Connection *connection, std::string_view bytes);
    void rest(Connection *connection);
    void close_idle();
    void close_one_by_rate();
    bool closes() const { return idle_close_us > 0 || close_every.count() > 0; }
};

void Venue::accept_from(int listener) {
    int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    auto *connection = new Connection{};
    connection->fd = fd;
    fcntl(fd, F_SETFL, O_NONBLOCK);
    // The first read makes the handshake: no order of another connection waits for it to end.
    if (tls != nullptr) {
        connection->tls = SSL_new(tls);
        SSL_set_fd(connection->tls, fd);
        SSL_set_accept_state(connection->tls);
    }
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = connection;
    epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
    connections.push_back(connection);
    rest(connection);
}

void Venue::rest(Connection *connection) {
    if (idle_close_us == 0) return;
    connection->close_at = Clock::now() + std::chrono::microseconds(random() % idle_close_us);
}

/// Positive: so many bytes; 0: none now; negative: the connection is over.
long Venue::receive(Connection *c) {
    std::size_t room = sizeof c->bytes - c->have;
    if (c->tls == nullptr) {
        long got = recv(c->fd, c->bytes + c->have, room, 0);
        return got > 0 ? got : got < 0 && errno == EAGAIN ? 0 : -1;
    }
    int got = SSL_read(c->tls, c->bytes + c->have, static_cast<int>(room));
    if (got > 0) return got;
    return SSL_get_error(c->tls, got) == SSL_ERROR_WANT_READ ? 0 : -1;
}

void Venue::send(Connection *c, std::string_view bytes) {
    while (!bytes.empty()) {
        long sent = c->tls == nullptr
                        ? ::send(c->fd, bytes.data(), bytes.size(), MSG_NOSIGNAL)
                        : SSL_write(c->tls, bytes.data(), static_cast<int>(bytes.size()));
        // Answers are smaller than what the kernel takes at once; a stream waits for room.
        if (sent <= 0 && (!c->is_websocket || errno != EAGAIN)) return;
        if (sent <= 0) {
            pollfd room{c->fd, POLLOUT, 0};
            poll(&room, 1, -1);
            continue;
        }
        bytes.remove_prefix(static_cast<std::size_t>(sent));
    }
}

void Venue::close(Connection *c) {
    connections.erase(std::find(connections.begin(), connections.end(), c));
    if (c->tls != nullptr) {
        SSL_shutdown(c->tls);
        SSL_free(c->tls);
    }
    ::close(c->fd);
    delete c;
}

/// The length of the first request, or 0 while it is not whole.
std::size_t request_length(std::string_view bytes) {
    std::size_t end = bytes.find("\r\n\r\n");
    if (end == std::string_view::npos) return 0;
    std::size_t length = end + 4;
    for (std::size_t at = bytes.find("\r\n"); at < end; at = bytes.find("\r\n", at + 2)) {
        if (strncasecmp(bytes.data() + at + 2, "content-length:", 15) == 0)
            length += std::strtoul(bytes.data() + at + 17, nullptr, 10);
    }
    return length <= bytes.size() ? length : 0;
}

/// Whether the connection goes on.
bool Venue::answer(Connection *c) {
    std::string_view request(c->bytes, c->have);
    std::string_view path = request.substr(request.find(' ') + 1);
    if (path.substr(0, 13) == "/api/v3/order") {
        std::size_t at = request.find("newClientOrderId=");
        if (at == std::string_view::npos) return false;
        std::string_view id = request.substr(at + 17, 16);
        orders++;
        bool faulty = idle_close_us > 0 || die_every > 0;
        if (faulty && !ids.emplace(id).second) duplicates++;
        if (die_every > 0 && orders % die_every == 0) return false;
        std::memcpy(order_answer.data() + order_id_at, id.data(), 16);
        send(c, order_answer);
    } else if (path.substr(0, 3) == "/ws") {
        send(c, websocket::switched(request));
        c->is_websocket = true;
    } else {
        send(c, path.substr(0, 20) == "/api/v3/exchangeInfo" ? body_answer : chunked_answer);
    }
    return true;
}

void Venue::stream(Connection *c, std::size_t messages) {
    const std::size_t each = stream_block.size() / BLOCK;
    for (std::size_t now; messages > 0; messages -= now) {
        now = std::min(messages, BLOCK);
        send(c, {stream_block.data(), now * each});
    }
}

/// The length of the first frame, which was answered; 0 while it is not whole.
std::size_t Venue::answer_frame(Connection *c) {
    const websocket::Frame frame = websocket::unmasked(c->bytes, c->have);
    if (frame.taken == 0) return 0;
    const std::string_view text(frame.payload, frame.size);
    if (text.substr(0, 7) == "stream ")
        stream(c, std::strtoul(std::string(text.substr(7)).c_str(), nullptr, 10));
    else
        send(c, websocket::echoed(frame));
    return frame.taken;
}

void Venue::serve(Connection *c) {
    for (;;) {
        long got = receive(c);
        if (got < 0) return close(c);
        if (got == 0) return;
        c->have += static_cast<std::size_t>(got);
        c->close_at = Clock::time_point::max();  // not idle, even if the request is not whole
        std::size_t length;
        while ((length = c->is_websocket ? answer_frame(c)
                                         : request_length({c->bytes, c->have})) > 0) {
            if (!c->is_websocket && !answer(c)) return close(c);
            c->have -= length;
            std::memmove(c->bytes, c->bytes + length, c->have);
            rest(c);
        }
        // Only TLS may hold more than epoll tells of.
        if (c->tls == nullptr || SSL_pending(c->tls) == 0) return;
    }
}

void Venue::close_idle() {
    auto now = Clock::now();
    for (std::size_t i = connections.size(); i-- > 0;)
        if (connections[i]->close_at <= now) close(connections[i]);
}

void Venue::close_one_by_rate() {
    auto now = Clock::now();
    if (close_every.count() == 0 || now < next_close || connections.empty()) return;
    next_close = std::max(next_close + close_every, now - close_every);
    Connection *chosen = connections[random() % connections.size()];
    // A dial that fails is no heal.
    bool is_live = chosen->tls == nullptr || SSL_is_init_finished(chosen->tls) == 1;
    if (is_live && chosen->have == 0) close(chosen);
}

int listen_on_loopback() {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    if (bind(fd, reinterpret_cast<sockaddr *>(&address), length) != 0 || listen(fd, 512) != 0)
        fail("listen");
    getsockname(fd, reinterpret_cast<sockaddr *>(&address), &length);
    std::printf("%d\n", ntohs(address.sin_port));
    std::fflush(stdout);
    return fd;
}

}  // namespace

int main(int argc, char **argv) {
    Venue venue;
    std::signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i < argc; i++) {
        if (std::strcmp(argv[i], "--tls") == 0 && i + 2 < argc) {
            venue.tls = SSL_CTX_new(TLS_server_method());
            SSL_CTX_set_min_proto_version(venue.tls, TLS1_3_VERSION);
            if (SSL_CTX_use_certificate_chain_file(venue.tls, argv[i + 1]) != 1 ||
                SSL_CTX_use_PrivateKey_file(venue.tls, argv[i + 2], SSL_FILETYPE_PEM) != 1)
                fail("certificate");
            i += 2;
        } else if (std::strcmp(argv[i], "--idle-close-ms") == 0 && i + 1 < argc) {
            venue.idle_close_us = std::atol(argv[++i]) * 1000;
        } else if (std::strcmp(argv[i], "--die-after-execute") == 0 && i + 1 < argc) {
            venue.die_every = std::strtoul(argv[++i], nullptr, 10);
        } else if (std::strcmp(argv[i], "--closes-per-second") == 0 && i + 1 < argc) {
            venue.close_every = std::chrono::nanoseconds(1'000'000'000 / std::atol(argv[++i]));
        } else {
            fail(
                "usage: venue [--tls SERVER.pem SERVER.key] [--idle-close-ms MOST] "
                "[--die-after-execute EVERY] [--closes-per-second RATE]");
        }
    }
    int listener = listen_on_loopback();
    int input = 0;
    for (int *fd : {&listener, &input}) {
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.ptr = fd;
        epoll_ctl(venue.epoll, EPOLL_CTL_ADD, *fd, &event);
    }
    for (bool open = true; open;) {
        epoll_event events[64];
        int count = epoll_wait(venue.epoll, events, 64, venue.closes() ? 1 : -1);
        for (int i = 0; i < count; i++) {
            void *who = events[i].data.ptr;
            if (who == &listener)
                venue.accept_from(listener);
            else if (who == &input)
                open = false;
            else
                venue.serve(static_cast<Connection *>(who));
        }
        if (venue.idle_close_us > 0) venue.close_idle();
        venue.close_one_by_rate();
    }
    std::printf("orders %lu\nduplicates %lu\n", venue.orders, venue.duplicates);
    return 0;
}
