// What all clients of the comparison share: the options, the content of the requests, the load of
// each scenario, the check of the answers, and the record that goes to stdout.
//
// It does not know how a request is sent. A client is a class with
//
//   Client(const Options&)             dials all its connections, and returns when they are live
//   void on_answer(Answered&)          whom to tell of answers; told before the first request
//   void submit(const Request&, tag)   sends it on a free connection
//   void run_until(finished)           takes answers until finished() is true
//
// and tells each answer by answered(tag, answer), on any thread. README.md says what is measured.
#ifndef VENUEPOOL_BENCH_HARNESS_HPP
#define VENUEPOOL_BENCH_HARNESS_HPP

#include <dlfcn.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace bench {

[[noreturn]] inline void fail(const char *what, const char *why = "") {
    std::fprintf(stderr, "bench: %s %s\n", what, why);
    std::exit(1);
}

inline std::uint64_t now_ns() {
    timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 +
           static_cast<std::uint64_t>(now.tv_nsec);
}

// ------------------------------------------------------------------------------------- the options

struct Options {
    std::string mode;
    std::string host = "localhost";
    unsigned port = 0;
    std::string ca;                 // empty: plaintext
    std::string content = "order";  // order, body (16 KiB), chunked (4 KiB)
    unsigned connections = 1;
    unsigned depth = 1;  // requests in flight
    unsigned burst = 0;  // so many at a time, then a pause for their answers; 0: no bursts
    unsigned threads = 1;
    std::uint64_t requests = 1000;
    std::uint64_t warm_up = 200;
    unsigned idle_seconds = 0;  // afterwards, to see what idling costs
    unsigned pause_us = 0;      // the longest random pause before a request
    unsigned gap_us = 0;        // how long the engine sleeps before each request
    unsigned wash_kib = 0;      // so much memory is read before each request
    bool tolerant = false;      // failures are counted, and do not end the run
    int look_after_us = -1;     // venuepool: see vp_config_set_look_after_ns; -1: its default
    int pool_cpu = -1;          // where a client's own thread runs; -1: where the client does

    bool tls() const { return !ca.empty(); }
    std::string url() const {
        return (tls() ? "https://" : "http://") + host + ":" + std::to_string(port);
    }

    static Options parse(int argc, char **argv);
};

inline Options Options::parse(int argc, char **argv) {
    Options o;
    for (int i = 1; i + 1 < argc; i += 2) {
        std::string_view name = argv[i];
        std::string value = argv[i + 1];
        auto number = [&] {
            return static_cast<unsigned>(std::strtoul(value.c_str(), nullptr, 10));
        };
        if (name == "--mode")
            o.mode = value;
        else if (name == "--host")
            o.host = value;
        else if (name == "--port")
            o.port = number();
        else if (name == "--ca")
            o.ca = value;
        else if (name == "--content")
            o.content = value;
        else if (name == "--connections")
            o.connections = number();
        else if (name == "--depth")
            o.depth = number();
        else if (name == "--burst")
            o.burst = number();
        else if (name == "--threads")
            o.threads = number();
        else if (name == "--requests")
            o.requests = number();
        else if (name == "--warm-up")
            o.warm_up = number();
        else if (name == "--idle-seconds")
            o.idle_seconds = number();
        else if (name == "--pause-us")
            o.pause_us = number();
        else if (name == "--gap-us")
            o.gap_us = number();
        else if (name == "--wash-kib")
            o.wash_kib = number();
        else if (name == "--tolerant")
            o.tolerant = number() != 0;
        else if (name == "--look-after-us")
            o.look_after_us = static_cast<int>(number());
        else if (name == "--pool-cpu")
            o.pool_cpu = static_cast<int>(number());
        else
            fail("no such option:", argv[i]);
    }
    o.tolerant |= o.pause_us > 0;
    return o;
}

// ------------------------------------------------------------------------- requests and answers

inline constexpr std::string_view ORDER_PATH = "/api/v3/order";
inline constexpr std::string_view BODY_PATH = "/api/v3/exchangeInfo";
inline constexpr std::string_view CHUNKED_PATH = "/api/v3/depth";
inline constexpr std::string_view COUNT_HEADER = "x-mbx-order-count-10s";

