// venuepool in C++: how long things took, as a histogram at one moment.
//
// Knows nothing of pools, which give it. venuepool.hpp includes it.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_HISTOGRAM_HPP
#define VENUEPOOL_HISTOGRAM_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "status.hpp"

namespace venuepool {

/// A histogram of durations at one moment, which does not change any more. It moves but does not
/// copy. Pool::histogram and Pool::address_histogram give one.
///
/// Threads: any number may read it. Lifetime: independent of the pool. Made without a pool, or
/// moved from, it is empty: its functions answer VP_ERR_NULL.
class Histogram {
  public:
    /// Makes one that is empty, to be filled by a call.
    Histogram() noexcept = default;
    /// Takes over a histogram of C.
    explicit Histogram(vp_histogram* raw) noexcept : raw_(raw) {}
    /// Frees it.
    ~Histogram() { vp_histogram_free(raw_); }

    /// Moves it.
    Histogram(Histogram&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    /// Frees the one that it held, and moves the other one.
    Histogram& operator=(Histogram&& other) noexcept {
        if (this != &other) {
            vp_histogram_free(raw_);
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }

    /// Reads the most important numbers.
    [[nodiscard]] Result<vp_summary> summary() const noexcept {
        vp_summary out = detail::sized<vp_summary>();
        const Status status = vp_histogram_summary(raw_, &out);
        return {status, out};
    }
    /// Gives the duration that so many percent of all do not exceed; 0 if there is none.
    /// Errors: VP_ERR_ARGUMENT for what is not between 0 and 100.
    [[nodiscard]] Result<std::chrono::nanoseconds> percentile(double percentile) const noexcept {
        std::uint64_t ns = 0;
        const Status status = vp_histogram_percentile(raw_, percentile, &ns);
        return {status, std::chrono::nanoseconds(ns)};
    }
    /// Gives a line of an HdrHistogram log, behind the lines that begin a log if `with_head`;
    /// empty if this is. Throws std::bad_alloc.
    [[nodiscard]] std::string log(bool with_head = false) const {
        const std::uint32_t flags = with_head ? VP_HISTOGRAM_LOG_HEAD : 0;
        return text([&](char* buffer, std::size_t capacity, std::size_t* needed) {
            return vp_histogram_log(raw_, flags, buffer, capacity, needed);
        });
    }
    /// Gives the table of percentiles (.hgrm), in microseconds; empty if this is. Throws
    /// std::bad_alloc.
    [[nodiscard]] std::string percentile_table() const {
        return text([&](char* buffer, std::size_t capacity, std::size_t* needed) {
            return vp_histogram_percentile_table(raw_, buffer, capacity, needed);
        });
    }
    /// Gives the handle of C.
    [[nodiscard]] const vp_histogram* get() const noexcept { return raw_; }

  private:
    template <typename Write>
    static std::string text(Write write) {
        std::size_t needed = 0;
        if (write(nullptr, 0, &needed) != VP_ERR_TOO_LARGE) return {};
        std::string out(needed, '\0');
        if (write(&out[0], out.size(), &needed) != VP_OK) return {};
        out.pop_back();
        return out;
    }

    vp_histogram* raw_ = nullptr;
};

}  // namespace venuepool

#endif  // VENUEPOOL_HISTOGRAM_HPP
