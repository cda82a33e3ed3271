// venuepool in C++: building the bytes of a request.
//
// Knows completions, for callbacks, and nothing of pools. venuepool.hpp includes it.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_REQUEST_HPP
#define VENUEPOOL_REQUEST_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <type_traits>
#include <utility>

#include "completion.hpp"

namespace venuepool {

/// A request that is about to be sent, for the function of Request::on_send. No call on a pool is
/// possible in that function (VP_ERR_WOULD_DEADLOCK).
///
/// Threads: the one that sends.
/// Lifetime: until the function returns.
class SendingView {
  public:
    /// Views what the function of C was given.
    explicit SendingView(const vp_sending* raw) noexcept : raw_(raw) {}

    /// Gives the id that submit gave.
    [[nodiscard]] std::uint64_t id() const noexcept { return raw_->id; }
    /// Gives the number of Request::user_data.
    [[nodiscard]] std::uint64_t user_data() const noexcept { return raw_->user_data; }
    /// Gives the slot that it is sent on.
    [[nodiscard]] std::uint32_t slot() const noexcept { return raw_->slot; }
    /// Gives the present moment of Clock.
    [[nodiscard]] TimePoint time() const noexcept { return detail::time_point(raw_->now_ns); }
    /// Gives the present time since 1970, by the system's clock.
    [[nodiscard]] std::chrono::nanoseconds since_1970() const noexcept {
        return detail::duration(raw_->wall_ns);
    }
    /// Gives the whole request. What is filled shows here at once.
    [[nodiscard]] std::string_view bytes() const noexcept { return detail::view(raw_->bytes); }
    /// Fills a placeholder with exactly as many bytes. A refusal withdraws the request. Errors:
    /// VP_ERR_ARGUMENT, VP_ERR_PATH, VP_ERR_HEADER_VALUE.
    Status fill(std::uint32_t place, std::string_view value) const noexcept {
        return vp_sending_fill(raw_, place, detail::str(value));
    }

  private:
    const vp_sending* raw_;
};

/// A request that is built once and used again. Its memory is taken when it is made, and none
/// later.
///
/// Building chains, and remembers the first refusal until the next begin or rewind. Building calls
/// behind it do nothing; submit answers the refusal and sends nothing. So one test, at submit, is
/// enough, and an order that lacks a piece is never sent.
///
/// Threads: one at a time; each thread that sends has its own.
/// Lifetime: may outlive the pool. It can be used again as soon as submit returns.
class [[nodiscard]] Request {
  public:
    /// Makes an empty one, on which each call is refused; Pool::new_request makes real ones.
    Request() noexcept = default;
    /// Frees the request. What was submitted with it goes on.
    ~Request() {
        if (raw_ != nullptr) vp_request_free(raw_);
    }

    /// Moves the request; `other` is then empty.
    Request(Request&& other) noexcept
        : raw_(std::exchange(other.raw_, nullptr)), status_(other.status_) {}
    /// Frees the request that it held, and moves the other; `other` is then empty.
    Request& operator=(Request&& other) noexcept {
        if (this != &other) {
            if (raw_ != nullptr) vp_request_free(raw_);
            raw_ = std::exchange(other.raw_, nullptr);
            status_ = other.status_;
        }
        return *this;
    }

    /// Tells whether it is not empty.
    [[nodiscard]] explicit operator bool() const noexcept { return raw_ != nullptr; }
    /// Gives the handle of C, for calls of venuepool.h.
    [[nodiscard]] vp_request* get() const noexcept { return raw_; }
    /// Gives VP_OK, or why a building call was refused.
    [[nodiscard]] Status status() const noexcept { return status_; }

    /// Begins a new request: a method, and a path that begins with `/` and may hold a query.
    /// Timeout, user data and callback stay as they were set. Errors: VP_ERR_METHOD, VP_ERR_PATH.
    Request& begin(std::string_view method, std::string_view path) noexcept {
        status_ = vp_request_begin(raw_, detail::str(method), detail::str(path));
        return *this;
    }
    /// Adds `name=value` to the query, percent-encoded. Before any header.
    Request& query(std::string_view name, std::string_view value) noexcept {
        if (status_.ok()) status_ = vp_request_query(raw_, detail::str(name), detail::str(value));
        return *this;
    }
    /// Adds a piece of query that is encoded already, such as the string that was signed.
    Request& query_raw(std::string_view piece) noexcept {
        if (status_.ok()) status_ = vp_request_query_raw(raw_, detail::str(piece));
        return *this;
    }
    /// Adds a header. Host, Content-Length and Transfer-Encoding are refused: the library sets
    /// them.
    Request& header(std::string_view name, std::string_view value) noexcept {
        if (status_.ok()) status_ = vp_request_header(raw_, detail::str(name), detail::str(value));
        return *this;
    }
    /// Sets the body, by copy, and Content-Length. Nothing can be added behind it.
    Request& body(std::string_view bytes) noexcept {
        if (status_.ok()) status_ = vp_request_body(raw_, detail::str(bytes));
        return *this;
    }

