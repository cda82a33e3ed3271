// venuepool in C++: the names of enums, Status, Error, Result, and the clock.
//
// Knows nothing of pools, requests or responses. venuepool.hpp includes it.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_STATUS_HPP
#define VENUEPOOL_STATUS_HPP

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <new>
#include <optional>
#include <ratio>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

#if __cplusplus >= 202002L
#include <version>
#endif
#if defined(__cpp_lib_expected)
#include <expected>
#endif

#include "../venuepool.h"

namespace venuepool {

// ---------------------------------------------------------------------------------- names of enums

/// Gives the name of a status as venuepool.h has it, such as "VP_ERR_NO_SLOT".
/// "VP_UNKNOWN" for a number that is none. Threads: any. Lifetime: static text.
[[nodiscard]] inline std::string_view to_string(vp_status status) noexcept {
    return vp_status_name(status);
}
/// Gives the name of an outcome, such as "VP_OUTCOME_TIMEOUT". Otherwise as for a status.
[[nodiscard]] inline std::string_view to_string(vp_outcome outcome) noexcept {
    return vp_outcome_name(outcome);
}
/// Gives the name of a wire state, such as "VP_WIRE_NOT_SENT". Otherwise as for a status.
[[nodiscard]] inline std::string_view to_string(vp_wire wire) noexcept {
    return vp_wire_name(wire);
}
/// Gives the name of a close reason, such as "VP_CLOSE_REASON_RESET". Otherwise as for a status.
[[nodiscard]] inline std::string_view to_string(vp_close_reason reason) noexcept {
    return vp_close_reason_name(reason);
}
/// Gives the name of an event, such as "VP_EVENT_KIND_UP". Otherwise as for a status.
[[nodiscard]] inline std::string_view to_string(vp_event_kind kind) noexcept {
    return vp_event_name(kind);
}
/// Gives the name of a slot's state, such as "VP_SLOT_STATE_IDLE". Otherwise as for a status.
[[nodiscard]] inline std::string_view to_string(vp_slot_state state) noexcept {
    return vp_slot_state_name(state);
}

// ------------------------------------------------------------------------------------------- clock

/// The clock of all time points. It is CLOCK_MONOTONIC: on Linux both libstdc++ and libc++ read
/// that clock for std::chrono::steady_clock, and a test compares the two.
using Clock = std::chrono::steady_clock;

/// A moment on Clock, in nanoseconds. It can be compared with Clock::now().
using TimePoint = std::chrono::time_point<Clock, std::chrono::nanoseconds>;

static_assert(Clock::is_steady && std::is_same<Clock::period, std::nano>::value,
              "steady_clock counts the nanoseconds of CLOCK_MONOTONIC");

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

constexpr std::chrono::nanoseconds duration(std::uint64_t ns) noexcept {
    return std::chrono::nanoseconds(static_cast<std::chrono::nanoseconds::rep>(ns));
}

constexpr TimePoint time_point(std::uint64_t ns) noexcept {
    return TimePoint(duration(ns));
}

/// A time of C, in which 0 stands for what has not happened.
constexpr std::optional<TimePoint> time_if_any(std::uint64_t ns) noexcept {
    return ns != 0 ? std::optional<TimePoint>(time_point(ns)) : std::nullopt;
}

/// A C struct of zeros that says its size.
template <typename Struct>
Struct sized() noexcept {
    Struct out{};
    out.struct_size = sizeof(Struct);
    return out;
}

}  // namespace detail

// ------------------------------------------------------------------------------------------ Status

/// What a call answers: a vp_status as a value. VP_OK is success.
///
/// Converts to std::error_code where one is wanted: `std::error_code code = status;`.
/// The compiler warns when a Status is discarded. Write `(void)pool.close();` where that is meant.
/// Threads: any. Lifetime: a value.
class [[nodiscard]] Status {
  public:
    /// Makes VP_OK.
    constexpr Status() noexcept = default;
    /// Makes a status of C into one of C++. Implicit, so that `status == VP_ERR_NO_SLOT` works.
    constexpr Status(vp_status code) noexcept : code_(code) {}

    /// Tells whether the call did what it says.
    [[nodiscard]] constexpr bool ok() const noexcept { return code_ == VP_OK; }
    /// Gives the status of C.
    [[nodiscard]] constexpr vp_status code() const noexcept { return code_; }
    /// Gives the name, such as "VP_ERR_NO_SLOT". Static text.
    [[nodiscard]] std::string_view name() const noexcept { return to_string(code_); }

    /// Compares two statuses.
    [[nodiscard]] friend constexpr bool operator==(Status a, Status b) noexcept {
        return a.code_ == b.code_;
    }
    /// Compares two statuses.
    [[nodiscard]] friend constexpr bool operator!=(Status a, Status b) noexcept {
        return a.code_ != b.code_;
    }

  private:
    vp_status code_ = VP_OK;
};

