// 8 threads submit 12,500 requests each over 4 slots. Each accepted submit has exactly one
// completion, with the answer to that very request: header and body both carry its number.
//
//   every_submit_completes_once queue | callback | driven
//
// driven: the queue again, but it is this program that drives the pool, in vp_pool_wait.

#include "venue.h"

#include <atomic>
#include <chrono>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr int kThreads = 8;
constexpr int kEach = 12500;
constexpr int kAll = kThreads * kEach;

std::vector<std::atomic<int>> completions(kAll);
std::atomic<int> completed{0};

// Called once for each completion, from whatever thread.
void account(const vp_completion &completion) {
    if (completion.outcome != VP_OUTCOME_OK)
        CHECK_FAIL("request %llu: %s, %s", (unsigned long long)completion.user_data,
                   vp_outcome_name(completion.outcome), vp_wire_name(completion.wire_state));
    CHECK(completion.user_data < kAll);
    CHECK_EQ(completions[completion.user_data].fetch_add(1), 0);
    const std::string number = std::to_string(completion.user_data);
    vp_str id;
    OK(vp_response_header_find(completion.response, VP_STR("x-request-id"), &id));
    CHECK_TEXT(id, number.c_str());
    CHECK_TEXT(vp_response_body(completion.response), number.c_str());
    CHECK(completion.slot < 4);
    CHECK(completion.submit_ns <= completion.start_ns);
    CHECK_EQ(completion.queue_wait_ns, completion.start_ns - completion.submit_ns);
    CHECK(completion.start_ns <= completion.write_begin_ns);
    CHECK(completion.write_begin_ns <= completion.write_ns);
    CHECK(completion.write_ns <= completion.head_ns);
    CHECK(completion.first_byte_ns <= completion.head_ns);
    CHECK(completion.head_ns <= completion.done_ns);
    CHECK(completion.done_ns <= completion.delivered_ns);
    CHECK(completion.connection >= 1 && completion.bytes_received > 0);
    CHECK(completion.local_port > 0 && completion.peer_port > 0);
    CHECK(completion.local_ip[10] == 0xff && completion.local_ip[11] == 0xff);
    CHECK(completion.local_ip[12] == 127 && completion.peer_ip[12] == 127);
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto wall = std::chrono::nanoseconds(completion.write_wall_ns);
    CHECK(wall < now + std::chrono::seconds(1) && wall > now - std::chrono::minutes(5));
    completed.fetch_add(1);
}

void on_complete(void *, const vp_completion *completion) {
    account(*completion);
}

void submit_all(vp_pool *pool, int thread, bool callback) {
    vp_request *request;
    OK(vp_request_new(pool, &request));
    if (callback) OK(vp_request_set_on_complete(request, on_complete, nullptr));
    for (int i = 0; i < kEach; i++) {
        const std::string number = std::to_string(thread * kEach + i);
        OK(vp_request_begin(request, VP_STR("POST"), VP_STR("/echo?raw=1")));
        OK(vp_request_header(request, VP_STR("X-Request-Id"), text(number.c_str())));
        OK(vp_request_body(request, text(number.c_str())));
        OK(vp_request_set_user_data(request, uint64_t(thread * kEach + i)));
        // A full line is the only refusal, and then it is this thread's turn to wait.
        vp_status status;
        while ((status = vp_submit(pool, request, VP_QUEUE, nullptr)) != VP_OK) {
            CHECK(status == VP_ERR_WAITING_FULL || status == VP_ERR_COMPLETIONS_FULL);
            breathe();
        }
    }
    vp_request_free(request);
}

void take_all(vp_pool *pool) {
    vp_completion batch[64];
    while (completed.load() < kAll) {
        batch[0].struct_size = sizeof *batch;
        int32_t count = vp_pool_wait(pool, batch, 64, PATIENCE_NS);
        CHECK(count > 0);
        for (int32_t i = 0; i < count; i++) {
            account(batch[i]);
            vp_response_release(batch[i].response);
        }
    }
}

} // namespace

int main(int argc, char **argv) {
    CHECK(argc == 2);
    const std::string way = argv[1];
    const bool callback = way == "callback";
    vp_config *config = venue_config(4);
    if (way == "driven") OK(vp_config_set_drive(config, VP_DRIVE_CALLER));
    vp_pool *pool;
    OK(vp_pool_open(config, &pool, nullptr));
    vp_config_free(config);
    std::vector<std::thread> threads;
    for (int thread = 0; thread < kThreads; thread++)
        threads.emplace_back(submit_all, pool, thread, callback);
    if (!callback) take_all(pool);
    for (auto &thread : threads) thread.join();
    const uint64_t deadline = now_ns() + PATIENCE_NS;
    while (completed.load() < kAll && now_ns() < deadline) breathe();

    CHECK_EQ(completed.load(), kAll);
    CHECK_EQ(stats_of(pool).submitted, kAll);
    CHECK_EQ(stats_of(pool).answered, kAll);
    CHECK_EQ(stats_of(pool).failed, 0);
    CHECK_EQ(venue_count("requests"), kAll);
    OK(vp_pool_close(pool));
    CHECK_EQ(completed.load(), kAll);
    return 0;
}
