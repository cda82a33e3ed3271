/*
 * Histograms through C++ and C: what is counted, for the pool, each slot and each address, and the
 * reset.
 * With the argument `print` it prints them, for histogram_readers.py.
 */
#include "venue.h"

#include <venuepool.hpp>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>

namespace vp = venuepool;

namespace {

constexpr std::uint32_t kSlots = 2;
constexpr std::uint64_t kOrders = 100;

struct Kind {
    std::uint32_t number;
    const char *name;
};

constexpr Kind kKinds[] = {
    {VP_HISTOGRAM_QUEUE_WAIT, "queue_wait"}, {VP_HISTOGRAM_WRITE, "write"},
    {VP_HISTOGRAM_FIRST_BYTE, "first_byte"}, {VP_HISTOGRAM_TOTAL, "total"},
    {VP_HISTOGRAM_CONNECT, "connect"},       {VP_HISTOGRAM_HANDSHAKE, "handshake"},
    {VP_HISTOGRAM_HEARTBEAT, "heartbeat"},   {VP_HISTOGRAM_HEAL, "heal"},
};

vp::Config configured() {
    vp::Config config;
    config.url(std::getenv("VENUE_URL")).connections(kSlots);
    if (venue_is_tls()) {
        char *const ca = read_file(std::getenv("VENUE_CA"));
        config.ca_pem(ca);
        std::free(ca);
    }
    return config;
}

std::uint64_t count(const vp::Pool &pool, std::uint32_t kind, std::uint32_t slot = VP_ALL_SLOTS,
                    bool reset = false) {
    return pool.histogram(kind, slot, reset)->summary()->count;
}

void send(vp::Pool &pool, std::uint64_t orders) {
    vp::Request request = std::move(*pool.new_request());
    request.begin("GET", "/api/v3/time");
    for (std::uint64_t i = 0; i < orders; i++) CHECK(pool.execute(request, VP_QUEUE)->ok());
}

void print(const vp::Pool &pool) {
    std::printf("== log\n");
    bool is_first = true;
    for (const Kind &kind : kKinds) {
        std::printf("%s", pool.histogram(kind.number)->log(is_first).c_str());
        is_first = false;
    }
    for (const Kind &kind : kKinds) {
        const vp::Histogram histogram = std::move(*pool.histogram(kind.number));
        std::printf("== told %s\n%llu", kind.name,
                    static_cast<unsigned long long>(histogram.summary()->count));
        for (double percentile : {50.0, 99.0, 100.0})
            std::printf(" %lld",
                        static_cast<long long>(histogram.percentile(percentile)->count()));
        std::printf("\n== table %s\n%s", kind.name, histogram.percentile_table().c_str());
    }
}

void each_order_is_counted_once(const vp::Pool &pool) {
    for (std::uint32_t kind :
         {VP_HISTOGRAM_QUEUE_WAIT, VP_HISTOGRAM_WRITE, VP_HISTOGRAM_FIRST_BYTE,
          VP_HISTOGRAM_TOTAL}) {
        CHECK_EQ(count(pool, kind), kOrders);
        CHECK_EQ(count(pool, kind, 0) + count(pool, kind, 1), kOrders);
    }
    CHECK_EQ(count(pool, VP_HISTOGRAM_CONNECT), kSlots);
    CHECK_EQ(count(pool, VP_HISTOGRAM_HANDSHAKE), venue_is_tls() ? kSlots : 0);
    CHECK_EQ(count(pool, VP_HISTOGRAM_HEAL), 0);
}

void the_numbers_fit_together(const vp::Pool &pool) {
    const vp::Histogram total = std::move(*pool.histogram(VP_HISTOGRAM_TOTAL));
    const vp_summary all = *total.summary();
    CHECK(0 < all.min_ns && all.min_ns <= all.mean_ns && all.mean_ns <= all.max_ns);
    CHECK(all.since_wall_ns < all.until_wall_ns);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    CHECK(std::chrono::nanoseconds(all.until_wall_ns) <= now + std::chrono::seconds(1));
    auto before = std::chrono::nanoseconds(0);
    for (double percentile : {0.0, 50.0, 90.0, 99.9, 100.0}) {
        const std::chrono::nanoseconds here = *total.percentile(percentile);
        CHECK(before <= here && here.count() <= static_cast<std::int64_t>(all.max_ns));
        before = here;
    }
    CHECK(total.percentile(101).status() == VP_ERR_ARGUMENT);
    CHECK(pool.histogram(VP_HISTOGRAM_TOTAL, kSlots).status() == VP_ERR_ARGUMENT);
    CHECK(total.log(true).size() > total.log().size() && vp::Histogram().log().empty());
}

void a_reset_begins_anew(vp::Pool &pool) {
    CHECK_EQ(count(pool, VP_HISTOGRAM_TOTAL, VP_ALL_SLOTS, true), kOrders);
    CHECK_EQ(count(pool, VP_HISTOGRAM_TOTAL), 0);
    CHECK_EQ(count(pool, VP_HISTOGRAM_WRITE), kOrders);
    send(pool, 3);
    CHECK_EQ(count(pool, VP_HISTOGRAM_TOTAL), 3);
}

/* The venue has one address, so it has all that the pool has had. */
void an_address_has_what_went_there(vp::Pool &pool) {
    vp::Address known[1];
    CHECK_EQ(*pool.addresses(known), 1);
    const std::string_view address = known[0].ip();
    const auto at = [&](std::uint32_t kind, bool reset) {
        return pool.address_histogram(kind, address, reset)->summary()->count;
    };
    CHECK_EQ(at(VP_HISTOGRAM_CONNECT, false), kSlots);
    CHECK_EQ(at(VP_HISTOGRAM_HANDSHAKE, false), venue_is_tls() ? kSlots : 0);
    CHECK_EQ(at(VP_HISTOGRAM_FIRST_BYTE, false), kOrders + 3);
    CHECK_EQ(at(VP_HISTOGRAM_TOTAL, true), kOrders + 3);
    CHECK_EQ(at(VP_HISTOGRAM_TOTAL, false), 0);
    CHECK_EQ(count(pool, VP_HISTOGRAM_TOTAL), 3);
    const std::uint32_t kind = VP_HISTOGRAM_TOTAL;
    CHECK(pool.address_histogram(kind, "203.0.113.1").status() == VP_ERR_NOT_FOUND);
    CHECK(pool.address_histogram(kind, "venue.test").status() == VP_ERR_ADDRESS);
}

void a_pool_may_have_none(vp::Config &config) {
    vp::Pool pool = std::move(*vp::Pool::open(config.histograms(false)));
    send(pool, 1);
    CHECK(pool.histogram(VP_HISTOGRAM_TOTAL).status() == VP_ERR_NOT_FOUND);
}

}  // namespace

int main(int argc, char **argv) {
    vp::Config config = configured();
    vp::Pool pool = std::move(*vp::Pool::open(config));
    send(pool, kOrders);
    if (argc > 1 && std::strcmp(argv[1], "print") == 0) {
        print(pool);
        return 0;
    }
    each_order_is_counted_once(pool);
    the_numbers_fit_together(pool);
    a_reset_begins_anew(pool);
    an_address_has_what_went_there(pool);
    a_pool_may_have_none(config);
    return 0;
}
