// Orders that the engine signs: HMAC-SHA-256 in hexadecimal digits, or Ed25519 in base64.
//
//   signed_orders --url https://localhost:40123 --ca ca.pem --sign hmac
//   signed_orders --url https://localhost:40123 --ca ca.pem --sign ed25519
//
// venuepool signs nothing: keys stay in the engine. What is signed is what is sent, byte for byte,
// so the signed text goes into the query as it is (query_raw). Compiled once with OpenSSL and once
// with libsodium.
#include "../orders.hpp"
#include "vectors.hpp"

#if defined(WITH_SODIUM)
#include "sodium_signer.hpp"
#else
#include "openssl_signer.hpp"
#endif

namespace {

/// What the venue has from the engine, and checks signatures with.
constexpr std::string_view secret = "example-secret";

/// The parameters of order `number`. A real engine adds timestamp=NOW, as the venue asks.
std::string parameters(unsigned long number) {
    return "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01&price=65000.00"
           "&newClientOrderId=signed-" +
           std::to_string(number);
}

/// Sends the parameters with that signature; gives the status code.
int send(venuepool::Pool& pool, venuepool::Request& request, const std::string& signed_text,
         const std::string& signature) {
    request.begin("POST", "/api/v3/order")
        .query_raw(signed_text)
        // Base64 has characters that a query must not have; query() encodes them.
        .query("signature", signature)
        .header("X-MBX-APIKEY", "example-key");
    return pool.execute(request, VP_QUEUE).value().http_status();
}

/// Sends `count` orders, and each of them changed on its way, which the venue must refuse.
template <typename Sign>
void trade(venuepool::Pool& pool, unsigned long count, Sign sign) {
    venuepool::Request request = pool.new_request().value();
    for (unsigned long i = 0; i < count; ++i) {
        const std::string text = parameters(i);
        const std::string signature = sign(text);
        CHECK(send(pool, request, text, signature) == 200);
        CHECK(send(pool, request, text + "0", signature) == 401);
    }
}

}  // namespace

int main(int argc, char** argv) {
    const arguments arguments = parse_arguments(argc, argv, "20");
    const std::string_view way = argument(argc, argv, "--sign", "hmac");
    CHECK(signing::is_hmac_sha256<signing::HmacSha256>());
    CHECK(signing::is_ed25519<signing::Ed25519>());

    venuepool::Pool pool = open_pool(arguments);
    if (way == "ed25519") {
        const signing::Ed25519 key(signing::unhex(signing::seed_of_test_1));
        trade(pool, arguments.count,
              [&](const std::string& text) { return signing::base64(key.sign(text)); });
    } else {
        const signing::HmacSha256 key(secret);
        trade(pool, arguments.count,
              [&](const std::string& text) { return signing::hex(key.sign(text)); });
    }
    std::printf("%lu orders signed with %s and accepted\n", arguments.count, signing::library);
    return 0;
}
