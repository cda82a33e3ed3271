// An engine in C++17: one thread decides, signs and sends; another one takes the completions and
// settles every order, through whatever the venue and the network do.
//
//   engine --url https://localhost:40123 --ca ca.pem --control http://127.0.0.1:40124 --count 2000
//
// Start the mock venue with --hmac-secret example-secret, and with faults, for example
// --fault rst-response=every:100,on:/api/v3/order. The venue's own ledger has the last word.
#include "example.h"

#include <atomic>
#include <thread>

#include "control.hpp"
#include "engine.hpp"

namespace {

constexpr Account account{"example-key", "example-secret"};
constexpr std::string_view run = "engine";

venuepool::Pool open(const arguments& arguments) {
    venuepool::Config config;
    config.url(arguments.url).connections(4).request_timeout(milliseconds(2000));
    if (arguments.ca_pem.len > 0) config.ca_pem({arguments.ca_pem.ptr, arguments.ca_pem.len});
    return venuepool::Pool::open(config).value();
}

/// The strategy: it wants every order, so it waits for a connection while the pool heals.
void trade(venuepool::Pool& pool, std::uint64_t count, std::atomic<std::uint64_t>& sent) {
    OrderDesk desk(pool, account, std::string(run));
    for (std::uint64_t number = 0; number < count;) {
        const venuepool::Status status = desk.send(number, milliseconds(100));
        if (status.ok()) {
            sent.store(++number);
        } else {
            // Nothing was sent: no connection in time, or it was lost before the first byte.
            CHECK(status == VP_ERR_TIMEOUT || status == VP_ERR_SLOT_DOWN);
        }
    }
}

void print(const Tally& tally, const OrderTracker& tracker) {
    std::printf("placed %llu   rejected %llu   sent again %llu\n",
                static_cast<unsigned long long>(tally.placed),
                static_cast<unsigned long long>(tally.rejected),
                static_cast<unsigned long long>(tally.sent_again));
    for (int wire = VP_WIRE_NOT_SENT; wire < VP_WIRE_ANSWERED; ++wire) {
        std::printf(
            "no answer, %-18s %llu\n", vp_wire_name(wire),
            static_cast<unsigned long long>(tally.failed_by_wire[static_cast<std::size_t>(wire)]));
    }
    std::printf("asked for: found %llu, absent %llu\n",
                static_cast<unsigned long long>(tally.found),
                static_cast<unsigned long long>(tally.absent));
    tracker.latency().print();
}

/// The mock venue has each order once, and no other.
void check_ledger(const char* control, std::uint64_t count) {
    if (control[0] == '\0') return;
    const Ledger ledger = Control(control).ledger();
    CHECK(ledger.distinct_orders == count);
    CHECK(ledger.duplicates == 0);
    std::printf("the venue's ledger agrees: %llu orders, none twice\n",
                static_cast<unsigned long long>(ledger.orders));
}

}  // namespace

int main(int argc, char** argv) {
    CHECK(sha256::works());
    const arguments arguments = parse_arguments(argc, argv, "2000");
    venuepool::Pool pool = open(arguments);
    OrderTracker tracker(pool, account, std::string(run), arguments.count);

    std::atomic<std::uint64_t> sent{0};
    std::thread strategy([&] { trade(pool, arguments.count, sent); });

    const TimePoint deadline = now() + std::chrono::seconds(50);
    while (tracker.tally().settled() < arguments.count && now() < deadline) {
        tracker.work(milliseconds(2));
    }
    strategy.join();

    print(tracker.tally(), tracker);
    CHECK(tracker.tally().settled() == sent.load());
    CHECK(tracker.tally().rejected == 0);
    CHECK(tracker.tally().mismatched == 0);
    check_ledger(arguments.control, arguments.count);
    return 0;
}
