// venuepool in C++: counters, states and durations of pools as a text of OpenMetrics.
//
// Knows nothing of how a text gets to Prometheus. venuepool.hpp includes it.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_METRICS_HPP
#define VENUEPOOL_METRICS_HPP

#include <cstddef>
#include <string>
#include <vector>

#include "growing_text.hpp"
#include "pool.hpp"

namespace venuepool {

/// Gives the counters, states and durations of a pool as a text of OpenMetrics 1.0.
/// Errors: VP_ERR_CLOSED, VP_ERR_FORKED. Throws std::bad_alloc. Threads: any, also in a callback.
inline Result<std::string> metrics_text(const Pool& pool) {
    return detail::growing_text([&](char* buffer, std::size_t capacity, std::size_t* needed) {
        return vp_pool_metrics_text(pool.get(), buffer, capacity, needed);
    });
}

/// Gives those of several pools as one text. Two pools of the same host need different names
/// (Config::thread_name). Errors: as metrics_text for one, and VP_ERR_ARGUMENT for two of the same
/// name and host. Throws std::bad_alloc. Threads: any, also in a callback.
inline Result<std::string> metrics_text(const std::vector<const Pool*>& pools) {
    std::vector<const vp_pool*> raw;
    raw.reserve(pools.size());
    for (const Pool* pool : pools) raw.push_back(pool->get());
    return detail::growing_text([&](char* buffer, std::size_t capacity, std::size_t* needed) {
        return vp_metrics_text(raw.data(), raw.size(), buffer, capacity, needed);
    });
}

}  // namespace venuepool

#endif  // VENUEPOOL_METRICS_HPP
