// A WebSocket session against a server of Boost.Beast, which we did not write: echoes, calls,
// fragments, compression, pings of both sides, a close by the server, and the next connection.
//
// The server is a thread of this program. The mock venue that runs beside gives the certificate.
#include "venue.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast.hpp>
#include <boost/beast/ssl.hpp>
#include <boost/beast/websocket/ssl.hpp>

#include <atomic>
#include <string>
#include <string_view>
#include <thread>

#include <venuepool.hpp>
#include <venuepool/ws.hpp>

namespace {

namespace beast = boost::beast;
namespace websocket = beast::websocket;
namespace ssl = boost::asio::ssl;
using tcp = boost::asio::ip::tcp;
using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds patience{PATIENCE_NS};

// Answers messages until the client closes, or until it asks for a close.
template <class Stream>
void answer(websocket::stream<Stream>& socket) {
    socket.ping("a ping of the server");
    for (;;) {
        beast::flat_buffer buffer;
        socket.read(buffer);
        std::string text = beast::buffers_to_string(buffer.data());
        socket.text(true);
        if (text.rfind("close ", 0) == 0) {
            const auto code = static_cast<websocket::close_code>(std::stoi(text.substr(6)));
            socket.close(websocket::close_reason(code, "as asked"));
            return;
        }
        if (text.rfind("fragments ", 0) == 0) {
            for (std::size_t at = 10; at < text.size(); at++)
                socket.write_some(at + 1 == text.size(), boost::asio::buffer(&text[at], 1));
            continue;
        }
        if (text.rfind("id:", 0) == 0) text += " ok";
        socket.write(boost::asio::buffer(text));
    }
}

template <class Stream>
void serve(Stream stream) {
    websocket::stream<Stream> socket(std::move(stream));
    websocket::permessage_deflate deflate;
    deflate.server_enable = true;
    socket.set_option(deflate);
    socket.accept();
    // What is long is cut into frames by itself.
    socket.auto_fragment(true);
    socket.write_buffer_bytes(1024);
    try {
        answer(socket);
    } catch (const beast::system_error& error) {
        if (error.code() != websocket::error::closed) throw;
    }
}

class Server {
  public:
    Server() : acceptor_(io_, tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
               tls_(ssl::context::tls_server), thread_([this] { accept_all(); }) {}

    ~Server() {
        stopping_ = true;
        // Wakes the accept.
        tcp::socket socket(io_);
        socket.connect(acceptor_.local_endpoint());
        thread_.join();
    }

    std::string url() {
        return std::string(venue_is_tls() ? "https" : "http") + "://localhost:" +
               std::to_string(acceptor_.local_endpoint().port());
    }

  private:
    // One connection after the other: a session has one at a time.
    void accept_all() {
        if (venue_is_tls()) {
            const std::string ca = std::getenv("VENUE_CA");
            const std::string folder = ca.substr(0, ca.rfind('/'));
            tls_.use_certificate_chain_file(folder + "/server.pem");
            tls_.use_private_key_file(folder + "/server.key", ssl::context::pem);
        }
        for (;;) {
            tcp::socket socket = acceptor_.accept();
            if (stopping_) return;
            socket.set_option(tcp::no_delay(true));
            if (venue_is_tls()) {
                beast::ssl_stream<tcp::socket> stream(std::move(socket), tls_);
                stream.handshake(ssl::stream_base::server);
                serve(std::move(stream));
            } else {
                serve(std::move(socket));
            }
        }
    }

    boost::asio::io_context io_;
    tcp::acceptor acceptor_;
    ssl::context tls_;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

// The number behind "id:" is the key.
std::int32_t on_match(void*, std::int32_t, vp_str message, std::uint64_t* key) {
    if (std::string_view(message.ptr, message.len).rfind("id:", 0) != 0) return 0;
    *key = std::strtoull(message.ptr + 3, nullptr, 10);
    return 1;
}

// The next event must be of that kind.
venuepool::WsEvent expect(venuepool::WsSession& session, std::int32_t kind) {
    venuepool::WsEvent event;
    CHECK(session.wait(event, patience).value());
    CHECK_EQ(event.kind, kind);
    return event;
}

void echoes(venuepool::WsSession& session) {
    for (const std::size_t size : {1, 125, 126, 60000}) {
        std::string text;
        while (text.size() < size) text += "{\"s\":\"BTC\"}";
        text.resize(size);
        CHECK(session.send(text).ok());
        CHECK(expect(session, VP_WS_EVENT_MESSAGE).bytes() == text);
    }
    CHECK(session.send("fragments of a text").ok());
    CHECK(expect(session, VP_WS_EVENT_MESSAGE).bytes() == "of a text");
}

void calls(venuepool::WsSession& session) {
    for (std::uint64_t key = 1; key <= 50; key++) {
        const std::string text = "id:" + std::to_string(key);
        const std::uint64_t id = session.call(text, key, patience).value();
        const venuepool::WsEvent done = expect(session, VP_WS_EVENT_COMPLETION);
        CHECK(done.id == id && done.key == key);
        CHECK_EQ(done.outcome, VP_OUTCOME_OK);
        CHECK(done.bytes() == text + " ok");
    }
}

void trade(Server& server, std::uint32_t codec) {
    venuepool::Config config;
    config.url(server.url()).addresses("127.0.0.1");
    if (venue_is_tls()) {
        char* pem = read_file(std::getenv("VENUE_CA"));
        config.ca_pem(pem);
        free(pem);
    }
    venuepool::WsConfig settings;
    CHECK(settings.on_match(on_match, nullptr).ok());
    CHECK(settings.codec(codec).ok());
    CHECK(settings.keep_alive(20ms, 10s, 0ns).ok());
    venuepool::WsSession session = venuepool::WsSession::open(config, settings, "/").value();
    (void)expect(session, VP_WS_EVENT_UP);
    echoes(session);
    calls(session);
    while (session.state().value().rtt_ns == 0) breathe();
    CHECK(session.send("close 4001").ok());
    const venuepool::WsEvent lost = expect(session, VP_WS_EVENT_LOST);
    CHECK_EQ(lost.loss, VP_WS_LOSS_PEER_CLOSED);
    CHECK_EQ(lost.close_code, 4001);
    (void)expect(session, VP_WS_EVENT_UP);
    CHECK(session.close().ok());
    CHECK_EQ(expect(session, VP_WS_EVENT_LOST).loss, VP_WS_LOSS_CLOSED);
}

}  // namespace

int main() {
    Server server;
    trade(server, 0);
    trade(server, VP_WS_DEFLATE);
    return 0;
}
