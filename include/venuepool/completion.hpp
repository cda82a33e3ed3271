// venuepool in C++: how requests ended (completions), and events of a pool.
//
// Knows responses, and nothing of pools or requests. venuepool.hpp includes it.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_COMPLETION_HPP
#define VENUEPOOL_COMPLETION_HPP

#include <arpa/inet.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "response.hpp"

namespace venuepool {

/// A moment of the system's clock, to the nanosecond.
using WallTimePoint =
    std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

/// One end of a connection: an IP address and a port.
class Endpoint {
  public:
    /// Makes one of the bytes of vp_completion; an IPv4 address is IPv4-mapped.
    Endpoint(const std::uint8_t (&ip)[16], std::uint32_t port) noexcept
        : port_(static_cast<std::uint16_t>(port)) {
        for (std::size_t i = 0; i < ip_.size(); ++i) ip_[i] = ip[i];
    }

    /// Gives the 16 bytes of the address in network byte order; an IPv4 address is IPv4-mapped.
    [[nodiscard]] const std::array<std::uint8_t, 16>& ip() const noexcept { return ip_; }
    /// Gives the port.
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /// Tells whether the address is an IPv4 one.
    [[nodiscard]] bool is_ipv4() const noexcept {
        for (std::size_t i = 0; i < 10; ++i) {
            if (ip_[i] != 0) return false;
        }
        return ip_[10] == 0xff && ip_[11] == 0xff;
    }
    /// Gives the address as text, such as 192.0.2.1 or 2001:db8::1. It allocates, so it is not for
    /// the path of an order.
    [[nodiscard]] std::string ip_text() const {
        char text[INET6_ADDRSTRLEN] = "";
        if (is_ipv4()) {
            inet_ntop(AF_INET, &ip_[12], text, sizeof text);
        } else {
            inet_ntop(AF_INET6, ip_.data(), text, sizeof text);
        }
        return text;
    }

  private:
    std::array<std::uint8_t, 16> ip_;
    std::uint16_t port_;
};

/// What a Completion and a CompletionView have in common: the fields of vp_completion.
///
/// Look at ok() or outcome() first: also without a whole response there may be an http_status().
/// Times are moments of Clock. What has not happened has none, so these are optional.
template <typename Self>
class CompletionFields {
  public:
    /// Gives the id that submit gave.
    [[nodiscard]] std::uint64_t id() const noexcept { return raw().id; }
    /// Gives the number that Request::user_data had set.
    [[nodiscard]] std::uint64_t user_data() const noexcept { return raw().user_data; }
    /// Tells how the request ended: VP_OUTCOME_OK, or why there is no whole response.
    [[nodiscard]] vp_outcome outcome() const noexcept { return raw().outcome; }
    /// Tells how far the request got, and so whether the venue may have executed it.
    [[nodiscard]] vp_wire wire_state() const noexcept { return raw().wire_state; }
    /// Tells whether a whole response arrived, whatever its status code is.
    [[nodiscard]] bool ok() const noexcept { return outcome() == VP_OUTCOME_OK; }
    /// Tells whether the venue may have executed the request. If false, the venue never had a whole
    /// request, so the engine can send the order again without doubling it.
    [[nodiscard]] bool may_have_executed() const noexcept { return wire_state() >= VP_WIRE_SENT; }
    /// Gives the status code; 0 when not even the head of a response arrived. Without ok() it says
    /// what the response would have been, not that it is here.
    [[nodiscard]] int http_status() const noexcept { return raw().http_status; }
    /// Gives the slot that the request was sent on; VP_NO_SLOT when it was never sent.
    [[nodiscard]] std::uint32_t slot() const noexcept { return raw().slot; }

    /// Whether the answer came after the completion of the request, which this one follows
    /// (Config::late_answers).
    [[nodiscard]] bool is_late() const noexcept { return (raw().flags & VP_COMPLETION_LATE) != 0; }
    /// Of Pool::submit_fanout: gives how many copies left, at least in part; else 0.
    [[nodiscard]] std::uint32_t copies_sent() const noexcept { return raw().copies_sent; }

