// The physical limit of WebSocket: a frame made by hand in which only digits change, one send, and
// recv until as many bytes are there as an echo has. No frame is read: bytes are counted.
//
// Modes: sleep (blocking recv), spin (recv in a loop).
#include "../websocket.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace {

using namespace bench;

/// Both headers, because 200 bytes need a length of 16 bits; a client's has the key besides.
constexpr std::size_t SERVER_HEAD = 4, CLIENT_HEAD = 8;

class RawWebSocket {
  public:
    explicit RawWebSocket(const Options &options) {
        dial(options);
        const std::string request = switch_request(options);
        send_all(request.data(), request.size());
        std::size_t have = 0;
        while (std::string_view(in_, have).find("\r\n\r\n") == std::string_view::npos)
            have += receive(in_ + have, sizeof in_ - have);
        if (std::string_view(in_, 12) != "HTTP/1.1 101") fail("no upgrade");
        if (options.mode == "spin") fcntl(fd_, F_SETFL, O_NONBLOCK);
    }

    std::string_view echo(const Order &order) {
        write_frame(order.text());
        std::size_t have = 0;
        while (have < SERVER_HEAD + MESSAGE) have += receive(in_ + have, sizeof in_ - have);
        return {in_ + SERVER_HEAD, have - SERVER_HEAD};
    }

    void stream(const std::string &request, std::uint64_t count) {
        write_frame(request);
        std::uint64_t left = count * (SERVER_HEAD + MESSAGE);
        while (left > 0) left -= receive(in_, sizeof in_);
    }

  private:
    void dial(const Options &options) {
        fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_port = htons(static_cast<std::uint16_t>(options.port));
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (connect(fd_, reinterpret_cast<sockaddr *>(&address), sizeof address) != 0)
            fail("connect");
        int one = 1;
        setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    }

    /// Masked by a key that never changes, which a real client must not do.
    void write_frame(std::string_view text) {
        static constexpr char KEY[] = {0x12, 0x34, 0x56, 0x78};
        std::size_t head = 6;
        out_[0] = '\x81';
        if (text.size() < 126) {
            out_[1] = static_cast<char>(0x80 | text.size());
        } else {
            out_[1] = '\xfe';
            out_[2] = static_cast<char>(text.size() >> 8);
            out_[3] = static_cast<char>(text.size() & 0xff);
            head = CLIENT_HEAD;
        }
        std::memcpy(out_ + head - 4, KEY, 4);
        for (std::size_t i = 0; i < text.size(); i++)
            out_[head + i] = static_cast<char>(text[i] ^ KEY[i % 4]);
        send_all(out_, head + text.size());
    }

    void send_all(const char *bytes, std::size_t size) {
        if (send(fd_, bytes, size, MSG_NOSIGNAL) != static_cast<long>(size)) fail("send");
    }

    /// 0: there is nothing now.
    std::size_t receive(char *into, std::size_t room) {
        const long got = recv(fd_, into, room, 0);
        if (got > 0) return static_cast<std::size_t>(got);
        if (got < 0 && errno == EAGAIN) return 0;
        fail("the connection is gone");
    }

    int fd_ = -1;
    char out_[512];
    char in_[64 * 1024];
};

}  // namespace

int main(int argc, char **argv) {
    return run_websocket<RawWebSocket>(Options::parse(argc, argv));
}
