// One order over TLS with venuepool; order_beast.cpp does the same with Boost.Beast.
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <venuepool.hpp>

int main() {
    std::ifstream file(std::getenv("VENUE_CA"));
    const std::string ca(std::istreambuf_iterator<char>(file), {});

    venuepool::Config config;
    config.url(std::getenv("VENUE_URL")).ca_pem(ca).connections(1);
    auto pool = venuepool::Pool::open(config).value();  // resolved, connected, verified

    auto order = pool.new_request().value();
    order.begin("POST", "/api/v3/order").body("symbol=BTCUSDT&side=BUY&newClientOrderId=beast-1");
    auto done = pool.execute(order).value();

    std::cout << "HTTP " << done.http_status() << ": " << done.response().body() << '\n';
    return done.ok() && done.http_status() == 200 ? 0 : 1;
}