    /// Gives the whole response; empty unless the outcome is OK. Borrowed from this completion.
    [[nodiscard]] ResponseView response() const noexcept {
        return ResponseView(ok() ? raw().response : nullptr);
    }
    /// Gives what had arrived of a response when the exchange ended otherwise, from a whole head
    /// on; empty when the outcome is OK. Borrowed from this completion.
    [[nodiscard]] ResponseView incomplete_response() const noexcept {
        return ResponseView(ok() ? nullptr : raw().response);
    }

    /// Gives the moment at which submit was called.
    [[nodiscard]] TimePoint submit_time() const noexcept {
        return detail::time_point(raw().submit_ns);
    }
    /// Gives the moment at which the request had a slot, if it ever had.
    [[nodiscard]] std::optional<TimePoint> start_time() const noexcept {
        return detail::time_if_any(raw().start_ns);
    }
    /// Gives the moment at which sending began, after a late signature, if it ever did.
    [[nodiscard]] std::optional<TimePoint> write_begin_time() const noexcept {
        return detail::time_if_any(raw().write_begin_ns);
    }
    /// Gives the moment at which the kernel had taken the last byte of the request, if it did.
    [[nodiscard]] std::optional<TimePoint> write_time() const noexcept {
        return detail::time_if_any(raw().write_ns);
    }
    /// Gives write_time() by the system's clock, for archives; see vp_completion.
    [[nodiscard]] std::optional<WallTimePoint> write_wall_time() const noexcept {
        if (raw().write_wall_ns == 0) return std::nullopt;
        return WallTimePoint(std::chrono::nanoseconds(raw().write_wall_ns));
    }
    /// Gives the moment at which the kernel had the first bytes of a response, by the system's
    /// clock; nullopt without Config::kernel_times, without a response, and where it is not known.
    [[nodiscard]] std::optional<WallTimePoint> arrival_wall_time() const noexcept {
        if (raw().arrival_wall_ns == 0) return std::nullopt;
        return WallTimePoint(std::chrono::nanoseconds(raw().arrival_wall_ns));
    }
    /// Gives the moment at which the first byte of a response was read, if one was.
    [[nodiscard]] std::optional<TimePoint> first_byte_time() const noexcept {
        return detail::time_if_any(raw().first_byte_ns);
    }
    /// Gives the moment at which the head of a response was whole, if it ever was.
    [[nodiscard]] std::optional<TimePoint> head_time() const noexcept {
        return detail::time_if_any(raw().head_ns);
    }
    /// Gives the moment at which the exchange was over.
    [[nodiscard]] TimePoint done_time() const noexcept { return detail::time_point(raw().done_ns); }
    /// Gives the moment at which this completion was given to the engine.
    [[nodiscard]] TimePoint delivered_time() const noexcept {
        return detail::time_point(raw().delivered_ns);
    }

    /// Gives the time from the call of submit to the end of the exchange.
    [[nodiscard]] std::chrono::nanoseconds elapsed() const noexcept {
        return done_time() - submit_time();
    }
    /// Gives the time that the request waited in the queue for a slot.
    [[nodiscard]] std::chrono::nanoseconds queue_wait() const noexcept {
        return std::chrono::nanoseconds(raw().queue_wait_ns);
    }

    /// Gives how many bytes of the request the kernel took; under TLS, bytes of ciphertext.
    [[nodiscard]] std::uint64_t bytes_sent() const noexcept { return raw().bytes_sent; }
    /// Gives how many bytes were read from the socket since then; under TLS, of ciphertext.
    [[nodiscard]] std::uint64_t bytes_received() const noexcept { return raw().bytes_received; }
    /// Gives the number of the connection in its slot, from 1; 0 when the request was never sent.
    [[nodiscard]] std::uint32_t connection() const noexcept { return raw().connection; }
    /// Gives the end here of that connection, to find it in a capture; nullopt when the request was
    /// never sent, and over a Unix socket.
    [[nodiscard]] std::optional<Endpoint> local_end() const noexcept {
        return end_if_any(raw().local_ip, raw().local_port);
    }
    /// Gives the end there: the venue's, or that of the proxy; nullopt as for local_end.
    [[nodiscard]] std::optional<Endpoint> peer_end() const noexcept {
        return end_if_any(raw().peer_ip, raw().peer_port);
    }
    /// Gives how many of the sent bytes the venue's TCP has acknowledged; VP_BYTES_UNKNOWN when not
    /// known, and when the outcome is OK.
    [[nodiscard]] std::uint64_t bytes_acked() const noexcept { return raw().bytes_acked; }
    /// Gives how many of these never left this machine; VP_BYTES_UNKNOWN as for bytes_acked.
    [[nodiscard]] std::uint64_t bytes_unsent() const noexcept { return raw().bytes_unsent; }

