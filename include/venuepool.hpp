// venuepool for C++17: the C API of venuepool.h as classes, header only.
//
//   auto pool = venuepool::Pool::open(venuepool::Config().url("https://api.example.com"));
//   if (!pool) return fail(pool.error().text());
//   auto request = pool->new_request();
//   request->begin("POST", "/api/v3/order").header("X-MBX-APIKEY", key).body(signed_order);
//   auto id = pool->submit(*request);
//
// Names. Drop the prefix: vp_pool_try_acquire(pool, ..) is pool.try_acquire(..), and
// vp_config_set_url(config, ..) is config.url(..). Enums are those of C, with to_string. What each
// call promises stands at its C function in venuepool.h; here stands what C++ adds: ownership,
// chaining, types. get() of each class gives the C handle, so both can be mixed.
//
// Errors. No call throws or allocates for an error; all are noexcept. What can be refused answers a
// Status, or a Result: a value or the reason why there is none. Two exceptions, to be called only
// where exceptions are welcome: Result::value() throws std::system_error (without exceptions it
// aborts), and std::error_code's message() makes a std::string.
//
// Cost. Each call is one inline call of C. Nothing here allocates, locks or keeps time.
//
// Threads. As in C: a Pool by any number of threads at once; any other object by one at a time.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_HPP
#define VENUEPOOL_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <iterator>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#include "venuepool.h"

namespace venuepool {

class Pool;

// ---------------------------------------------------------------------------------- names of enums

/// The name as it stands in venuepool.h, such as "VP_ERR_NO_SLOT". Static text.
inline std::string_view to_string(vp_status status) noexcept {
    return vp_status_name(status);
}
inline std::string_view to_string(vp_outcome outcome) noexcept {
    return vp_outcome_name(outcome);
}
inline std::string_view to_string(vp_wire wire) noexcept {
    return vp_wire_name(wire);
}
inline std::string_view to_string(vp_close_reason reason) noexcept {
    return vp_close_reason_name(reason);
}
inline std::string_view to_string(vp_event_kind kind) noexcept {
    return vp_event_name(kind);
}
inline std::string_view to_string(vp_slot_state state) noexcept {
    return vp_slot_state_name(state);
}

namespace detail {

inline vp_str str(std::string_view text) noexcept {
    return {text.data(), text.size()};
}
inline std::string_view view(vp_str text) noexcept {
    return {text.ptr, text.len};
}

/// A duration as C takes it: negative is 0, the longest is "without end".
constexpr std::uint64_t ns(std::chrono::nanoseconds time) noexcept {
    if (time == std::chrono::nanoseconds::max()) return UINT64_MAX;
    return time.count() < 0 ? 0 : static_cast<std::uint64_t>(time.count());
}

constexpr std::chrono::nanoseconds time(std::uint64_t ns) noexcept {
    return std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(ns));
}

/// A C struct of zeros that says its size.
template <typename Struct>
Struct sized() noexcept {
    Struct out{};
    out.struct_size = sizeof(Struct);
    return out;
}

}  // namespace detail

// ------------------------------------------------------------------------ Status, Error and Result

/// What a call answers: vp_status as a value. Converts to std::error_code where one is wanted:
/// `std::error_code ec = status;`.
class Status {
  public:
    constexpr Status() noexcept = default;
    constexpr Status(vp_status code) noexcept : code_(code) {}

    constexpr bool ok() const noexcept { return code_ == VP_OK; }
    constexpr vp_status code() const noexcept { return code_; }
    std::string_view name() const noexcept { return to_string(code_); }

    friend constexpr bool operator==(Status a, Status b) noexcept { return a.code_ == b.code_; }
    friend constexpr bool operator!=(Status a, Status b) noexcept { return a.code_ != b.code_; }

  private:
    vp_status code_ = VP_OK;
};

/// The std::error_category of all statuses, named "venuepool".
inline const std::error_category& category() noexcept {
    class Category final : public std::error_category {
        const char* name() const noexcept override { return "venuepool"; }
        std::string message(int code) const override { return vp_status_name(code); }
        std::error_condition default_error_condition(int code) const noexcept override {
            switch (code) {
                case VP_ERR_TIMEOUT: return std::errc::timed_out;
                case VP_ERR_ARGUMENT: return std::errc::invalid_argument;
                case VP_ERR_TOO_LARGE: return std::errc::message_size;
                case VP_ERR_NO_SLOT: return std::errc::resource_unavailable_try_again;
                case VP_ERR_WOULD_DEADLOCK: return std::errc::resource_deadlock_would_occur;
                default: return {code, *this};
            }
        }
    };
    // Never destroyed, because other threads may name a status while the program ends.
    alignas(Category) static unsigned char storage[sizeof(Category)];
    static const Category* const category = ::new (storage) Category;
    return *category;
}

inline std::error_code make_error_code(Status status) noexcept {
    return {static_cast<int>(status.code()), category()};
}

/// Why a pool could not be opened, or a connection not be healed: vp_error as a value.
class Error {
  public:
    Error() noexcept : raw_(detail::sized<vp_error>()) {}

    Status status() const noexcept { return static_cast<vp_status>(raw_.status); }
    bool ok() const noexcept { return status().ok(); }
    /// errno of the system call that failed; 0 when none did.
    int os_error() const noexcept { return raw_.os_error; }
    /// What was tried and what went wrong. Valid as long as this object is.
    std::string_view text() const noexcept { return raw_.text; }

