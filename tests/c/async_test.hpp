// What the tests of venuepool/async.hpp and of its loops share: a pool to the venue, requests whose
// answers can be told apart, and a count of allocations.
#ifndef ASYNC_TEST_HPP
#define ASYNC_TEST_HPP

#include "venuepool.hpp"
#include "venuepool/async.hpp"

#include "venue.h"

#include <cstring>
#include <string>

namespace vp = venuepool;

/// The drive that the test's first argument names: caller, or the pool thread.
inline std::uint32_t drive_of(int argc, char** argv) {
    return argc > 1 && std::strcmp(argv[1], "caller") == 0 ? VP_DRIVE_CALLER : VP_DRIVE_THREAD;
}

/// A pool to the venue. TLS if the venue has it.
inline vp::Pool open_pool(std::uint32_t drive, std::uint32_t connections) {
    vp::Config config;
    config.url(std::getenv("VENUE_URL")).connections(connections).drive(drive);
    char* const ca = venue_is_tls() ? read_file(std::getenv("VENUE_CA")) : nullptr;
    if (ca != nullptr) config.ca_pem(ca);
    std::free(ca);
    return vp::Pool::open(config).value();
}

/// A request whose answer is `number`.
inline vp::Request& ask(vp::Request& request, int number) {
    char text[16];
    (void)std::snprintf(text, sizeof text, "%d", number);
    return request.begin("POST", "/echo?raw=1").body(text);
}

/// A request that the venue answers only when its faults are cleared: never, here.
inline vp::Request& ask_unanswered(vp::Request& request) {
    return request.begin("GET", "/api/v3/time");
}
inline void let_the_venue_stall() {
    venue_do("POST /fault?spec=stall=on:/api/v3/time");
}

/// The number in an answer; -1 when there is none.
inline int answer(const vp::Completion& done) {
    if (!done.ok() || done.http_status() != 200) return -1;
    return std::atoi(std::string(done.response().body()).c_str());
}

/// Dispatches until that is true; fails the test when that takes too long.
template <typename Done>
void dispatch_until(vp::AsyncPool& pool, Done is_done) {
    const std::uint64_t deadline = now_ns() + PATIENCE_NS;
    while (!is_done()) {
        CHECK(pool.dispatch().ok());
        CHECK(now_ns() < deadline);
    }
}

#endif  // ASYNC_TEST_HPP