  private:
    static std::optional<Endpoint> end_if_any(const std::uint8_t (&ip)[16],
                                              std::uint32_t port) noexcept {
        if (port == 0) return std::nullopt;
        return Endpoint(ip, port);
    }
    const vp_completion& raw() const noexcept { return *static_cast<const Self*>(this)->get(); }
};

/// A completion as a callback gets it: borrowed until the callback returns.
///
/// Threads: that of the callback. Lifetime: to keep its response, call response().retain().
class CompletionView : public CompletionFields<CompletionView> {
  public:
    /// Makes a view of a completion of C, which must not be NULL.
    explicit CompletionView(const vp_completion* raw) noexcept : raw_(raw) {}
    /// Gives the struct of C.
    [[nodiscard]] const vp_completion* get() const noexcept { return raw_; }

  private:
    const vp_completion* raw_;
};

/// A completion that holds its response. It moves but does not copy, as its response.
///
/// Threads: one at a time.
/// Lifetime: independent of the pool. Moved from, it keeps its numbers and has no response.
class Completion : public CompletionFields<Completion> {
  public:
    /// Makes one with all numbers 0, to be filled by a call.
    Completion() noexcept : raw_(detail::sized<vp_completion>()) {}
    /// Releases the response.
    ~Completion() { release(); }

    /// Moves the completion with its response.
    Completion(Completion&& other) noexcept : raw_(other.raw_) { other.raw_.response = nullptr; }
    /// Releases the response that it held, and moves the other completion with its response.
    Completion& operator=(Completion&& other) noexcept {
        if (this != &other) {
            release();
            raw_ = other.raw_;
            other.raw_.response = nullptr;
        }
        return *this;
    }

    /// Gives the struct of C.
    [[nodiscard]] const vp_completion* get() const noexcept { return &raw_; }

    /// Moves the response out, to be kept for longer than the completion; empty unless the outcome
    /// is OK. To keep an incomplete one, call incomplete_response().retain().
    [[nodiscard]] Response take_response() noexcept {
        return Response(ok() ? std::exchange(raw_.response, nullptr) : nullptr);
    }

    /// Releases the response now. Allowed when there is none.
    void release() noexcept {
        if (raw_.response != nullptr) vp_response_release(std::exchange(raw_.response, nullptr));
    }

  private:
    friend class Pool;
    template <std::size_t N>
    friend class Completions;
    vp_completion raw_;
};

// Completions lie in memory as C expects them, so poll writes into them in place.
static_assert(sizeof(Completion) == sizeof(vp_completion) &&
                  std::is_standard_layout<Completion>::value,
              "Completion is vp_completion");

/// Room for the completions of one poll or wait. It holds their responses until the next call with
/// it, or until it is destroyed. Move a completion out to keep it for longer.
///
/// Threads: one at a time; each thread that polls has its own.
template <std::size_t N>
class Completions {
    static_assert(N > 0, "there must be room");

  public:
    /// Gives the most completions of one call.
    [[nodiscard]] static constexpr std::size_t capacity() noexcept { return N; }

  private:
    friend class Pool;
    friend class Group;

    // For a call that reads into it: releases what it held.
    vp_completion* empty() noexcept {
        for (std::size_t i = 0; i < used_; ++i) items_[i].release();
        used_ = 0;
        items_[0].raw_.struct_size = sizeof(vp_completion);
        return &items_[0].raw_;
    }

