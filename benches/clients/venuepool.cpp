// venuepool, through its C ABI, as an engine would use it.
//
// Modes: poll and wait (caller drive; wait sleeps in the kernel), callback, sleep (thread drive,
// where the engine sleeps in vp_pool_wait), busy (the pool thread never sleeps, the engine spins).
#include "../harness.hpp"

#include <semaphore.h>

#include "venuepool.h"

namespace {

using namespace bench;

void ok(vp_status status) {
    if (status != VP_OK) fail("venuepool:", vp_status_name(status));
}

vp_str str(std::string_view text) {
    return {text.data(), text.size()};
}

vp_pool *open_pool(const Options &options) {
    vp_config *config = nullptr;
    std::string ca;
    ok(vp_config_new(&config));
    ok(vp_config_set_url(config, str(options.url())));
    ok(vp_config_set_connections(config, options.connections));
    for (const Header &header : DEFAULT_HEADERS)
        ok(vp_config_add_default_header(config, str(header.name), str(header.value)));
    if (options.mode == "poll" || options.mode == "wait")
        ok(vp_config_set_drive(config, VP_DRIVE_CALLER));
    if (options.mode == "busy") ok(vp_config_set_busy_poll(config, true));
    // A venue that closes all the time asks for more dials than a sane default allows.
    if (options.tolerant) {
        ok(vp_config_set_dials_per_second(config, 1000));
        ok(vp_config_set_backoff(config, 1'000'000, 1'000'000'000));
    }
    if (options.pool_cpu >= 0)
        ok(vp_config_set_cpu(config, static_cast<std::uint32_t>(options.pool_cpu)));
    if (options.look_after_us >= 0)
        ok(vp_config_set_look_after_ns(config,
                                       1000ULL * static_cast<unsigned>(options.look_after_us)));
    if (options.tls()) {
        std::FILE *file = std::fopen(options.ca.c_str(), "r");
        char text[16384];
        ca.assign(text, std::fread(text, 1, sizeof text, file));
        std::fclose(file);
        ok(vp_config_set_ca_pem(config, str(ca)));
    }
    vp_pool *pool = nullptr;
    ok(vp_pool_open(config, &pool, nullptr));
    vp_config_free(config);
    return pool;
}

class Venuepool {
  public:
    /// Engines that are called back share one pool; one that drives its pool has it for itself.
    static void prepare(const Options &options) {
        if (options.mode == "callback") shared = open_pool(options);
    }

    explicit Venuepool(const Options &options)
        : pool_(shared != nullptr ? shared : open_pool(options)),
          spins_(options.mode == "poll" || options.mode == "busy"),
          tolerant_(options.tolerant),
          requests_(options.depth) {
        sem_init(&called_, 0, 0);
        for (vp_request *&request : requests_) {
            ok(vp_request_new(pool_, &request));
            if (shared != nullptr) ok(vp_request_set_on_complete(request, on_complete, this));
        }
    }

    ~Venuepool() {
        for (vp_request *request : requests_) vp_request_free(request);
        if (pool_ != shared) vp_pool_close(pool_);
    }

    void on_answer(Answered answered) { answered_ = answered; }

    void submit(const Request &request, unsigned tag) {
        // Of each flight its own: an engine and its callback may send at the same time.
        vp_request *out = requests_[tag];
        if (vp_request_rewind(out) != VP_OK) {
            vp_request_begin(out, str(request.method()), str(request.path()));
            vp_request_mark(out);
        }
        vp_request_header(out, VP_STR("X-Request-Id"), str(request.id()));
        vp_request_header(out, VP_STR("X-Timestamp"), str(request.time()));
        if (request.is_order()) vp_request_body(out, str(request.body()));
        vp_request_set_user_data(out, tag);
        vp_status status = vp_submit(pool_, out, tolerant_ ? VP_QUEUE : 0, nullptr);
        if (status != VP_OK) fail("submit:", vp_status_name(status));
    }

    template <typename Finished>
    void run_until(Finished finished) {
        vp_completion done[64];
        while (!finished()) {
            if (shared != nullptr) {
                sem_wait(&called_);
                continue;
            }
            done[0].struct_size = sizeof done[0];
            int count = spins_ ? vp_pool_poll(pool_, done, 64)
                               : vp_pool_wait(pool_, done, 64, 10'000'000'000);
            if (count < 0) fail("take:", vp_status_name(count));
            for (int i = 0; i < count; i++) {
                tell(done[i]);
                vp_response_release(done[i].response);
            }
        }
    }

  private:
    static void on_complete(void *self, const vp_completion *done) {
        if (static_cast<Venuepool *>(self)->tell(*done))
            sem_post(&static_cast<Venuepool *>(self)->called_);
    }

    bool tell(const vp_completion &done) {
        Answer answer{};
        if (done.outcome == VP_OUTCOME_OK) {
            vp_str count{}, body = vp_response_body(done.response);
            vp_response_header_find(done.response, str(COUNT_HEADER), &count);
            answer = {done.http_status, {count.ptr, count.len}, {body.ptr, body.len}};
        } else {
            std::fprintf(stderr, "venuepool: %s, %s\n", vp_outcome_name(done.outcome),
                         vp_wire_name(done.wire_state));
        }
        return answered_(static_cast<unsigned>(done.user_data), answer);
    }

    static inline vp_pool *shared = nullptr;
    vp_pool *pool_;
    bool spins_, tolerant_;
    std::vector<vp_request *> requests_;
    Answered answered_{};
    sem_t called_;
};

}  // namespace

int main(int argc, char **argv) {
    return bench::run<Venuepool>(Options::parse(argc, argv));
}
