// The demo: three engine threads stream orders at a mock venue over TLS, while its connections are
// killed and the venue itself goes down. In the end every order must be accounted for.
//
//   scripts/demo.sh starts the venue and this program; by hand:
//   demo --url https://localhost:40123 --ca ca.pem --control http://127.0.0.1:40124 --count 8
//
// --count is the time in seconds. The venue runs with --hmac-secret demo-secret. All numbers that
// are shown were measured in this run.
#include "example.h"

#include <atomic>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <unistd.h>

#include "control.hpp"
#include "engine.hpp"

namespace {

using std::chrono::seconds;

constexpr Account account{"demo-key", "demo-secret"};
constexpr unsigned engines = 3;
constexpr std::uint32_t connections = 4;
constexpr std::chrono::microseconds pause{1000};
constexpr milliseconds down_time{300};

double to_ms(nanoseconds time) {
    return Latency::microseconds(time) / 1000;
}
unsigned long long print_int(std::uint64_t number) {
    return number;
}

// ----------------------------------------------------------------------------------------- engines

/// One engine thread: an order every `pause`, and each number until it is accepted.
void trade(venuepool::Pool& pool, const std::string& run, unsigned first,
           std::atomic<std::uint64_t>& sent, const std::atomic<bool>& stop) {
    OrderDesk desk(pool, account, run);
    auto next = std::chrono::steady_clock::now();
    for (std::uint64_t number = first; !stop.load(std::memory_order_relaxed);) {
        if (desk.send(number, milliseconds(100)).ok()) {
            number += engines;
            sent.fetch_add(1, std::memory_order_relaxed);
        }
        next = std::max(next + pause, std::chrono::steady_clock::now());
        std::this_thread::sleep_until(next);
    }
}

// ------------------------------------------------------------------------------------- misfortunes

/// What was done to the connections, and how long it took until all were live again.
struct Heal {
    std::string what;
    std::uint64_t connections;
    nanoseconds took;  ///< 0: not within five seconds
};

/// The heals so far, from the thread that causes them to the one that shows them.
class Heals {
  public:
    void add(Heal heal) {
        const std::lock_guard<std::mutex> lock(mutex_);
        all_.push_back(std::move(heal));
    }
    std::vector<Heal> copy() const {
        const std::lock_guard<std::mutex> lock(mutex_);
        return {all_.begin(), all_.end()};
    }

