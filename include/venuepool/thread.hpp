// venuepool in C++: a pool thread that many pools share.
//
// Calls the C functions, and knows no pool. venuepool.hpp includes it.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_THREAD_HPP
#define VENUEPOOL_THREAD_HPP

#include <cstdint>
#include <string_view>
#include <utility>

#include "status.hpp"

namespace venuepool {

/// A pool thread that many pools share; Config::thread opens them on it.
///
/// Threads: one at a time.
/// Lifetime: may be destroyed before its pools. The thread ends with the last of them.
class [[nodiscard]] Thread {
  public:
    /// Makes an empty one, which stands for no shared thread; start gives real ones.
    Thread() noexcept = default;
    /// Lets go of the thread.
    ~Thread() { vp_thread_free(raw_); }

    /// Moves the thread; `other` is then empty.
    Thread(Thread&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    /// Lets go of the thread that it held, and moves the other one; `other` is then empty.
    Thread& operator=(Thread&& other) noexcept {
        if (this != &other) {
            vp_thread_free(raw_);
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }

    /// Tells whether it is not empty.
    [[nodiscard]] explicit operator bool() const noexcept { return raw_ != nullptr; }
    /// Gives the handle of C, for calls of venuepool.h.
    [[nodiscard]] vp_thread* get() const noexcept { return raw_; }

    /// Starts a thread of that name, 1 to 15 characters. `cpu`: -1 lets it run on all CPUs.
    /// `busy_poll`: it never sleeps, which costs a whole CPU. Errors: VP_ERR_ARGUMENT,
    /// VP_ERR_SYSTEM.
    static Result<Thread> start(std::string_view name, int cpu = -1,
                                bool busy_poll = false) noexcept {
        vp_thread* raw = nullptr;
        const Status status = vp_thread_new(detail::str(name), cpu, busy_poll, &raw);
        return {status, Thread(raw)};
    }

    /// Limits what all pools of a host on this thread do together: `dials_per_second`, 0 to 1000,
    /// and `connections`, 0 to 100000; 0 is no limit. Errors: VP_ERR_ARGUMENT, VP_ERR_PHASE after
    /// the first pool was opened on it, VP_ERR_NULL if it is empty.
    Status host_limits(std::uint32_t dials_per_second, std::uint32_t connections) noexcept {
        return vp_thread_set_host_limits(raw_, dials_per_second, connections);
    }

  private:
    explicit Thread(vp_thread* raw) noexcept : raw_(raw) {}

    vp_thread* raw_ = nullptr;
};

}  // namespace venuepool

#endif  // VENUEPOOL_THREAD_HPP