  private:
    friend class Config;
    friend class Pool;
    vp_error raw_;
};

namespace detail {

inline Status status_of(Status status) noexcept {
    return status;
}
inline Status status_of(const Error& error) noexcept {
    return error.status();
}
inline std::string_view text_of(Status) noexcept {
    return "venuepool";
}
inline std::string_view text_of(const Error& error) noexcept {
    return error.text();
}

template <typename Reason>
[[noreturn]] void fail(const Reason& reason) {
#if defined(__cpp_exceptions)
    throw std::system_error(make_error_code(status_of(reason)), std::string(text_of(reason)));
#else
    const std::string_view text = text_of(reason);
    std::fprintf(stderr, "%.*s: %s\n", static_cast<int>(text.size()), text.data(),
                 vp_status_name(status_of(reason).code()));
    std::abort();
#endif
}

}  // namespace detail

/// A value, or the reason why there is none (a Status, or an Error with text).
///
/// Test it, then reach the value by * or ->; without a value these give an empty one, on which each
/// call is refused, so a forgotten test does no harm. value() throws instead.
template <typename T, typename Reason = Status>
class [[nodiscard]] Result {
  public:
    /// `value` counts when `reason` is OK.
    Result(Reason reason, T value) noexcept
        : value_(std::move(value)), reason_(std::move(reason)) {}

    bool ok() const noexcept { return status().ok(); }
    explicit operator bool() const noexcept { return ok(); }
    Status status() const noexcept { return detail::status_of(reason_); }
    const Reason& error() const noexcept { return reason_; }

    T& operator*() & noexcept { return value_; }
    const T& operator*() const& noexcept { return value_; }
    T&& operator*() && noexcept { return std::move(value_); }
    T* operator->() noexcept { return std::addressof(value_); }
    const T* operator->() const noexcept { return std::addressof(value_); }

    /// The value; throws std::system_error when there is none.
    T& value() & { return ok() ? value_ : (detail::fail(reason_), value_); }
    const T& value() const& { return ok() ? value_ : (detail::fail(reason_), value_); }
    T value() && {
        if (!ok()) detail::fail(reason_);
        return std::move(value_);
    }

  private:
    T value_;
    Reason reason_;
};

// ---------------------------------------------------------------------------------------- Response

/// One header field of a response.
struct Header {
    std::string_view name;
    std::string_view value;
};

class Response;

/// A response that somebody else holds: cheap to copy, like a std::string_view.
///
/// Threads: any.
/// Lifetime: it, and every view that it gives, is valid until its holder lets go of the response: a
/// Response or Completion that is destroyed, or the callback that returns. retain() prolongs.
class ResponseView {
  public:
    ResponseView() noexcept = default;
    explicit ResponseView(vp_response* raw) noexcept : raw_(raw) {}

    explicit operator bool() const noexcept { return raw_ != nullptr; }
    vp_response* get() const noexcept { return raw_; }

    /// Whether the response is whole. False for one that broke off behind its head, and when this
    /// is empty.
    bool is_complete() const noexcept { return vp_response_is_complete(raw_) != 0; }

    /// 200 to 599; 0 when this is empty.
    int status() const noexcept { return vp_response_status(raw_); }
    std::string_view reason() const noexcept { return detail::view(vp_response_reason(raw_)); }
    /// 10 or 11.
    int version() const noexcept { return vp_response_version(raw_); }

    /// The body, as far as it had arrived, with body_padding readable zero bytes behind its end:
    /// for simdjson,
    /// `padded_string_view(body.data(), body.size(), body.size() + body_padding)`.
    std::string_view body() const noexcept { return detail::view(vp_response_body(raw_)); }
    static constexpr std::size_t body_padding = 64;

    std::size_t header_count() const noexcept { return vp_response_header_count(raw_); }

    /// The field at `index` in the order of arrival; empty beyond the last.
    Header header_at(std::size_t index) const noexcept {
        vp_str name{}, value{};
        (void)vp_response_header_at(raw_, index, &name, &value);
        return {detail::view(name), detail::view(value)};
    }

    /// The first field of that name, in any case.
    std::optional<std::string_view> header_find(std::string_view name) const noexcept {
        vp_str value{};
        if (vp_response_header_find(raw_, detail::str(name), &value) != VP_OK) return std::nullopt;
        return detail::view(value);
    }

    class Headers;
    /// All fields: `for (venuepool::Header header : response.headers())`.
    Headers headers() const noexcept;

    /// One more holder, who keeps the response for as long as he likes.
    Response retain() const noexcept;

  protected:
    vp_response* raw_ = nullptr;
};

/// The fields of a response as a range.
class ResponseView::Headers {
  public:
    class Iterator {
      public:
        using value_type = Header;
        using difference_type = std::ptrdiff_t;
        using pointer = void;
        using reference = Header;
        using iterator_category = std::input_iterator_tag;

        Iterator() noexcept = default;
        Iterator(ResponseView response, std::size_t index) noexcept
            : response_(response), index_(index) {}

        Header operator*() const noexcept { return response_.header_at(index_); }
        Iterator& operator++() noexcept {
            ++index_;
            return *this;
        }
        Iterator operator++(int) noexcept { return {response_, index_++}; }
        friend bool operator==(const Iterator& a, const Iterator& b) noexcept {
            return a.index_ == b.index_;
        }
        friend bool operator!=(const Iterator& a, const Iterator& b) noexcept { return !(a == b); }

