// The control server of the mock venue: what the venue has counted, and what shall happen to it.
// A pool with one connection and blocking calls: the other end of what venuepool is made for.
#ifndef CONTROL_HPP
#define CONTROL_HPP

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "venuepool.hpp"

/// What the venue has received.
struct Ledger {
    std::uint64_t orders;
    std::uint64_t distinct_orders;
    std::uint64_t duplicates;
};

/// Threads: one at a time. Construction throws when the control server cannot be reached, each call
/// when it refuses.
class Control {
  public:
    explicit Control(std::string_view url)
        : pool_(venuepool::Pool::open(venuepool::Config().url(url).connections(1)).value()),
          request_(pool_.new_request().value()) {}

    Ledger ledger() {
        const std::string stats = ask("GET", "/stats");
        return {number(stats, "orders"), number(stats, "distinct_orders"),
                number(stats, "duplicates")};
    }

    /// Kills the oldest `count` connections; answers how many there were. `how`: rst or fin.
    std::uint64_t kill(std::string_view how, unsigned count) {
        const std::string path =
            "/kill?how=" + std::string(how) + "&count=" + std::to_string(count);
        return number(ask("POST", path), "killed");
    }

    /// Ends all connections and listens again after `down`. Returns when the venue is back.
    void restart(std::chrono::milliseconds down) {
        (void)ask("POST", "/restart?down_ms=" + std::to_string(down.count()));
    }

    void fault(std::string_view spec) { (void)ask("POST", "/fault?spec=" + std::string(spec)); }

  private:
    std::string ask(std::string_view method, std::string_view path) {
        request_.begin(method, path);
        const venuepool::Completion done = pool_.execute(request_, VP_QUEUE).value();
        if (!done.ok() || done.http_status() != 200) {
            throw std::runtime_error("the control server refused " + std::string(path));
        }
        return std::string(done.response().body());
    }

    /// The number of that name in a flat JSON object; 0 when there is none.
    static std::uint64_t number(const std::string& json, std::string_view name) {
        const std::string key = "\"" + std::string(name) + "\":";
        const std::size_t at = json.find(key);
        return at == std::string::npos ? 0 : std::strtoull(&json[at + key.size()], nullptr, 10);
    }

    venuepool::Pool pool_;
    venuepool::Request request_;
};

#endif  // CONTROL_HPP
