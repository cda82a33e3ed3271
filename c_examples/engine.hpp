// A small trading engine, as engine.cpp and demo.cpp run it.
//
//   OrderDesk      builds, signs and sends orders; each strategy thread has one
//   OrderTracker   takes the completions, and finds out what became of every single order
//
// The pool never sends anything twice. Whether an order is to be sent again is a question of money,
// so the engine decides it, by the wire state of the completion:
//
//   NOT_SENT, PARTIAL      the venue cannot have a whole order: sent again, with the same id
//   SENT, ANSWERING        nobody here knows: ask the venue by client order id, until it tells
//   ANSWERED, status 5xx   the same: a proxy's 502 says nothing about the order
//   ANSWERED, otherwise    the venue has placed or rejected it
//
// When the venue knows no such order, it may still be on its way. Its signed timestamp ends that:
// the venue refuses an order that is older than its recvWindow. Only then is it sent again.
#ifndef ENGINE_HPP
#define ENGINE_HPP

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "latency.hpp"
#include "sha256.hpp"
#include "venuepool.hpp"

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using venuepool::TimePoint;

/// How long an order is good for once it is signed.
constexpr milliseconds recv_window{400};

struct Account {
    std::string_view api_key;
    std::string_view secret;
};

/// Time as completions have it.
inline TimePoint now() {
    return venuepool::Clock::now();
}

// --------------------------------------------------------------------------------------- OrderDesk

/// Sends orders. An order is its number: all else follows from that, so that nothing has to be
/// shared between the threads that send and the one that tracks.
///
/// Threads: one at a time; each thread that sends has its own.
class OrderDesk {
  public:
    /// `run` tells the client order ids of this run from those of all others.
    OrderDesk(venuepool::Pool& pool, const Account& account, std::string run)
        : pool_(pool),
          key_(account.secret),
          api_key_(account.api_key),
          run_(std::move(run)),
          order_(pool.new_request().value()),
          query_(pool.new_request().value()) {
        // What all orders have in common is written once.
        order_.begin("POST", "/api/v3/order")
            .header("X-MBX-APIKEY", api_key_)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .mark();
    }

    /// Sends order `number`, waiting at most `patience` for a connection. The connection comes
    /// first and the signature last, so that the timestamp is fresh however long that took.
    venuepool::Status send(std::uint64_t number, nanoseconds patience) {
        auto lease = pool_.acquire(patience);
        if (!lease) return lease.status();
        const auto body = order_.rewind().user_data(number << 1).body_reserve(most_bytes);
        if (!body) return body.status();
        const int length =
            std::snprintf(*body, most_bytes,
                          "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=0.01"
                          "&price=65000.00&newClientOrderId=%s-%llu&recvWindow=%lld&timestamp=%lld",
                          run_.c_str(), static_cast<unsigned long long>(number), window(), clock());
        order_.body_commit(sign(*body, length));
        return lease->submit(order_).status();  // The lease ends here; the exchange goes on.
    }

    /// Asks the venue what it knows of order `number`.
    venuepool::Status ask(std::uint64_t number) {
        char text[most_bytes];
        const int length = std::snprintf(
            text, sizeof text, "symbol=BTCUSDT&origClientOrderId=%s-%llu&timestamp=%lld",
            run_.c_str(), static_cast<unsigned long long>(number), clock());
        query_.begin("GET", "/api/v3/order")
            .query_raw({text, sign(text, length)})
            .header("X-MBX-APIKEY", api_key_)
            .user_data(number << 1 | 1);
        return pool_.submit(query_).status();
    }

    // What user_data holds.
    static std::uint64_t number(std::uint64_t user_data) { return user_data >> 1; }
    static bool is_query(std::uint64_t user_data) { return (user_data & 1) != 0; }

    /// Whether `body` is about just this order.
    bool is_about(std::uint64_t number, std::string_view body) const {
        char text[80];
        const int length = std::snprintf(text, sizeof text, "\"clientOrderId\":\"%s-%llu\"",
                                         run_.c_str(), static_cast<unsigned long long>(number));
        return body.find({text, static_cast<std::size_t>(length)}) != std::string_view::npos;
    }

  private:
    static constexpr std::size_t most_bytes = 320;

    static long long window() { return static_cast<long long>(recv_window.count()); }

    static long long clock() {
        const auto since = std::chrono::system_clock::now().time_since_epoch();
        return static_cast<long long>(std::chrono::duration_cast<milliseconds>(since).count());
    }

    /// Signs the first `length` bytes of `text` in place; answers the length with the signature.
    std::size_t sign(char* text, int length) const {
        static constexpr std::string_view name = "&signature=";
        auto end = static_cast<std::size_t>(length);
        const sha256::Digest digest = key_.sign({text, end});
        std::memcpy(text + end, name.data(), name.size());
        end += name.size();
        sha256::write_hex(digest, text + end);
        return end + sha256::hex_length;
    }

    venuepool::Pool& pool_;
    sha256::Hmac key_;
    std::string_view api_key_;
    std::string run_;
    venuepool::Request order_;
    venuepool::Request query_;
};

// ------------------------------------------------------------------------------------ OrderTracker