      private:
        ResponseView response_;
        std::size_t index_ = 0;
    };

    explicit Headers(ResponseView response) noexcept : response_(response) {}
    Iterator begin() const noexcept { return {response_, 0}; }
    Iterator end() const noexcept { return {response_, response_.header_count()}; }

  private:
    ResponseView response_;
};

inline ResponseView::Headers ResponseView::headers() const noexcept {
    return Headers(*this);
}

/// A response that this object holds.
///
/// It moves but does not copy: a second holder costs an atomic count and keeps a receive buffer out
/// of the pool, so who wants one says so with retain().
///
/// Threads: any thread may read it, hold it and let it go; one object by one thread at a time.
/// Lifetime: independent of the pool, its connections and the request.
class Response : public ResponseView {
  public:
    Response() noexcept = default;
    /// Takes over a count that the caller has.
    explicit Response(vp_response* raw) noexcept : ResponseView(raw) {}
    ~Response() { release(); }

    Response(Response&& other) noexcept : ResponseView(std::exchange(other.raw_, nullptr)) {}
    Response& operator=(Response&& other) noexcept {
        if (this != &other) {
            release();
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }

    /// Lets go of the response now; this is then empty.
    void release() noexcept {
        if (raw_ != nullptr) vp_response_release(std::exchange(raw_, nullptr));
    }
};

inline Response ResponseView::retain() const noexcept {
    if (raw_ != nullptr) (void)vp_response_retain(raw_);
    return Response(raw_);
}

// -------------------------------------------------------------------------------------- Completion

/// What a Completion and a CompletionView have in common: the fields of vp_completion.
/// Times are on CLOCK_MONOTONIC, which is std::chrono::steady_clock; 0 for what never was.
template <typename Self>
class CompletionFields {
  public:
    /// The id that submit gave.
    std::uint64_t id() const noexcept { return raw().id; }
    std::uint64_t user_data() const noexcept { return raw().user_data; }
    vp_outcome outcome() const noexcept { return raw().outcome; }
    vp_wire wire_state() const noexcept { return raw().wire_state; }
    /// 0 when not even the head of a response arrived. Without ok() it says what the response would
    /// have been, not that it is here.
    int http_status() const noexcept { return raw().http_status; }
    /// VP_NO_SLOT when it was never sent.
    std::uint32_t slot() const noexcept { return raw().slot; }
    /// Borrowed from this completion; empty unless the outcome is OK.
    ResponseView response() const noexcept {
        return ResponseView(ok() ? raw().response : nullptr);
    }
    /// What had arrived of a response when the exchange ended otherwise, from a whole head on.
    /// Borrowed from this completion; empty when the outcome is OK.
    ResponseView incomplete_response() const noexcept {
        return ResponseView(ok() ? nullptr : raw().response);
    }

    std::chrono::nanoseconds submit_time() const noexcept { return detail::time(raw().submit_ns); }
    std::chrono::nanoseconds start_time() const noexcept { return detail::time(raw().start_ns); }
    /// How long the request waited in the queue for a slot.
    std::chrono::nanoseconds queue_wait() const noexcept {
        return detail::time((raw().start_ns != 0 ? raw().start_ns : raw().done_ns) -
                            raw().submit_ns);
    }
    std::chrono::nanoseconds write_time() const noexcept { return detail::time(raw().write_ns); }
    std::chrono::nanoseconds first_byte_time() const noexcept {
        return detail::time(raw().first_byte_ns);
    }
    std::chrono::nanoseconds done_time() const noexcept { return detail::time(raw().done_ns); }
    /// From the call of submit to the end of the exchange.
    std::chrono::nanoseconds elapsed() const noexcept { return done_time() - submit_time(); }
    std::uint64_t bytes_sent() const noexcept { return raw().bytes_sent; }
    /// Of these, what the peer's TCP has, and what never left; VP_BYTES_UNKNOWN when not known.
    std::uint64_t bytes_acked() const noexcept { return raw().bytes_acked; }
    std::uint64_t bytes_unsent() const noexcept { return raw().bytes_unsent; }

    /// A full response arrived, whatever its status says.
    bool ok() const noexcept { return outcome() == VP_OUTCOME_OK; }
    /// False: the peer never had a whole request, so sending it again cannot double it.
    bool may_have_executed() const noexcept { return wire_state() >= VP_WIRE_SENT; }

  private:
    const vp_completion& raw() const noexcept { return *static_cast<const Self*>(this)->get(); }
};

/// A completion as a callback gets it: borrowed until the callback returns.
class CompletionView : public CompletionFields<CompletionView> {
  public:
    explicit CompletionView(const vp_completion* raw) noexcept : raw_(raw) {}
    const vp_completion* get() const noexcept { return raw_; }

  private:
    const vp_completion* raw_;
};

/// A completion that holds its response. Moves, does not copy, as its response.
///
/// Threads: one at a time.
/// Lifetime: independent of the pool. Moved from, it keeps its numbers and loses its response.
class Completion : public CompletionFields<Completion> {
  public:
    Completion() noexcept : raw_(detail::sized<vp_completion>()) {}
    ~Completion() { release(); }

    Completion(Completion&& other) noexcept : raw_(other.raw_) { other.raw_.response = nullptr; }
    Completion& operator=(Completion&& other) noexcept {
        if (this != &other) {
            release();
            raw_ = other.raw_;
            other.raw_.response = nullptr;
        }
        return *this;
    }

    const vp_completion* get() const noexcept { return &raw_; }

