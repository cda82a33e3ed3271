// Metrics for Prometheus: a thread of the engine's own answers GET /metrics on the loopback address
// with the text of all pools. The library opens no port; this is all that it takes.
//
//   exporter --url https://api.example.com/api/v3/time --port 9464
//
// Prometheus reads http://127.0.0.1:9464/metrics, and docs/grafana-dashboard.json shows it.
// Without --port a free one is taken, the metrics are read once, and the program ends.
#include "example.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "venuepool.hpp"

namespace {

/// A socket, closed at the end.
class Socket {
  public:
    explicit Socket(int fd) : fd_(fd) { CHECK(fd_ >= 0); }
    ~Socket() { close(fd_); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    [[nodiscard]] int fd() const { return fd_; }

    /// Sends all of it, or as much as the peer takes.
    void send_all(std::string_view text) const {
        while (!text.empty()) {
            const ssize_t sent = send(fd_, text.data(), text.size(), MSG_NOSIGNAL);
            if (sent <= 0) return;
            text.remove_prefix(static_cast<std::size_t>(sent));
        }
    }
    /// Receives until `enough` says so, or the peer ends.
    template <typename Enough>
    [[nodiscard]] std::string receive(Enough enough) const {
        std::string all;
        char part[4096];
        while (!enough(all)) {
            const ssize_t got = recv(fd_, part, sizeof part, 0);
            if (got <= 0) break;
            all.append(part, static_cast<std::size_t>(got));
        }
        return all;
    }

  private:
    int fd_;
};

sockaddr_in loopback(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

/// Answers one request after the other: Prometheus asks every few seconds.
class Exporter {
  public:
    Exporter(std::vector<const venuepool::Pool*> pools, std::uint16_t port)
        : pools_(std::move(pools)), listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        const int on = 1;
        setsockopt(listener_.fd(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
        sockaddr_in address = loopback(port);
        socklen_t length = sizeof address;
        auto* const raw = reinterpret_cast<sockaddr*>(&address);
        CHECK(bind(listener_.fd(), raw, length) == 0 && listen(listener_.fd(), 8) == 0);
        CHECK(getsockname(listener_.fd(), raw, &length) == 0);
        port_ = ntohs(address.sin_port);
        thread_ = std::thread([this] { serve(); });
    }
    /// Ends the thread: `accept` of a socket that is shut down fails.
    ~Exporter() {
        shutdown(listener_.fd(), SHUT_RDWR);
        thread_.join();
    }
    Exporter(const Exporter&) = delete;
    Exporter& operator=(const Exporter&) = delete;
    [[nodiscard]] std::uint16_t port() const { return port_; }

  private:
    void serve() {
        for (;;) {
            const int fd = accept4(listener_.fd(), nullptr, nullptr, SOCK_CLOEXEC);
            if (fd < 0) return;
            const Socket peer(fd);
            const timeval patience{5, 0};
            setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
            setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
            const std::string request = peer.receive([](const std::string& head) {
                return head.find("\r\n\r\n") != std::string::npos || head.size() > 16384;
            });
            peer.send_all(answer(request));
        }
    }
    [[nodiscard]] std::string answer(const std::string& request) const {
        if (request.rfind("GET /metrics ", 0) != 0)
            return "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
        const auto text = venuepool::metrics_text(pools_);
        if (!text)
            return "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n"
                   "Connection: close\r\n\r\n";
        return "HTTP/1.1 200 OK\r\n"
               "Content-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\n"
               "Content-Length: " +
               std::to_string(text->size()) + "\r\nConnection: close\r\n\r\n" + *text;
    }

    std::vector<const venuepool::Pool*> pools_;
    Socket listener_;
    std::uint16_t port_ = 0;
    std::thread thread_;
};

/// What Prometheus does.
std::string scrape(std::uint16_t port, std::string_view path) {
    const Socket client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = loopback(port);
    CHECK(connect(client.fd(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
    client.send_all("GET " + std::string(path) + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    return client.receive([](const std::string&) { return false; });
}

bool contains(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

}  // namespace

int main(int argc, char** argv) {
    const arguments arguments = parse_arguments(argc, argv, "20");
    venuepool::Config config;
    config.url(arguments.url).connections(2).drive(arguments.drive).thread_name("trade");
    if (arguments.ca_pem.len > 0) config.ca_pem({arguments.ca_pem.ptr, arguments.ca_pem.len});
    auto opened = venuepool::Pool::open(config);
    CHECK(opened.has_value());
    venuepool::Pool pool = std::move(*opened);
    venuepool::Request request = std::move(*pool.new_request());
    request.begin("GET", "/api/v3/time");

    const auto port = std::strtoul(argument(argc, argv, "--port", "0"), nullptr, 10);
    const Exporter exporter({&pool}, static_cast<std::uint16_t>(port));
    std::printf("http://127.0.0.1:%u/metrics\n", static_cast<unsigned>(exporter.port()));
    for (unsigned long i = 0; i < arguments.count; i++) {
        CHECK(pool.execute(request, VP_QUEUE)->ok());
    }

    if (port != 0) {
        for (;;) pause();
    }
    const std::string metrics = scrape(exporter.port(), "/metrics");
    CHECK(contains(metrics, "HTTP/1.1 200 OK\r\n") && contains(metrics, "# EOF\n"));
    CHECK(contains(metrics, "outcome=\"ok\"} " + std::to_string(arguments.count) + "\n"));
    CHECK(contains(scrape(exporter.port(), "/other"), "HTTP/1.1 404 "));
    return 0;
}
