// websocketpp on Boost.Asio: this thread runs the loop until the message that it wants is there.
#include <websocketpp/client.hpp>
#include <websocketpp/concurrency/none.hpp>
#include <websocketpp/config/asio_no_tls_client.hpp>

#include "../websocket.hpp"

namespace {

using namespace bench;

// As it comes, but for the locks, which one thread needs not, and the logs.
struct Config : websocketpp::config::asio_client {
    using concurrency_type = websocketpp::concurrency::none;
    struct transport_config : asio_client::transport_config {
        using concurrency_type = websocketpp::concurrency::none;
        static const bool enable_multithreading = false;
    };
    using transport_type = websocketpp::transport::asio::endpoint<transport_config>;
};

using Endpoint = websocketpp::client<Config>;

class WebSocketPp {
  public:
    explicit WebSocketPp(const Options &options) {
        endpoint_.clear_access_channels(websocketpp::log::alevel::all);
        endpoint_.clear_error_channels(websocketpp::log::elevel::all);
        endpoint_.init_asio();
        endpoint_.set_tcp_post_init_handler([this](websocketpp::connection_hdl handle) {
            connection(handle)->get_raw_socket().set_option(
                boost::asio::ip::tcp::no_delay(true));
        });
        endpoint_.set_open_handler([this](websocketpp::connection_hdl) { is_open_ = true; });
        endpoint_.set_fail_handler([](websocketpp::connection_hdl) { fail("no upgrade"); });
        endpoint_.set_message_handler(
            [this](websocketpp::connection_hdl, Endpoint::message_ptr message) {
                if (message->get_payload().size() != MESSAGE) fail("another message came");
                last_ = std::move(message);
                count_++;
            });
        websocketpp::lib::error_code error;
        connection_ = endpoint_.get_connection(
            "ws://127.0.0.1:" + std::to_string(options.port) + "/ws", error);
        if (error) fail("websocketpp:", error.message().c_str());
        endpoint_.connect(connection_);
        while (!is_open_) endpoint_.run_one();
    }

    std::string_view echo(const Order &order) {
        send(order.text());
        receive(1);
        return last_->get_payload();
    }

    void stream(const std::string &request, std::uint64_t count) {
        send(request);
        receive(count);
    }

  private:
    Endpoint::connection_ptr connection(websocketpp::connection_hdl handle) {
        return endpoint_.get_con_from_hdl(handle);
    }

    void send(std::string_view text) {
        const auto error =
            connection_->send(text.data(), text.size(), websocketpp::frame::opcode::text);
        if (error) fail("websocketpp:", error.message().c_str());
    }

    void receive(std::uint64_t count) {
        for (count_ = 0; count_ < count;) endpoint_.run_one();
    }

    Endpoint endpoint_;
    Endpoint::connection_ptr connection_;
    Endpoint::message_ptr last_;
    std::uint64_t count_ = 0;
    bool is_open_ = false;
};

}  // namespace

int main(int argc, char **argv) {
    return run_websocket<WebSocketPp>(Options::parse(argc, argv));
}
