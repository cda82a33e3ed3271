// One order over TLS with Boost.Beast; order_venuepool.cpp does the same.
#include <boost/asio/connect.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast.hpp>
#include <boost/beast/ssl.hpp>

#include <cstdlib>
#include <iostream>
#include <string>

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;

int main() {
    const std::string url = std::getenv("VENUE_URL");  // such as https://localhost:40123
    const auto colon = url.rfind(':');
    const std::string host = url.substr(8, colon - 8), port = url.substr(colon + 1);

    asio::io_context io;
    asio::ssl::context tls(asio::ssl::context::tls_client);
    tls.load_verify_file(std::getenv("VENUE_CA"));
    tls.set_verify_mode(asio::ssl::verify_peer);
    beast::ssl_stream<beast::tcp_stream> stream(io, tls);
    SSL_set_tlsext_host_name(stream.native_handle(), host.c_str());
    stream.set_verify_callback(asio::ssl::host_name_verification(host));
    asio::ip::tcp::resolver resolver(io);
    beast::get_lowest_layer(stream).connect(resolver.resolve(host, port));
    beast::get_lowest_layer(stream).socket().set_option(asio::ip::tcp::no_delay(true));
    stream.handshake(asio::ssl::stream_base::client);

    http::request<http::string_body> order(http::verb::post, "/api/v3/order", 11);
    order.set(http::field::host, host + ":" + port);
    order.body() = "symbol=BTCUSDT&side=BUY&newClientOrderId=beast-1";
    order.prepare_payload();
    http::write(stream, order);

    beast::flat_buffer buffer;
    http::response<http::string_body> answer;
    http::read(stream, buffer, answer);
    std::cout << "HTTP " << answer.result_int() << ": " << answer.body() << '\n';
    return answer.result() == http::status::ok ? 0 : 1;
}