    /// Gives `capacity` bytes of the request to write the body into, in place, without a copy.
    /// body_commit then says how many count. Lifetime: until the next call on this request.
    Result<char*> body_reserve(std::size_t capacity) noexcept {
        std::uint8_t* room = nullptr;
        if (status_.ok()) status_ = vp_request_body_reserve(raw_, capacity, &room);
        return {status_, reinterpret_cast<char*>(room)};
    }
    /// Takes the first `length` reserved bytes as the body.
    Request& body_commit(std::size_t length) noexcept {
        if (status_.ok()) status_ = vp_request_body_commit(raw_, length);
        return *this;
    }

#if defined(__cpp_lib_span)
    /// Sets the body, by copy, from bytes. Otherwise as the body of text.
    Request& body(std::span<const std::byte> bytes) noexcept {
        return body({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    }
    /// Gives room for the body as a span. Otherwise as body_reserve.
    Result<std::span<char>> body_reserve_span(std::size_t capacity) noexcept {
        const auto room = body_reserve(capacity);
        return {room.status(), std::span<char>(*room, room ? capacity : 0)};
    }
#endif

    /// Appends `length` bytes that on_send fills, to the query or to the value of the header that
    /// was added last. Gives the number of the place. Errors: VP_ERR_ARGUMENT, VP_ERR_PHASE,
    /// VP_ERR_TOO_LARGE.
    Result<std::uint32_t> placeholder(std::size_t length) noexcept {
        std::uint32_t place = 0;
        if (status_.ok()) status_ = vp_request_placeholder(raw_, length, &place);
        return {status_, place};
    }
    /// Has `length` bytes of the body from `offset` on filled by on_send. Otherwise as placeholder.
    Result<std::uint32_t> body_placeholder(std::size_t offset, std::size_t length) noexcept {
        std::uint32_t place = 0;
        if (status_.ok()) status_ = vp_request_body_placeholder(raw_, offset, length, &place);
        return {status_, place};
    }

    /// Remembers the request as it is now, before its body, as a template for rewind.
    Request& mark() noexcept {
        if (status_.ok()) status_ = vp_request_mark(raw_);
        return *this;
    }
    /// Goes back to the mark, any number of times, so that only what differs is written anew.
    Request& rewind() noexcept {
        status_ = vp_request_rewind(raw_);
        return *this;
    }

    /// Sets the time from submit to the end of the exchange; 0, the default, takes the pool's. It
    /// stays set.
    Request& timeout(std::chrono::nanoseconds time) noexcept {
        return set(vp_request_set_timeout_ns(raw_, detail::ns(time)));
    }
    /// Sets a number that the completion gives back. It stays set.
    Request& user_data(std::uint64_t number) noexcept {
        return set(vp_request_set_user_data(raw_, number));
    }
    /// Sets what you call the order, at most VP_TAG_BYTES bytes of printable ASCII: the flight
    /// recorder finds it by that. It stays set; an empty one undoes it.
    Request& tag(std::string_view name) noexcept {
        return set(vp_request_set_tag(raw_, detail::str(name)));
    }
    /// Sets what the request goes before when it has to wait, for example VP_LANE_URGENT for a
    /// cancel. It stays set.
    Request& lane(std::uint32_t lane) noexcept { return set(vp_request_set_lane(raw_, lane)); }
    /// Sets from which local address the request goes, by its number in the order in which they
    /// were added; VP_SOURCE_ANY for any. It stays set.
    Request& source(std::uint32_t source) noexcept {
        return set(vp_request_set_source(raw_, source));
    }

    /// Sends completions to `function` instead of the queue. It stays set.
    /// Threads: it runs on the pool thread or, in caller drive, in poll and wait.
    /// Lifetime: `context` must be valid until the completion of each request.
    Request& on_complete(vp_on_complete function, void* context) noexcept {
        return set(vp_request_set_on_complete(raw_, function, context));
    }
    /// Sends completions to the queue again.
    Request& on_complete(std::nullptr_t) noexcept { return on_complete(nullptr, nullptr); }
    /// Sends completions to `callable(CompletionView)`. It is kept by reference: it must live until
    /// the last completion. It must not block, and an exception from it ends the process.
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
    /// Refuses a temporary, which would be gone before the first completion.
    template <typename Callable>
    Request& on_complete(const Callable&&) = delete;

    /// Has `function` fill the placeholders when the request is sent; 0 from it sends. It stays
    /// set.
    /// Threads: it runs on the thread that sends, one after the other for one pool.
    /// Lifetime: `context` must be valid until the completion of each request.
    Request& on_send(vp_on_send function, void* context) noexcept {
        return set(vp_request_set_on_send(raw_, function, context));
    }
    /// Has no function fill placeholders.
    Request& on_send(std::nullptr_t) noexcept { return on_send(nullptr, nullptr); }
    /// Has `callable(SendingView)` fill the placeholders; false withdraws the request. It is kept
    /// by reference: it must live until the last completion. An exception from it ends the process.
    template <typename Callable>
    Request& on_send(Callable& callable) noexcept {
        static_assert(std::is_invocable_r<bool, Callable&, SendingView>::value,
                      "on_send takes what can be called with a venuepool::SendingView");
        const auto call = [](void* context, const vp_sending* sending) noexcept -> std::int32_t {
            return (*static_cast<Callable*>(context))(SendingView(sending)) ? 0 : 1;
        };
        return on_send(call,
                       const_cast<void*>(static_cast<const void*>(std::addressof(callable))));
    }
    /// Refuses a temporary, which would be gone before the request is sent.
    template <typename Callable>
    Request& on_send(const Callable&&) = delete;

    /// Ends the request and gives the bytes that will be sent, for archives.
    /// Lifetime: valid until the next call that changes the request.
    Result<std::string_view> bytes() noexcept {
        vp_str out{};
        if (status_.ok()) status_ = vp_request_bytes(raw_, &out);
        return {status_, detail::view(out)};
    }

  private:
    friend class Pool;
    friend class Lease;
    explicit Request(vp_request* raw) noexcept : raw_(raw) {}

    /// Notes a refusal. What stays set does not depend on the building calls.
    Request& set(vp_status status) noexcept {
        if (status_.ok()) status_ = status;
        return *this;
    }

    vp_request* raw_ = nullptr;
    Status status_;
};

}  // namespace venuepool

#endif  // VENUEPOOL_REQUEST_HPP
