// An engine in a loop of libevent: a handler for each order, in the same thread as the timers.
//
//   libevent_loop --url https://localhost:40123 --ca ca.pem --count 100
//
// A timer stands for the market: at each tick an order is sent. With --drive caller this thread
// reads the answers itself.
#include "orders.hpp"

#include <memory>
#include <venuepool/libevent.hpp>

namespace {

class Engine {
  public:
    Engine(event_base* base, venuepool::Pool&& pool, unsigned long count)
        : pool_(std::move(pool), 64),
          request_(pool_.pool().new_request().value()),
          timer_(event_new(base, -1, EV_PERSIST, on_tick, this)),
          count_(count) {
        CHECK(pool_.watch(base).ok());
        const timeval every{0, 2000};
        CHECK(timer_ != nullptr && event_add(timer_, &every) == 0);
    }
    Engine(const Engine&) = delete;
    Engine& operator=(const Engine&) = delete;
    ~Engine() { event_free(timer_); }

    unsigned long answered() const { return answered_; }

  private:
    static void on_tick(evutil_socket_t, short, void* self) {
        static_cast<Engine*>(self)->send();
    }

    void send() {
        if (sent_ == count_) return;
        const auto id = pool_.submit(build_order(request_, "libevent_loop", sent_),
                                     [this, number = sent_](const venuepool::Completion& done) {
                                         CHECK(confirms_order(done, "libevent_loop", number));
                                         if (++answered_ == count_) stop();
                                     });
        // Fail fast: when all connections are busy this tick is over, and the next one tries again.
        if (id.status() == VP_ERR_NO_SLOT) return;
        CHECK(id.ok());
        ++sent_;
    }

    /// Leaves the loop, which then has nothing to do.
    void stop() {
        pool_.unwatch();
        CHECK(event_del(timer_) == 0);
    }

    venuepool::LibeventPool pool_;
    venuepool::Request request_;
    event* timer_;
    unsigned long count_;
    unsigned long sent_ = 0;
    unsigned long answered_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    const arguments arguments = parse_arguments(argc, argv, "100");
    event_base* const base = event_base_new();
    {
        Engine engine(base, open_pool(arguments), arguments.count);
        CHECK(event_base_dispatch(base) >= 0);
        std::printf("%lu orders sent and answered\n", engine.answered());
        CHECK(engine.answered() == arguments.count);
    }
    event_base_free(base);
    return 0;
}
