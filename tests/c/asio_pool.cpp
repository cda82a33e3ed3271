// venuepool/asio.hpp, with standalone asio and with Boost.Asio: an io_context hands out
// completions to handlers and futures, ends when the pool does, and loses no descriptor.
#include "venuepool/asio.hpp"

#include "async_test.hpp"
#include "count_allocations.hpp"

#include <future>
#include <memory>
#include <optional>
#include <stdexcept>

#if defined(VENUEPOOL_BOOST_ASIO)
namespace net = boost::asio;
#else
namespace net = asio;
#endif

namespace {

std::uint32_t drive;

void each_handler_has_its_own_answer_in_the_loop() {
    net::io_context io;
    vp::AsioPool pool(io.get_executor(), open_pool(drive, 3), 32);
    CHECK(pool.watch().ok());
    CHECK(pool.watch() == VP_ERR_ARGUMENT);
    vp::Request request = pool.pool().new_request().value();
    int answered = 0;
    const auto count = [&] {
        // The last one lets the loop end.
        if (++answered == 32) pool.unwatch();
    };
    for (int i = 0; i < 16; ++i) {
        // As a handler of the pool, and as an operation of asio.
        CHECK(pool.submit(ask(request, i), [&, i](const vp::Completion& done) {
                      CHECK_EQ(answer(done), i);
                      count();
                  }, VP_QUEUE).ok());
        pool.async_submit(ask(request, i + 100), VP_QUEUE, [&, i](vp::Result<vp::Completion> done) {
            CHECK_EQ(answer(done.value()), i + 100);
            count();
        });
    }
    io.run();
    CHECK_EQ(answered, 32);

    // Watched again, it goes on where it was.
    CHECK(pool.submit(ask(request, 1), [&](const vp::Completion&) { pool.unwatch(); }).ok());
    CHECK(pool.watch().ok());
    io.restart();
    io.run();
    CHECK_EQ(pool.waiting(), 0);
}

void a_refusal_reaches_the_handler_later_and_by_its_executor() {
    net::io_context io, other;
    vp::AsioPool pool(io.get_executor(), open_pool(drive, 1), 1);
    CHECK(pool.watch().ok());
    vp::Request request = pool.pool().new_request().value();
    std::optional<vp::Status> refused;
    std::optional<int> answered;
    pool.async_submit(ask(request, 3), 0,
                      net::bind_executor(other.get_executor(),
                                         [&](vp::Result<vp::Completion> done) {
                                             answered = answer(done.value());
                                         }));
    pool.async_submit(ask(request, 4), 0,
                      net::bind_executor(other.get_executor(),
                                         [&](vp::Result<vp::Completion> done) {
                                             refused = done.status();
                                         }));
    CHECK(!refused);
    CHECK_EQ(other.run_one(), 1);
    CHECK(*refused == VP_ERR_COMPLETIONS_FULL);
    while (pool.waiting() > 0) CHECK_EQ(io.run_one(), 1);
    CHECK(!answered);
    CHECK_EQ(other.run(), 1);  // It waited for the handler: its executor had work.
    CHECK_EQ(*answered, 3);
}

void a_future_is_a_token_too() {
    net::io_context io;
    vp::AsioPool pool(io.get_executor(), open_pool(drive, 1), 2);
    CHECK(pool.watch().ok());
    vp::Request request = pool.pool().new_request().value();
    auto done = pool.async_submit(ask(request, 5), 0, net::use_future);
    while (pool.waiting() > 0) CHECK_EQ(io.run_one(), 1);
    pool.unwatch();
    io.run();
    CHECK_EQ(answer(done.get().value()), 5);
}

void the_end_of_the_pool_ends_the_loop() {
    let_the_venue_stall();
    net::io_context io;
    vp::AsioPool pool(io.get_executor(), open_pool(drive, 1), 2);
    CHECK(pool.watch().ok());
    vp::Request request = pool.pool().new_request().value();
    int ended = 0;
    const auto on_done = [&](vp::Result<vp::Completion> done) {
        CHECK(done->outcome() == VP_OUTCOME_SHUTDOWN);
        ++ended;
    };
    pool.async_submit(ask_unanswered(request), VP_QUEUE, on_done);
    pool.async_submit(ask_unanswered(request), VP_QUEUE, on_done);
    CHECK(pool.pool().shutdown().ok());
    io.run();
    CHECK_EQ(ended, 2);
    venue_do("POST /faults/clear");
}

void a_pool_may_go_before_its_loop_has_run() {
    let_the_venue_stall();
    net::io_context io;
    int ended = 0;
    {
        vp::AsioPool pool(io.get_executor(), open_pool(drive, 1), 1);
        CHECK(pool.watch().ok());
        vp::Request request = pool.pool().new_request().value();
        pool.async_submit(ask_unanswered(request), 0,
                          [&](vp::Result<vp::Completion> done) {
                              CHECK(done->outcome() == VP_OUTCOME_SHUTDOWN);
                              ++ended;
                          });
    }
    CHECK_EQ(ended, 0);  // Only the loop calls it.
    io.run();
    CHECK_EQ(ended, 1);
    venue_do("POST /faults/clear");
}

void a_handler_that_does_not_fit_is_kept_elsewhere() {
    net::io_context io;
    vp::AsioPool pool(io.get_executor(), open_pool(drive, 1), 1);
    CHECK(pool.watch().ok());
    vp::Request request = pool.pool().new_request().value();
    struct Large {
        char bytes[2 * vp::AsyncPool::handler_size];
    };
    int answered = 0;
    const auto ask_with = [&](Large large) {
        pool.async_submit(ask(request, 9), 0, [&, large](vp::Result<vp::Completion> done) {
            CHECK(large.bytes[0] == 'x');
            answered += done ? answer(*done) : 1000;
            if (pool.waiting() == 0 && answered > 1000) pool.unwatch();
        });
    };
    ask_with(Large{{'x'}});
    ask_with(Large{{'x'}});
    io.run();
    CHECK_EQ(answered, 1009);
}

void an_exception_leaves_run_and_loses_nothing() {
    net::io_context io;
    vp::AsioPool pool(io.get_executor(), open_pool(drive, 8), 8);
    vp::Request request = pool.pool().new_request().value();
    int called = 0, thrown = 0;
    for (int i = 0; i < 8; ++i) {
        CHECK(pool.submit(ask(request, i), [&](const vp::Completion&) {
                      if (++called == 8) pool.unwatch();
                      throw std::runtime_error("from a handler");
                  }).ok());
    }
    const std::uint64_t deadline = now_ns() + PATIENCE_NS;
    while (drive == VP_DRIVE_THREAD && pool.pool().health()->in_flight > 0) {
        CHECK(now_ns() < deadline);
        breathe();
    }
    CHECK(pool.watch().ok());
    for (bool over = false; !over;) {
        try {
            io.run();
            over = true;
        } catch (const std::runtime_error&) {
            ++thrown;
        }
    }
    CHECK(called == 8 && thrown == 8);
}

void a_closed_pool_leaves_the_loop() {
    net::io_context io;
    vp::AsioPool pool(io.get_executor(), open_pool(drive, 1), 2);
    CHECK(pool.watch().ok());
    CHECK(pool.close().ok());
    io.run();
    CHECK(pool.watch() == VP_ERR_CLOSED);

    // In a handler.
    vp::AsioPool second(io.get_executor(), open_pool(drive, 1), 2);
    CHECK(second.watch().ok());
    vp::Request request = second.pool().new_request().value();
    const auto close = [&](const vp::Completion&) { CHECK(second.close().ok()); };
    CHECK(second.submit(ask(request, 1), close).ok());
    io.restart();
    io.run();
    CHECK_EQ(second.waiting(), 0);
}

/// A chain of requests in one call of run: asio keeps what it allocates for its operations there.
class Chain {
  public:
    explicit Chain(vp::AsioPool& pool)
        : pool_(pool), request_(pool.pool().new_request().value()) {}

