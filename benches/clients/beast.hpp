// One Boost.Beast connection, as both Beast clients use it: the stream, the kept request, and the
// parser of the answer. It does not know whether reads and writes block.
#ifndef VENUEPOOL_BENCH_BEAST_HPP
#define VENUEPOOL_BENCH_BEAST_HPP

#include <boost/asio.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast.hpp>
#include <boost/beast/ssl.hpp>

#include <optional>

#include "../harness.hpp"

namespace bench {

namespace net = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using tcp = net::ip::tcp;

// Its own executor: the default one is polymorphic, and costs allocations.
using Plain = net::basic_stream_socket<tcp, net::io_context::executor_type>;
// It sends header and body in one record, which net::ssl::stream does not.
using Tls = beast::ssl_stream<Plain>;

/// What all connections of a client have in common.
struct Beast {
    explicit Beast(const Options &options) : options(options) {
        if (!options.tls()) return;
        tls.set_verify_mode(net::ssl::verify_peer);
        tls.load_verify_file(options.ca);
    }

    const Options options;
    net::io_context io{1};
    net::ssl::context tls{net::ssl::context::tlsv13_client};
};

template <typename Stream>
class BeastConnection {
  public:
    using Parser = http::response_parser<http::span_body<char>>;

    explicit BeastConnection(Beast &beast) : beast_(beast) {
        const Options &options = beast.options;
        request_.version(11);
        request_.set(http::field::host, options.host + ":" + std::to_string(options.port));
        for (const Header &header : DEFAULT_HEADERS)
            request_.insert(view(header.name), view(header.value));
        read_.reserve(32 * 1024);  // the longest answer in one read
    }

    /// Blocks until the connection is live; a former one is dropped.
    void dial() {
        tcp::endpoint venue(net::ip::address_v4::loopback(),
                            static_cast<unsigned short>(beast_.options.port));
        read_.clear();
        if constexpr (std::is_same_v<Stream, Tls>) {
            stream_.emplace(beast_.io, beast_.tls);
            const char *host = beast_.options.host.c_str();
            SSL_set_tlsext_host_name(stream_->native_handle(), host);
            stream_->set_verify_callback(net::ssl::host_name_verification(host));
            connect(stream_->next_layer(), venue);
            stream_->handshake(net::ssl::stream_base::client);
        } else {
            stream_.emplace(beast_.io);
            connect(*stream_, venue);
        }
    }

    void prepare(const Request &request, unsigned tag) {
        tag_ = tag;
        request_.method(request.is_order() ? http::verb::post : http::verb::get);
        request_.target(view(request.path()));
        request_.set("X-Request-Id", view(request.id()));
        request_.set("X-Timestamp", view(request.time()));
        request_.body() = {request.body().data(), request.body().size()};
        if (request.is_order()) request_.content_length(request.body().size());
        parser_.emplace();
        parser_->get().body() = {body_.data(), body_.size()};
    }

    Answer answer() const {
        const auto &response = parser_->get();
        auto count = response[beast::string_view(COUNT_HEADER.data(), COUNT_HEADER.size())];
        // What remains of the span is what the body left.
        return {static_cast<int>(response.result_int()),
                {count.data(), count.size()},
                {body_.data(), body_.size() - response.body().size()}};
    }

    Stream &stream() { return *stream_; }
    http::request<http::span_body<const char>> &request() { return request_; }
    beast::flat_buffer &read_buffer() { return read_; }
    Parser &parser() { return *parser_; }
    unsigned tag() const { return tag_; }

  private:
    static beast::string_view view(std::string_view text) { return {text.data(), text.size()}; }

    static void connect(Plain &socket, const tcp::endpoint &venue) {
        socket.connect(venue);
        socket.set_option(tcp::no_delay(true));
    }

    Beast &beast_;
    std::optional<Stream> stream_;
    http::request<http::span_body<const char>> request_;
    std::optional<Parser> parser_;
    beast::flat_buffer read_;
    std::array<char, 32 * 1024> body_{};
    unsigned tag_ = 0;
};

}  // namespace bench

#endif