/// The headers that are the same in each request, besides Host and Content-Length.
struct Header {
    std::string_view name, value;
};
inline constexpr std::array<Header, 4> DEFAULT_HEADERS = {{
    {"User-Agent", "bench"},
    {"Accept", "application/json"},
    {"X-MBX-APIKEY", "vmPUZE6mv9SD5VNHk4HlWFsOr6aKE2zvsw0MuIgwCIPy6utIco14y7Ju91duEh8A"},
    {"Content-Type", "application/x-www-form-urlencoded"},
}};

/// One request: its two headers and its body differ from the last one's by their numbers.
class Request {
  public:
    explicit Request(const std::string &content, std::uint64_t first_id)
        : is_order_(content == "order"),
          path_(is_order_           ? ORDER_PATH
                : content == "body" ? BODY_PATH
                                    : CHUNKED_PATH) {
        for (int at = 15; at >= 0; at--, first_id /= 10)
            id_[at] = static_cast<char>('0' + first_id % 10);
    }

    /// The next id, and with it the next time stamp.
    void next() {
        for (int at = 15; ++id_[at] > '9'; at--) id_[at] = '0';
        std::memcpy(body_ + ID_AT, id_, 16);
        std::memcpy(time_ + 7, id_ + 10, 6);
    }

    bool is_order() const { return is_order_; }
    std::string_view method() const { return is_order_ ? "POST" : "GET"; }
    std::string_view path() const { return path_; }
    std::string_view id() const { return {id_, 16}; }      // header X-Request-Id
    std::string_view time() const { return {time_, 13}; }  // header X-Timestamp
    std::string_view body() const {
        return is_order_ ? std::string_view(body_, sizeof body_ - 1) : std::string_view();
    }

  private:
    static constexpr std::size_t ID_AT = 17;
    bool is_order_;
    std::string_view path_;
    char id_[16];
    char time_[14] = "1764090000000";
    char body_[160] =
        "newClientOrderId=0000000000000000&symbol=BTCUSDT&side=BUY&type=LIMIT&timeInForce=GTC"
        "&quantity=0.00100000&price=65000.00&recvWindow=5000&timestamp=1764090000000";
};

/// What a client found in the response: it has looked up one header, as an engine does for its
/// limits, and has the whole body before it, without chunks.
struct Answer {
    int status;  // 0: there is none
    std::string_view count;
    std::string_view body;
};

/// A function for answers that costs no more than a call; true when the engine's thread, should it
/// sleep in run_until, has to look up.
struct Answered {
    void *context;
    bool (*function)(void *, unsigned, const Answer &);
    bool operator()(unsigned tag, const Answer &answer) const {
        return function(context, tag, answer);
    }
};

inline bool is_right(const Request &request, const Answer &answer) {
    if (answer.status != 200) return false;
    if (!request.is_order())
        return answer.body.size() == (request.path() == BODY_PATH ? 16384 : 4096);
    return !answer.count.empty() && answer.body.size() > 40 &&
           std::memcmp(answer.body.data() + 18, request.id().data(), 16) == 0;
}

// -------------------------------------------------------------------------------------- the record

struct Record {
    std::vector<std::uint64_t> latency_ns;  // of each request, or of each burst
    std::vector<std::uint64_t> wire_ns;     // submitted until the kernel had its last byte
    std::uint64_t failed = 0;
};

/// When the last send on a socket returned, as the library in preload.c saw it; null without it.
inline const std::atomic<std::uint64_t> *last_send_ns() {
    static auto *at =
        static_cast<const std::atomic<std::uint64_t> *>(dlsym(RTLD_DEFAULT, "bench_last_send_ns"));
    return at;
}

inline std::uint64_t rss_kib() {
    std::uint64_t pages = 0, resident = 0;
    std::FILE *file = std::fopen("/proc/self/statm", "r");
    if (file == nullptr || std::fscanf(file, "%lu %lu", &pages, &resident) != 2) fail("statm");
    std::fclose(file);
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)) / 1024;
}

inline std::uint64_t microseconds(const timeval &time) {
    return static_cast<std::uint64_t>(time.tv_sec) * 1'000'000 +
           static_cast<std::uint64_t>(time.tv_usec);
}