  private:
    mutable std::mutex mutex_;
    std::deque<Heal> all_;
};

/// Lets something happen that costs connections (`cause` answers how many), and times the heal.
Heal watch_heal(const venuepool::Pool& pool, std::string what,
                const std::function<std::uint64_t()>& cause) {
    const std::uint64_t before = pool.stats()->connected;
    const TimePoint start = now();
    const std::uint64_t lost = cause();
    while (now() - start < seconds(5)) {
        const vp_health health = *pool.health();
        if (pool.stats()->connected >= before + lost && health.live == health.slots) {
            return {std::move(what), lost, now() - start};
        }
        std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return {std::move(what), lost, nanoseconds(0)};
}

/// Everything that goes wrong in this demo, spread over its time.
void cause_trouble(const venuepool::Pool& pool, const char* url, nanoseconds time, Heals& heals) {
    Control control(url);
    const nanoseconds step = time / 6;
    auto after = [&, next = now()](std::string what,
                                   const std::function<std::uint64_t()>& cause) mutable {
        next += step;
        std::this_thread::sleep_for(next - now());
        heals.add(watch_heal(pool, std::move(what), cause));
    };
    after("one connection is reset (RST)", [&] { return control.kill("rst", 1); });
    after("all connections are closed at once (FIN)",
          [&] { return control.kill("fin", connections); });
    after("two orders are executed, and reset instead of answered", [&] {
        control.fault("rst-response=first:2,on:/api/v3/order");
        return 2U;
    });
    after("the venue restarts, and is down for 300 ms", [&] {
        control.restart(down_time);
        return connections;
    });
}

// ----------------------------------------------------------------------------------------- display

/// Shows a line each half second, and each heal once.
class Display {
  public:
    Display() : colours_(isatty(STDOUT_FILENO) != 0) {
        std::printf("\n   time    orders   settled  in doubt  live    p50 us    p99 us\n");
    }

    void update(const venuepool::Pool& pool, const OrderTracker& tracker, const Heals& heals,
                std::uint64_t sent) {
        if (now() < next_) return;
        next_ += milliseconds(500);
        const std::vector<Heal> all = heals.copy();
        for (; shown_ < all.size(); ++shown_) show(all[shown_]);
        const vp_health health = *pool.health();
        const Latency& latency = tracker.latency();
        std::printf(
            "%5.1f s  %8llu  %8llu  %8zu   %u/%u  %8.0f  %8.0f\n", to_ms(now() - start_) / 1000,
            print_int(sent), print_int(tracker.tally().settled()), tracker.in_doubt(), health.live,
            health.slots, latency.percentile(0.5, samples_), latency.percentile(0.99, samples_));
        std::fflush(stdout);
        samples_ = latency.count();
    }

    void show(const Heal& heal) const {
        const char* const on = colours_ ? "\033[33m" : "";
        const char* const off = colours_ ? "\033[0m" : "";
        std::printf("%s           ! %s: ", on, heal.what.c_str());
        if (heal.took.count() == 0) {
            std::printf("NOT HEALED%s\n", off);
        } else {
            std::printf("all live again after %.1f ms%s\n", to_ms(heal.took), off);
        }
    }

  private:
    bool colours_;
    TimePoint start_ = now();
    TimePoint next_ = start_ + milliseconds(500);
    std::size_t shown_ = 0;
    std::size_t samples_ = 0;
};

// --------------------------------------------------------------------------------------------- run

venuepool::Pool open(const arguments& arguments) {
    const TimePoint start = now();
    venuepool::Config config;
    config.url(arguments.url).connections(connections).request_timeout(seconds(2));
    if (arguments.ca_pem.len > 0) config.ca_pem({arguments.ca_pem.ptr, arguments.ca_pem.len});
    auto pool = venuepool::Pool::open(config).value();
    std::printf("venuepool %s: %u connections to %s, all live after %.1f ms\n", vp_version_string(),
                connections, arguments.url, to_ms(now() - start));
    return pool;
}

/// Fills caches and lets the peers' congestion windows grow, before anything is measured.
void warm_up(venuepool::Pool& pool) {
    constexpr int pings = 400;
    auto request = pool.new_request().value();
    request.begin("GET", "/api/v3/ping");
    for (int i = 0; i < pings; ++i) CHECK(pool.execute(request, VP_QUEUE).value().ok());
    std::printf("warm-up: %d pings\n", pings);
}

/// Runs engines and misfortunes for `time`, then waits until each order is settled. Answers how
/// many orders were sent.
std::uint64_t run_engines(venuepool::Pool& pool, const std::string& run, OrderTracker& tracker,
                          Heals& heals, const char* control, nanoseconds time) {
    std::atomic<std::uint64_t> sent{0};
    std::atomic<bool> stop{false};
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < engines; ++i) {
        threads.emplace_back([&, i] { trade(pool, run, i, sent, stop); });
    }
    threads.emplace_back([&] { cause_trouble(pool, control, time, heals); });

    Display display;
    const auto work_until = [&](TimePoint end, const std::function<bool()>& done) {
        while (now() < end && !done()) {
            tracker.work(milliseconds(2));
            display.update(pool, tracker, heals, sent.load());
        }
    };
    work_until(now() + time, [] { return false; });
    stop.store(true);
    for (std::thread& thread : threads) thread.join();
    work_until(now() + seconds(10), [&] { return tracker.tally().settled() == sent.load(); });
    return sent.load();
}

// ----------------------------------------------------------------------------------------- verdict

void row(const char* name, std::uint64_t number, const char* remark = "") {
    std::printf("  %-28s %8llu   %s\n", name, print_int(number), remark);
}

void print_table(std::uint64_t sent, const OrderTracker& tracker, const std::vector<Heal>& heals,
                 const Ledger& ledger) {
    const Tally& tally = tracker.tally();
    std::printf("\n  ORDERS\n");
    row("sent by the engines", sent);
    row("answered", tally.answered);
    row("failed, VP_WIRE_NOT_SENT", tally.failed_by_wire[VP_WIRE_NOT_SENT], "sent again");
    row("failed, VP_WIRE_PARTIAL", tally.failed_by_wire[VP_WIRE_PARTIAL], "sent again");
    row("failed, VP_WIRE_SENT", tally.failed_by_wire[VP_WIRE_SENT], "the venue was asked");
    row("failed, VP_WIRE_ANSWERING", tally.failed_by_wire[VP_WIRE_ANSWERING],
        "the venue was asked");
    row("asked for, venue had it", tally.found, "reconciled");
    row("asked for, venue had it not", tally.absent, "sent again once it had expired");
    row("sent again by the engine", tally.sent_again, "with the same client order id");
    row("placed in the end", tally.placed);
    std::printf("\n  THE VENUE'S OWN COUNT\n");
    row("orders", ledger.orders);
    row("different client order ids", ledger.distinct_orders);
    row("duplicates", ledger.duplicates);
    std::printf("\n  HEALS\n");
    for (const Heal& heal : heals) {
        std::printf("  %-58s %llu lost, %8.1f ms\n", heal.what.c_str(), print_int(heal.connections),
                    to_ms(heal.took));
    }
    std::printf(
        "  (a pool makes five dials per second after a burst; dials while the venue is\n"
        "  down count, so a restart takes longer: venues ban those who storm them)\n");
    std::printf("\n  LATENCY, submit to done, misfortunes included\n  ");
    tracker.latency().print();
}

bool is_healed(const Heal& heal) {
    return heal.took.count() > 0;
}

/// Says whether all is as it must be, and what is not.
bool judge(std::uint64_t sent, const Tally& tally, const std::vector<Heal>& heals,
           const Ledger& ledger) {
    const std::pair<bool, const char*> demands[] = {
        {sent > 0 && tally.settled() == sent, "every order is accounted for"},
        {tally.rejected == 0, "none was rejected"},
        {tally.mismatched == 0, "each answer belongs to its order"},
        {ledger.distinct_orders == sent, "the venue has all of them: none lost"},
        {ledger.duplicates == 0, "the venue has none twice: none doubled"},
        {!heals.empty() && std::all_of(heals.begin(), heals.end(), is_healed),
         "every lost connection was healed"},
    };
    bool good = true;
    std::printf("\n  VERDICT\n");
    for (const auto& [holds, demand] : demands) {
        std::printf("  %-4s %s\n", holds ? "yes" : "NO", demand);
        good = good && holds;
    }
    return good;
}

void print_caveats() {
    std::printf(
        "\n  Against a real venue: the network's round trip is added to each latency and to each\n"
        "  heal (a TLS 1.3 handshake takes two, and DNS); its certificates are checked against "
        "the\n"
        "  built-in roots; its rate limits bound orders and dials; and here the venue, the "
        "engines\n"
        "  and the pool share the cores of one machine, which the tail shows.\n\n");
}

}  // namespace

int main(int argc, char** argv) {
    CHECK(sha256::works());
    const arguments arguments = parse_arguments(argc, argv, "8");
    CHECK(arguments.control[0] != '\0');
    const auto time = seconds(arguments.count);
    const std::string run = "demo-" + std::to_string(getpid());

    venuepool::Pool pool = open(arguments);
    warm_up(pool);
    OrderTracker tracker(pool, account, run, 10000 * arguments.count);
    Heals heals;
    const std::uint64_t sent = run_engines(pool, run, tracker, heals, arguments.control, time);
    const Ledger ledger = Control(arguments.control).ledger();

    print_table(sent, tracker, heals.copy(), ledger);
    const bool good = judge(sent, tracker.tally(), heals.copy(), ledger);
    print_caveats();
    return good ? 0 : 1;
}
