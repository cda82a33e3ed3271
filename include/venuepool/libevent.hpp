// venuepool for libevent: an AsyncPool whose completions are handed out by an event_base.
//
//   venuepool::LibeventPool pool(std::move(opened), 256);
//   pool.watch(base);
//
// Needs libevent 2.0 or newer (event2/event.h, -levent_core), which venuepool itself does not.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_LIBEVENT_HPP
#define VENUEPOOL_LIBEVENT_HPP

#include <event2/event.h>

#include "async.hpp"

namespace venuepool {

/// An AsyncPool in a loop of libevent. A watched pool keeps event_base_dispatch running, as a
/// listening socket does; unwatch() lets it return.
///
/// Descriptor. It watches a duplicate, which it owns: the pool's own one may be closed by the very
/// poll that takes the last completion.
///
/// Exceptions. One that leaves a handler ends the process, because it must not pass through C.
///
/// Threads: that of the loop. Lifetime: the event_base must outlive it, or unwatch() comes first.
class LibeventPool : public AsyncPool {
  public:
    using AsyncPool::AsyncPool;
    /// Closes the pool, which hands out all completions, and leaves the loop.
    ~LibeventPool() { (void)close(); }

    /// Closes the pool as AsyncPool::close, and leaves the loop.
    Status close() {
        const Status status = AsyncPool::close();
        unwatch();
        return status;
    }

    /// Hands out completions in that loop, until unwatch() or the end of the pool.
    /// Errors: VP_ERR_SYSTEM when there is no descriptor or no place in the loop, VP_ERR_CLOSED,
    /// VP_ERR_ARGUMENT when it is watched already.
    Status watch(event_base* base) noexcept {
        if (event_ != nullptr) return VP_ERR_ARGUMENT;
        const Result<int> fd = duplicate_fd();
        if (!fd) return fd.status();
        fd_ = *fd;
        event_ = ::event_new(base, fd_, EV_READ | EV_PERSIST, on_readable, this);
        if (event_ != nullptr && ::event_add(event_, nullptr) == 0) return VP_OK;
        unwatch();
        return VP_ERR_SYSTEM;
    }

    /// Leaves the loop. Operations go on and wait for watch() or dispatch(). Allowed in a handler,
    /// and when it is not watched.
    void unwatch() noexcept {
        if (event_ != nullptr) ::event_free(std::exchange(event_, nullptr));
        if (fd_ >= 0) (void)::close(std::exchange(fd_, -1));
    }

  private:
    static void on_readable(evutil_socket_t, short, void* self) noexcept {
        auto& pool = *static_cast<LibeventPool*>(self);
        // The descriptor of an ended pool stays readable, which would keep the loop awake.
        if (pool.dispatch().status() == VP_ERR_CLOSED) pool.unwatch();
    }

    event* event_ = nullptr;
    int fd_ = -1;
};

}  // namespace venuepool

#endif  // VENUEPOOL_LIBEVENT_HPP
