// Coroutines that wait for requests: each is resumed with its own completion, also when the pool
// ends, and one that is destroyed takes its request with it.
#include "async_test.hpp"
#include "count_allocations.hpp"
#include "../../c_examples/task.hpp"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <vector>

namespace {

std::uint32_t drive;

Task chain(vp::AsyncPool& pool, int first, int count, int& answered) {
    vp::Request request = pool.pool().new_request().value();
    for (int i = first; i < first + count; ++i) {
        const vp::Result<vp::Completion> done = co_await pool.submit(ask(request, i), VP_QUEUE);
        CHECK(done.ok());
        CHECK_EQ(answer(*done), i);
        ++answered;
    }
}

void each_coroutine_has_its_own_answers() {
    vp::AsyncPool pool(open_pool(drive, 3), 8);
    int answered = 0;
    std::vector<Task> chains;
    for (int i = 0; i < 8; ++i) chains.push_back(chain(pool, i * 1000, 25, answered));
    dispatch_until(pool, [&] { return answered == 200; });
    for (const Task& task : chains) CHECK(task.is_done());
}

Task burst(vp::AsyncPool& pool, int& sum) {
    vp::Request request = pool.pool().new_request().value();
    // All are sent before the first is waited for, from one request object.
    vp::Submission all[] = {pool.submit(ask(request, 1)), pool.submit(ask(request, 2)),
                            pool.submit(ask(request, 4))};
    CHECK_EQ(pool.waiting(), 3);
    for (vp::Submission& one : all) {
        CHECK(one.status().ok() && one.id() != 0);
        sum += answer(*co_await one);
        CHECK(one.is_ready() && one.cancel() == VP_ERR_UNKNOWN_ID);
    }
}

void several_are_in_flight_at_once() {
    vp::AsyncPool pool(open_pool(drive, 3), 3);
    int sum = 0;
    const Task task = burst(pool, sum);
    dispatch_until(pool, [&] { return task.is_done(); });
    CHECK_EQ(sum, 7);
}

Task ended_by(vp::AsyncPool& pool, std::uint32_t flags, std::optional<vp::Status>& refused,
              std::optional<vp_outcome>& outcome) {
    vp::Request request = pool.pool().new_request().value();
    const vp::Result<vp::Completion> done = co_await pool.submit(ask_unanswered(request), flags);
    if (!done) refused = done.status();
    if (done) outcome = done->outcome();
}

void a_refusal_is_the_result_and_the_end_resumes_all() {
    let_the_venue_stall();
    std::optional<vp::Status> refused[4];
    std::optional<vp_outcome> outcomes[4];
    vp::AsyncPool pool(open_pool(drive, 1), 2);
    std::vector<Task> tasks;
    for (std::size_t i = 0; i < 4; ++i) {
        tasks.push_back(ended_by(pool, i == 1 ? 0 : VP_QUEUE, refused[i], outcomes[i]));
    }
    CHECK(tasks[1].is_done() && *refused[1] == VP_ERR_NO_SLOT);
    CHECK(tasks[3].is_done() && *refused[3] == VP_ERR_COMPLETIONS_FULL);
    CHECK(!tasks[0].is_done() && !tasks[2].is_done());
    CHECK(pool.close().ok());
    CHECK(tasks[0].is_done() && *outcomes[0] == VP_OUTCOME_SHUTDOWN);
    CHECK(tasks[2].is_done() && *outcomes[2] == VP_OUTCOME_SHUTDOWN);
    venue_do("POST /faults/clear");
}

void a_shutdown_with_grace_resumes_all() {
    std::optional<vp::Status> refused;
    int answered = 0;
    std::optional<vp_outcome> outcome;
    vp::AsyncPool pool(open_pool(drive, 1), 2);
    const Task task = chain(pool, 5, 1, answered);
    CHECK(pool.pool().shutdown(std::chrono::seconds(20)).ok());
    const Task late = ended_by(pool, 0, refused, outcome);
    CHECK(late.is_done() && *refused == VP_ERR_CLOSED);
    const std::uint64_t deadline = now_ns() + PATIENCE_NS;
    while (pool.dispatch().status() != VP_ERR_CLOSED) CHECK(now_ns() < deadline);
    CHECK(task.is_done() && answered == 1);
}

void a_destroyed_coroutine_cancels_its_request() {
    let_the_venue_stall();
    vp::AsyncPool pool(open_pool(drive, 1), 2);
    std::vector<vp_outcome> unclaimed;
    auto on_unclaimed = [&](const vp::Completion& done) { unclaimed.push_back(done.outcome()); };
    pool.on_unclaimed(on_unclaimed);
    std::optional<vp::Status> refused;
    std::optional<vp_outcome> outcome;
    std::optional<Task> in_flight = ended_by(pool, 0, refused, outcome);
    std::optional<Task> queued = ended_by(pool, VP_QUEUE, refused, outcome);
    CHECK_EQ(pool.waiting(), 2);
    queued.reset();
    in_flight.reset();
    // Their places are taken until their completions are here.
    CHECK_EQ(pool.waiting(), 2);
    dispatch_until(pool, [&] { return pool.waiting() == 0; });
    CHECK(unclaimed.size() == 2 && !refused && !outcome);
    for (const vp_outcome each : unclaimed) CHECK(each == VP_OUTCOME_CANCELLED);

    // The place serves again.
    venue_do("POST /faults/clear");
    int answered = 0;
    const Task next = chain(pool, 1, 1, answered);
    dispatch_until(pool, [&] { return next.is_done(); });
    CHECK_EQ(answered, 1);
}

void a_coroutine_may_outlive_the_pool() {
    let_the_venue_stall();
    std::optional<vp::Status> refused;
    std::optional<vp_outcome> outcome;
    std::optional<Task> task;
    {
        vp::AsyncPool pool(open_pool(drive, 1), 2);
        task = ended_by(pool, 0, refused, outcome);
    }
    CHECK(task->is_done() && *outcome == VP_OUTCOME_SHUTDOWN);
    venue_do("POST /faults/clear");
}

Task throws(vp::AsyncPool& pool) {
    vp::Request request = pool.pool().new_request().value();
    (void)(co_await pool.submit(ask(request, 1))).value();
    throw std::runtime_error("from a coroutine");
}

void an_exception_stays_in_its_coroutine() {
    vp::AsyncPool pool(open_pool(drive, 1), 1);
    const Task task = throws(pool);
    dispatch_until(pool, [&] { return task.is_done(); });
    try {
        task.get();
        CHECK(false);
    } catch (const std::runtime_error&) {
    }
}

Task counted(vp::AsyncPool& pool, int warm_up, int times, std::size_t& made) {
    vp::Request request = pool.pool().new_request().value();
    std::size_t before = 0;
    for (int i = 0; i < warm_up + times; ++i) {
        if (i == warm_up) before = allocations();
        CHECK((co_await pool.submit(ask(request, i)))->ok());
    }
    made = allocations() - before;
}

void a_request_allocates_nothing() {
    vp::AsyncPool pool(open_pool(drive, 1), 4);
    std::size_t made = 99;
    const std::size_t before = allocations();
    const Task task = counted(pool, 50, 500, made);
    CHECK(allocations() > before);  // The count counts: a frame and a request.
    dispatch_until(pool, [&] { return task.is_done(); });
    CHECK_EQ(made, 0);
}

}  // namespace

int main(int argc, char** argv) {
    drive = drive_of(argc, argv);
    each_coroutine_has_its_own_answers();
    several_are_in_flight_at_once();
    a_refusal_is_the_result_and_the_end_resumes_all();
    a_shutdown_with_grace_resumes_all();
    a_destroyed_coroutine_cancels_its_request();
    a_coroutine_may_outlive_the_pool();
    an_exception_stays_in_its_coroutine();
    if (!venue_is_tls()) a_request_allocates_nothing();
    return 0;
}
