// venuepool in C++: the flight recorder, which tells what became of an order.
//
// venuepool.hpp includes it. The tag of a request is set by Request::tag, and how much is kept by
// Config::recorder.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_RECORDER_HPP
#define VENUEPOOL_RECORDER_HPP

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "growing_text.hpp"
#include "pool.hpp"

namespace venuepool {

/// Gives what has happened lately in a slot, or in all with VP_ALL_SLOTS: as lines for people
/// (VP_RECORDER_TEXT) or as JSON (VP_RECORDER_JSON). Errors: VP_ERR_ARGUMENT for another slot or
/// format, VP_ERR_NOT_FOUND without a recorder, VP_ERR_CLOSED, VP_ERR_FORKED. Throws
/// std::bad_alloc. Threads: any, also in a callback.
inline Result<std::string> recorder_text(const Pool& pool, std::uint32_t slot = VP_ALL_SLOTS,
                                         std::uint32_t format = VP_RECORDER_TEXT) {
    return detail::growing_text([&](char* buffer, std::size_t capacity, std::size_t* needed) {
        return vp_pool_recorder_text(pool.get(), slot, format, buffer, capacity, needed);
    });
}

/// Gives what is known of the request with that id, and of the connections that it was sent on.
/// Errors: as recorder_text; VP_ERR_NOT_FOUND also if it is not recorded any more. Throws
/// std::bad_alloc. Threads: any, also in a callback.
inline Result<std::string> recorder_find(const Pool& pool, std::uint64_t id,
                                         std::uint32_t format = VP_RECORDER_TEXT) {
    return detail::growing_text([&](char* buffer, std::size_t capacity, std::size_t* needed) {
        return vp_pool_recorder_find(pool.get(), id, format, buffer, capacity, needed);
    });
}

/// Gives what is known of the requests with that tag, as recorder_find. Errors: as recorder_find;
/// VP_ERR_ARGUMENT also for an empty tag. Throws std::bad_alloc. Threads: any, also in a callback.
inline Result<std::string> recorder_find_tag(const Pool& pool, std::string_view tag,
                                             std::uint32_t format = VP_RECORDER_TEXT) {
    return detail::growing_text([&](char* buffer, std::size_t capacity, std::size_t* needed) {
        return vp_pool_recorder_find_tag(pool.get(), detail::str(tag), format, buffer, capacity,
                                         needed);
    });
}

}  // namespace venuepool

#endif  // VENUEPOOL_RECORDER_HPP