/// Gives the std::error_category of all statuses, named "venuepool".
///
/// Comparable with std::errc: VP_ERR_TIMEOUT is timed_out, VP_ERR_ARGUMENT invalid_argument,
/// VP_ERR_TOO_LARGE message_size, VP_ERR_NO_SLOT resource_unavailable_try_again, and
/// VP_ERR_WOULD_DEADLOCK resource_deadlock_would_occur.
/// Threads: any. Lifetime: the process; it is never destroyed.
[[nodiscard]] inline const std::error_category& category() noexcept {
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

/// Makes a std::error_code of a status; the conversion from Status calls it.
[[nodiscard]] inline std::error_code make_error_code(Status status) noexcept {
    return {static_cast<int>(status.code()), category()};
}

// ------------------------------------------------------------------------------------------- Error

/// Why a pool could not be opened, or a connection not be healed: a vp_error as a value.
///
/// Threads: one at a time. Lifetime: a value; its text lives as long as it does.
class Error {
  public:
    /// Makes an error that says VP_OK.
    Error() noexcept : raw_(detail::sized<vp_error>()) {}

    /// Gives the step that failed, such as VP_ERR_TLS.
    [[nodiscard]] Status status() const noexcept { return static_cast<vp_status>(raw_.status); }
    /// Tells whether there is no error.
    [[nodiscard]] bool ok() const noexcept { return status().ok(); }
    /// Gives the errno of the system call that failed; 0 when none did.
    [[nodiscard]] int os_error() const noexcept { return raw_.os_error; }
    /// Says what was tried and what went wrong, in at most 255 bytes.
    /// Lifetime: valid as long as this object, until it is assigned to.
    [[nodiscard]] std::string_view text() const noexcept { return raw_.text; }

  private:
    friend class Config;
    friend class Pool;
    friend class WsSession;
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

// ------------------------------------------------------------------------------------------ Result

/// A value, or the reason why there is none: a Status, or an Error with text.
///
/// Test it, then reach the value by * or ->. Without a value these give an empty object, on which
/// each call is refused. value() throws instead.
///
/// It is the same class in C++17, 20 and 23, so that files of different standards can be linked
/// into one program. In C++23 it converts to std::expected.
/// Threads: as the value. Lifetime: holds its value.
template <typename T, typename Reason = Status>
class [[nodiscard]] Result {
  public:
    /// The type of the value.
    using value_type = T;
    /// The type of the reason.
    using error_type = Reason;

    /// Makes a result; `value` counts only if `reason` is OK.
    Result(Reason reason, T value) noexcept
        : value_(std::move(value)), reason_(std::move(reason)) {}

    /// Tells whether there is a value.
    [[nodiscard]] bool ok() const noexcept { return status().ok(); }
    /// Tells whether there is a value, as std::expected names it.
    [[nodiscard]] bool has_value() const noexcept { return ok(); }
    /// Tells whether there is a value: `if (result)`.
    [[nodiscard]] explicit operator bool() const noexcept { return ok(); }
    /// Gives the status of the reason: VP_OK if there is a value.
    [[nodiscard]] Status status() const noexcept { return detail::status_of(reason_); }
    /// Gives the reason why there is no value; it says VP_OK if there is one.
    [[nodiscard]] const Reason& error() const noexcept { return reason_; }

    /// Gives the value, or an empty one.
    [[nodiscard]] T& operator*() & noexcept { return value_; }
    /// Gives the value, or an empty one.
    [[nodiscard]] const T& operator*() const& noexcept { return value_; }
    /// Gives the value to be moved, or an empty one.
    [[nodiscard]] T&& operator*() && noexcept { return std::move(value_); }
    /// Reaches into the value, or into an empty one.
    [[nodiscard]] T* operator->() noexcept { return std::addressof(value_); }
    /// Reaches into the value, or into an empty one.
    [[nodiscard]] const T* operator->() const noexcept { return std::addressof(value_); }

    /// Gives the value, or throws std::system_error; without exceptions it aborts with a message.
    [[nodiscard]] T& value() & { return ok() ? value_ : (detail::fail(reason_), value_); }
    /// Gives the value, or throws std::system_error; without exceptions it aborts with a message.
    [[nodiscard]] const T& value() const& {
        return ok() ? value_ : (detail::fail(reason_), value_);
    }
    /// Moves the value out, or throws std::system_error; without exceptions it aborts.
    [[nodiscard]] T value() && {
        if (!ok()) detail::fail(reason_);
        return std::move(value_);
    }
    /// Moves the value out, or gives `other`.
    [[nodiscard]] T value_or(T other) && noexcept {
        return ok() ? std::move(value_) : std::move(other);
    }

#if defined(__cpp_lib_expected)
    /// Moves the value or the reason into a std::expected.
    [[nodiscard]] std::expected<T, Reason> to_expected() && noexcept {
        if (!ok()) return std::unexpected<Reason>(std::move(reason_));
        return std::move(value_);
    }
    /// Converts where a std::expected is wanted: `return pool.submit(request);`.
    operator std::expected<T, Reason>() && noexcept { return std::move(*this).to_expected(); }
#endif

  private:
    T value_;
    Reason reason_;
};

// ----------------------------------------------------------------------------------------- version

/// Gives the version of the library that runs, such as "0.1.0". Threads: any. Static text.
[[nodiscard]] inline std::string_view version_string() noexcept {
    return vp_version_string();
}
/// Gives the version of the library that runs as a number, to compare with VP_VERSION_NUMBER of
/// the header. Threads: any.
[[nodiscard]] inline std::uint32_t version_number() noexcept {
    return vp_version_number();
}

}  // namespace venuepool

namespace std {

/// A Status can stand where a std::error_code is wanted.
template <>
struct is_error_code_enum<venuepool::Status> : true_type {};

}  // namespace std

#endif  // VENUEPOOL_STATUS_HPP
