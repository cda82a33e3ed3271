// venuepool/asio.hpp in the coroutines of asio: co_await pool.submit(request) in an awaitable.
#include "venuepool/asio.hpp"

#include "async_test.hpp"
#include "count_allocations.hpp"
#include "../../c_examples/task.hpp"

#include <exception>
#include <optional>
#include <stdexcept>

#if defined(VENUEPOOL_BOOST_ASIO)
namespace net = boost::asio;
#else
namespace net = asio;
#endif

namespace {

std::uint32_t drive;

/// What a coroutine on its own ends with: an exception ends the test.
void must_end_well(std::exception_ptr thrown) {
    if (thrown) std::rethrow_exception(thrown);
}

net::awaitable<void> chain(vp::AsioPool& pool, int first, int& open) {
    vp::Request request = pool.pool().new_request().value();
    for (int i = first; i < first + 25; ++i) {
        const vp::Result<vp::Completion> done = co_await pool.submit(ask(request, i), VP_QUEUE);
        CHECK_EQ(answer(*done), i);
    }
    if (--open == 0) pool.unwatch();
}

void each_coroutine_has_its_own_answers() {
    net::io_context io;
    vp::AsioPool pool(io.get_executor(), open_pool(drive, 3), 8);
    CHECK(pool.watch().ok());
    int open = 8;
    for (int i = 0; i < 8; ++i) net::co_spawn(io, chain(pool, i * 1000, open), must_end_well);
    io.run();
    CHECK_EQ(open, 0);
}

net::awaitable<void> ended_by(vp::AsioPool& pool, std::uint32_t flags,
                              std::optional<vp::Status>& refused,
                              std::optional<vp_outcome>& outcome) {
    vp::Request request = pool.pool().new_request().value();
    const vp::Result<vp::Completion> done = co_await pool.submit(ask_unanswered(request), flags);
    if (done) {
        outcome = done->outcome();
    } else {
        refused = done.status();
    }
}

void a_refusal_is_the_result_and_the_end_resumes_all() {
    let_the_venue_stall();
    net::io_context io;
    vp::AsioPool pool(io.get_executor(), open_pool(drive, 1), 1);
    CHECK(pool.watch().ok());
    std::optional<vp::Status> refused[2];
    std::optional<vp_outcome> outcomes[2];
    net::co_spawn(io, ended_by(pool, VP_QUEUE, refused[0], outcomes[0]), must_end_well);
    net::co_spawn(io, ended_by(pool, VP_QUEUE, refused[1], outcomes[1]), must_end_well);
    while (!refused[1]) CHECK_EQ(io.run_one(), 1);
    CHECK(*refused[1] == VP_ERR_COMPLETIONS_FULL);
    CHECK(pool.pool().shutdown().ok());
    io.run();
    CHECK(*outcomes[0] == VP_OUTCOME_SHUTDOWN);
    venue_do("POST /faults/clear");
}

net::awaitable<void> throws(vp::AsioPool& pool) {
    vp::Request request = pool.pool().new_request().value();
    (void)(co_await pool.submit(ask(request, 1))).value();
    pool.unwatch();
    throw std::runtime_error("from a coroutine");
}

void an_exception_goes_where_asio_sends_it() {
    net::io_context io;
    vp::AsioPool pool(io.get_executor(), open_pool(drive, 1), 1);
    CHECK(pool.watch().ok());
    bool thrown = false;
    net::co_spawn(io, throws(pool), [&](std::exception_ptr by) { thrown = by != nullptr; });
    io.run();
    CHECK(thrown);
}

/// Coroutines of another kind run in asio's loop, too.
Task other_kind(vp::AsioPool& pool, int& answered) {
    vp::AsyncPool& plain = pool;
    vp::Request request = pool.pool().new_request().value();
    answered = answer(*co_await plain.submit(ask(request, 6)));
    pool.unwatch();
}

void a_coroutine_of_another_kind_waits_as_well() {
    net::io_context io;
    vp::AsioPool pool(io.get_executor(), open_pool(drive, 1), 1);
    CHECK(pool.watch().ok());
    int answered = 0;
    const Task task = other_kind(pool, answered);
    io.run();
    CHECK(task.is_done() && answered == 6);
}

net::awaitable<void> counted(vp::AsioPool& pool, std::size_t& made) {
    vp::Request request = pool.pool().new_request().value();
    std::size_t before = 0;
    for (int i = 0; i < 550; ++i) {
        if (i == 50) before = allocations();
        CHECK((co_await pool.submit(ask(request, i)))->ok());
    }
    made = allocations() - before;
    pool.unwatch();
}

void a_request_allocates_nothing() {
    net::io_context io;
    vp::AsioPool pool(io.get_executor(), open_pool(drive, 1), 4);
    CHECK(pool.watch().ok());
    std::size_t made = 99;
    net::co_spawn(io, counted(pool, made), must_end_well);
    io.run();
    CHECK_EQ(made, 0);
}

#if !defined(VENUEPOOL_BOOST_ASIO) && ASIO_VERSION >= 102000
void a_cancellation_signal_cancels_the_request() {
    let_the_venue_stall();
    net::io_context io;
    vp::AsioPool pool(io.get_executor(), open_pool(drive, 1), 1);
    CHECK(pool.watch().ok());
    vp::Request request = pool.pool().new_request().value();
    net::cancellation_signal signal;
    std::optional<vp_outcome> outcome;
    pool.async_submit(ask_unanswered(request), 0,
                      net::bind_cancellation_slot(signal.slot(),
                                                  [&](vp::Result<vp::Completion> done) {
                                                      outcome = done->outcome();
                                                      pool.unwatch();
                                                  }));
    signal.emit(net::cancellation_type::terminal);
    io.run();
    CHECK(*outcome == VP_OUTCOME_CANCELLED);
    CHECK(!signal.slot().has_handler());
    venue_do("POST /faults/clear");
}
#else
void a_cancellation_signal_cancels_the_request() {}
#endif

}  // namespace

int main(int argc, char** argv) {
    drive = drive_of(argc, argv);
    const int threads = thread_count(), fds = fd_count();
    each_coroutine_has_its_own_answers();
    a_refusal_is_the_result_and_the_end_resumes_all();
    an_exception_goes_where_asio_sends_it();
    a_coroutine_of_another_kind_waits_as_well();
    a_cancellation_signal_cancels_the_request();
    if (!venue_is_tls()) a_request_allocates_nothing();
    until_as_before(threads, fds);
    return 0;
}
