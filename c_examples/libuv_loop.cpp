// An engine in a loop of libuv, with coroutines: what happens to an order reads from top to bottom.
//
//   libuv_loop --url https://localhost:40123 --ca ca.pem --count 100
//
// Each strategy is a coroutine that sends an order, waits for its answer, and cancels it. All of
// them run in one thread. With --drive caller this thread reads the answers itself.
#include "orders.hpp"
#include "task.hpp"

#include <memory>
#include <vector>
#include <venuepool/libuv.hpp>

namespace {

constexpr unsigned long strategies = 4;

Task trade(venuepool::AsyncPool& pool, unsigned long number, unsigned long orders) {
    venuepool::Request request = pool.pool().new_request().value();
    const std::string name = "libuv_loop-" + std::to_string(number);
    for (unsigned long i = 0; i < orders; ++i) {
        const auto placed = co_await pool.submit(build_order(request, name.c_str(), i), VP_QUEUE);
        CHECK(placed.ok() && confirms_order(*placed, name.c_str(), i));

        request.begin("DELETE", "/api/v3/order")
            .query("origClientOrderId", name + "-" + std::to_string(i));
        const auto cancelled = co_await pool.submit(request, VP_QUEUE);
        CHECK(cancelled.ok() && confirms_order(*cancelled, name.c_str(), i));
    }
}

}  // namespace

int main(int argc, char** argv) {
    const arguments arguments = parse_arguments(argc, argv, "100");
    const unsigned long orders = (arguments.count + strategies - 1) / strategies;
    uv_loop_t loop;
    CHECK(uv_loop_init(&loop) == 0);
    {
        venuepool::LibuvPool pool(open_pool(arguments), 64);
        CHECK(pool.watch(&loop).ok());
        std::vector<Task> tasks;
        for (unsigned long i = 0; i < strategies; ++i) tasks.push_back(trade(pool, i, orders));

        // A watched pool keeps the loop running, so the work that is left decides.
        while (pool.waiting() > 0) (void)uv_run(&loop, UV_RUN_ONCE);
        for (const Task& task : tasks) {
            CHECK(task.is_done());
            task.get();
        }
    }
    // libuv closes the pool's handle in the loop.
    CHECK(uv_run(&loop, UV_RUN_DEFAULT) == 0 && uv_loop_close(&loop) == 0);
    std::printf("%lu strategies placed and cancelled %lu orders each\n", strategies, orders);
    return 0;
}
