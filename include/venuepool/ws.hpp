// venuepool in C++: a WebSocket session, and its settings.
//
// Calls the C functions, and knows no loop and no other library. venuepool.hpp does not include it.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_WS_HPP
#define VENUEPOOL_WS_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include "config.hpp"
#include "status.hpp"

namespace venuepool {

/// The settings of a session, besides those that it shares with a pool (Config).
///
/// Threads: one at a time.
/// Lifetime: sessions do not need it any more once they are open.
class [[nodiscard]] WsConfig {
  public:
    /// Makes the default settings.
    WsConfig() noexcept { (void)vp_ws_config_new(&raw_); }
    /// Frees them.
    ~WsConfig() { vp_ws_config_free(raw_); }
    /// Moves the settings; `other` is then empty, and each call on it is refused.
    WsConfig(WsConfig&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    /// Frees the settings that it held, and moves the others; `other` is then empty.
    WsConfig& operator=(WsConfig&& other) noexcept {
        if (this != &other) {
            vp_ws_config_free(raw_);
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }

    /// Gives the object of C, for calls of venuepool.h.
    [[nodiscard]] vp_ws_config* get() const noexcept { return raw_; }

    /// Adds a header to the request for the upgrade.
    Status header(std::string_view name, std::string_view value) noexcept {
        return vp_ws_config_add_header(raw_, detail::str(name), detail::str(value));
    }
    /// Offers a subprotocol, the most wanted first.
    Status subprotocol(std::string_view name) noexcept {
        return vp_ws_config_add_subprotocol(raw_, detail::str(name));
    }
    /// Adds a text that is sent before the session is up; `flags` is 0 or VP_WS_AWAIT.
    Status opening(std::string_view text, std::uint32_t flags = 0) noexcept {
        return vp_ws_config_add_opening(raw_, VP_WS_TEXT, detail::str(text), flags);
    }
    /// Adds a message that a function writes in the moment when it is sent.
    Status opening_function(std::int32_t opcode, vp_ws_on_opening function, void* context,
                            std::uint32_t flags = 0) noexcept {
        return vp_ws_config_add_opening_function(raw_, opcode, function, context, flags);
    }
    /// Sets the function that judges acknowledgements of opening messages.
    Status on_acknowledge(vp_ws_on_acknowledge function, void* context) noexcept {
        return vp_ws_config_set_on_acknowledge(raw_, function, context);
    }
    /// Sets the function that reads from a message which call it answers.
    Status on_match(vp_ws_on_match function, void* context) noexcept {
        return vp_ws_config_set_on_match(raw_, function, context);
    }
    /// Sets the interval of pings, the deadline of a pong, and the longest silence; 0: any.
    Status keep_alive(std::chrono::nanoseconds interval, std::chrono::nanoseconds deadline,
                      std::chrono::nanoseconds idle) noexcept {
        return vp_ws_config_set_keep_alive(raw_, detail::ns(interval), detail::ns(deadline),
                                           detail::ns(idle));
    }
    /// Sets the text that is sent as a ping, and what its answer contains; see
    /// vp_ws_config_set_text_ping. Both empty: control frames.
    Status text_ping(std::string_view message, std::string_view pong) noexcept {
        return vp_ws_config_set_text_ping(raw_, VP_WS_TEXT, detail::str(message),
                                          detail::str(pong));
    }
    /// Sets which of the bind addresses the session connects from, by its number; VP_SOURCE_ANY,
    /// the default, for the first. Errors: VP_ERR_ARGUMENT for any other number above 63.
    Status source(std::uint32_t source) noexcept { return vp_ws_config_set_source(raw_, source); }
    /// Sets how many connections are logged in, 1 to 8: one is live, and the others take over.
    Status connections(std::uint32_t count) noexcept {
        return vp_ws_config_set_connections(raw_, count);
    }
    /// Sets the age at which a connection is replaced (0: at none), and how long its calls may
    /// await their answers then.
    Status max_age(std::chrono::nanoseconds age, std::chrono::nanoseconds drain) noexcept {
        return vp_ws_config_set_max_age_ns(raw_, detail::ns(age), detail::ns(drain));
    }
    /// Sets the time limits of the upgrade, of the opening, and of each half of the close.
    Status timeouts(std::chrono::nanoseconds upgrade, std::chrono::nanoseconds opening,
                    std::chrono::nanoseconds close) noexcept {
        return vp_ws_config_set_timeouts(raw_, detail::ns(upgrade), detail::ns(opening),
                                         detail::ns(close));
    }
    /// Sets how many messages may wait, and what becomes of more: VP_WS_DROP_OLDEST, VP_WS_CLOSE.
    Status queue(std::size_t capacity, std::uint32_t overflow) noexcept {
        return vp_ws_config_set_queue(raw_, capacity, overflow);
    }
    /// Sets the longest message sent and received, and the most bytes that wait for the kernel.
    Status sizes(std::size_t sent, std::size_t received, std::size_t unsent) noexcept {
        return vp_ws_config_set_sizes(raw_, sent, received, unsent);
    }
    /// Sets the most calls on their way, and the most messages without an acknowledgement of TCP.
    Status counts(std::size_t calls, std::size_t unacknowledged) noexcept {
        return vp_ws_config_set_counts(raw_, calls, unacknowledged);
    }
    /// Sets how many calls may wait in each lane until they can go; 0: none waits. See
    /// vp_ws_config_set_waiting.
    Status waiting(std::size_t capacity) noexcept {
        return vp_ws_config_set_waiting(raw_, capacity);
    }
    /// Sets VP_WS_DEFLATE, VP_WS_UNCHECKED_UTF8, both or neither.
    Status codec(std::uint32_t flags) noexcept { return vp_ws_config_set_codec(raw_, flags); }

  private:
    vp_ws_config* raw_ = nullptr;
};

/// One event that was taken from a session: the fields of vp_ws_event, and its bytes.
///
/// Threads: one at a time.
/// Lifetime: the bytes are valid until it is destroyed, also beyond the session's end.
class [[nodiscard]] WsEvent : public vp_ws_event {
  public:
    /// Makes room for one event.
    WsEvent() noexcept : vp_ws_event{} { struct_size = sizeof(vp_ws_event); }
    /// Releases the bytes.
    ~WsEvent() { vp_ws_data_release(data); }
    /// Shares the bytes with another holder.
    WsEvent(const WsEvent& other) noexcept : vp_ws_event(other) {
        if (data != nullptr) (void)vp_ws_data_retain(data);
    }
    /// Releases its bytes, and shares those of another holder.
    WsEvent& operator=(const WsEvent& other) noexcept {
        WsEvent copy(other);
        std::swap(static_cast<vp_ws_event&>(*this), static_cast<vp_ws_event&>(copy));
        return *this;
    }
    /// Gives the bytes: a message, an answer, a body, or a reason in words.
    [[nodiscard]] std::string_view bytes() const noexcept { return {payload.ptr, payload.len}; }
};

/// Room for one message at a time, which is sent from where it was written. WsSession::frame makes
/// one; make one for each thread that sends, and use it again.
///
/// Threads: one at a time.
/// Lifetime: it may outlive its session.
class [[nodiscard]] WsFrame {
  public:
    /// Makes an empty object, on which each call is refused; WsSession::frame gives real ones.
    WsFrame() noexcept = default;
    /// Wipes and frees its memory.
    ~WsFrame() { vp_ws_frame_free(raw_); }
    /// Moves the frame; `other` is then empty.
    WsFrame(WsFrame&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    /// Frees the frame that it held, and moves the other one; `other` is then empty.
    WsFrame& operator=(WsFrame&& other) noexcept {
        if (this != &other) {
            vp_ws_frame_free(raw_);
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }

    /// Gives the handle of C, for calls of venuepool.h.
    [[nodiscard]] vp_ws_frame* get() const noexcept { return raw_; }

    /// Begins the next message: gives the room, as large as the capacity, to be filled from its
    /// front. Lifetime: until the message is sent. Errors: as vp_ws_frame_room.
    Result<char*> room() noexcept {
        std::uint8_t* out = nullptr;
        const Status status = vp_ws_frame_room(raw_, &out, nullptr);
        return {status, reinterpret_cast<char*>(out)};
    }

    /// Sets the function that signs each message when it is sent; nullptr for none. Lifetime:
    /// `context` until another one is set, or the frame is destroyed and no call of it waits. See
    /// vp_ws_on_send.
    Status on_send(vp_ws_on_send function, void* context) noexcept {
        return vp_ws_frame_set_on_send(raw_, function, context);
    }

    /// Sets the lane of its messages, VP_LANE_URGENT to VP_LANE_BACKGROUND: which calls go first
    /// of those that wait. Errors: VP_ERR_PHASE while a call of the frame waits.
    Status lane(std::uint32_t lane) noexcept { return vp_ws_frame_set_lane(raw_, lane); }

  private:
    friend class WsSession;

    explicit WsFrame(vp_ws_frame* raw) noexcept : raw_(raw) {}

    vp_ws_frame* raw_ = nullptr;
};

/// A WebSocket session. It is closed when it is destroyed.
///
/// Threads: any.
class [[nodiscard]] WsSession {
  public:
    /// Makes an empty object, on which each call is refused; open gives real ones.
    WsSession() noexcept = default;
    /// Closes the session, and waits for its end.
    ~WsSession() {
        if (raw_ != nullptr) (void)vp_ws_close(raw_);
    }
    /// Moves the session; `other` is then empty.
    WsSession(WsSession&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    /// Closes the session that it held, and moves the other one; `other` is then empty.
    WsSession& operator=(WsSession&& other) noexcept {
        if (this != &other) {
            if (raw_ != nullptr) (void)vp_ws_close(raw_);
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }

    /// Opens a session, and returns when it is up. Without `on_event` its events are polled.
    /// Lifetime: `context` must be valid until the session is closed. Errors: as vp_ws_open.
    static Result<WsSession, Error> open(const Config& config, const WsConfig& settings,
                                         std::string_view path, vp_ws_on_event on_event = nullptr,
                                         void* context = nullptr) noexcept {
        if (!config.status().ok()) return {config.error(), WsSession()};
        Error error;
        vp_ws* raw = nullptr;
        error.raw_.status = vp_ws_open(config.get(), settings.get(), detail::str(path), on_event,
                                       context, &raw, &error.raw_);
        return {error, WsSession(raw)};
    }

    /// Gives the handle of C, for calls of venuepool.h.
    [[nodiscard]] vp_ws* get() const noexcept { return raw_; }

    /// Sends a text on this thread, and gives its number. Errors: as vp_ws_send.
    Result<std::uint64_t> send(std::string_view text) noexcept { return send(VP_WS_TEXT, text); }
    /// Sends a message on this thread, and gives its number. Errors: as vp_ws_send.
    Result<std::uint64_t> send(std::int32_t opcode, std::string_view bytes) noexcept {
        std::uint64_t sequence = 0;
        const Status status = vp_ws_send(raw_, opcode, detail::str(bytes), &sequence);
        return {status, sequence};
    }
    /// Sends a text that is answered by a message with that key, and gives the id of the call.
    /// Errors: as vp_ws_call.
    Result<std::uint64_t> call(std::string_view text, std::uint64_t key,
                               std::chrono::nanoseconds timeout,
                               std::uint64_t user_data = 0) noexcept {
        std::uint64_t id = 0;
        const Status status = vp_ws_call(raw_, VP_WS_TEXT, detail::str(text), key,
                                         detail::ns(timeout), user_data, &id);
        return {status, id};
    }
    /// Makes a frame for messages of up to `capacity` bytes. Errors: as vp_ws_frame_new.
    Result<WsFrame> frame(std::size_t capacity) noexcept {
        vp_ws_frame* raw = nullptr;
        const Status status = vp_ws_frame_new(raw_, capacity, &raw);
        return {status, WsFrame(raw)};
    }
    /// Sends the first `length` bytes of the room of a frame as a text, and gives its number.
    /// Errors: as vp_ws_send_frame.
    Result<std::uint64_t> send(WsFrame& frame, std::size_t length) noexcept {
        return send(VP_WS_TEXT, frame, length);
    }
    /// Sends the first `length` bytes of the room of a frame, and gives the number of the message.
    /// Errors: as vp_ws_send_frame.
    Result<std::uint64_t> send(std::int32_t opcode, WsFrame& frame, std::size_t length) noexcept {
        std::uint64_t sequence = 0;
        const Status status = vp_ws_send_frame(raw_, frame.raw_, opcode, length, &sequence);
        return {status, sequence};
    }
    /// Sends the first `length` bytes of the room of a frame as a text that is answered, and gives
    /// the id of the call. Errors: as vp_ws_call_frame.
    Result<std::uint64_t> call(WsFrame& frame, std::size_t length, std::uint64_t key,
                               std::chrono::nanoseconds timeout,
                               std::uint64_t user_data = 0) noexcept {
        std::uint64_t id = 0;
        const Status status = vp_ws_call_frame(raw_, frame.raw_, VP_WS_TEXT, length, key,
                                               detail::ns(timeout), user_data, &id);
        return {status, id};
    }
    /// Cancels a call, which still ends by its completion. Errors: VP_ERR_UNKNOWN_ID.
    Status cancel(std::uint64_t id) noexcept { return vp_ws_cancel(raw_, id); }

    /// Takes an event if there is one: gives 1, or 0. What `event` held is released.
    /// Errors: VP_ERR_PHASE with a function, VP_ERR_CLOSED behind the last event.
    Result<bool> poll(WsEvent& event) noexcept {
        event = WsEvent();
        return taken(vp_ws_poll(raw_, &event, 1));
    }
    /// Takes an event as poll does, but sleeps until there is one, at most for `timeout`.
    Result<bool> wait(WsEvent& event, std::chrono::nanoseconds timeout) noexcept {
        event = WsEvent();
        return taken(vp_ws_wait(raw_, &event, 1, detail::ns(timeout)));
    }
    /// Gives the descriptor that is readable while there are events, level-triggered.
    Result<int> fd() noexcept {
        std::int32_t out = -1;
        const Status status = vp_ws_fd(raw_, &out);
        return {status, out};
    }
    /// Gives its state. Errors: VP_ERR_CLOSED.
    Result<vp_ws_health> state() const noexcept {
        vp_ws_health out = detail::sized<vp_ws_health>();
        const Status status = vp_ws_state(raw_, &out);
        return {status, out};
    }

    /// Begins the end, and returns at once. Errors: as vp_ws_shutdown.
    Status shutdown(std::uint16_t code = 1000, std::string_view reason = {}) noexcept {
        return vp_ws_shutdown(raw_, code, detail::str(reason));
    }
    /// Ends the session, and waits for that. Errors: VP_ERR_WOULD_DEADLOCK in its function.
    Status close() noexcept { return vp_ws_close(raw_); }

  private:
    explicit WsSession(vp_ws* raw) noexcept : raw_(raw) {}

    static Result<bool> taken(std::int32_t answer) noexcept {
        if (answer < 0) return {static_cast<vp_status>(answer), false};
        return {VP_OK, answer > 0};
    }

    vp_ws* raw_ = nullptr;
};

/// Gives the name of a vp_ws_loss; "VP_UNKNOWN" for any other number.
[[nodiscard]] inline std::string_view ws_loss_name(std::int32_t loss) noexcept {
    return vp_ws_loss_name(loss);
}

}  // namespace venuepool

#endif  // VENUEPOOL_WS_HPP
