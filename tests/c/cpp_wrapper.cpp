// venuepool.hpp keeps its promises: ownership, moves, chaining, errors. Compiled with exceptions
// and RTTI, and without both.
#include "venuepool.hpp"

#include "check.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <ctime>
#include <string>
#include <thread>
#include <type_traits>

namespace vp = venuepool;
using std::chrono::nanoseconds;
using std::chrono::seconds;

namespace {

constexpr auto patience = seconds(20);

// --------------------------------------------------------------------------------- what types are

template <typename T>
constexpr bool owns =
    std::is_nothrow_move_constructible<T>::value&& std::is_nothrow_move_assignable<T>::value&&
        std::is_nothrow_default_constructible<T>::value &&
    !std::is_copy_constructible<T>::value && !std::is_copy_assignable<T>::value;

static_assert(owns<vp::Config> && owns<vp::Pool> && owns<vp::Request> && owns<vp::Lease>,
              "each owner moves, and cannot be copied");
static_assert(owns<vp::Response> && owns<vp::Completion>, "a second holder says retain()");
static_assert(std::is_trivially_copyable<vp::ResponseView>::value &&
                  std::is_trivially_copyable<vp::CompletionView>::value &&
                  std::is_trivially_copyable<vp::Result<std::uint64_t>>::value,
              "views and ids travel in registers");
static_assert(sizeof(vp::Request) <= 2 * sizeof(void*) && sizeof(vp::Pool) == sizeof(void*),
              "the wrapper is thin");

using Chain = decltype(std::declval<vp::Request&>().begin("", "").query("", "").header("", ""));
static_assert(std::is_same<Chain, vp::Request&>::value, "building chains");
static_assert(noexcept(std::declval<vp::Pool&>().submit(std::declval<vp::Request&>())) && noexcept(
                  std::declval<vp::Pool&>().poll(std::declval<vp::Completions<4>&>())),
              "nothing on the hot path throws");

template <typename F, typename = void>
struct can_complete : std::false_type {};
template <typename F>
struct can_complete<
    F, std::void_t<decltype(std::declval<vp::Request&>().on_complete(std::declval<F>()))>>
    : std::true_type {};
struct Callable {
    void operator()(vp::CompletionView) const noexcept {}
};
static_assert(can_complete<Callable&>::value && can_complete<const Callable&>::value, "references");
static_assert(!can_complete<Callable>::value && !can_complete<const Callable>::value,
              "a temporary would be gone before it is called");

// ----------------------------------------------------------------------------------------- support

std::string file(const char* path) {
    std::string content;
    if (std::FILE* const file = std::fopen(path, "rb")) {
        char block[4096];
        for (std::size_t n; (n = std::fread(block, 1, sizeof block, file)) > 0;) {
            content.append(block, n);
        }
        std::fclose(file);
    }
    return content;
}

vp::Config config(std::uint32_t connections = 1) {
    vp::Config config;
    config.url(std::getenv("VENUE_URL")).connections(connections);
    const std::string ca = file(std::getenv("VENUE_CA"));
    if (!ca.empty()) config.ca_pem(ca);
    return config;
}

vp::Pool open(std::uint32_t connections = 1) {
    return vp::Pool::open(config(connections)).value();
}

/// A request whose answer holds `word`.
vp::Request echo(const vp::Pool& pool, const std::string& word) {
    auto request = pool.new_request().value();
    request.begin("POST", "/echo?raw=1").body(word);
    return request;
}

template <typename T>
void move_to_itself(T& object) {
    T& same = object;
    object = std::move(same);
}

// ------------------------------------------------------------------------------------------- tests

void statuses_are_error_codes() {
    const vp::Status timeout = VP_ERR_TIMEOUT;
    const std::error_code code = timeout;
    CHECK(!timeout.ok() && vp::Status().ok());
    CHECK(timeout == VP_ERR_TIMEOUT && timeout != VP_OK);
    CHECK(code.value() == VP_ERR_TIMEOUT && code.category() == vp::category());
    CHECK(code == std::errc::timed_out && code.message() == "VP_ERR_TIMEOUT");
    CHECK(!std::error_code(vp::Status()));
    CHECK(timeout.name() == "VP_ERR_TIMEOUT");
    CHECK(vp::to_string(VP_OUTCOME_OK) == "VP_OUTCOME_OK");
    CHECK(vp::to_string(VP_WIRE_PARTIAL) == "VP_WIRE_PARTIAL");
    CHECK(vp::to_string(VP_CLOSE_REASON_RESET) == "VP_CLOSE_REASON_RESET");
}

void value_throws_only_where_exceptions_are() {
    vp::Result<int> good(VP_OK, 7);
    CHECK(good && *good == 7 && good.value() == 7);
    const vp::Result<int> bad(VP_ERR_NO_SLOT, 0);
    CHECK(!bad && bad.status() == VP_ERR_NO_SLOT);
#if defined(__cpp_exceptions)
    try {
        (void)bad.value();
        CHECK(false);
    } catch (const std::system_error& error) {
        CHECK(error.code() == vp::Status(VP_ERR_NO_SLOT));
        CHECK(std::string_view(error.what()) == "venuepool: VP_ERR_NO_SLOT");
    }
#endif
}

void config_remembers_its_first_refusal() {
    vp::Config config;
    config.url("https://example.com").connections(0).url("no url").nodelay();
    CHECK(config.status() == VP_ERR_ARGUMENT);
    const auto pool = vp::Pool::open(config);
    CHECK(!pool && pool.status() == VP_ERR_ARGUMENT);
    CHECK(pool.error().text().find("connections") != std::string_view::npos);

    vp::Config other = std::move(config);
    CHECK(other.status() == VP_ERR_ARGUMENT);
    other = vp::Config();
    CHECK(other.status().ok());
}

void a_failed_open_says_why() {
    const auto pool = vp::Pool::open(vp::Config().url("http://127.0.0.1:1").connections(1));
    CHECK(pool.status() == VP_ERR_CONNECT);
    CHECK(pool.error().os_error() != 0 && !pool.error().text().empty());
}

void empty_objects_refuse() {
    vp::Pool pool;
    vp::Request request;
    vp::Lease lease;
    vp::Completions<2> room;
    CHECK(!pool && !request && !lease && !vp::Response());
    CHECK(request.begin("GET", "/").status() == VP_ERR_NULL);
    CHECK(pool.submit(request).status() == VP_ERR_NULL);
    CHECK(pool.poll(room).status() == VP_ERR_NULL && pool.close() == VP_ERR_NULL);
    CHECK(pool.new_request().status() == VP_ERR_NULL && pool.try_acquire().status() == VP_ERR_NULL);
    CHECK(lease.submit(request).status() == VP_ERR_NULL);
    CHECK(lease.release() == VP_ERR_STALE_LEASE && lease.slot() == VP_NO_SLOT);
    CHECK(vp::Response().status() == 0 && vp::Response().body().empty());
    CHECK(!vp::Response().retain() && !vp::Response().header_find("a"));
    CHECK(vp::Completion().response().headers().begin() ==
          vp::Completion().response().headers().end());
}

void moves_leave_nothing_behind() {
    vp::Pool pool = open();
    vp::Request request = echo(pool, "moved");
    vp::Pool new_pool = std::move(pool);
    vp::Request new_request = std::move(request);
    CHECK(!pool && !request && new_pool && new_request);
    CHECK(pool.submit(new_request).status() == VP_ERR_NULL);
    move_to_itself(new_pool);
    move_to_itself(new_request);

    vp::Completion done = new_pool.execute(new_request).value();
    move_to_itself(done);
    vp::Completion new_done = std::move(done);
    CHECK(!done.response() && new_done.response().body() == "moved");
    vp::Response response = new_done.take_response();
    move_to_itself(response);
    vp::Response new_response = std::move(response);
    CHECK(!response && !new_done.response() && new_response.body() == "moved");
    new_response = vp::Response();
    CHECK(!new_response);
    new_pool = vp::Pool();
    CHECK(!new_pool);
}

/// In C a refused begin leaves the request of before, which an unchecked submit would send again.
void a_refused_piece_is_never_sent_without() {
    vp::Pool pool = open();
    vp::Request request = echo(pool, "an order");
    CHECK(pool.execute(request).value().ok());
    CHECK(pool.submit(request.begin("POST", "no path")).status() == VP_ERR_PATH);
    request.begin("POST", "/echo").header("bad name", "x").body("an order without its header");
    CHECK(request.status() == VP_ERR_HEADER_NAME);
    CHECK(pool.submit(request).status() == VP_ERR_HEADER_NAME);
    CHECK(pool.execute(request).status() == VP_ERR_HEADER_NAME);
    CHECK(pool.try_acquire()->submit(request).status() == VP_ERR_HEADER_NAME);
    CHECK(pool.stats()->submitted == 1);
    CHECK(request.begin("POST", "/echo").body("all there").status().ok());
    CHECK(pool.execute(request).value().ok());
}

void templates_rewind_to_their_own_mark() {
    vp::Pool pool = open();
    vp::Request request = pool.new_request().value();
    CHECK(request.rewind().status() == VP_ERR_PHASE);
    request.begin("POST", "/echo?raw=1").header("X-Kind", "order").mark();
    for (const char* const word : {"one", "two"}) {
        CHECK(pool.execute(request.rewind().body(word)).value().response().body() == word);
    }
    CHECK(request.rewind().header("", "refused").status() == VP_ERR_HEADER_NAME);
    CHECK(request.rewind().body("three").status().ok());
    CHECK(request.begin("POST", "no path").rewind().status() == VP_ERR_PHASE);
}

void inputs_are_copied_and_bodies_built_in_place() {
    vp::Pool pool = open();
    vp::Request request = pool.new_request().value();
    {
        std::string method = "POST", path = "/echo", name = "a b", value = "ä", text = "X-Text";
        request.begin(method, path).query(name, value).query_raw("raw=1").header(text, path);
        method = path = name = value = text = "overwritten";
    }
    const auto room = request.body_reserve(100);
    std::memcpy(room.value(), "in place", 8);
    CHECK(request.body_commit(8).status().ok());
    const std::string_view bytes = request.bytes().value();
    CHECK(bytes.substr(0, bytes.find("\r\n")) == "POST /echo?a%20b=%C3%A4&raw=1 HTTP/1.1");
    CHECK(bytes.find("X-Text: /echo\r\n") != std::string_view::npos);
    CHECK(pool.execute(request).value().response().body() == "in place");
}

void completions_tell_all() {
    vp::Pool pool = open();
    vp::Request request = echo(pool, "queue");
    vp::Completions<4> room;
    CHECK(pool.poll(room).empty() && pool.poll(room).status().ok());
    CHECK(pool.wait(room, nanoseconds(1)).empty() && pool.wait(room, seconds(-1)).empty());
    const vp::TimePoint before = vp::Clock::now();
    const std::uint64_t id = pool.submit(request.user_data(42).timeout(seconds(5))).value();
    const vp::Batch batch = pool.wait(room, patience);
    CHECK(batch.size() == 1);
    for (const vp::Completion& done : batch) {
        CHECK(done.id() == id && done.user_data() == 42 && done.ok() && done.may_have_executed());
        CHECK(done.outcome() == VP_OUTCOME_OK && done.wire_state() == VP_WIRE_ANSWERED);
        CHECK(done.http_status() == 200 && done.slot() == 0 && done.bytes_sent() > 0);
        CHECK(before <= done.submit_time() && done.submit_time() <= done.start_time().value());
        CHECK(done.start_time() <= done.write_time() && done.write_time() <= done.done_time());
        CHECK(done.write_time() <= done.first_byte_time());
        CHECK(done.first_byte_time().value() <= done.done_time());
        CHECK(done.start_time() <= done.write_begin_time());
        CHECK(done.write_begin_time() <= done.write_time() && done.write_wall_time());
        CHECK(!done.arrival_wall_time());
        CHECK(done.first_byte_time() <= done.head_time() && done.head_time() <= done.done_time());
        CHECK(done.elapsed() > nanoseconds(0) && done.elapsed() < patience);
        CHECK(done.done_time() <= done.delivered_time());
        CHECK(vp::Clock::now() >= done.delivered_time());
        CHECK(done.connection() == 1 && done.bytes_received() > 0);
        vp::SlotHealth slots[1];
        CHECK(pool.slots(slots).value() == 1);
        const vp::SlotHealth& slot = slots[0];
        const vp::Endpoint local = done.local_end().value(), peer = done.peer_end().value();
        CHECK(local.is_ipv4() && local.ip_text() == slot.local_ip());
        CHECK(local.port() == slot.local_port && peer.port() == slot.peer_port);
        CHECK(peer.ip_text() == slot.peer_ip() && peer.ip()[15] == 1);
    }
    const std::uint8_t documented[16] = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
    const vp::Endpoint ipv6(documented, 443);
    CHECK(!ipv6.is_ipv4() && ipv6.ip_text() == "2001:db8::7" && ipv6.port() == 443);
    CHECK(!vp::Completion().local_end() && !vp::Completion().peer_end());
    CHECK(pool.cancel(id) == VP_ERR_UNKNOWN_ID);
    CHECK(pool.fd().value() >= 0 && pool.health()->idle == 1);
    CHECK(pool.last_dial_error().status() == VP_ERR_NOT_FOUND);
}

void a_room_holds_until_the_next_poll() {
    vp::Pool pool = open();
    vp::Request request = pool.new_request().value();
    vp::Completions<2> room;
    vp::Completion kept;
    for (const char* const word : {"first", "second", "third"}) {
        CHECK(pool.submit(request.begin("POST", "/echo?raw=1").body(word)).ok());
        const vp::Batch batch = pool.wait(room, patience);
        CHECK(batch.size() == 1 && batch.begin()->response().body() == word);
        if (!kept.response()) kept = std::move(*batch.begin());
    }
    CHECK(kept.response().body() == "first");
}

void callbacks_reach_callables() {
    vp::Pool pool = open(2);
    vp::Request request = echo(pool, "called");
    std::atomic<int> calls{0};
    vp::Response kept;
    const auto thread = std::this_thread::get_id();
    auto callback = [&](vp::CompletionView done) {
        CHECK(std::this_thread::get_id() != thread);
        CHECK(done.user_data() == 5 && done.response().body() == "called");
        kept = done.response().retain();
        ++calls;
    };
    CHECK(pool.submit(request.on_complete(callback).user_data(5)).ok());
    while (calls.load() == 0) std::this_thread::yield();

    const auto count = [](void* context, const vp_completion*) {
        ++*static_cast<std::atomic<int>*>(context);
    };
    CHECK(pool.submit(request.on_complete(count, &calls), VP_QUEUE).ok());
    while (calls.load() == 1) std::this_thread::yield();

    vp::Completions<1> room;
    CHECK(pool.submit(request.on_complete(nullptr), VP_QUEUE).ok());
    CHECK(pool.wait(room, patience).size() == 1 && calls.load() == 2);
    CHECK(pool.close().ok() && kept.body() == "called");
}

void callables_run_in_poll_in_caller_drive() {
    vp::Pool pool = vp::Pool::open(config().drive(VP_DRIVE_CALLER)).value();
    vp::Request request = echo(pool, "driven");
    vp::Completions<1> room;
    int calls = 0;
    const auto thread = std::this_thread::get_id();
    auto callback = [&](vp::CompletionView done) {
        CHECK(std::this_thread::get_id() == thread && done.response().body() == "driven");
        ++calls;
    };
    CHECK(pool.submit(request.on_complete(callback)).ok());
    while (calls == 0) CHECK(pool.wait(room, nanoseconds(1000)).status().ok());
    CHECK(pool.submit(request.on_complete(nullptr)).ok());
    CHECK(pool.wait(room, patience).size() == 1 && calls == 1);
}

/// Moments of the pool lie between two looks at CLOCK_MONOTONIC: it is the clock of vp::Clock.
void moments_are_of_the_monotonic_clock() {
    const auto monotonic = [] {
        timespec now{};
        CHECK_EQ(clock_gettime(CLOCK_MONOTONIC, &now), 0);
        return vp::TimePoint(seconds(now.tv_sec) + nanoseconds(now.tv_nsec));
    };
    vp::Pool pool = open();
    vp::Request request = echo(pool, "time");
    const vp::TimePoint before = monotonic();
    const vp::TimePoint now = vp::Clock::now();
    const vp::Completion done = pool.execute(request).value();
    const vp::TimePoint after = monotonic();
    CHECK(before <= now && now <= done.submit_time() && done.done_time() <= after);

    vp::SlotHealth slots[1];
    CHECK(pool.slots(slots).value() == 1 && slots[0].state == VP_SLOT_STATE_IDLE);
    CHECK(slots[0].up_time().value() < before && !slots[0].next_dial_time());
    CHECK(slots[0].proven_time().value() <= after && slots[0].round_trip() > nanoseconds(0));
    CHECK(slots[0].local_ip() == "127.0.0.1" && slots[0].peer_ip() == "127.0.0.1");
    vp::Address addresses[3];
    CHECK(pool.addresses(addresses).value() == 1 && addresses[0].ip() == "127.0.0.1");
    CHECK(addresses[0].slots == 1 && addresses[0].port == slots[0].peer_port);
    CHECK(addresses[0].shortest_round_trip() > nanoseconds(0));
    CHECK(pool.set_addresses("venue") == VP_ERR_ADDRESS);
    CHECK(pool.publish("/no/such/folder/page") == VP_ERR_FILE);
    CHECK(pool.publish("/tmp/page", nanoseconds(1)) == VP_ERR_ARGUMENT);
    CHECK(pool.end_publishing().ok());
    CHECK(!slots[0].close_reason() && !pool.health()->suspended_until());
    CHECK(pool.suspend(seconds(100)).ok());
    CHECK(pool.health()->suspended_until().value() > after + seconds(99));

    // What was never sent has no moment of it.
    CHECK(pool.submit(request).status() == VP_ERR_SUSPENDED && pool.suspend({}).ok());
    vp::Lease lease = pool.try_acquire().value();
    CHECK(pool.submit(request.timeout(std::chrono::milliseconds(1)), VP_QUEUE).ok());
    vp::Completions<1> room;
    const vp::Batch batch = pool.wait(room, patience);
    CHECK(batch.size() == 1 && batch.begin()->wire_state() == VP_WIRE_NOT_SENT);
    CHECK(!batch.begin()->start_time() && !batch.begin()->write_time());
    CHECK(!batch.begin()->first_byte_time() && batch.begin()->queue_wait() > nanoseconds(0));
}

void watched_headers_are_read() {
    std::uint32_t weight = 77, type = 77;
    vp::Config watching = config();
    watching.watch_header("X-MBX-USED-WEIGHT-1M", &weight).watch_header("Content-Type", &type);
    watching.watch_header("X-Not-There");
    CHECK(weight == 0 && type == 1);
    vp::Pool pool = vp::Pool::open(watching).value();
    CHECK(pool.watched(weight).status() == VP_ERR_NOT_FOUND);
    vp::Request request = pool.new_request().value();
    const vp::TimePoint before = vp::Clock::now();
    const vp::Completion done = pool.execute(request.begin("GET", "/api/v3/time")).value();
    const std::string_view said = done.response().watched(weight).value();
    const std::uint64_t count = done.response().watched_u64(weight).value();
    CHECK(said == done.response().header_find("X-MBX-USED-WEIGHT-1M").value());
    CHECK(std::to_string(count) == said);
    CHECK(done.response().watched(type).has_value() && !done.response().watched_u64(type));
    CHECK(!done.response().watched(2) && !done.response().watched(3));
    const vp::Watched last = pool.watched(weight).value();
    CHECK(last.value() == said && last.value_u64().value() == count);
    CHECK(before <= last.time() && last.time() <= done.done_time());
    CHECK(!pool.watched(type)->value_u64() && pool.watched(3).status() == VP_ERR_ARGUMENT);
}

void default_headers_are_replaced() {
    vp::Pool pool = open();
    vp::Request request = pool.new_request().value();
    request.begin("GET", "/api/v3/time");
    const auto sends = [&](const char* line) {
        return request.bytes()->find(line) != std::string_view::npos;
    };
    CHECK(!sends("Authorization"));
    CHECK(pool.set_default_header("Authorization", "Bearer 1").ok() && sends(": Bearer 1\r\n"));
    CHECK(pool.set_default_header("Authorization", "Bearer 2").ok() && sends(": Bearer 2\r\n"));
    CHECK(pool.set_default_header("Authorization", {}).ok() && sends("Authorization: \r\n"));
    CHECK(pool.execute(request)->http_status() == 200);
    CHECK(pool.remove_default_header("authorization").ok() && !sends("Authorization"));
    CHECK(pool.remove_default_header("authorization") == VP_ERR_NOT_FOUND);
    CHECK(pool.set_default_header("Host", "x") == VP_ERR_HEADER_RESERVED);
}

void a_drain_leaves_lanes_open() {
    vp::Pool pool = open();
    vp::Request request = echo(pool, "order");
    CHECK(pool.health()->open_lanes == 15 && pool.health()->outstanding == 0);
    CHECK(pool.drain(16) == VP_ERR_ARGUMENT && pool.health()->open_lanes == 15);
    CHECK(pool.drain().ok() && pool.drain().ok());
    CHECK(pool.health()->open_lanes == VP_LANES_BUT_ORDERS);
    CHECK(pool.submit(request).status() == VP_ERR_DRAINING);
    CHECK(pool.try_acquire().status() == VP_ERR_DRAINING);
    CHECK(pool.execute(request.lane(VP_LANE_QUERIES))->http_status() == 200);
    CHECK(pool.drain(1u << VP_LANE_URGENT).ok());
    CHECK(pool.submit(request).status() == VP_ERR_DRAINING);
    CHECK(pool.execute(request.lane(VP_LANE_URGENT))->http_status() == 200);
    CHECK(pool.shutdown().ok() && pool.drain() == VP_ERR_CLOSED);
    CHECK(pool.health()->open_lanes == 0);
}

void a_group_takes_the_completions_of_its_pools() {
    vp::Group none;
    vp::Pool first = open(), second = open();
    vp::GroupCompletions<4> room;
    CHECK(!none && none.add(first) == VP_ERR_NULL && none.poll(room).status() == VP_ERR_NULL);
    vp::Group group = vp::Group::make().value();
    CHECK(group && group.poll(room).status() == VP_ERR_CLOSED);
    CHECK(group.add(first).ok() && group.add(second).ok());
    CHECK(group.add(first) == VP_ERR_GROUPED && group.fd().value() >= 0);
    vp::Request to_first = echo(first, "first"), to_second = echo(second, "second");
    for (int round = 0; round < 10; ++round) {
        const auto first_id = first.submit(to_first).value();
        const auto second_id = second.submit(to_second).value();
        int seen = 0;
        for (std::size_t taken = 0; taken < 2;) {
            vp::Batch batch = group.wait(room, std::chrono::seconds(20));
            CHECK(batch.status().ok() && !batch.empty());
            for (vp::Completion& done : batch) {
                const bool is_first = room.pool_of(done) == first.get();
                CHECK(is_first || room.pool_of(done) == second.get());
                CHECK(done.id() == (is_first ? first_id : second_id));
                CHECK(done.response().body() == (is_first ? "first" : "second"));
                seen |= is_first ? 1 : 2;
            }
            taken += batch.size();
        }
        CHECK(seen == 3);
    }
    CHECK(room.pool(4) == nullptr);
    vp::Group moved = std::move(group);
    CHECK(!group && moved.remove(first).ok() && moved.remove(first) == VP_ERR_NOT_FOUND);
    CHECK(first.execute(to_first)->http_status() == 200);
    CHECK(second.close().ok() && moved.wait(room, std::chrono::seconds(20)).empty());
    CHECK(moved.poll(room).status() == VP_ERR_CLOSED);
}

void pools_share_a_thread() {
    CHECK(vp::Thread::start("").status() == VP_ERR_ARGUMENT);
    vp::Thread none, thread = vp::Thread::start("vp-shared").value();
    CHECK(!none && thread && thread.get() != nullptr);
    CHECK(none.host_limits(0, 0) == VP_ERR_NULL && thread.host_limits(1001, 0) == VP_ERR_ARGUMENT);
    CHECK(thread.host_limits(1000, 4).ok());
    vp::Config shared = config(2);
    vp::Pool first = vp::Pool::open(shared.thread(thread)).value();
    vp::Pool second = vp::Pool::open(shared).value();
    CHECK(vp::Pool::open(shared).status() == VP_ERR_HOST_LIMIT);
    CHECK(thread.host_limits(0, 0) == VP_ERR_PHASE);
    vp::Pool apart = vp::Pool::open(shared.thread(none)).value();
    thread = vp::Thread();
    for (vp::Pool* pool : {&first, &second, &apart}) {
        vp::Request request = echo(*pool, "order");
        CHECK(pool->execute(request)->http_status() == 200);
    }
    CHECK(first.close().ok());
    vp::Request request = echo(second, "order");
    CHECK(second.execute(request)->http_status() == 200);
}

void events_are_views() {
    std::atomic<int> up{0}, paused{0};
    auto listener = [&](vp::EventView event) {
        CHECK(event.time() <= vp::Clock::now() && !event.text().empty() && !event.late());
        if (event.kind() == VP_EVENT_KIND_UP) {
            CHECK(event.slot() < 2 && event.status().ok() && !event.close_reason());
            CHECK(!event.until() && event.live() > 0);
            ++up;
        }
        if (event.kind() == VP_EVENT_KIND_SUSPENDED) {
            CHECK(event.slot() == VP_NO_SLOT && event.until().value() > event.time());
            ++paused;
        }
    };
    vp::Config settings = config(2);
    vp::Pool pool = vp::Pool::open(settings.event(listener)).value();
    CHECK(pool.suspend(seconds(5)).ok());
    while (up.load() < 2 || paused.load() < 1) std::this_thread::yield();
    CHECK(pool.close().ok());
}

#if defined(__cpp_lib_span)
void spans_are_taken_and_given() {
    vp::Pool pool = open();
    vp::Request request = echo(pool, "");
    const std::byte bytes[] = {std::byte{'a'}, std::byte{0}, std::byte{'b'}};
    vp::Completion room[3];
    CHECK(pool.poll(std::span<vp::Completion>()).status() == VP_ERR_ARGUMENT ||
          pool.poll(std::span<vp::Completion>()).status() == VP_ERR_NULL);
    CHECK(pool.submit(request.begin("POST", "/echo?raw=1").body(std::span(bytes))).ok());
    const vp::Batch batch = pool.wait(std::span(room), patience);
    CHECK(batch.size() == 1 && batch.begin() == room);
    CHECK(std::ranges::equal(room[0].response().body_bytes(), bytes));
    CHECK(pool.poll(std::span(room)).empty() && !room[0].response());

    request.begin("POST", "/echo?raw=1");
    const std::span<char> body = request.body_reserve_span(4).value();
    CHECK(body.size() == 4);
    std::ranges::copy(std::string_view("span"), body.begin());
    CHECK(pool.execute(request.body_commit(4)).value().response().body() == "span");
    vp::SlotHealth slots[2];
    CHECK(pool.slots(std::span(slots)).value() == 1);
}
#endif

#if defined(__cpp_lib_expected)
void results_are_expected_values() {
    const auto half = [](int number) -> std::expected<int, vp::Status> {
        return vp::Result<int>(number % 2 == 0 ? VP_OK : VP_ERR_ARGUMENT, number / 2);
    };
    CHECK(half(4).value() == 2 && half(3).error() == VP_ERR_ARGUMENT);
    std::expected<vp::Pool, vp::Error> pool = vp::Pool::open(config());
    CHECK(pool.has_value() && pool->health()->live == 1);
}
#endif

void leases_come_back_by_themselves() {
    vp::Lease survivor;
    vp::Pool pool = open();
    vp::Request request = echo(pool, "leased");
    {
        vp::Lease lease = pool.try_acquire().value();
        CHECK(lease && lease.slot() == 0 && pool.health()->leased == 1);
        CHECK(pool.try_acquire().status() == VP_ERR_NO_SLOT);
        CHECK(pool.submit(request).status() == VP_ERR_NO_SLOT);
        CHECK(pool.acquire(std::chrono::milliseconds(1)).status() == VP_ERR_TIMEOUT);
        CHECK(lease.submit(request).ok());
        vp::Lease other = std::move(lease);
        move_to_itself(other);
        CHECK(!lease && other);
    }
    vp::Completions<1> room;
    CHECK(pool.wait(room, patience).size() == 1);
    survivor = pool.acquire(patience).value();
    CHECK(survivor.release().ok() && survivor.release() == VP_ERR_STALE_LEASE);
    survivor = pool.acquire(patience).value();
    pool = vp::Pool();
}

void responses_outlive_their_pool() {
    vp::Response response;
    {
        vp::Pool pool = open();
        vp::Request request = echo(pool, "outlives");
        vp::Completion done = pool.execute(request).value();
        response = done.response().retain();
    }
    CHECK(response.status() == 200 && response.version() == 11 && response.body() == "outlives");
    for (std::size_t i = 0; i < vp::Response::body_padding; ++i) {
        CHECK(response.body().data()[response.body().size() + i] == 0);
    }
    std::size_t fields = 0;
    for (const vp::Header header : response.headers()) {
        CHECK(!header.name.empty() && header.name == response.header_at(fields).name);
        ++fields;
    }
    CHECK(fields > 20 && fields == response.header_count());
    CHECK(response.header_find("SERVER").value() == "nginx" && !response.header_find("X-None"));
    CHECK(response.header_at(fields).name.empty());
}

void pools_end_gently_or_at_once() {
    vp::Pool gentle = open();
    vp::Request request = echo(gentle, "end");
    CHECK(gentle.submit(request).ok() && gentle.shutdown(patience).ok());
    CHECK(gentle.submit(request).status() == VP_ERR_CLOSED);
    vp::Completions<4> room;
    const vp::Batch last = gentle.wait(room, patience);
    CHECK(last.size() == 1 && last.begin()->ok());
    const vp::Batch none = gentle.wait(room, nanoseconds::max());
    CHECK(none.empty() && none.status() == VP_ERR_CLOSED);

    // Nobody polls this one; a leak checker would see what is left.
    vp::Pool abrupt = open();
    vp::Request lost = echo(abrupt, "nobody polls");
    CHECK(abrupt.submit(lost).ok());
}

}  // namespace

int main() {
    statuses_are_error_codes();
    value_throws_only_where_exceptions_are();
    config_remembers_its_first_refusal();
    a_failed_open_says_why();
    empty_objects_refuse();
    moves_leave_nothing_behind();
    a_refused_piece_is_never_sent_without();
    templates_rewind_to_their_own_mark();
    inputs_are_copied_and_bodies_built_in_place();
    completions_tell_all();
    a_room_holds_until_the_next_poll();
    callbacks_reach_callables();
    callables_run_in_poll_in_caller_drive();
    moments_are_of_the_monotonic_clock();
    watched_headers_are_read();
    default_headers_are_replaced();
    a_drain_leaves_lanes_open();
    a_group_takes_the_completions_of_its_pools();
    pools_share_a_thread();
    events_are_views();
#if defined(__cpp_lib_span)
    spans_are_taken_and_given();
#endif
#if defined(__cpp_lib_expected)
    results_are_expected_values();
#endif
    leases_come_back_by_themselves();
    responses_outlive_their_pool();
    pools_end_gently_or_at_once();
    return 0;
}
