// venuepool/libuv.hpp: a loop of libuv hands out completions, ends when the pool does, and loses no
// descriptor.
#include "venuepool/libuv.hpp"

#include "async_test.hpp"

#include <csignal>
#include <sys/wait.h>

namespace {

std::uint32_t drive;

/// Runs until no handle is left in the loop.
void run(uv_loop_t& loop) {
    CHECK_EQ(uv_run(&loop, UV_RUN_DEFAULT), 0);
}

void each_handler_has_its_own_answer_in_the_loop() {
    uv_loop_t loop;
    CHECK_EQ(uv_loop_init(&loop), 0);
    {
        vp::LibuvPool pool(open_pool(drive, 3), 16);
        CHECK(pool.watch(&loop).ok());
        CHECK(pool.watch(&loop) == VP_ERR_ARGUMENT);
        vp::Request request = pool.pool().new_request().value();
        int answered = 0;
        for (int i = 0; i < 16; ++i) {
            CHECK(pool.submit(ask(request, i), [&, i](const vp::Completion& done) {
                          CHECK_EQ(answer(done), i);
                          // The last one lets the loop end.
                          if (++answered == 16) pool.unwatch();
                      }, VP_QUEUE).ok());
        }
        run(loop);
        CHECK_EQ(answered, 16);

        // Watched again, it goes on where it was.
        CHECK(pool.submit(ask(request, 16), [&](const vp::Completion&) { pool.unwatch(); }).ok());
        CHECK(pool.watch(&loop).ok());
        run(loop);
        CHECK_EQ(pool.waiting(), 0);
    }
    CHECK_EQ(uv_loop_close(&loop), 0);
}

void the_end_of_the_pool_ends_the_loop() {
    let_the_venue_stall();
    uv_loop_t loop;
    CHECK_EQ(uv_loop_init(&loop), 0);
    vp::LibuvPool pool(open_pool(drive, 1), 2);
    CHECK(pool.watch(&loop).ok());
    vp::Request request = pool.pool().new_request().value();
    int ended = 0;
    for (int i = 0; i < 2; ++i) {
        CHECK(pool.submit(ask_unanswered(request), [&](const vp::Completion& done) {
                      CHECK(done.outcome() == VP_OUTCOME_SHUTDOWN);
                      ++ended;
                  }, VP_QUEUE).ok());
    }
    CHECK(pool.pool().shutdown().ok());
    run(loop);
    CHECK_EQ(ended, 2);
    CHECK_EQ(uv_loop_close(&loop), 0);
    venue_do("POST /faults/clear");
}

void a_closed_pool_leaves_the_loop() {
    uv_loop_t loop;
    CHECK_EQ(uv_loop_init(&loop), 0);
    {
        vp::LibuvPool pool(open_pool(drive, 1), 2);
        CHECK(pool.watch(&loop).ok());
        CHECK(pool.close().ok());
        run(loop);
        CHECK(pool.watch(&loop) == VP_ERR_CLOSED);
    }
    {
        vp::LibuvPool pool(open_pool(drive, 1), 2);
        CHECK(pool.watch(&loop).ok());
        vp::Request request = pool.pool().new_request().value();
        const auto close = [&](const vp::Completion&) { CHECK(pool.close().ok()); };
        CHECK(pool.submit(ask(request, 1), close).ok());
        run(loop);
        CHECK_EQ(pool.waiting(), 0);
    }
    {
        vp::LibuvPool pool(open_pool(drive, 1), 2);
        CHECK(pool.watch(&loop).ok());
    }
    CHECK_EQ(uv_loop_close(&loop), UV_EBUSY);
    run(loop);
    CHECK_EQ(uv_loop_close(&loop), 0);
}

/// An exception must not pass through libuv: it ends the process.
void an_exception_ends_the_process() {
    const pid_t child = fork();
    if (child == 0) {
        std::freopen("/dev/null", "w", stderr);
        uv_loop_t loop;
        CHECK_EQ(uv_loop_init(&loop), 0);
        vp::LibuvPool pool(open_pool(drive, 1), 1);
        CHECK(pool.watch(&loop).ok());
        vp::Request request = pool.pool().new_request().value();
        (void)pool.submit(ask(request, 1), [](const vp::Completion&) { throw 1; });
        run(loop);
        std::_Exit(0);
    }
    int status = 0;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

}  // namespace

int main(int argc, char** argv) {
    drive = drive_of(argc, argv);
    // The first loop of a process opens a pipe for signals, which stays.
    uv_loop_t first;
    CHECK(uv_loop_init(&first) == 0 && uv_loop_close(&first) == 0);
    const int threads = thread_count(), fds = fd_count();
    an_exception_ends_the_process();
    each_handler_has_its_own_answer_in_the_loop();
    the_end_of_the_pool_ends_the_loop();
    a_closed_pool_leaves_the_loop();
    until_as_before(threads, fds);
    return 0;
}