    Completion items_[N];
    std::size_t used_ = 0;
};

/// What one poll or wait gave: a range of Completion. It is empty when there was none, and when the
/// call was refused. status() tells which: VP_ERR_CLOSED says that the pool has ended for good.
///
/// Lifetime: as the room that it was read into, until the next call with that room.
class [[nodiscard]] Batch {
  public:
    /// Makes a batch of `count` completions from `first` on.
    Batch(Status status, Completion* first, std::size_t count) noexcept
        : first_(first), count_(count), status_(status) {}

    /// Gives the first completion.
    [[nodiscard]] Completion* begin() const noexcept { return first_; }
    /// Gives the end behind the last completion.
    [[nodiscard]] Completion* end() const noexcept { return first_ + count_; }
    /// Gives the number of completions.
    [[nodiscard]] std::size_t size() const noexcept { return count_; }
    /// Tells whether there is no completion.
    [[nodiscard]] bool empty() const noexcept { return count_ == 0; }
    /// Gives VP_OK, or why the call was refused.
    [[nodiscard]] Status status() const noexcept { return status_; }

  private:
    Completion* first_;
    std::size_t count_;
    Status status_;
};

// ------------------------------------------------------------------------------------------ events

/// An event of a pool, for logs and alarms, as the function of Config::event gets it.
///
/// Threads: the pool thread. Lifetime: borrowed until that function returns; also its text.
class EventView {
  public:
    /// Makes a view of an event of C, which must not be NULL.
    explicit EventView(const vp_event* raw) noexcept : raw_(raw) {}

    /// Tells what happened.
    [[nodiscard]] vp_event_kind kind() const noexcept { return raw_->kind; }
    /// Gives the slot that it is about; VP_NO_SLOT when it is about the whole pool.
    [[nodiscard]] std::uint32_t slot() const noexcept { return raw_->slot; }
    /// Gives the moment at which it happened.
    [[nodiscard]] TimePoint time() const noexcept { return detail::time_point(raw_->time_ns); }
    /// Gives how many slots are live now.
    [[nodiscard]] std::uint32_t live() const noexcept { return raw_->live; }
    /// Tells why a connection was given up; nullopt when none was.
    [[nodiscard]] std::optional<vp_close_reason> close_reason() const noexcept {
        if (raw_->close_reason < 0) return std::nullopt;
        return static_cast<vp_close_reason>(raw_->close_reason);
    }
    /// Tells at which step a dial failed, such as VP_ERR_CONNECT; VP_OK when none failed.
    [[nodiscard]] Status status() const noexcept { return static_cast<vp_status>(raw_->status); }
    /// Gives the moment of the next dial or of the end of the pause; nullopt for other events.
    [[nodiscard]] std::optional<TimePoint> until() const noexcept {
        return detail::time_if_any(raw_->until_ns);
    }
    /// Gives the number of the source that a pause holds; nullopt if it holds the pool, and for
    /// other events.
    [[nodiscard]] std::optional<std::uint32_t> source() const noexcept {
        if (raw_->source == VP_NO_SOURCE) return std::nullopt;
        return raw_->source;
    }
    /// Says the same in words, for a log.
    [[nodiscard]] std::string_view text() const noexcept { return detail::view(raw_->text); }
    /// Tells what the flight recorder has of an order that was lost with the connection, as lines
    /// for people; empty if none was, without a recorder, and for other events than
    /// VP_EVENT_KIND_LOST.
    [[nodiscard]] std::string_view recording() const noexcept {
        return detail::view(raw_->recording);
    }
    /// Gives the late completion of VP_EVENT_KIND_LATE_RESPONSE; nullopt for other events.
    [[nodiscard]] std::optional<CompletionView> late() const noexcept {
        if (raw_->late == nullptr) return std::nullopt;
        return CompletionView(raw_->late);
    }
    /// Gives the struct of C.
    [[nodiscard]] const vp_event* get() const noexcept { return raw_; }

  private:
    const vp_event* raw_;
};

}  // namespace venuepool

#endif  // VENUEPOOL_COMPLETION_HPP
