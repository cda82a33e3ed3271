// venuepool in C++: texts of the C API whose length changes from call to call.
//
// Knows nothing of what is in them. metrics.hpp and recorder.hpp include it.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_GROWING_TEXT_HPP
#define VENUEPOOL_GROWING_TEXT_HPP

#include <cstddef>
#include <string>
#include <utility>

#include "status.hpp"

namespace venuepool {
namespace detail {

/// Calls a function that writes a text until its buffer is large enough: between two calls the
/// text may grow.
template <typename Write>
Result<std::string> growing_text(Write write) {
    std::string out;
    for (;;) {
        std::size_t needed = 0;
        const Status status = write(out.empty() ? nullptr : &out[0], out.size(), &needed);
        if (status == VP_ERR_TOO_LARGE) {
            out.resize(needed + needed / 16);
            continue;
        }
        out.resize(status == VP_OK ? needed - 1 : 0);
        return {status, std::move(out)};
    }
}

}  // namespace detail
}  // namespace venuepool

#endif  // VENUEPOOL_GROWING_TEXT_HPP