struct Usage {
    std::uint64_t user_us, sys_us;
    static Usage now() {
        rusage usage;
        getrusage(RUSAGE_SELF, &usage);
        return {microseconds(usage.ru_utime), microseconds(usage.ru_stime)};
    }
};

inline void print(const char *name, const std::vector<std::uint64_t> &values) {
    std::printf("%s", name);
    for (auto value : values) std::printf(" %lu", value);
    std::printf("\n");
}

// ---------------------------------------------------------------------------------------- the load

/// One engine: keeps up to `depth` requests in flight, or sends bursts.
template <typename Client>
class Engine {
  public:
    Engine(const Options &options, Client &client, unsigned number)
        : options_(options),
          client_(client),
          random_(number),
          washing_(options.wash_kib * std::size_t{1024} / LINE) {
        std::uint64_t ids = 1'000'000'000ULL * (number + 1);
        for (unsigned tag = 0; tag < options.depth; tag++)
            flights_.emplace_back(options.content, ids + 10'000'000ULL * tag);
        auto answered = [](void *self, unsigned tag, const Answer &answer) {
            return static_cast<Engine *>(self)->answered(tag, answer);
        };
        client.on_answer({this, answered});
    }

    /// The warm-up is the same as the load, but not recorded.
    Record run(std::uint64_t requests) {
        record_ = {};
        record_.latency_ns.reserve(requests);
        if (last_send_ns() != nullptr) record_.wire_ns.reserve(requests);
        if (options_.burst > 0)
            bursts(requests);
        else if (options_.depth == 1)
            one_by_one(requests);
        else if (options_.threads > 1)
            keep_in_flight(requests);
        else
            keep_going(requests);
        return std::move(record_);
    }

  private:
    struct Flight {
        Flight(const std::string &content, std::uint64_t id) : request(content, id) {}
        Request request;
        std::uint64_t submit_ns = 0;
    };

    void start(unsigned tag) {
        Flight &flight = flights_[tag];
        flight.request.next();
        flight.submit_ns = now_ns();
        client_.submit(flight.request, tag);
    }

    /// On whatever thread the client tells it.
    bool answered(unsigned tag, const Answer &answer) {
        Flight &flight = flights_[tag];
        std::uint64_t now = now_ns();
        if (!is_right(flight.request, answer)) {
            if (!options_.tolerant) fail("a wrong answer to", flight.request.path().data());
            record_.failed++;
        }
        if (in_bursts_) {
            burst_left_--;
            if (to_start_ > 0) to_start_--, start(tag);
            if (burst_left_ == 0) record_.latency_ns.push_back(now - burst_ns_);
        } else if (own_thread_) {
            std::lock_guard<std::mutex> lock(mutex_);
            record_.latency_ns.push_back(now - flight.submit_ns);
            landed_.push_back(tag);
        } else {
            record_.latency_ns.push_back(now - flight.submit_ns);
            if (to_start_ > 0) to_start_--, start(tag);
        }
        return left_.fetch_sub(1, std::memory_order_release) == 1 || own_thread_;
    }

    bool finished() const { return left_.load(std::memory_order_acquire) == 0; }

    /// The engine's thread sends, and sleeps or spins until the answer is there.
    void one_by_one(std::uint64_t requests) {
        const auto *sent = last_send_ns();
        for (std::uint64_t i = 0; i < requests; i++) {
            if (options_.pause_us > 0) pause();
            if (options_.gap_us > 0)
                std::this_thread::sleep_for(std::chrono::microseconds(options_.gap_us));
            wash();
            left_ = 1;
            start(0);
            client_.run_until([this] { return finished(); });
            if (sent != nullptr) record_.wire_ns.push_back(*sent - flights_[0].submit_ns);
        }
    }

    void pause() {
        std::this_thread::sleep_for(std::chrono::microseconds(random_() % options_.pause_us));
    }

    /// What another program does to the caches of this processor between two orders.
    void wash() {
        for (CacheLine &line : washing_) line.bytes[0]++;
    }

    /// Each answer sends the next request, where it is told.
    void keep_going(std::uint64_t requests) {
        left_ = requests;
        to_start_ = requests - options_.depth;
        for (unsigned tag = 0; tag < options_.depth; tag++) start(tag);
        client_.run_until([this] { return finished(); });
    }

