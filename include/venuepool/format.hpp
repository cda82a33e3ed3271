// venuepool for std::format and fmt: formatters of statuses, enums, errors and events.
//
//   std::format("{}: {}", done.outcome(), pool.error());
//
// For std::format where the standard library has it (C++20). For fmt where a header of fmt was
// included before this one; that may be the copy that spdlog brings. Format specs are those of
// text: {:>24} aligns.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_FORMAT_HPP
#define VENUEPOOL_FORMAT_HPP

#include <string_view>

#include "completion.hpp"
#include "status.hpp"

#if defined(__cpp_lib_format)
#include <format>
#endif

namespace venuepool {
namespace detail {

/// What stands in a log for a value of the library.
inline std::string_view text_for_log(Status status) noexcept {
    return status.name();
}
inline std::string_view text_for_log(const Error& error) noexcept {
    return error.ok() ? error.status().name() : error.text();
}
inline std::string_view text_for_log(EventView event) noexcept {
    return event.text();
}
template <typename Enum, typename = decltype(to_string(Enum{}))>
std::string_view text_for_log(Enum value) noexcept {
    return to_string(value);
}

}  // namespace detail
}  // namespace venuepool

// One formatter for each type, which writes its text as text is written.
#define VENUEPOOL_FORMATTER_(library, type)                                                        \
    template <>                                                                                    \
    struct library::formatter<type, char> : library::formatter<std::string_view, char> {           \
        template <typename Context>                                                                \
        auto format(const type& value, Context& context) const {                                   \
            return library::formatter<std::string_view, char>::format(                             \
                venuepool::detail::text_for_log(value), context);                                  \
        }                                                                                          \
    };
#define VENUEPOOL_FORMATTERS_(library)                                                             \
    VENUEPOOL_FORMATTER_(library, venuepool::Status)                                               \
    VENUEPOOL_FORMATTER_(library, venuepool::Error)                                                \
    VENUEPOOL_FORMATTER_(library, venuepool::EventView)                                            \
    VENUEPOOL_FORMATTER_(library, vp_status)                                                       \
    VENUEPOOL_FORMATTER_(library, vp_outcome)                                                      \
    VENUEPOOL_FORMATTER_(library, vp_wire)                                                         \
    VENUEPOOL_FORMATTER_(library, vp_close_reason)                                                 \
    VENUEPOOL_FORMATTER_(library, vp_event_kind)                                                   \
    VENUEPOOL_FORMATTER_(library, vp_slot_state)

#if defined(__cpp_lib_format)
VENUEPOOL_FORMATTERS_(std)
#endif
#if defined(FMT_VERSION)
VENUEPOOL_FORMATTERS_(fmt)
#endif

#undef VENUEPOOL_FORMATTERS_
#undef VENUEPOOL_FORMATTER_

#endif  // VENUEPOOL_FORMAT_HPP
