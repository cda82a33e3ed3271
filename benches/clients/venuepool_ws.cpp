// A WebSocket session of venuepool, through its C ABI, as an engine would use it: orders are calls,
// written straight into their frame, and matched by their number.
//
// Modes: poll and wait (caller drive, where the library has it for sessions), sleep (thread drive,
// where the engine sleeps in vp_ws_wait), callback.
#include "../websocket.hpp"

#include <semaphore.h>

#include "venuepool.h"

namespace {

using namespace bench;

constexpr std::uint64_t PATIENCE_NS = 10'000'000'000;

void ok(vp_status status) {
    if (status != VP_OK) fail("venuepool:", vp_status_name(status));
}

vp_str str(std::string_view text) {
    return {text.data(), text.size()};
}

std::int32_t on_match(void *, std::int32_t, vp_str message, std::uint64_t *key) {
    static constexpr std::string_view BEGIN = R"({"id":)";
    if (std::memcmp(message.ptr, BEGIN.data(), BEGIN.size()) != 0) return 0;
    *key = number_of(message.ptr);
    return 1;
}

class Session {
  public:
    explicit Session(const Options &options)
        : is_called_(options.mode == "callback"), spins_(options.mode == "poll") {
        sem_init(&called_, 0, 0);
        vp_config *config = nullptr;
        vp_ws_config *settings = nullptr;
        ok(vp_config_new(&config));
        ok(vp_config_set_url(config, str(options.url())));
        if (options.mode == "poll" || options.mode == "wait")
            ok(vp_config_set_drive(config, VP_DRIVE_CALLER));
        ok(vp_ws_config_new(&settings));
        ok(vp_ws_config_set_on_match(settings, on_match, nullptr));
        // A stream that is not taken in time would be dropped, and the run would hang.
        ok(vp_ws_config_set_queue(settings, 1 << 22, VP_WS_CLOSE));
        ok(vp_ws_open(config, settings, str("/ws"), is_called_ ? on_event : nullptr, this,
                      &session_, nullptr));
        vp_ws_config_free(settings);
        vp_config_free(config);
        ok(vp_ws_frame_new(session_, 256, &frame_));
    }

    ~Session() {
        vp_ws_frame_free(frame_);
        vp_ws_close(session_);
    }

    std::string_view echo(const Order &order) {
        std::uint8_t *room = nullptr;
        left_.store(1, std::memory_order_relaxed);
        ok(vp_ws_frame_room(frame_, &room, nullptr));
        std::memcpy(room, order.text().data(), order.text().size());
        ok(vp_ws_call_frame(session_, frame_, VP_WS_TEXT, order.text().size(), order.number(),
                            PATIENCE_NS, 0, nullptr));
        take();
        return {answer_, answer_size_};
    }

    void stream(const std::string &request, std::uint64_t count) {
        left_.store(count, std::memory_order_relaxed);
        ok(vp_ws_send(session_, VP_WS_TEXT, str(request), nullptr));
        take();
    }

  private:
    static void on_event(void *self, const vp_ws_event *event) {
        auto *session = static_cast<Session *>(self);
        if (session->tell(*event)) sem_post(&session->called_);
    }

    /// Takes until what was asked for is there.
    void take() {
        if (is_called_) {
            while (sem_wait(&called_) != 0) {
            }
            return;
        }
        static vp_ws_event events[64];
        for (bool is_done = false; !is_done;) {
            events[0].struct_size = sizeof events[0];
            const int count = spins_ ? vp_ws_poll(session_, events, 64)
                                     : vp_ws_wait(session_, events, 64, PATIENCE_NS);
            if (count < 0) fail("take:", vp_status_name(count));
            for (int i = 0; i < count; i++) {
                is_done |= tell(events[i]);
                vp_ws_data_release(events[i].data);
            }
        }
    }

    /// Whether it was the last one that was asked for.
    bool tell(const vp_ws_event &event) {
        switch (event.kind) {
        case VP_WS_EVENT_COMPLETION:
            if (event.outcome != VP_OUTCOME_OK) fail("order:", vp_outcome_name(event.outcome));
            // What it borrows ends with the event, so it is copied as an engine would read it.
            answer_size_ = std::min(event.payload.len, sizeof answer_);
            std::memcpy(answer_, event.payload.ptr, answer_size_);
            break;
        case VP_WS_EVENT_MESSAGE:
            if (event.payload.len != MESSAGE) fail("another message came");
            break;
        case VP_WS_EVENT_UP:
        case VP_WS_EVENT_CLOSED:
            return false;
        default:
            if (event.kind == VP_WS_EVENT_LOST && event.loss == VP_WS_LOSS_CLOSED) return false;
            fail("the session was lost");
        }
        // One thread counts at a time, as in every peer.
        const std::uint64_t left = left_.load(std::memory_order_relaxed) - 1;
        left_.store(left, std::memory_order_relaxed);
        return left == 0;
    }

    bool is_called_, spins_;
    vp_ws *session_ = nullptr;
    vp_ws_frame *frame_ = nullptr;
    std::atomic<std::uint64_t> left_{0};
    char answer_[512];
    std::size_t answer_size_ = 0;
    sem_t called_;
};

}  // namespace

int main(int argc, char **argv) {
    return run_websocket<Session>(Options::parse(argc, argv));
}
