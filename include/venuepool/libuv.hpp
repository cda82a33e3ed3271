// venuepool for libuv: an AsyncPool whose completions are handed out by a uv_loop_t.
//
//   venuepool::LibuvPool pool(std::move(opened), 256);
//   pool.watch(uv_default_loop());
//
// Needs libuv 1 (uv.h, -luv), which venuepool itself does not.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_LIBUV_HPP
#define VENUEPOOL_LIBUV_HPP

#include <uv.h>

#include "async.hpp"

namespace venuepool {

/// An AsyncPool in a loop of libuv. A watched pool keeps uv_run running, as a listening socket
/// does; unwatch() lets it return.
///
/// Descriptor. It watches a duplicate, which it owns: the pool's own one may be closed by the very
/// poll that takes the last completion. The duplicate is closed when libuv has closed its handle.
///
/// Exceptions. One that leaves a handler ends the process, because it must not pass through C.
///
/// Threads: that of the loop.
/// Lifetime: the loop must outlive it, or unwatch() comes first. libuv closes handles in uv_run, so
/// uv_loop_close needs one more uv_run after unwatch() or the destructor.
class LibuvPool : public AsyncPool {
  public:
    using AsyncPool::AsyncPool;
    /// Closes the pool, which hands out all completions, and leaves the loop.
    ~LibuvPool() { (void)close(); }

    /// Closes the pool as AsyncPool::close, and leaves the loop.
    Status close() {
        const Status status = AsyncPool::close();
        unwatch();
        return status;
    }

    /// Hands out completions in that loop, until unwatch() or the end of the pool.
    /// Errors: VP_ERR_SYSTEM when there is no descriptor or no place in the loop, VP_ERR_CLOSED,
    /// VP_ERR_ARGUMENT when it is watched already.
    Status watch(uv_loop_t* loop) noexcept {
        if (watch_ != nullptr) return VP_ERR_ARGUMENT;
        const Result<int> fd = duplicate_fd();
        if (!fd) return fd.status();
        auto* const made = new (std::nothrow) Watch{{}, *fd};
        if (made == nullptr || ::uv_poll_init(loop, &made->handle, *fd) != 0) {
            (void)::close(*fd);
            delete made;
            return VP_ERR_SYSTEM;
        }
        watch_ = made;
        watch_->handle.data = this;
        if (::uv_poll_start(&watch_->handle, UV_READABLE, on_readable) == 0) return VP_OK;
        unwatch();
        return VP_ERR_SYSTEM;
    }

    /// Leaves the loop. Operations go on and wait for watch() or dispatch(). Allowed in a handler,
    /// and when it is not watched.
    void unwatch() noexcept {
        if (watch_ == nullptr) return;
        Watch* const old = std::exchange(watch_, nullptr);
        ::uv_close(reinterpret_cast<uv_handle_t*>(&old->handle), [](uv_handle_t* closed) noexcept {
            const std::unique_ptr<Watch> watch(reinterpret_cast<Watch*>(closed));
            (void)::close(watch->fd);
        });
    }

  private:
    /// What libuv keeps until it has closed the handle, which is after this object may be gone.
    struct Watch {
        uv_poll_t handle;
        int fd;
    };

    static void on_readable(uv_poll_t* handle, int status, int) noexcept {
        auto& pool = *static_cast<LibuvPool*>(handle->data);
        // The descriptor of an ended pool stays readable, which would keep the loop awake.
        if (status < 0 || pool.dispatch().status() == VP_ERR_CLOSED) pool.unwatch();
    }

    Watch* watch_ = nullptr;
};

}  // namespace venuepool

#endif  // VENUEPOOL_LIBUV_HPP
