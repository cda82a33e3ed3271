#include <cstdio>
#include <cstdlib>
#include <poll.h>
#include <venuepool/async.hpp>

#include "task.hpp"

Task trade(venuepool::AsyncPool& pool) {
    auto order = pool.pool().new_request().value();
    order.begin("POST", "/api/v3/order").body("symbol=BTCUSDT&side=BUY&newClientOrderId=own-1");
    auto done = (co_await pool.submit(order)).value();
    std::printf("%s, HTTP %d\n", vp_outcome_name(done.outcome()), done.http_status());
}

int main() {
    const char* url = std::getenv("VENUE_URL");  // such as https://api.example.com
    if (url == nullptr) return std::puts("set VENUE_URL"), 1;
    venuepool::AsyncPool pool(venuepool::Pool::open(venuepool::Config().url(url)).value(), 64);

    Task task = trade(pool);
    pollfd readable{pool.pool().fd().value(), POLLIN, 0};
    while (!task.is_done()) {
        if (::poll(&readable, 1, -1) < 0) return 1;
        if (!pool.dispatch()) return 1;
    }
    task.get();
    return 0;
}