    void next() {
        if (left_ == 500) before_ = allocations();
        if (left_ == 0) {
            made_ = allocations() - before_;
            return pool_.unwatch();
        }
        --left_;
        pool_.async_submit(ask(request_, left_), 0, [this](vp::Result<vp::Completion> done) {
            CHECK_EQ(answer(*done), left_);
            next();
        });
    }
    std::size_t made() const { return made_; }

  private:
    vp::AsioPool& pool_;
    vp::Request request_;
    int left_ = 550;
    std::size_t before_ = 0, made_ = 99;
};

void a_request_allocates_nothing() {
    net::io_context io;
    vp::AsioPool pool(io.get_executor(), open_pool(drive, 1), 4);
    CHECK(pool.watch().ok());
    Chain chain(pool);
    chain.next();
    io.run();
    // answer() makes a string, which is short enough to need no memory.
    CHECK_EQ(chain.made(), 0);
}

}  // namespace

int main(int argc, char** argv) {
    drive = drive_of(argc, argv);
    const int threads = thread_count(), fds = fd_count();
    each_handler_has_its_own_answer_in_the_loop();
    a_refusal_reaches_the_handler_later_and_by_its_executor();
    a_future_is_a_token_too();
    the_end_of_the_pool_ends_the_loop();
    a_pool_may_go_before_its_loop_has_run();
    a_handler_that_does_not_fit_is_kept_elsewhere();
    an_exception_leaves_run_and_loses_nothing();
    a_closed_pool_leaves_the_loop();
    if (!venue_is_tls()) a_request_allocates_nothing();
    until_as_before(threads, fds);
    return 0;
}
