/*
 * Prints the metrics of pools through C++ and C, for metrics_parser.py: of a fresh one, of one that
 * has done most of what can be counted, and of both.
 */
#include "venue.h"

#include <venuepool.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace vp = venuepool;

namespace {

constexpr int kOrders = 100;

vp::Pool opened(const char *name) {
    vp::Config config;
    config.url(std::getenv("VENUE_URL")).connections(2).thread_name(name);
    if (venue_is_tls()) {
        char *const ca = read_file(std::getenv("VENUE_CA"));
        config.ca_pem(ca);
        std::free(ca);
    }
    return std::move(*vp::Pool::open(config));
}

void print(const char *heading, const std::string &text) {
    std::printf("== %s\n%s", heading, text.c_str());
}

void be_busy(vp::Pool &pool) {
    vp::Request request = std::move(*pool.new_request());
    request.begin("GET", "/api/v3/time");
    for (int i = 0; i < kOrders; i++) CHECK(pool.execute(request, VP_QUEUE)->ok());
    request.lane(VP_LANE_BACKGROUND);
    CHECK(pool.execute(request, VP_QUEUE)->ok());
    const vp::Lease one = std::move(*pool.try_acquire());
    const vp::Lease two = std::move(*pool.try_acquire());
    CHECK(pool.submit(request).status() == VP_ERR_NO_SLOT);
    CHECK(pool.suspend(std::chrono::hours(1)) == VP_OK);
    CHECK(pool.submit(request).status() == VP_ERR_SUSPENDED);
    CHECK(pool.suspend(std::chrono::nanoseconds(0)) == VP_OK);
}

void the_calls_of_c_say_what_they_need(const vp::Pool &pool) {
    std::size_t needed = 0;
    CHECK_STATUS(vp_pool_metrics_text(pool.get(), nullptr, 0, &needed), VP_ERR_TOO_LARGE);
    std::vector<char> buffer(needed + 1024, 'x');
    std::size_t written = 0;
    CHECK_STATUS(vp_pool_metrics_text(pool.get(), buffer.data(), buffer.size(), &written), VP_OK);
    CHECK(buffer[written - 1] == '\0' && buffer[written] == 'x');
    CHECK_STATUS(vp_pool_metrics_text(pool.get(), buffer.data(), written - 2, &needed),
                 VP_ERR_TOO_LARGE);
}

}  // namespace

int main() {
    const vp::Pool fresh = opened("fresh");
    vp::Pool busy = opened("busy");
    print("fresh", *vp::metrics_text(fresh));
    be_busy(busy);
    the_calls_of_c_say_what_they_need(busy);
    print("busy", *vp::metrics_text(busy));
    print("both", *vp::metrics_text({&fresh, &busy}));
    CHECK(vp::metrics_text({&busy, &busy}).status() == VP_ERR_ARGUMENT);
    const vp_stats stats = *busy.stats();
    CHECK_EQ(stats.lanes[VP_LANE_ORDERS], kOrders);
    CHECK_EQ(stats.lanes[VP_LANE_BACKGROUND], 1);
    CHECK_EQ(stats.wire_states[VP_WIRE_ANSWERED], kOrders + 1);
    CHECK_EQ(stats.pauses, 1);
    return 0;
}