    /// Moves the response out, to be kept for longer than the completion; empty unless the outcome
    /// is OK. To keep an incomplete one: incomplete_response().retain().
    Response take_response() noexcept {
        return Response(ok() ? std::exchange(raw_.response, nullptr) : nullptr);
    }

    /// Lets go of the response now.
    void release() noexcept {
        if (raw_.response != nullptr) vp_response_release(std::exchange(raw_.response, nullptr));
    }

  private:
    friend class Pool;
    vp_completion raw_;
};

// Completions lie in memory as C expects them, so poll writes into them in place.
static_assert(sizeof(Completion) == sizeof(vp_completion) &&
                  std::is_standard_layout<Completion>::value,
              "Completion is vp_completion");

/// Room for the completions of one poll or wait. It holds their responses until the next one, or
/// until it is destroyed; what shall live longer is moved out.
///
/// Threads: one at a time; each thread that polls has its own.
template <std::size_t N>
class Completions {
    static_assert(N > 0, "there must be room");

  public:
    static constexpr std::size_t capacity() noexcept { return N; }

  private:
    friend class Pool;
    Completion items_[N];
    std::size_t used_ = 0;
};

/// What one poll or wait brought: a range of Completion. Empty when there was nothing, or when the
/// call was refused; status() tells which (VP_ERR_CLOSED: the pool has ended, and none will come).
class [[nodiscard]] Batch {
  public:
    Batch(Status status, Completion* first, std::size_t count) noexcept
        : first_(first), count_(count), status_(status) {}

    Completion* begin() const noexcept { return first_; }
    Completion* end() const noexcept { return first_ + count_; }
    std::size_t size() const noexcept { return count_; }
    bool empty() const noexcept { return count_ == 0; }
    Status status() const noexcept { return status_; }

  private:
    Completion* first_;
    std::size_t count_;
    Status status_;
};

// ------------------------------------------------------------------------------------------ Config

/// How a pool shall be. Setters chain, and the first that is refused is remembered, so that only
/// Pool::open needs a test: it then fails with the setter's name.
///
/// Threads: one at a time.
/// Lifetime: a pool does not need it any more once it is open.
class Config {
  public:
    Config() noexcept { remember("Config", vp_config_new(&raw_)); }
    ~Config() { vp_config_free(raw_); }

    Config(Config&& other) noexcept
        : raw_(std::exchange(other.raw_, nullptr)),
          status_(other.status_),
          setter_(other.setter_) {}
    Config& operator=(Config&& other) noexcept {
        if (this != &other) {
            vp_config_free(raw_);
            raw_ = std::exchange(other.raw_, nullptr);
            status_ = other.status_;
            setter_ = other.setter_;
        }
        return *this;
    }

    vp_config* get() const noexcept { return raw_; }
    /// OK, or what the first refused setter answered.
    Status status() const noexcept { return status_; }

    // Where to, and how many.
    Config& url(std::string_view text) noexcept {
        return remember("url", vp_config_set_url(raw_, detail::str(text)));
    }
    Config& base_path(std::string_view path) noexcept {
        return remember("base_path", vp_config_set_base_path(raw_, detail::str(path)));
    }
    Config& add_default_header(std::string_view name, std::string_view value) noexcept {
        return remember("add_default_header",
                        vp_config_add_default_header(raw_, detail::str(name), detail::str(value)));
    }
    Config& connections(std::uint32_t count) noexcept {
        return remember("connections", vp_config_set_connections(raw_, count));
    }
    Config& degraded_open(bool on = true) noexcept {
        return remember("degraded_open", vp_config_set_degraded_open(raw_, on));
    }

    // Who drives, and the pool thread.
    Config& drive(std::uint32_t who) noexcept {
        return remember("drive", vp_config_set_drive(raw_, who));
    }
    Config& thread_name(std::string_view name) noexcept {
        return remember("thread_name", vp_config_set_thread_name(raw_, detail::str(name)));
    }
    Config& busy_poll(bool on = true) noexcept {
        return remember("busy_poll", vp_config_set_busy_poll(raw_, on));
    }
    Config& cpu(int number) noexcept { return remember("cpu", vp_config_set_cpu(raw_, number)); }

    // Times.
    Config& resolve_timeout(std::chrono::nanoseconds timeout) noexcept {
        return remember("resolve_timeout",
                        vp_config_set_resolve_timeout_ns(raw_, detail::ns(timeout)));
    }
    Config& connect_timeout(std::chrono::nanoseconds timeout) noexcept {
        return remember("connect_timeout",
                        vp_config_set_connect_timeout_ns(raw_, detail::ns(timeout)));
    }
    Config& tls_handshake_timeout(std::chrono::nanoseconds timeout) noexcept {
        return remember("tls_handshake_timeout",
                        vp_config_set_tls_handshake_timeout_ns(raw_, detail::ns(timeout)));
    }
    Config& request_timeout(std::chrono::nanoseconds timeout) noexcept {
        return remember("request_timeout",
                        vp_config_set_request_timeout_ns(raw_, detail::ns(timeout)));
    }
    Config& write_timeout(std::chrono::nanoseconds timeout) noexcept {
        return remember("write_timeout", vp_config_set_write_timeout_ns(raw_, detail::ns(timeout)));
    }
    Config& first_byte_timeout(std::chrono::nanoseconds timeout) noexcept {
        return remember("first_byte_timeout",
                        vp_config_set_first_byte_timeout_ns(raw_, detail::ns(timeout)));
    }
    Config& queue_timeout(std::chrono::nanoseconds timeout) noexcept {
        return remember("queue_timeout", vp_config_set_queue_timeout_ns(raw_, detail::ns(timeout)));
    }
    Config& linger(std::chrono::nanoseconds time) noexcept {
        return remember("linger", vp_config_set_linger_ns(raw_, detail::ns(time)));
    }

