// An engine on two venues, in one thread: lanes, late signing, a group, drain and reconcile.
//
//   two_venues --url https://localhost:40123 --ca ca.pem
//              --second-url https://localhost:40125 --second-ca other.pem --count 200
//
// Start the mock venues with --hmac-secret two-secret, and with
// --fault stall=first:2,on:/api/v3/order: each executes two orders that it does not answer.
//
// The engine sends its orders to both venues in turn. More are sent than there are connections, so
// most of them wait; each is signed when it leaves. Then the engine stops as docs/drain.md says: it
// drains both pools, takes the last completions, asks about each order whose end is not certain,
// cancels what rests, and closes.
#include "example.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

#include <venuepool.hpp>

#include "sha256.hpp"

namespace {

constexpr std::size_t timestamp_length = 13;
constexpr std::string_view signature_name = "&signature=";
const sha256::Hmac key("two-secret");

std::string timestamp(std::chrono::nanoseconds since_1970) {
    char text[32];
    const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(since_1970).count();
    std::snprintf(text, sizeof text, "%013lld", static_cast<long long>(ms));
    return text;
}

std::string signature(std::string_view text) {
    std::string hex(sha256::hex_length, '0');
    sha256::write_hex(key.sign(text), hex.data());
    return hex;
}

// Fills the timestamp and the signature of an order, on the thread that sends it.
struct Signer {
    bool operator()(venuepool::SendingView sending) const {
        if (!sending.fill(0, timestamp(sending.since_1970())).ok()) return false;
        const std::string_view request = sending.bytes();
        const std::size_t begin = request.find("\r\n\r\n") + 4;
        const std::size_t end = request.rfind(signature_name);
        return sending.fill(1, signature(request.substr(begin, end - begin))).ok();
    }
};

// What the engine knows of an order.
enum class State { open, rests, not_there, unknown, cancelled };

// One venue: its pool, and the orders that were sent there.
class Venue {
  public:
    Venue(const char* url, vp_str ca_pem, std::string name) : name_(std::move(name)) {
        venuepool::Config config;
        config.url(url).connections(4).drive(VP_DRIVE_CALLER);
        config.add_default_header("X-MBX-APIKEY", "two-key");
        // Cancels have a connection of their own, and get out in a pause, too.
        config.lane(VP_LANE_URGENT, 1, 0, VP_LANE_THROUGH_PAUSE);
        if (ca_pem.len > 0) config.ca_pem({ca_pem.ptr, ca_pem.len});
        pool_ = venuepool::Pool::open(config).value();
        order_ = pool_.new_request().value();
        question_ = pool_.new_request().value();
        order_.on_send(signer_).timeout(std::chrono::seconds(1));
    }

    venuepool::Pool& pool() { return pool_; }
    const std::vector<State>& orders() const { return orders_; }
    std::size_t count(State state) const {
        return static_cast<std::size_t>(std::count(orders_.begin(), orders_.end(), state));
    }

    // Sends the next order; it waits in the queue if no connection is free.
    venuepool::Status send_order() {
        std::string body = "symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC&quantity=1"
                           "&price=65000&recvWindow=1000&newClientOrderId=" +
                           id(orders_.size()) + "&timestamp=";
        const std::size_t timestamp_at = body.size();
        body.append(timestamp_length, '0').append(signature_name);
        const std::size_t signature_at = body.size();
        body.append(sha256::hex_length, '0');
        order_.begin("POST", "/api/v3/order")
            .header("Content-Type", "application/x-www-form-urlencoded")
            .user_data(orders_.size())
            .body(body);
        CHECK(order_.body_placeholder(timestamp_at, timestamp_length).ok());
        CHECK(order_.body_placeholder(signature_at, sha256::hex_length).ok());
        const venuepool::Status status = pool_.submit(order_, VP_QUEUE).status();
        if (status.ok()) orders_.push_back(State::open);
        return status;
    }

    // Asks about an order (GET), or cancels it (DELETE). Unlike an order, both may go out twice.
    void ask(std::size_t number, const char* method, std::uint32_t lane) {
        const auto now = std::chrono::system_clock::now().time_since_epoch();
        std::string query = "origClientOrderId=" + id(number) + "&timestamp=" + timestamp(now);
        query.append(signature_name).append(signature(query.substr(0, query.rfind('&'))));
        question_.begin(method, "/api/v3/order").query_raw(query).lane(lane).user_data(number);
        CHECK(pool_.submit(question_, VP_QUEUE).ok());
    }

