// Orders that are signed in the moment when they are sent.
//
//   late_signing --url https://localhost:40123 --ca ca.pem --count 500
//
// Start the mock venue with --hmac-secret late-secret: it refuses an order with a wrong signature.
// There are more orders than connections, so most of them wait. Their timestamps and signatures are
// made when they have a connection, so none of them is stale.
#include "example.h"

#include <chrono>
#include <string>

#include <venuepool.hpp>

#include "sha256.hpp"

namespace {

constexpr std::size_t timestamp_length = 13;
constexpr std::string_view signature_name = "&signature=";

// Fills the timestamp and the signature of one order. It runs on the thread that sends.
class Signer {
  public:
    explicit Signer(std::string_view secret) : key_(secret) {}

    bool operator()(venuepool::SendingView sending) {
        if (withdraws_ != 0 && sending.user_data() == withdraws_) return false;
        char timestamp[32];
        const auto now =
            std::chrono::duration_cast<std::chrono::milliseconds>(sending.since_1970()).count();
        std::snprintf(timestamp, sizeof timestamp, "%013lld", static_cast<long long>(now));
        if (!sending.fill(0, {timestamp, timestamp_length}).ok()) return false;
        // The body up to the signature, with the timestamp that was filled in just now.
        const std::string_view request = sending.bytes();
        const std::size_t begin = request.find("\r\n\r\n") + 4;
        const std::size_t end = request.rfind(signature_name);
        char signature[sha256::hex_length];
        sha256::write_hex(key_.sign(request.substr(begin, end - begin)), signature);
        ++signed_;
        return sending.fill(1, {signature, sizeof signature}).ok();
    }

    // The order of that number is withdrawn, as an engine does that has changed its mind.
    void withdraw(std::uint64_t number) { withdraws_ = number; }
    unsigned long count() const { return signed_; }

  private:
    sha256::Hmac key_;
    std::uint64_t withdraws_ = 0;
    unsigned long signed_ = 0;
};

// Builds order `number`, with room for what is filled in later.
void build(venuepool::Request& request, unsigned long number) {
    char id[32];
    std::snprintf(id, sizeof id, "late-%lu", number);
    std::string body = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1&price=65000"
                       "&recvWindow=1000&newClientOrderId=";
    body.append(id).append("&timestamp=");
    const std::size_t timestamp_at = body.size();
    body.append(timestamp_length, '0').append(signature_name);
    const std::size_t signature_at = body.size();
    body.append(sha256::hex_length, '0');
    request.begin("POST", "/api/v3/order")
        .header("X-MBX-APIKEY", "late-key")
        .header("Content-Type", "application/x-www-form-urlencoded")
        .user_data(number)
        .body(body);
    CHECK(request.body_placeholder(timestamp_at, timestamp_length).value() == 0);
    CHECK(request.body_placeholder(signature_at, sha256::hex_length).value() == 1);
}

}  // namespace

int main(int argc, char** argv) {
    const arguments arguments = parse_arguments(argc, argv, "500");
    venuepool::Config config;
    config.url(arguments.url).connections(2).drive(arguments.drive);
    if (arguments.ca_pem.len > 0) config.ca_pem({arguments.ca_pem.ptr, arguments.ca_pem.len});
    venuepool::Pool pool = venuepool::Pool::open(config).value();

    Signer signer("late-secret");
    signer.withdraw(arguments.count);
    venuepool::Request request = pool.new_request().value();
    request.on_send(signer);

    venuepool::Completions<64> room;
    unsigned long filled = 0, withdrawn = 0, next = 1;
    while (filled + withdrawn < arguments.count) {
        // As many as the completion queue takes; most of them wait for a connection.
        while (next <= arguments.count && next < filled + withdrawn + 64) {
            build(request, next++);
            CHECK(pool.submit(request, VP_QUEUE).ok());
        }
        for (const venuepool::Completion& done : pool.wait(room, std::chrono::seconds(10))) {
            if (done.user_data() == arguments.count) {
                CHECK(done.outcome() == VP_OUTCOME_CANCELLED);
                CHECK(done.wire_state() == VP_WIRE_NOT_SENT);
                ++withdrawn;
            } else {
                CHECK(done.ok() && done.http_status() == 200);
                ++filled;
            }
        }
    }
    CHECK(withdrawn == 1 && signer.count() == filled);
    std::printf("%lu orders were signed when they were sent, and one was withdrawn\n", filled);
}
