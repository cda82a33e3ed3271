/*
 * A response that breaks off behind its head: status, fields and the body so far are told, in C and
 * in C++, and nothing takes it for whole.
 */
#include "venue.h"

#include <venuepool.hpp>

#include <cstdlib>
#include <string>

namespace vp = venuepool;

static vp_pool *pool;
static vp_request *request;

/* Sends an order, of whose response the second half of the body does not come. */
static vp_completion broken(const char *how) {
    std::string fault = "POST /fault?spec=cut=half,";
    venue_do("POST /faults/clear");
    venue_do((fault + how + ",first:1,on:/api/v3/time").c_str());
    vp_completion done = empty_completion();
    wait_until_live(pool, 1);
    OK(vp_execute(pool, request, VP_QUEUE, &done));
    CHECK(done.outcome != VP_OUTCOME_OK);
    CHECK_EQ(done.wire_state, VP_WIRE_ANSWERING);
    return done;
}

static void c_tells_what_came() {
    for (const char *how : {"fin", "rst"}) {
        vp_completion done = broken(how);
        vp_str value;
        CHECK_EQ(done.http_status, 200);
        CHECK_EQ(vp_response_status(done.response), 200);
        CHECK_EQ(vp_response_is_complete(done.response), 0);
        OK(vp_response_header_find(done.response, text("content-length"), &value));
        const vp_str body = vp_response_body(done.response);
        CHECK(body.len > 0 && body.len < strtoul(value.ptr, nullptr, 10));
        CHECK(body.ptr[body.len] == '\0');
        vp_response_release(done.response);
    }
}

static void cpp_gives_it_by_another_name() {
    vp_completion raw = broken("fin");
    const vp::CompletionView done(&raw);
    CHECK(!done.ok() && !done.response());
    CHECK(done.incomplete_response().status() == 200 && done.http_status() == 200);
    CHECK(!done.incomplete_response().is_complete());
    vp_response_release(raw.response);
    OK(vp_execute(pool, request, VP_QUEUE, &raw));
    const vp::CompletionView whole(&raw);
    CHECK(whole.ok() && whole.response().is_complete() && !whole.incomplete_response());
    vp_response_release(raw.response);
}

int main() {
    pool = venue_pool(1);
    request = request_to(pool, "GET", "/api/v3/time");
    c_tells_what_came();
    cpp_gives_it_by_another_name();
    vp_request_free(request);
    OK(vp_pool_close(pool));
    return 0;
}