    // What keeps connections good.
    Config& heartbeat(std::string_view method, std::string_view path,
                      std::chrono::nanoseconds interval,
                      std::chrono::nanoseconds timeout) noexcept {
        return remember("heartbeat", vp_config_set_heartbeat(
                                         raw_, detail::str(method), detail::str(path),
                                         detail::ns(interval), detail::ns(timeout)));
    }
    Config& add_heartbeat_header(std::string_view name, std::string_view value) noexcept {
        return remember("add_heartbeat_header", vp_config_add_heartbeat_header(
                                                    raw_, detail::str(name), detail::str(value)));
    }
    Config& idle_limit(std::chrono::nanoseconds limit) noexcept {
        return remember("idle_limit", vp_config_set_idle_limit_ns(raw_, detail::ns(limit)));
    }
    Config& max_age(std::chrono::nanoseconds age) noexcept {
        return remember("max_age", vp_config_set_max_age_ns(raw_, detail::ns(age)));
    }
    Config& max_requests(std::uint64_t requests) noexcept {
        return remember("max_requests", vp_config_set_max_requests(raw_, requests));
    }
    Config& look_after(std::chrono::nanoseconds age) noexcept {
        return remember("look_after", vp_config_set_look_after_ns(raw_, detail::ns(age)));
    }
    Config& backoff(std::chrono::nanoseconds first, std::chrono::nanoseconds longest) noexcept {
        return remember("backoff",
                        vp_config_set_backoff(raw_, detail::ns(first), detail::ns(longest)));
    }
    Config& dials_per_second(std::uint32_t dials) noexcept {
        return remember("dials_per_second", vp_config_set_dials_per_second(raw_, dials));
    }

    // Overload.
    /// 0 sends each request until its deadline. See vp_config_set_exchange_time_ns.
    Config& exchange_time(std::chrono::nanoseconds needed) noexcept {
        return remember("exchange_time",
                        vp_config_set_exchange_time_ns(raw_, detail::ns(needed)));
    }

    // Pauses, and news.
    Config& suspend_on(int http_status, std::chrono::nanoseconds time,
                       std::uint32_t policy = VP_SUSPEND_KEEP) noexcept {
        return remember("suspend_on",
                        vp_config_suspend_on(raw_, http_status, detail::ns(time), policy));
    }
    Config& suspend_cap(std::chrono::nanoseconds time) noexcept {
        return remember("suspend_cap", vp_config_set_suspend_cap_ns(raw_, detail::ns(time)));
    }
    /// `function` runs on the pool thread; `context` must outlive the pools opened with this.
    Config& event(vp_on_event function, void* context) noexcept {
        return remember("event", vp_config_set_event(raw_, function, context));
    }

    // Sizes.
    Config& request_capacity(std::uint64_t bytes) noexcept {
        return remember("request_capacity", vp_config_set_request_capacity(raw_, bytes));
    }
    Config& response_capacity(std::uint64_t bytes) noexcept {
        return remember("response_capacity", vp_config_set_response_capacity(raw_, bytes));
    }
    Config& max_body_size(std::uint64_t bytes) noexcept {
        return remember("max_body_size", vp_config_set_max_body_size(raw_, bytes));
    }
    Config& max_head_size(std::uint64_t bytes) noexcept {
        return remember("max_head_size", vp_config_set_max_head_size(raw_, bytes));
    }
    Config& max_headers(std::uint32_t count) noexcept {
        return remember("max_headers", vp_config_set_max_headers(raw_, count));
    }
    Config& max_interim(std::uint32_t count) noexcept {
        return remember("max_interim", vp_config_set_max_interim(raw_, count));
    }
    Config& max_chunk_line(std::uint64_t bytes) noexcept {
        return remember("max_chunk_line", vp_config_set_max_chunk_line(raw_, bytes));
    }
    Config& max_chunk_overhead(std::uint64_t bytes) noexcept {
        return remember("max_chunk_overhead", vp_config_set_max_chunk_overhead(raw_, bytes));
    }
    Config& max_trailer_size(std::uint64_t bytes) noexcept {
        return remember("max_trailer_size", vp_config_set_max_trailer_size(raw_, bytes));
    }
    Config& completion_capacity(std::uint32_t count) noexcept {
        return remember("completion_capacity", vp_config_set_completion_capacity(raw_, count));
    }
    Config& waiting_capacity(std::uint32_t count) noexcept {
        return remember("waiting_capacity", vp_config_set_waiting_capacity(raw_, count));
    }

    /// Sets what is special about a lane: how many slots it keeps for itself and the lanes above,
    /// how many of its requests may wait (0: `waiting_capacity`), and 0 or VP_LANE_THROUGH_PAUSE.
    Config& lane(std::uint32_t lane, std::uint32_t reserved_slots,
                 std::uint32_t waiting_capacity = 0, std::uint32_t flags = 0) noexcept {
        return remember("lane", vp_config_set_lane(raw_, lane, reserved_slots, waiting_capacity,
                                                   flags));
    }

