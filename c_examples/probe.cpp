// How long requests to a host take from here: opens a pool, and sends it harmless GETs, ten per
// second for some seconds. Nothing is ordered, nothing is signed.
//
//   probe --url https://api.example.com/api/v3/time --count 8
//
// --count is the time in seconds. The path of the URL is what is asked for.
#include "example.h"

#include <map>
#include <string>
#include <thread>

#include "latency.hpp"
#include "venuepool.hpp"

namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::steady_clock;

constexpr milliseconds pause{100};

/// A URL in two parts: the origin is the pool's, the path each request's.
struct Target {
    explicit Target(std::string_view url) {
        const std::size_t scheme = url.find("://");
        const std::size_t host = scheme == std::string_view::npos ? 0 : scheme + 3;
        const std::size_t slash = std::min(url.find('/', host), url.size());
        origin = url.substr(0, slash);
        path = slash < url.size() ? url.substr(slash) : "/";
    }
    std::string_view origin;
    std::string_view path;
};

/// What came of the requests.
struct Results {
    explicit Results(std::size_t most) : latency(most) {}

    void add(const venuepool::Completion& done) {
        if (!done.ok()) {
            ++failures[std::string(venuepool::to_string(done.outcome())) + ", " +
                       std::string(venuepool::to_string(done.wire_state()))];
            return;
        }
        ++statuses[done.http_status()];
        latency.add(done.elapsed());
    }

    Latency latency;
    std::map<int, std::uint64_t> statuses;
    std::map<std::string, std::uint64_t> failures;
};

venuepool::Result<venuepool::Pool, venuepool::Error> open(const arguments& arguments,
                                                          const Target& target) {
    venuepool::Config config;
    config.url(target.origin).connections(2).connect_timeout(std::chrono::seconds(5));
    if (arguments.ca_pem.len > 0) config.ca_pem({arguments.ca_pem.ptr, arguments.ca_pem.len});
    return venuepool::Pool::open(config);
}

void ask(venuepool::Pool& pool, const Target& target, steady_clock::duration time,
         Results& results) {
    auto request = pool.new_request().value();
    request.begin("GET", target.path);
    const auto start = steady_clock::now();
    auto next_line = start + milliseconds(500);
    std::size_t shown = 0;
    std::printf("\n   time    answers    p50 us    max us\n");
    while (steady_clock::now() < start + time) {
        results.add(pool.execute(request, VP_QUEUE).value());
        std::this_thread::sleep_for(pause);
        if (steady_clock::now() < next_line) continue;
        next_line += milliseconds(500);
        std::printf("%5.1f s  %9zu  %8.0f  %8.0f\n",
                    Latency::microseconds(steady_clock::now() - start) / 1e6,
                    results.latency.count(), results.latency.percentile(0.5, shown),
                    results.latency.percentile(1, shown));
        std::fflush(stdout);
        shown = results.latency.count();
    }
}

void row(const std::string& name, std::uint64_t count) {
    std::printf("  %-34s %8llu\n", name.c_str(), static_cast<unsigned long long>(count));
}

void print_table(const venuepool::Pool& pool, const Results& results) {
    std::printf("\n  GETS\n");
    for (const auto& [status, count] : results.statuses) {
        row("HTTP " + std::to_string(status), count);
    }
    for (const auto& [failure, count] : results.failures) row(failure, count);
    const vp_stats stats = *pool.stats();
    std::printf("\n  CONNECTIONS\n");
    row("made", stats.connected);
    for (int reason = 0; reason < VP_CLOSE_REASONS; ++reason) {
        if (stats.closed[reason] > 0) row(vp_close_reason_name(reason), stats.closed[reason]);
    }
    std::printf("\n  LATENCY, submit to done\n  ");
    results.latency.print();
    std::printf(
        "\n  The first request of a connection and the network between make the tail; orders "
        "would\n"
        "  take the same way, and be signed and checked by the venue on top.\n\n");
}

}  // namespace

int main(int argc, char** argv) {
    const arguments arguments = parse_arguments(argc, argv, "8");
    const Target target(arguments.url);
    const auto start = steady_clock::now();
    auto pool = open(arguments, target);
    if (!pool) {
        const std::string_view text = pool.error().text();
        std::fprintf(stderr, "probe: %.*s\n", static_cast<int>(text.size()), text.data());
        return 1;
    }
    std::printf("venuepool %s: 2 connections live after %.1f ms (DNS, TCP, TLS)\n",
                vp_version_string(), Latency::microseconds(steady_clock::now() - start) / 1000);

    Results results(20 * arguments.count);
    ask(*pool, target, std::chrono::seconds(arguments.count), results);
    print_table(*pool, results);
    return results.failures.empty() && results.latency.count() > 0 ? 0 : 1;
}