/// What became of the orders so far.
struct Tally {
    std::uint64_t placed = 0;    ///< the venue has it, by its answer or when it was asked
    std::uint64_t rejected = 0;  ///< the venue refused it
    std::uint64_t answered = 0;  ///< sends that got their answer
    std::array<std::uint64_t, 5> failed_by_wire{};  ///< sends that did not, by vp_wire
    std::uint64_t found = 0;                        ///< of unclear ones: the venue had it
    std::uint64_t absent = 0;      ///< of unclear ones: the venue never had it, nor ever will
    std::uint64_t sent_again = 0;  ///< new sends of the same id
    std::uint64_t mismatched = 0;  ///< answers to another order: must never be

    std::uint64_t settled() const { return placed + rejected; }
    std::uint64_t failed() const {
        std::uint64_t sum = 0;
        for (const std::uint64_t count : failed_by_wire) sum += count;
        return sum;
    }
};

/// Takes the completions and settles each order once, whatever happened on its way.
///
/// Threads: one; the strategy threads do not touch it.
class OrderTracker {
  public:
    OrderTracker(venuepool::Pool& pool, const Account& account, std::string run, std::size_t most)
        : pool_(pool), desk_(pool, account, std::move(run)), latency_(most) {}

    /// Sleeps until there is something to do, at most for `patience`, and does it.
    void work(nanoseconds patience) {
        for (const venuepool::Completion& done : pool_.wait(room_, patience)) {
            const std::uint64_t number = OrderDesk::number(done.user_data());
            if (OrderDesk::is_query(done.user_data())) {
                on_query(number, done);
            } else {
                on_order(number, done);
            }
        }
        for (Doubt& doubt : doubts_) pursue(doubt);
    }

    const Tally& tally() const { return tally_; }
    /// From submit to done, of all orders that were answered.
    const Latency& latency() const { return latency_; }
    /// Orders whose fate is not known yet.
    std::size_t in_doubt() const { return doubts_.size(); }

  private:
    /// An order that was sent, and whose fate is not known.
    struct Doubt {
        enum Next { send, ask, wait };
        std::uint64_t number;
        Next next;
        TimePoint due;
        TimePoint expires;  ///< the venue takes it no more, even if it arrives
    };

    void on_order(std::uint64_t number, const venuepool::Completion& done) {
        const bool unclear = done.ok() && done.http_status() >= 500;
        if (done.ok()) {
            ++tally_.answered;
            latency_.add(done.elapsed());
        } else {
            ++tally_.failed_by_wire[static_cast<std::size_t>(done.wire_state())];
        }
        if (unclear || !done.ok()) {
            const auto next = done.may_have_executed() ? Doubt::ask : Doubt::send;
            // It was signed before it was submitted, so it expires before this.
            return doubt(number, next, done.submit_time() + recv_window);
        }
        if (done.http_status() == 200) return placed(number, done);
        settle(number, tally_.rejected);
    }

    void on_query(std::uint64_t number, const venuepool::Completion& done) {
        Doubt* const doubt = find(number);
        if (doubt == nullptr) return;
        if (done.ok() && done.http_status() == 200) {
            ++tally_.found;
            return placed(number, done);
        }
        const bool unknown = done.ok() && done.http_status() == 400 &&
                             done.response().body().find("-2013") != std::string_view::npos;
        // An answer counts only if the question was put when the order had expired.
        const bool never = unknown && done.submit_time() > doubt->expires;
        if (never) ++tally_.absent;
        doubt->next = never ? Doubt::send : Doubt::ask;
        doubt->due = never ? TimePoint() : now() + milliseconds(20);
    }

    void placed(std::uint64_t number, const venuepool::Completion& done) {
        if (!desk_.is_about(number, done.response().body())) ++tally_.mismatched;
        settle(number, tally_.placed);
    }

    void settle(std::uint64_t number, std::uint64_t& count) {
        ++count;
        const auto is_it = [number](const Doubt& doubt) { return doubt.number == number; };
        doubts_.erase(std::remove_if(doubts_.begin(), doubts_.end(), is_it), doubts_.end());
    }

    void doubt(std::uint64_t number, typename Doubt::Next next, TimePoint expires) {
        Doubt* const known = find(number);
        Doubt& doubt = known != nullptr ? *known : doubts_.emplace_back();
        doubt = {number, next, TimePoint(), expires};
    }

    Doubt* find(std::uint64_t number) {
        for (Doubt& doubt : doubts_) {
            if (doubt.number == number) return &doubt;
        }
        return nullptr;
    }

    /// Sends it again or asks for it, as soon as it is due and there is a connection.
    void pursue(Doubt& doubt) {
        if (doubt.next == Doubt::wait || now() < doubt.due) return;
        const bool again = doubt.next == Doubt::send;
        const auto status =
            again ? desk_.send(doubt.number, nanoseconds(0)) : desk_.ask(doubt.number);
        if (!status.ok()) {
            doubt.due = now() + milliseconds(2);
            return;
        }
        if (again) ++tally_.sent_again;
        doubt.next = Doubt::wait;
    }

    venuepool::Pool& pool_;
    OrderDesk desk_;
    venuepool::Completions<64> room_;
    std::vector<Doubt> doubts_;
    Tally tally_;
    Latency latency_;
};

#endif  // ENGINE_HPP