    // Sockets.
    Config& nodelay(bool on = true) noexcept {
        return remember("nodelay", vp_config_set_nodelay(raw_, on));
    }
    Config& tcp_keepalive(std::chrono::nanoseconds idle, std::chrono::nanoseconds interval,
                          std::uint32_t probes) noexcept {
        return remember("tcp_keepalive", vp_config_set_tcp_keepalive(raw_, detail::ns(idle),
                                                                     detail::ns(interval), probes));
    }
    Config& socket_buffers(std::uint64_t send_bytes, std::uint64_t receive_bytes) noexcept {
        return remember("socket_buffers",
                        vp_config_set_socket_buffers(raw_, send_bytes, receive_bytes));
    }
    Config& bind_address(std::string_view address) noexcept {
        return remember("bind_address", vp_config_set_bind_address(raw_, detail::str(address)));
    }
    Config& addresses(std::string_view list) noexcept {
        return remember("addresses", vp_config_set_addresses(raw_, detail::str(list)));
    }

    // TLS.
    Config& ca_pem(std::string_view pem) noexcept {
        return remember("ca_pem", vp_config_set_ca_pem(raw_, detail::str(pem)));
    }
    Config& client_cert_pem(std::string_view chain, std::string_view key) noexcept {
        return remember("client_cert_pem",
                        vp_config_set_client_cert_pem(raw_, detail::str(chain), detail::str(key)));
    }
    Config& server_name(std::string_view name) noexcept {
        return remember("server_name", vp_config_set_server_name(raw_, detail::str(name)));
    }
    Config& alpn(std::string_view protocols) noexcept {
        return remember("alpn", vp_config_set_alpn(raw_, detail::str(protocols)));
    }
    Config& insecure_skip_verify(bool on = true) noexcept {
        return remember("insecure_skip_verify", vp_config_set_insecure_skip_verify(raw_, on));
    }
    Config& key_log(bool on = true) noexcept {
        return remember("key_log", vp_config_set_key_log(raw_, on));
    }

  private:
    friend class Pool;

    Config& remember(const char* setter, vp_status status) noexcept {
        if (status_.ok() && status != VP_OK) {
            status_ = status;
            setter_ = setter;
        }
        return *this;
    }

    Error error() const noexcept {
        Error error;
        error.raw_.status = status_.code();
        (void)std::snprintf(error.raw_.text, sizeof error.raw_.text,
                            "the config's %s was refused: %s", setter_,
                            vp_status_name(status_.code()));
        return error;
    }

    vp_config* raw_ = nullptr;
    Status status_;
    const char* setter_ = "";
};

// ----------------------------------------------------------------------------------------- Request

/// The bytes of one request, built in memory that it took once, and used again and again.
///
/// Building chains, and remembers the first refusal until the next begin or rewind: what follows it
/// is not done, and submit answers it and sends nothing. So an order that lacks a piece never goes
/// out, and one test, at submit, is enough.
///
/// Threads: one at a time; each thread that sends has its own.
/// Lifetime: may outlive the pool. It is free to be used again as soon as submit returns.
class Request {
  public:
    /// An empty one, on which each call is refused; Pool::new_request makes real ones.
    Request() noexcept = default;
    ~Request() {
        if (raw_ != nullptr) vp_request_free(raw_);
    }

    Request(Request&& other) noexcept
        : raw_(std::exchange(other.raw_, nullptr)), status_(other.status_) {}
    Request& operator=(Request&& other) noexcept {
        if (this != &other) {
            if (raw_ != nullptr) vp_request_free(raw_);
            raw_ = std::exchange(other.raw_, nullptr);
            status_ = other.status_;
        }
        return *this;
    }

    explicit operator bool() const noexcept { return raw_ != nullptr; }
    vp_request* get() const noexcept { return raw_; }
    /// OK, or why the building was refused.
    Status status() const noexcept { return status_; }

    Request& begin(std::string_view method, std::string_view path) noexcept {
        status_ = vp_request_begin(raw_, detail::str(method), detail::str(path));
        return *this;
    }
    Request& query(std::string_view name, std::string_view value) noexcept {
        if (status_.ok()) status_ = vp_request_query(raw_, detail::str(name), detail::str(value));
        return *this;
    }
    Request& query_raw(std::string_view piece) noexcept {
        if (status_.ok()) status_ = vp_request_query_raw(raw_, detail::str(piece));
        return *this;
    }
    Request& header(std::string_view name, std::string_view value) noexcept {
        if (status_.ok()) status_ = vp_request_header(raw_, detail::str(name), detail::str(value));
        return *this;
    }
    Request& body(std::string_view bytes) noexcept {
        if (status_.ok()) status_ = vp_request_body(raw_, detail::str(bytes));
        return *this;
    }

    /// Room to write the body into, in place; body_commit says how much of it counts.
    Result<char*> body_reserve(std::size_t capacity) noexcept {
        std::uint8_t* room = nullptr;
        if (status_.ok()) status_ = vp_request_body_reserve(raw_, capacity, &room);
        return {status_, reinterpret_cast<char*>(room)};
    }
    Request& body_commit(std::size_t length) noexcept {
        if (status_.ok()) status_ = vp_request_body_commit(raw_, length);
        return *this;
    }

    /// Templates: mark what all orders have in common, then rewind for each order.
    Request& mark() noexcept {
        if (status_.ok()) status_ = vp_request_mark(raw_);
        return *this;
    }
    Request& rewind() noexcept {
        status_ = vp_request_rewind(raw_);
        return *this;
    }

