// Boost.Beast's websocket::stream, with blocking reads and writes.
#include <boost/asio.hpp>
#include <boost/beast.hpp>

#include "../websocket.hpp"

namespace {

using namespace bench;

namespace net = boost::asio;
namespace beast = boost::beast;
using tcp = net::ip::tcp;

// Its own executor: the default one is polymorphic, and costs allocations.
using Plain = net::basic_stream_socket<tcp, net::io_context::executor_type>;

class BeastWebSocket {
  public:
    explicit BeastWebSocket(const Options &options) : socket_(io_) {
        const auto port = static_cast<unsigned short>(options.port);
        socket_.next_layer().connect(tcp::endpoint(net::ip::address_v4::loopback(), port));
        socket_.next_layer().set_option(tcp::no_delay(true));
        socket_.handshake(options.host + ":" + std::to_string(options.port), "/ws");
        socket_.text(true);
        // One frame for each message, as it is by default; and one write.
        socket_.auto_fragment(false);
        read_.reserve(64 * 1024);
    }

    std::string_view echo(const Order &order) {
        socket_.write(net::buffer(order.text().data(), order.text().size()));
        return receive();
    }

    void stream(const std::string &request, std::uint64_t count) {
        socket_.write(net::buffer(request));
        for (std::uint64_t i = 0; i < count; i++)
            if (receive().size() != MESSAGE) fail("another message came");
    }

  private:
    std::string_view receive() {
        read_.clear();
        socket_.read(read_);
        return {static_cast<const char *>(read_.data().data()), read_.size()};
    }

    net::io_context io_{1};
    beast::websocket::stream<Plain> socket_;
    beast::flat_buffer read_;
};

}  // namespace

int main(int argc, char **argv) {
    return run_websocket<BeastWebSocket>(Options::parse(argc, argv));
}
