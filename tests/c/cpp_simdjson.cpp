// venuepool/simdjson.hpp: a body is parsed where it was received, without a copy.
#include "venuepool/simdjson.hpp"
#include "venuepool.hpp"

#include "venue.h"

#include <cstring>

namespace vp = venuepool;

int main() {
    vp::Config config;
    config.url(std::getenv("VENUE_URL")).connections(1);
    char* const ca = venue_is_tls() ? read_file(std::getenv("VENUE_CA")) : nullptr;
    if (ca != nullptr) config.ca_pem(ca);
    std::free(ca);
    vp::Pool pool = vp::Pool::open(config).value();
    vp::Request request = pool.new_request().value();
    simdjson::ondemand::parser parser;

    request.begin("POST", "/echo?raw=1").body(R"({"price":"65000.10","ids":[1,2,3]})");
    const vp::Completion done = pool.execute(request).value();
    const simdjson::padded_string_view body = vp::padded_body(done.response());
    CHECK(body.data() == done.response().body().data());
    CHECK(body.padding() >= simdjson::SIMDJSON_PADDING);
    simdjson::ondemand::document document;
    CHECK(parser.iterate(body).get(document) == simdjson::SUCCESS);
    std::string_view price;
    CHECK(document["price"].get_string().get(price) == simdjson::SUCCESS && price == "65000.10");
    std::int64_t sum = 0;
    for (auto id : document["ids"]) sum += id.get_int64().value();
    CHECK_EQ(sum, 6);

    // A large answer, received in many pieces.
    const vp::Completion large =
        pool.execute(request.begin("GET", "/api/v3/exchangeInfo")).value();
    CHECK(large.response().body().size() > 1000000);
    CHECK(parser.iterate(vp::padded_body(large.response())).get(document) == simdjson::SUCCESS);
    CHECK(document.get_object().error() == simdjson::SUCCESS);
    return 0;
}