    // The completion of an order says what is certain.
    void order_ended(const venuepool::Completion& done) {
        State& order = orders_.at(done.user_data());
        CHECK(order == State::open);
        if (done.ok()) {
            order = done.http_status() == 200 ? State::rests : State::not_there;
        } else {
            order = done.may_have_executed() ? State::unknown : State::not_there;
        }
    }
    void question_ended(const venuepool::Completion& done) {
        CHECK(done.ok());
        orders_.at(done.user_data()) = done.http_status() == 200 ? State::rests : State::not_there;
    }
    void cancel_ended(const venuepool::Completion& done) {
        CHECK(done.ok() && done.http_status() == 200);
        orders_.at(done.user_data()) = State::cancelled;
    }

  private:
    std::string id(std::size_t number) const { return name_ + "-" + std::to_string(number); }

    std::string name_;
    Signer signer_;
    venuepool::Pool pool_;
    venuepool::Request order_, question_;
    std::vector<State> orders_;
};

// Both venues, by one group.
class Engine {
  public:
    Engine(Venue& first, Venue& second) : venues_{&first, &second} {
        for (Venue* venue : venues_) CHECK(group_.add(venue->pool()).ok());
    }

    // Takes at least so many completions of whichever venue, and has each noted by its own.
    void take(std::size_t count, void (Venue::*ended)(const venuepool::Completion&)) {
        while (count > 0) {
            venuepool::Batch batch = group_.wait(room_, std::chrono::seconds(10));
            CHECK(batch.status().ok() && !batch.empty());
            for (const venuepool::Completion& done : batch) {
                const bool is_first = room_.pool_of(done) == venues_[0]->pool().get();
                (venues_[is_first ? 0 : 1]->*ended)(done);
            }
            count -= std::min(count, batch.size());
        }
    }

    std::size_t count(State state) const {
        return venues_[0]->count(state) + venues_[1]->count(state);
    }

    // Sends the orders to both in turn, and stops in the midst of it.
    void trade(std::size_t orders) {
        for (std::size_t number = 0; number < orders; ++number) {
            CHECK(venues_[number % 2]->send_order().ok());
        }
        take(orders / 2, &Venue::order_ended);
    }

    // From here on no order leaves; cancels and queries do.
    void drain() {
        for (Venue* venue : venues_) {
            CHECK(venue->pool().drain().ok());
            CHECK(venue->send_order() == VP_ERR_DRAINING);
        }
        take(count(State::open), &Venue::order_ended);
    }

    // Asks about all orders in a state, and takes the answers of both venues as they come.
    std::size_t ask_about(State state, const char* method, std::uint32_t lane,
                          void (Venue::*ended)(const venuepool::Completion&)) {
        std::size_t asked = 0;
        for (Venue* venue : venues_) {
            for (std::size_t number = 0; number < venue->orders().size(); ++number) {
                if (venue->orders()[number] != state) continue;
                venue->ask(number, method, lane);
                ++asked;
            }
        }
        take(asked, ended);
        return asked;
    }

    // A closed pool leaves the group, which then has come to its end.
    void close() {
        for (Venue* venue : venues_) CHECK(venue->pool().close().ok());
        CHECK(group_.wait(room_, std::chrono::seconds(10)).status() == VP_ERR_CLOSED);
    }

  private:
    std::array<Venue*, 2> venues_;
    venuepool::Group group_ = venuepool::Group::make().value();
    venuepool::GroupCompletions<64> room_;
};

}  // namespace

int main(int argc, char** argv) {
    const arguments first = parse_arguments(argc, argv, "200");
    Venue one(first.url, first.ca_pem, "one");
    const char* url = argument(argc, argv, "--second-url", std::getenv("SECOND_VENUE_URL"));
    const char* ca = argument(argc, argv, "--second-ca", std::getenv("SECOND_VENUE_CA"));
    Venue two(url, read_pem(ca), "two");

    Engine engine(one, two);
    engine.trade(first.count);
    engine.drain();
    const std::size_t asked =
        engine.ask_about(State::unknown, "GET", VP_LANE_QUERIES, &Venue::question_ended);
    const std::size_t rested =
        engine.ask_about(State::rests, "DELETE", VP_LANE_URGENT, &Venue::cancel_ended);
    CHECK(engine.count(State::cancelled) + engine.count(State::not_there) == first.count);
    CHECK(one.count(State::cancelled) > 0 && two.count(State::cancelled) > 0);
    engine.close();
    std::printf("%lu orders to two venues: %zu asked about, %zu cancelled, %zu never there\n",
                first.count, asked, rested, engine.count(State::not_there));
}
