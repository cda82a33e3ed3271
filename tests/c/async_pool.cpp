// venuepool/async.hpp without a loop: each completion goes to its own handler, exactly once, and
// none is lost to a full slab, a cancel, an exception, or the end of the pool.
#include "async_test.hpp"
#include "count_allocations.hpp"

#include <algorithm>
#include <memory>
#include <stdexcept>
#include <vector>

namespace {

std::uint32_t drive;

/// Waits until the next dispatch has all completions in one batch. In caller drive they arrive in
/// dispatch itself, so there is nothing to wait for.
void let_all_arrive(vp::AsyncPool& pool) {
    const std::uint64_t deadline = now_ns() + PATIENCE_NS;
    while (drive == VP_DRIVE_THREAD && pool.pool().health()->in_flight > 0) {
        CHECK(now_ns() < deadline);
        breathe();
    }
}

void each_handler_has_its_own_answer() {
    vp::AsyncPool pool(open_pool(drive, 4), 64);
    vp::Request request = pool.pool().new_request().value();
    std::vector<int> answers(200, 0);
    std::size_t count = 0;
    for (int i = 0; i < 200; ++i) {
        // More requests than places: those that are refused are sent when a place is free.
        const auto on_done = [&answers, &count, i](vp::Completion done) {
            answers[static_cast<std::size_t>(i)] = answer(done);
            ++count;
        };
        auto id = pool.submit(ask(request, i), on_done, VP_QUEUE);
        while (!id) {
            CHECK(id.status() == VP_ERR_COMPLETIONS_FULL && pool.waiting() == 64);
            const std::size_t before = count;
            dispatch_until(pool, [&] { return count > before; });
            id = pool.submit(ask(request, i), on_done, VP_QUEUE);
        }
    }
    dispatch_until(pool, [&] { return pool.waiting() == 0; });
    for (int i = 0; i < 200; ++i) CHECK_EQ(answers[static_cast<std::size_t>(i)], i);
    CHECK_EQ(count, 200);
}

void a_refused_request_has_no_handler_and_keeps_no_place() {
    vp::AsyncPool pool(open_pool(drive, 1), 2);
    vp::Request request = pool.pool().new_request().value();
    auto alive = std::make_shared<int>(0);
    const auto never = [alive](const vp::Completion&) { CHECK(false); };
    CHECK(pool.submit(request.begin("NO METHOD", "/"), never).status() == VP_ERR_METHOD);
    CHECK(pool.waiting() == 0 && alive.use_count() == 2);

    // The places are full before the pool is.
    let_the_venue_stall();
    int ended = 0;
    const auto count = [&ended, alive](const vp::Completion& done) {
        CHECK(done.outcome() == VP_OUTCOME_SHUTDOWN);
        ++ended;
    };
    CHECK(pool.submit(ask_unanswered(request), count).ok());
    CHECK(pool.submit(ask_unanswered(request), count).status() == VP_ERR_NO_SLOT);
    CHECK(pool.submit(ask_unanswered(request), count, VP_QUEUE).ok());
    const auto third = pool.submit(ask_unanswered(request), count, VP_QUEUE);
    CHECK(third.status() == VP_ERR_COMPLETIONS_FULL);
    CHECK_EQ(pool.waiting(), 2);

    // Closed while they wait: each has its completion.
    CHECK(pool.close().ok());
    CHECK(ended == 2 && pool.waiting() == 0);
    CHECK(pool.submit(ask_unanswered(request), count).status() == VP_ERR_CLOSED);
    CHECK(pool.dispatch().status() == VP_ERR_CLOSED);
    CHECK(pool.close() == VP_ERR_CLOSED);
    venue_do("POST /faults/clear");
}

void the_destructor_hands_out_what_waits() {
    let_the_venue_stall();
    int ended = 0;
    {
        vp::AsyncPool pool(open_pool(drive, 3), 3);
        vp::Request request = pool.pool().new_request().value();
        for (int i = 0; i < 3; ++i) {
            CHECK(pool.submit(ask_unanswered(request), [&](const vp::Completion& done) {
                          CHECK(done.outcome() == VP_OUTCOME_SHUTDOWN);
                          ++ended;
                          // A handler that goes on is told that there is no pool any more.
                          const auto never = [](const vp::Completion&) { CHECK(false); };
                          CHECK(pool.submit(request, never).status() == VP_ERR_CLOSED);
                      }).ok());
        }
    }
    CHECK_EQ(ended, 3);
    venue_do("POST /faults/clear");
}

void a_cancelled_request_still_has_its_completion() {
    let_the_venue_stall();
    vp::AsyncPool pool(open_pool(drive, 1), 4);
    vp::Request request = pool.pool().new_request().value();
    vp_outcome in_flight = VP_OUTCOME_OK, queued = VP_OUTCOME_OK;
    const auto first = pool.submit(
        ask_unanswered(request), [&](const vp::Completion& done) { in_flight = done.outcome(); });
    const auto second =
        pool.submit(ask_unanswered(request),
                    [&](const vp::Completion& done) { queued = done.outcome(); }, VP_QUEUE);
    CHECK(pool.cancel(*second).ok());
    CHECK(queued == VP_OUTCOME_OK);  // Not in the call of cancel.
    dispatch_until(pool, [&] { return queued == VP_OUTCOME_CANCELLED; });
    CHECK(pool.cancel(*second) == VP_ERR_UNKNOWN_ID);
    CHECK(pool.cancel(*first).ok());
    dispatch_until(pool, [&] { return in_flight == VP_OUTCOME_CANCELLED; });
    CHECK_EQ(pool.waiting(), 0);
    venue_do("POST /faults/clear");
}

void what_was_submitted_past_it_is_told() {
    vp::AsyncPool pool(open_pool(drive, 2), 2);
    vp::Request request = pool.pool().new_request().value();
    std::uint64_t stray = 0;
    auto on_stray = [&stray](const vp::Completion& done) { stray = done.id(); };
    pool.on_unclaimed(on_stray);
    int answered = -1;
    CHECK(pool.submit(ask(request, 7), [&](const vp::Completion& done) {
                  answered = answer(done);
              }).ok());
    // With the number of a place that waits: the id tells them apart.
    const auto past = pool.pool().submit(ask(request, 8).user_data(0), VP_QUEUE);
    dispatch_until(pool, [&] { return stray != 0 && answered >= 0; });
    CHECK_EQ(stray, *past);
    CHECK_EQ(answered, 7);
}

#if defined(__cpp_exceptions)
void an_exception_loses_no_other_completion() {
    vp::AsyncPool pool(open_pool(drive, 8), 8);
    vp::Request request = pool.pool().new_request().value();
    int called = 0, thrown = 0;
    for (int i = 0; i < 8; ++i) {
        CHECK(pool.submit(ask(request, i), [&called](const vp::Completion&) {
                      ++called;
                      throw std::runtime_error("from a handler");
                  }).ok());
    }
    let_all_arrive(pool);
    const std::uint64_t deadline = now_ns() + PATIENCE_NS;
    while (pool.waiting() > 0 && now_ns() < deadline) {
        try {
            CHECK(pool.dispatch().ok());
        } catch (const std::runtime_error&) {
            ++thrown;
        }
    }
    CHECK(called == 8 && thrown == 8 && !pool.has_undispatched());
}
#endif

void a_handler_may_dispatch() {
    vp::AsyncPool pool(open_pool(drive, 4), 4);
    vp::Request request = pool.pool().new_request().value();
    int depth = 0, deepest = 0, called = 0;
    const auto nest = [&](const vp::Completion&) {
        ++called;
        deepest = std::max(deepest, ++depth);
        (void)pool.dispatch();
        --depth;
    };
    for (int i = 0; i < 4; ++i) CHECK(pool.submit(ask(request, i), nest).ok());
    let_all_arrive(pool);
    dispatch_until(pool, [&] { return pool.waiting() == 0; });
    CHECK_EQ(called, 4);
    CHECK(deepest > 1 || drive == VP_DRIVE_CALLER);
}

void a_handler_may_close_the_pool() {
    let_the_venue_stall();
    vp::AsyncPool pool(open_pool(drive, 2), 2);
    vp::Request request = pool.pool().new_request().value();
    int ended = 0;
    const auto stalled = pool.submit(ask_unanswered(request), [&](const vp::Completion& done) {
        CHECK(done.outcome() == VP_OUTCOME_SHUTDOWN);
        ++ended;
    });
    CHECK(stalled.ok());
    const auto answered = pool.submit(ask(request, 1), [&](const vp::Completion& done) {
        CHECK_EQ(answer(done), 1);
        CHECK(pool.close().ok());
        CHECK_EQ(ended, 1);
        ++ended;
    });
    CHECK(answered.ok());
    dispatch_until(pool, [&] { return ended == 2; });
    CHECK(pool.dispatch().status() == VP_ERR_CLOSED);
    venue_do("POST /faults/clear");
}

void a_request_allocates_nothing() {
    vp::AsyncPool pool(open_pool(drive, 2), 16);
    vp::Request request = pool.pool().new_request().value();
    struct Large {
        char bytes[vp::AsyncPool::handler_size - sizeof(int*)];
    };
    int answered = 0;
    const auto run = [&](int times) {
        for (int i = 0; i < times; ++i) {
            CHECK(pool.submit(ask(request, i), [large = Large(), done_count = &answered](
                                                   const vp::Completion& done) {
                          CHECK(large.bytes[0] == 0);
                          *done_count += done.ok();
                      }).ok());
            dispatch_until(pool, [&] { return pool.waiting() == 0; });
        }
    };
    run(50);
    const std::size_t before = allocations();
    run(500);
    CHECK_EQ(allocations() - before, 0);
    CHECK_EQ(answered, 550);
}

}  // namespace

int main(int argc, char** argv) {
    drive = drive_of(argc, argv);
    each_handler_has_its_own_answer();
    a_refused_request_has_no_handler_and_keeps_no_place();
    the_destructor_hands_out_what_waits();
    a_cancelled_request_still_has_its_completion();
    what_was_submitted_past_it_is_told();
#if defined(__cpp_exceptions)
    an_exception_loses_no_other_completion();
#endif
    a_handler_may_dispatch();
    a_handler_may_close_the_pool();
    if (!venue_is_tls()) a_request_allocates_nothing();
    return 0;
}
