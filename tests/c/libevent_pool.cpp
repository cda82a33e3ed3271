// venuepool/libevent.hpp: a loop of libevent hands out completions, ends when the pool does, and
// loses no descriptor.
#include "venuepool/libevent.hpp"

#include "async_test.hpp"

#include <csignal>
#include <memory>
#include <sys/wait.h>

namespace {

std::uint32_t drive;

struct FreeBase {
    void operator()(event_base* base) const noexcept { event_base_free(base); }
};
using Base = std::unique_ptr<event_base, FreeBase>;

/// Runs until no event is left in the loop.
void run(const Base& base) {
    CHECK_EQ(event_base_dispatch(base.get()), 1);
}

void each_handler_has_its_own_answer_in_the_loop() {
    const Base base(event_base_new());
    vp::LibeventPool pool(open_pool(drive, 3), 16);
    CHECK(pool.watch(base.get()).ok());
    CHECK(pool.watch(base.get()) == VP_ERR_ARGUMENT);
    vp::Request request = pool.pool().new_request().value();
    int answered = 0;
    for (int i = 0; i < 16; ++i) {
        CHECK(pool.submit(ask(request, i), [&, i](const vp::Completion& done) {
                      CHECK_EQ(answer(done), i);
                      // The last one lets the loop end.
                      if (++answered == 16) pool.unwatch();
                  }, VP_QUEUE).ok());
    }
    CHECK_EQ(event_base_dispatch(base.get()), 1);
    CHECK_EQ(answered, 16);

    // Watched again, it goes on where it was.
    CHECK(pool.submit(ask(request, 16), [&](const vp::Completion&) { pool.unwatch(); }).ok());
    CHECK(pool.watch(base.get()).ok());
    run(base);
    CHECK_EQ(pool.waiting(), 0);
}

void the_end_of_the_pool_ends_the_loop() {
    let_the_venue_stall();
    const Base base(event_base_new());
    vp::LibeventPool pool(open_pool(drive, 1), 2);
    CHECK(pool.watch(base.get()).ok());
    vp::Request request = pool.pool().new_request().value();
    int ended = 0;
    for (int i = 0; i < 2; ++i) {
        CHECK(pool.submit(ask_unanswered(request), [&](const vp::Completion& done) {
                      CHECK(done.outcome() == VP_OUTCOME_SHUTDOWN);
                      ++ended;
                  }, VP_QUEUE).ok());
    }
    CHECK(pool.pool().shutdown().ok());
    run(base);
    CHECK_EQ(ended, 2);
    venue_do("POST /faults/clear");
}

void a_closed_pool_leaves_the_loop() {
    const Base base(event_base_new());
    {
        vp::LibeventPool pool(open_pool(drive, 1), 2);
        CHECK(pool.watch(base.get()).ok());
        CHECK(pool.close().ok());
        run(base);
        CHECK(pool.watch(base.get()) == VP_ERR_CLOSED);
    }
    {
        vp::LibeventPool pool(open_pool(drive, 1), 2);
        CHECK(pool.watch(base.get()).ok());
        vp::Request request = pool.pool().new_request().value();
        const auto close = [&](const vp::Completion&) { CHECK(pool.close().ok()); };
        CHECK(pool.submit(ask(request, 1), close).ok());
        run(base);
        CHECK_EQ(pool.waiting(), 0);
    }
    {
        vp::LibeventPool pool(open_pool(drive, 1), 2);
        CHECK(pool.watch(base.get()).ok());
    }
    run(base);
}

/// An exception must not pass through libevent: it ends the process.
void an_exception_ends_the_process() {
    const pid_t child = fork();
    if (child == 0) {
        std::freopen("/dev/null", "w", stderr);
        const Base base(event_base_new());
        vp::LibeventPool pool(open_pool(drive, 1), 1);
        CHECK(pool.watch(base.get()).ok());
        vp::Request request = pool.pool().new_request().value();
        (void)pool.submit(ask(request, 1), [](const vp::Completion&) { throw 1; });
        run(base);
        std::_Exit(0);
    }
    int status = 0;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

}  // namespace

int main(int argc, char** argv) {
    drive = drive_of(argc, argv);
    const int threads = thread_count(), fds = fd_count();
    an_exception_ends_the_process();
    each_handler_has_its_own_answer_in_the_loop();
    the_end_of_the_pool_ends_the_loop();
    a_closed_pool_leaves_the_loop();
    until_as_before(threads, fds);
    return 0;
}