    Request& timeout(std::chrono::nanoseconds time) noexcept {
        return set(vp_request_set_timeout_ns(raw_, detail::ns(time)));
    }
    Request& user_data(std::uint64_t number) noexcept {
        return set(vp_request_set_user_data(raw_, number));
    }
    /// Sets what the request goes before when it has to wait: VP_LANE_URGENT for a cancel.
    Request& lane(std::uint32_t lane) noexcept { return set(vp_request_set_lane(raw_, lane)); }

    /// Completions go to `function` instead of the queue: on the pool thread or, in caller drive,
    /// in poll and wait.
    Request& on_complete(vp_on_complete function, void* context) noexcept {
        return set(vp_request_set_on_complete(raw_, function, context));
    }
    /// Completions go to the queue again.
    Request& on_complete(std::nullptr_t) noexcept { return on_complete(nullptr, nullptr); }
    /// Completions go to `callable(CompletionView)`. It is kept by reference: it must live until
    /// the last completion. It must not throw: that ends the process.
    template <typename Callable>
    Request& on_complete(Callable& callable) noexcept {
        static_assert(std::is_invocable<Callable&, CompletionView>::value,
                      "on_complete takes what can be called with a venuepool::CompletionView");
        const auto call = [](void* context, const vp_completion* completion) noexcept {
            (*static_cast<Callable*>(context))(CompletionView(completion));
        };
        return on_complete(call,
                           const_cast<void*>(static_cast<const void*>(std::addressof(callable))));
    }
    /// A temporary would be gone before the first completion.
    template <typename Callable>
    Request& on_complete(const Callable&&) = delete;

    /// Ends the request and shows what will be sent. Valid until the next call that changes it.
    Result<std::string_view> bytes() noexcept {
        vp_str out{};
        if (status_.ok()) status_ = vp_request_bytes(raw_, &out);
        return {status_, detail::view(out)};
    }

  private:
    friend class Pool;
    friend class Lease;
    explicit Request(vp_request* raw) noexcept : raw_(raw) {}

    /// What stays set is no part of the building, so it does not wait for it.
    Request& set(vp_status status) noexcept {
        if (status_.ok()) status_ = status;
        return *this;
    }

    vp_request* raw_ = nullptr;
    Status status_;
};

// ------------------------------------------------------------------------------------------- Lease

/// A slot reserved for the holder, given back when this is destroyed.
///
/// Threads: one at a time; also in a callback.
/// Lifetime: safe to be destroyed after its pool.
class Lease {
  public:
    /// An empty one; Pool::try_acquire and acquire give real ones.
    Lease() noexcept = default;
    ~Lease() { (void)release(); }

    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), raw_(std::exchange(other.raw_, vp_lease{})) {}
    Lease& operator=(Lease&& other) noexcept {
        if (this != &other) {
            (void)release();
            pool_ = std::exchange(other.pool_, nullptr);
            raw_ = std::exchange(other.raw_, vp_lease{});
        }
        return *this;
    }

    explicit operator bool() const noexcept { return pool_ != nullptr; }
    vp_lease get() const noexcept { return raw_; }
    std::uint32_t slot() const noexcept { return pool_ != nullptr ? raw_.slot : VP_NO_SLOT; }

    /// Sends on the leased slot; the answer is the id. One exchange at a time.
    Result<std::uint64_t> submit(Request& request) noexcept {
        std::uint64_t id = 0;
        Status status = request.status_;
        if (status.ok()) status = vp_lease_submit(pool_, raw_, request.raw_, &id);
        return {status, id};
    }

    /// Gives the slot back now; VP_ERR_STALE_LEASE when that was done. What is in flight goes on.
    Status release() noexcept {
        if (pool_ == nullptr) return VP_ERR_STALE_LEASE;
        return vp_lease_release(std::exchange(pool_, nullptr), raw_);
    }

  private:
    friend class Pool;
    Lease(vp_pool* pool, vp_lease raw) noexcept : pool_(pool), raw_(raw) {}

    // A handle of a pool is valid for ever.
    vp_pool* pool_ = nullptr;
    vp_lease raw_{};
};

// -------------------------------------------------------------------------------------------- Pool

/// The connections to one venue.
///
/// Threads: any number at once, callbacks included; but only one moves, closes or destroys it, and
/// not in a callback, while no other uses it.
/// Lifetime: destroyed, it is closed: what is in flight fails, the pool thread is joined, and
/// completions that nobody polled are dropped. To end gently: shutdown(grace), poll to the end.
class Pool {
  public:
    /// An empty one, on which each call is refused; open gives real ones.
    Pool() noexcept = default;
    ~Pool() { end(); }

