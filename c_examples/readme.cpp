#include <cstdio>
#include <cstdlib>
#include <venuepool.hpp>

int main() {
    const char *url = std::getenv("VENUE_URL"); // such as https://api.example.com
    if (url == nullptr) return std::puts("set VENUE_URL"), 1;
    auto config = venuepool::Config();
    config.url(url).connections(4);
    auto pool = venuepool::Pool::open(config).value();
    auto order = pool.new_request().value();

    order.begin("POST", "/api/v3/order").body("symbol=BTCUSDT&side=BUY&newClientOrderId=cpp-1");
    auto done = pool.execute(order).value();

    std::printf("%s, %s, HTTP %d\n", vp_outcome_name(done.outcome()),
                vp_wire_name(done.wire_state()), done.http_status());
    return done.ok() && done.http_status() == 200 ? 0 : 1;
}
