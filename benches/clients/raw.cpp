// The physical limit: preformatted bytes in which only digits change, one send, and recv until as
// many bytes are there as the first answer had. No HTTP is read but for that first answer.
//
// Modes: sleep (blocking recv for one connection, an epoll set for more), spin (recv in a loop).
#include "../harness.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>

namespace {

using namespace bench;

class Raw {
  public:
    static void prepare(const Options &) {}

    explicit Raw(const Options &options)
        : spin_(options.mode == "spin"),
          alone_(options.connections == 1),
          lines_(options.connections) {
        if (options.tls()) {
            tls_ = SSL_CTX_new(TLS_client_method());
            SSL_CTX_set_verify(tls_, SSL_VERIFY_PEER, nullptr);
            if (SSL_CTX_load_verify_locations(tls_, options.ca.c_str(), nullptr) != 1) fail("ca");
        }
        for (unsigned i = 0; i < lines_.size(); i++) dial(options, lines_[i], i);
        for (unsigned i = static_cast<unsigned>(lines_.size()); i-- > 0;) idle_.push_back(i);
        for (Line &line : lines_) learn(options, line);
    }

    void on_answer(Answered answered) { answered_ = answered; }

    void submit(const Request &request, unsigned tag) {
        Line &line = lines_[idle_.back()];
        idle_.pop_back();
        std::memcpy(line.bytes.data() + line.id_at, request.id().data(), 16);
        std::memcpy(line.bytes.data() + line.time_at, request.time().data(), 13);
        if (request.is_order())
            std::memcpy(line.bytes.data() + line.body_id_at, request.id().data(), 16);
        line.tag = tag;
        line.busy = true;
        send_all(line);
    }

    template <typename Finished>
    void run_until(Finished finished) {
        epoll_event events[64];
        while (!finished()) {
            if (alone_) {
                look(lines_[0]);
            } else if (spin_) {
                for (Line &line : lines_)
                    if (line.busy) look(line);
            } else {
                int count = epoll_wait(epoll_, events, 64, -1);
                for (int i = 0; i < count; i++) look(lines_[events[i].data.u32]);
            }
        }
    }

  private:
    struct Line {
        int fd = -1;
        SSL *tls = nullptr;
        std::string bytes;
        std::size_t id_at = 0, time_at = 0, body_id_at = 0;
        std::size_t head_size = 0, size = 0, have = 0;
        std::string_view count;
        unsigned tag = 0;
        bool busy = false;
        char answer[20480];
    };

    void dial(const Options &options, Line &line, unsigned number) {
        line.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(options.port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(line.fd, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
            fail("connect");
        int one = 1;
        setsockopt(line.fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (tls_ != nullptr) {
            line.tls = SSL_new(tls_);
            SSL_set_fd(line.tls, line.fd);
            SSL_set_tlsext_host_name(line.tls, options.host.c_str());
            SSL_set1_host(line.tls, options.host.c_str());
            if (SSL_connect(line.tls) != 1) fail("handshake");
        }
        if (!alone_) {
            epoll_event event{};
            event.events = EPOLLIN;
            event.data.u32 = number;
            epoll_ctl(epoll_, EPOLL_CTL_ADD, line.fd, &event);
        }
    }

    /// Formats the request, sends it once, and takes the measure of its answer.
    void learn(const Options &options, Line &line) {
        Request request(options.content, 1);
        std::string &out = line.bytes;
        out.append(request.method())
            .append(" ")
            .append(request.path())
            .append(" HTTP/1.1\r\nHost: ");
        out.append(options.host).append(":").append(std::to_string(options.port)).append("\r\n");
        for (const Header &header : DEFAULT_HEADERS)
            out.append(header.name).append(": ").append(header.value).append("\r\n");
        out.append("X-Request-Id: ");
        line.id_at = out.size();
        out.append(request.id()).append("\r\nX-Timestamp: ");
        line.time_at = out.size();
        out.append(request.time()).append("\r\n");
        if (request.is_order())
            out.append("Content-Length: ")
                .append(std::to_string(request.body().size()))
                .append("\r\n");
        out.append("\r\n");
        line.body_id_at = out.size() + 17;
        out.append(request.body());
        send_all(line);
        measure(options, line);
        line.have = 0;
        if (spin_ || !alone_) fcntl(line.fd, F_SETFL, O_NONBLOCK);
    }

    void measure(const Options &options, Line &line) {
        while (line.size == 0 || line.have < line.size) {
            if (!receive(line)) continue;
            std::string_view have(line.answer, line.have);
            std::size_t end = have.find("\r\n\r\n");
            if (end == std::string_view::npos) continue;
            line.head_size = end + 4;
            std::size_t length = have.find("Content-Length: ");
            if (length < end)
                line.size = line.head_size + std::strtoul(&line.answer[length + 16], nullptr, 10);
            else if (have.find("\r\n0\r\n\r\n") != std::string_view::npos)
                line.size = line.have;
            std::size_t count = have.find(COUNT_HEADER);
            line.count = have.substr(count + COUNT_HEADER.size() + 2, 1);
        }
        // Of a chunked answer the size of what is in the chunks is known, not read.
        body_size_ = options.content == "chunked" ? 4096 : line.size - line.head_size;
    }

    void send_all(Line &line) {
        long size = static_cast<long>(line.bytes.size());
        long sent = line.tls == nullptr
                        ? send(line.fd, line.bytes.data(), line.bytes.size(), MSG_NOSIGNAL)
                        : SSL_write(line.tls, line.bytes.data(), static_cast<int>(size));
        if (sent != size) fail("send");
    }

    bool receive(Line &line) {
        std::size_t room = sizeof line.answer - line.have;
        long got = line.tls == nullptr
                       ? recv(line.fd, line.answer + line.have, room, 0)
                       : SSL_read(line.tls, line.answer + line.have, static_cast<int>(room));
        if (got > 0) {
            line.have += static_cast<std::size_t>(got);
            return true;
        }
        bool again = line.tls == nullptr
                         ? got < 0 && errno == EAGAIN
                         : SSL_get_error(line.tls, static_cast<int>(got)) == SSL_ERROR_WANT_READ;
        if (!again) fail("the connection is gone");
        return false;
    }

    void look(Line &line) {
        while (line.have < line.size)
            if (!receive(line)) return;
        line.have = 0;
        line.busy = false;
        idle_.push_back(static_cast<unsigned>(&line - lines_.data()));
        answered_(line.tag, {200, line.count, {line.answer + line.head_size, body_size_}});
    }

    bool spin_, alone_;
    int epoll_ = epoll_create1(EPOLL_CLOEXEC);
    SSL_CTX *tls_ = nullptr;
    std::vector<Line> lines_;
    std::vector<unsigned> idle_;
    std::size_t body_size_ = 0;
    Answered answered_{};
};

}  // namespace

int main(int argc, char **argv) {
    return bench::run<Raw>(Options::parse(argc, argv));
}
