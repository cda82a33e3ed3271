// A pool is closed while three threads submit, wait in line and cancel: each submit that was
// accepted has its one completion, no matter at which moment the end came; by callback, before
// close returns.
//
//   close_under_load queue | callback | driven

#include "venue.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kRounds = 150;
constexpr int kThreads = 3;

std::atomic<uint64_t> accepted, called;

void on_complete(void *, const vp_completion *) {
    called.fetch_add(1);
}

// Submits until it is refused for good; cancels every other request at once.
void submit_until_closed(vp_pool *pool, vp_request *request) {
    for (bool cancel = false;; cancel = !cancel) {
        uint64_t id;
        const vp_status status = vp_submit(pool, request, VP_QUEUE, &id);
        if (status == VP_ERR_CLOSED) break;
        if (status != VP_OK) {
            CHECK(status == VP_ERR_WAITING_FULL || status == VP_ERR_COMPLETIONS_FULL);
            std::this_thread::yield();
            continue;
        }
        accepted.fetch_add(1);
        if (!cancel) continue;
        const vp_status cancelled = vp_cancel(pool, id);
        CHECK(cancelled == VP_OK || cancelled == VP_ERR_UNKNOWN_ID || cancelled == VP_ERR_CLOSED);
    }
    vp_request_free(request);
}

uint64_t take(vp_pool *pool) {
    vp_completion batch[64];
    uint64_t taken = 0;
    for (;;) {
        batch[0].struct_size = sizeof *batch;
        const int32_t count = vp_pool_wait(pool, batch, 64, PATIENCE_NS);
        if (count == VP_ERR_CLOSED) return taken;
        CHECK(count > 0);
        for (int32_t i = 0; i < count; i++) vp_response_release(batch[i].response);
        taken += uint64_t(count);
    }
}

} // namespace

int main(int argc, char **argv) {
    CHECK(argc == 2);
    const std::string way = argv[1];
    const bool callback = way == "callback";
    vp_config *config = venue_config(2);
    if (way == "driven") OK(vp_config_set_drive(config, VP_DRIVE_CALLER));
    for (int round = 0; round < kRounds; round++) {
        accepted.store(0);
        called.store(0);
        vp_pool *pool;
        OK(vp_pool_open(config, &pool, nullptr));
        std::vector<std::thread> threads;
        for (int i = 0; i < kThreads; i++) {
            vp_request *request = request_to(pool, "GET", "/api/v3/ping");
            if (callback) OK(vp_request_set_on_complete(request, on_complete, nullptr));
            threads.emplace_back(submit_until_closed, pool, request);
        }
        uint64_t taken = 0;
        std::thread taker([&] { taken = take(pool); });
        const uint64_t enough = 20 + uint64_t(round) % 60, deadline = now_ns() + PATIENCE_NS;
        while (accepted.load() < enough) CHECK(now_ns() < deadline);
        OK(vp_pool_close(pool));
        const uint64_t called_until_closed = called.load();
        for (auto &thread : threads) thread.join();
        taker.join();
        CHECK_EQ(called.load(), called_until_closed);
        const uint64_t completed = callback ? called_until_closed : taken;
        if (completed != accepted.load())
            CHECK_FAIL("round %d: %llu accepted, %llu completed", round,
                       (unsigned long long)accepted.load(), (unsigned long long)completed);
    }
    vp_config_free(config);
    return 0;
}