    Pool(Pool&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    Pool& operator=(Pool&& other) noexcept {
        if (this != &other) {
            end();
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }

    explicit operator bool() const noexcept { return raw_ != nullptr; }
    vp_pool* get() const noexcept { return raw_; }

    /// Dials all connections, and returns when they are live or one cannot be had.
    static Result<Pool, Error> open(const Config& config) noexcept {
        if (!config.status().ok()) return {config.error(), Pool()};
        Error error;
        vp_pool* raw = nullptr;
        error.raw_.status = vp_pool_open(config.get(), &raw, &error.raw_);
        return {error, Pool(raw)};
    }

    Status shutdown(std::chrono::nanoseconds grace = {}) noexcept {
        return vp_pool_shutdown(raw_, detail::ns(grace));
    }
    Status close() noexcept { return vp_pool_close(raw_); }

    Result<vp_health> health() const noexcept {
        vp_health out = detail::sized<vp_health>();
        const Status status = vp_pool_health(raw_, &out);
        return {status, out};
    }
    Result<vp_stats> stats() const noexcept {
        vp_stats out = detail::sized<vp_stats>();
        const Status status = vp_pool_stats(raw_, &out);
        return {status, out};
    }
    /// Fills `out` with the slots in the order of their numbers; the answer is how many.
    template <std::size_t N>
    Result<std::size_t> slots(vp_slot_health (&out)[N]) const noexcept {
        out[0].struct_size = sizeof(vp_slot_health);
        const std::int32_t answer = vp_pool_slots(raw_, out, N);
        if (answer < 0) return {static_cast<vp_status>(answer), 0};
        return {VP_OK, static_cast<std::size_t>(answer)};
    }
    /// Refuses all submits for that long; no time ends a pause.
    Status suspend(std::chrono::nanoseconds time) noexcept {
        return vp_pool_suspend(raw_, detail::ns(time));
    }
    /// Why the last dial that failed did so; VP_ERR_NOT_FOUND when none ever failed.
    Result<Error> last_dial_error() const noexcept {
        Error out;
        const Status status = vp_pool_last_dial_error(raw_, &out.raw_);
        return {status, out};
    }

    /// A request for this pool. Takes its memory here, and none later.
    Result<Request> new_request() const noexcept {
        vp_request* raw = nullptr;
        const Status status = vp_request_new(raw_, &raw);
        return {status, Request(raw)};
    }

    /// Sends on the hottest idle connection, on this thread; the answer is the id. OK promises
    /// exactly one completion. `flags`: 0 to be refused when no slot is idle, VP_QUEUE to wait.
    Result<std::uint64_t> submit(Request& request, std::uint32_t flags = 0) noexcept {
        std::uint64_t id = 0;
        Status status = request.status_;
        if (status.ok()) status = vp_submit(raw_, request.raw_, flags, &id);
        return {status, id};
    }

    /// Submits and waits for the completion: for scripts and background work.
    Result<Completion> execute(Request& request, std::uint32_t flags = 0) noexcept {
        Completion out;
        Status status = request.status_;
        if (status.ok()) status = vp_execute(raw_, request.raw_, flags, &out.raw_);
        return {status, std::move(out)};
    }

    Result<Lease> try_acquire() noexcept {
        vp_lease raw{};
        return lease(vp_pool_try_acquire(raw_, &raw), raw);
    }
    Result<Lease> acquire(std::chrono::nanoseconds timeout) noexcept {
        vp_lease raw{};
        return lease(vp_pool_acquire(raw_, detail::ns(timeout), &raw), raw);
    }

    Status cancel(std::uint64_t id) noexcept { return vp_cancel(raw_, id); }

    /// Takes what completions there are: `for (Completion& done : pool.poll(room))`. What `room`
    /// held before is let go.
    template <std::size_t N>
    Batch poll(Completions<N>& room) noexcept {
        vp_completion* out = empty(room);
        return batch(room, vp_pool_poll(raw_, out, N));
    }
    /// As poll, but sleeps until there is one, at most for `timeout`; nanoseconds::max() waits
    /// without end.
    template <std::size_t N>
    Batch wait(Completions<N>& room, std::chrono::nanoseconds timeout) noexcept {
        vp_completion* out = empty(room);
        return batch(room, vp_pool_wait(raw_, out, N, detail::ns(timeout)));
    }

    /// Readable while there are completions to poll: for epoll, asio, libuv.
    Result<int> fd() noexcept {
        std::int32_t out = -1;
        const Status status = vp_pool_fd(raw_, &out);
        return {status, out};
    }

  private:
    explicit Pool(vp_pool* raw) noexcept : raw_(raw) {}

    Result<Lease> lease(Status status, vp_lease raw) noexcept {
        return {status, status.ok() ? Lease(raw_, raw) : Lease()};
    }

    template <std::size_t N>
    static vp_completion* empty(Completions<N>& room) noexcept {
        for (std::size_t i = 0; i < room.used_; ++i) room.items_[i].release();
        room.used_ = 0;
        room.items_[0].raw_.struct_size = sizeof(vp_completion);
        return &room.items_[0].raw_;
    }

    template <std::size_t N>
    static Batch batch(Completions<N>& room, std::int32_t answer) noexcept {
        if (answer < 0) return {static_cast<vp_status>(answer), room.items_, 0};
        room.used_ = static_cast<std::size_t>(answer);
        return {VP_OK, room.items_, room.used_};
    }

    void end() noexcept {
        if (raw_ == nullptr) return;
        // Against the rules, in a callback: the best that can be done without waiting for itself.
        if (close() == VP_ERR_WOULD_DEADLOCK) (void)shutdown();
        // Nobody can poll them any more, and the pool keeps its memory until somebody did.
        Completions<16> rest;
        while (!poll(rest).empty()) {
        }
    }

    vp_pool* raw_ = nullptr;
};

/// The version of the library that runs, such as "0.1.0"; VP_VERSION_NUMBER is the header's.
inline std::string_view version_string() noexcept {
    return vp_version_string();
}
inline std::uint32_t version_number() noexcept {
    return vp_version_number();
}

}  // namespace venuepool

template <>
struct std::is_error_code_enum<venuepool::Status> : std::true_type {};

#endif  // VENUEPOOL_HPP
