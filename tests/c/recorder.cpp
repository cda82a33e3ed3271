/*
 * The flight recorder through C++ and C: an order is found by its tag and by its id, as text and as
 * JSON, also in a callback.
 */
#include "venue.h"

#include <venuepool.hpp>

#include <cstdio>
#include <cstdlib>
#include <future>
#include <string>
#include <vector>

namespace vp = venuepool;

namespace {

bool has(const std::string &text, const char *part) {
    return text.find(part) != std::string::npos;
}

vp::Config configured(std::uint32_t events_per_slot) {
    vp::Config config;
    config.url(std::getenv("VENUE_URL")).connections(1).recorder(events_per_slot);
    config.recorder_heads(256);
    if (venue_is_tls()) {
        char *const ca = read_file(std::getenv("VENUE_CA"));
        config.ca_pem(ca);
        std::free(ca);
    }
    return config;
}

vp::Pool opened(std::uint32_t events_per_slot) {
    return std::move(*vp::Pool::open(configured(events_per_slot)));
}

void it_is_told_in_both_formats(const vp::Pool &pool, std::uint64_t id) {
    const std::string people = *vp::recorder_find_tag(pool, "4711");
    CHECK(has(people, "\"4711\" GET /api/v3/time, waited "));
    CHECK(has(people, "VP_OUTCOME_OK, VP_WIRE_ANSWERED"));
    CHECK(has(people, ": live, from "));
    CHECK(has(people, "TLS 1.3") == (venue_is_tls() != 0));
    CHECK(has(people, "head of the request: GET /api/v3/time?signature=*** HTTP/1.1"));
    CHECK(has(people, "head of the answer: HTTP/1.1 200 ") && !has(people, "s3cret"));
    CHECK(people == *vp::recorder_find(pool, id));
    const std::string programs = *vp::recorder_find_tag(pool, "4711", VP_RECORDER_JSON);
    CHECK(programs.front() == '{' && has(programs, "\"tag\":\"4711\""));
    CHECK(has(*vp::recorder_text(pool), "4711") && has(*vp::recorder_text(pool, 0), "4711"));
    CHECK(vp::recorder_text(pool, 1).status() == VP_ERR_ARGUMENT);
    CHECK(vp::recorder_find_tag(pool, "4712").status() == VP_ERR_NOT_FOUND);
    CHECK(vp::recorder_find_tag(pool, "").status() == VP_ERR_ARGUMENT);
}

void the_calls_of_c_say_what_they_need(const vp::Pool &pool) {
    std::size_t needed = 0, written = 0;
    const vp_str tag = VP_STR("4711");
    CHECK_STATUS(vp_pool_recorder_find_tag(pool.get(), tag, 0, nullptr, 0, &needed),
                 VP_ERR_TOO_LARGE);
    std::vector<char> buffer(needed + 1, 'x');
    CHECK_STATUS(vp_pool_recorder_find_tag(pool.get(), tag, 0, buffer.data(), needed, &written),
                 VP_OK);
    CHECK(written == needed && buffer[written - 1] == '\0' && buffer[written] == 'x');
}

/* A tag that is refused spoils the order, so that none is sent that cannot be found. */
void a_tag_that_is_none_is_refused(vp::Pool &pool) {
    vp::Request request = std::move(*pool.new_request());
    const std::string longest(VP_TAG_BYTES, 'x');
    request.begin("GET", "/api/v3/time").tag(longest);
    CHECK(pool.execute(request, VP_QUEUE)->ok());
    CHECK(has(*vp::recorder_find_tag(pool, longest), longest.c_str()));
    request.begin("GET", "/api/v3/time").tag(longest + "x");
    CHECK(pool.submit(request).status() == VP_ERR_TOO_LARGE);
    request.begin("GET", "/api/v3/time").tag("a\n");
    CHECK(pool.submit(request).status() == VP_ERR_ARGUMENT);
}

/* Of a loss with an order: once without asking, and never without a recorder. */
void a_loss_is_told_with_its_recording(std::uint32_t events_per_slot) {
    std::promise<std::string> loss;
    auto listen = [&loss](vp::EventView event) {
        CHECK(event.get()->struct_size == sizeof(vp_event));
        CHECK((event.get()->recording.ptr == nullptr) == event.recording().empty());
        if (event.close_reason() == VP_CLOSE_REASON_RESET)
            loss.set_value(std::string(event.recording()));
        else
            CHECK(event.recording().empty());
    };
    vp::Config config = configured(events_per_slot);
    config.event(listen);
    vp::Pool pool = std::move(*vp::Pool::open(config));
    venue_do("POST /fault?spec=rst-response=first:1,on:/api/v3/order");
    vp::Request request = std::move(*pool.new_request());
    request.begin("POST", "/api/v3/order").header("X-Key", "s3cret").body("a=b").tag("4711");
    CHECK(pool.execute(request, VP_QUEUE)->outcome() == VP_OUTCOME_CONNECTION_RESET);
    const std::string told = loss.get_future().get();
    CHECK(told.empty() == (events_per_slot == 0));
    if (events_per_slot > 0) {
        CHECK(has(told, "\"4711\" POST /api/v3/order") && has(told, "VP_CLOSE_REASON_RESET"));
        CHECK(has(told, "X-Key: ***") && !has(told, "s3cret"));
    }
    CHECK(pool.close() == VP_OK);
}

}  // namespace

int main() {
    vp::Pool pool = opened(8);
    vp::Request request = std::move(*pool.new_request());
    request.begin("GET", "/api/v3/time").query("signature", "s3cret").tag("4711");
    const auto done = pool.execute(request, VP_QUEUE);
    CHECK(done->ok());
    it_is_told_in_both_formats(pool, done->id());
    the_calls_of_c_say_what_they_need(pool);
    a_tag_that_is_none_is_refused(pool);

    /* In the callback of the order itself, which is over by then. */
    std::promise<void> was_called;
    auto called = [&](vp::CompletionView completion) {
        CHECK(has(*vp::recorder_find(pool, completion.id()), "VP_OUTCOME_OK"));
        was_called.set_value();
    };
    request.begin("GET", "/api/v3/time").tag("").on_complete(called);
    CHECK(pool.submit(request).ok());
    was_called.get_future().wait();
    CHECK(pool.close() == VP_OK);
    CHECK(vp::recorder_text(pool).status() == VP_ERR_CLOSED);

    const vp::Pool without = opened(0);
    CHECK(vp::recorder_text(without).status() == VP_ERR_NOT_FOUND);
    CHECK(vp::recorder_find(without, 1).status() == VP_ERR_NOT_FOUND);

    a_loss_is_told_with_its_recording(8);
    a_loss_is_told_with_its_recording(0);
    return 0;
}