    /// As that, but the next request is always sent by this engine's thread.
    void keep_in_flight(std::uint64_t requests) {
        own_thread_ = true;
        left_ = requests;
        std::uint64_t to_start = requests;
        for (unsigned tag = 0; tag < options_.depth; tag++) to_start--, start(tag);
        std::vector<unsigned> landed;
        for (std::uint64_t seen = 0; seen < requests; seen += landed.size()) {
            client_.run_until([this, &landed] {
                landed.clear();
                std::lock_guard<std::mutex> lock(mutex_);
                landed.swap(landed_);
                return !landed.empty();
            });
            for (unsigned tag : landed)
                if (to_start > 0) to_start--, start(tag);
        }
    }

    /// A burst is as long as it takes until its last answer.
    void bursts(std::uint64_t requests) {
        in_bursts_ = true;
        for (std::uint64_t sent = 0; sent < requests; sent += options_.burst) {
            left_ = burst_left_ = options_.burst;
            to_start_ = options_.burst - options_.depth;
            burst_ns_ = now_ns();
            for (unsigned tag = 0; tag < options_.depth; tag++) start(tag);
            client_.run_until([this] { return finished(); });
        }
    }

    static constexpr std::size_t LINE = 64;
    struct CacheLine {
        volatile unsigned char bytes[LINE];
    };

    const Options &options_;
    Client &client_;
    std::minstd_rand random_;
    std::vector<CacheLine> washing_;
    std::vector<Flight> flights_;
    Record record_;
    std::atomic<std::uint64_t> left_{0};
    std::atomic<std::uint64_t> to_start_{0};
    std::atomic<std::uint64_t> burst_left_{0};
    std::uint64_t burst_ns_ = 0;
    bool in_bursts_ = false;
    bool own_thread_ = false;
    std::mutex mutex_;
    std::vector<unsigned> landed_;
};

/// The main function of a client.
template <typename Client>
int run(const Options &options) {
    std::uint64_t rss_before = rss_kib();
    Options each = options;
    each.connections /= options.threads;
    each.depth /= options.threads;
    Client::prepare(options);
    std::vector<std::unique_ptr<Client>> clients;
    std::vector<std::unique_ptr<Engine<Client>>> engines;
    for (unsigned i = 0; i < options.threads; i++) {
        clients.push_back(std::make_unique<Client>(each));
        engines.push_back(std::make_unique<Engine<Client>>(each, *clients.back(), i));
    }
    std::uint64_t rss_open = rss_kib();
    std::vector<Record> records(options.threads);
    auto all = [&](std::uint64_t requests) {
        std::vector<std::thread> threads;
        for (unsigned i = 1; i < options.threads; i++)
            threads.emplace_back(
                [&, i] { records[i] = engines[i]->run(requests / options.threads); });
        records[0] = engines[0]->run(requests / options.threads);
        for (auto &thread : threads) thread.join();
    };
    all(options.warm_up);
    Usage before = Usage::now();
    std::uint64_t start = now_ns();
    all(options.requests);
    std::uint64_t elapsed = now_ns() - start;
    Usage after = Usage::now();
    std::uint64_t idle_us = 0;
    if (options.idle_seconds > 0) {
        std::this_thread::sleep_for(std::chrono::seconds(options.idle_seconds));
        Usage idle = Usage::now();
        idle_us = idle.user_us + idle.sys_us - after.user_us - after.sys_us;
    }
    Record sum;
    for (auto &record : records) {
        sum.latency_ns.insert(sum.latency_ns.end(), record.latency_ns.begin(),
                              record.latency_ns.end());
        sum.wire_ns.insert(sum.wire_ns.end(), record.wire_ns.begin(), record.wire_ns.end());
        sum.failed += record.failed;
    }
    print("latency_ns", sum.latency_ns);
    print("wire_ns", sum.wire_ns);
    std::printf("elapsed_ns %lu\nuser_us %lu\nsys_us %lu\nfailed %lu\n", elapsed,
                after.user_us - before.user_us, after.sys_us - before.sys_us, sum.failed);
    std::printf("rss_before_kib %lu\nrss_open_kib %lu\nidle_us %lu\n", rss_before, rss_open,
                idle_us);
    return 0;
}

}  // namespace bench

#endif
