// Percentiles of recorded times, from all samples: sorted, not estimated.
#ifndef LATENCY_HPP
#define LATENCY_HPP

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <vector>

/// The times of one run.
class Latency {
  public:
    explicit Latency(std::size_t most) { samples_.reserve(most); }

    void add(std::chrono::nanoseconds time) { samples_.push_back(time); }
    std::size_t count() const { return samples_.size(); }

    /// The smallest time that at least the share `p` of the samples `from` on do not exceed, in
    /// microseconds; 0 without samples.
    double percentile(double p, std::size_t from = 0) const {
        if (from >= samples_.size()) return 0;
        std::vector<std::chrono::nanoseconds> sorted(samples_.begin() + static_cast<long>(from),
                                                     samples_.end());
        std::sort(sorted.begin(), sorted.end());
        const auto rank = static_cast<std::size_t>(p * static_cast<double>(sorted.size()));
        return microseconds(sorted[std::min(rank, sorted.size() - 1)]);
    }

    static double microseconds(std::chrono::nanoseconds time) {
        return static_cast<double>(time.count()) / 1000;
    }

    /// One line of a table.
    void print() const {
        std::printf("p50 %.0f us   p99 %.0f us   p99.9 %.0f us   max %.0f us   (%zu samples)\n",
                    percentile(0.5), percentile(0.99), percentile(0.999), percentile(1), count());
    }

  private:
    std::vector<std::chrono::nanoseconds> samples_;
};

#endif  // LATENCY_HPP
