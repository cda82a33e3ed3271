// venuepool for simdjson: a response's body as a padded view, parsed where it was received.
//
// Needs simdjson, which venuepool itself does not: include this header only where you use it.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_SIMDJSON_HPP
#define VENUEPOOL_SIMDJSON_HPP

#include <simdjson.h>
#include <string_view>

#include "response.hpp"

namespace venuepool {

static_assert(ResponseView::body_padding >= simdjson::SIMDJSON_PADDING,
              "the zero bytes behind a body are enough for simdjson");

/// Gives the body of a response to simdjson, without a copy:
/// `auto doc = parser.iterate(venuepool::padded_body(done.response()));`.
///
/// For an incomplete response it is what had arrived, which simdjson refuses as broken JSON.
/// Threads: any.
/// Lifetime: as the response. Documents that simdjson makes of it are views of it, too.
[[nodiscard]] inline simdjson::padded_string_view padded_body(ResponseView response) noexcept {
    const std::string_view body = response.body();
    return simdjson::padded_string_view(body.data(), body.size(),
                                        body.size() + ResponseView::body_padding);
}

}  // namespace venuepool

#endif  // VENUEPOOL_SIMDJSON_HPP
