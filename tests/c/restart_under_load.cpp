// The venue restarts, three times, while 4 threads place orders. The pool heals by itself, each
// accepted submit has one completion, no order is sent twice, and none that was answered, or that
// the wire state says was never sent, is accounted for wrongly at the venue.

#include "venue.h"

#include <atomic>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace {

std::atomic<bool> over{false};
std::atomic<uint64_t> next_order{0};
std::mutex mutex;
std::map<uint64_t, vp_completion> ended; // By order number.

void place_orders(vp_pool *pool) {
    vp_request *request;
    OK(vp_request_new(pool, &request));
    while (!over.load()) {
        const uint64_t number = next_order.fetch_add(1);
        const std::string id = "order-" + std::to_string(number);
        OK(vp_request_begin(request, VP_STR("POST"), VP_STR("/api/v3/order")));
        OK(vp_request_query(request, VP_STR("newClientOrderId"), text(id.c_str())));
        OK(vp_request_set_user_data(request, number));
        vp_completion completion = empty_completion();
        OK(vp_execute(pool, request, VP_QUEUE, &completion));
        CHECK_EQ(completion.user_data, number);
        vp_response_release(completion.response);
        std::lock_guard<std::mutex> lock(mutex);
        CHECK(ended.emplace(number, completion).second);
    }
    vp_request_free(request);
}

void wait_for_answers(vp_pool *pool, uint64_t more) {
    const uint64_t wanted = stats_of(pool).answered + more, deadline = now_ns() + PATIENCE_NS;
    while (stats_of(pool).answered < wanted) {
        if (now_ns() > deadline) CHECK_FAIL("the pool does not heal");
        breathe();
    }
}

} // namespace

int main() {
    vp_config *config = venue_config(4);
    OK(vp_config_set_dials_per_second(config, 1000));
    OK(vp_config_set_backoff(config, 10 * MILLISECOND_NS, 100 * MILLISECOND_NS));
    vp_pool *pool;
    OK(vp_pool_open(config, &pool, nullptr));
    vp_config_free(config);
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; i++) threads.emplace_back(place_orders, pool);

    wait_for_answers(pool, 200);
    for (const char *how : {"rst", "fin", "bare-fin"}) {
        venue_do(("POST /restart?down_ms=100&how=" + std::string(how)).c_str());
        wait_for_answers(pool, 200);
    }
    over.store(true);
    for (auto &thread : threads) thread.join();

    long answered = 0, maybe = 0;
    CHECK_EQ(ended.size(), next_order.load());
    for (const auto &[number, completion] : ended) {
        const bool ok = completion.outcome == VP_OUTCOME_OK;
        CHECK_EQ(ok, completion.wire_state == VP_WIRE_ANSWERED);
        answered += ok;
        maybe += !ok && completion.wire_state >= VP_WIRE_SENT;
    }
    const vp_stats stats = stats_of(pool);
    const long orders = venue_count("orders");
    printf("%zu orders: %ld answered, %ld perhaps executed; the venue has %ld; %llu connections\n",
           ended.size(), answered, maybe, orders, (unsigned long long)stats.connected);
    CHECK_EQ(venue_count("duplicates"), 0);
    CHECK(orders >= answered && orders <= answered + maybe);
    CHECK_EQ(stats.submitted, ended.size());
    CHECK_EQ(stats.answered + stats.failed, ended.size());
    CHECK(stats.connected > 4);
    wait_until_live(pool, 4);
    OK(vp_pool_close(pool));
    return 0;
}
