// venuepool in C++: many pools by one call, and one descriptor for all of them.
//
// Calls the C functions, and knows no loop and no other library. venuepool.hpp includes it.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_GROUP_HPP
#define VENUEPOOL_GROUP_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "pool.hpp"

namespace venuepool {

/// Room for the completions of one poll or wait of a Group, and for the pools that they are of.
///
/// Threads: one at a time; each thread that polls has its own.
template <std::size_t N>
class GroupCompletions {
  public:
    /// Gives the pool that a completion of the last batch is of, as Pool::get does; nullptr if
    /// `index` is behind the last one. Batches count from 0.
    [[nodiscard]] vp_pool* pool(std::size_t index) const noexcept {
        return index < N ? pools_[index] : nullptr;
    }
    /// Gives the pool of a completion of the last batch. It must not have been moved out of it.
    [[nodiscard]] vp_pool* pool_of(const Completion& done) const noexcept {
        return pool(static_cast<std::size_t>(&done - first_));
    }

  private:
    friend class Group;
    Completions<N> room_;
    const Completion* first_ = nullptr;
    vp_pool* pools_[N] = {};
};

/// Pools whose completions are taken by one call. Pools of caller drive are driven by it.
///
/// Threads: one at a time.
/// Lifetime: pools and the group may be destroyed in any order. A pool that was closed leaves when
/// its last completion was taken.
class [[nodiscard]] Group {
  public:
    /// Makes an empty object, on which each call is refused; make gives real ones.
    Group() noexcept = default;
    /// Frees the group. Its pools stay open. Not in a callback that a call for the group runs.
    ~Group() { (void)vp_group_free(raw_); }

    /// Moves the group; `other` is then empty.
    Group(Group&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    /// Frees the group that it held, and moves the other one; `other` is then empty.
    Group& operator=(Group&& other) noexcept {
        if (this != &other) {
            (void)vp_group_free(raw_);
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }

    /// Tells whether it is not empty.
    [[nodiscard]] explicit operator bool() const noexcept { return raw_ != nullptr; }
    /// Gives the handle of C, for calls of venuepool.h.
    [[nodiscard]] vp_group* get() const noexcept { return raw_; }

    /// Makes a group of no pool. Errors: VP_ERR_SYSTEM.
    static Result<Group> make() noexcept {
        vp_group* raw = nullptr;
        const Status status = vp_group_new(&raw);
        return {status, Group(raw)};
    }

    /// Adds a pool. From now on poll and wait for the group, and not for the pool.
    /// Errors: VP_ERR_GROUPED if it is in a group already, VP_ERR_CLOSED, VP_ERR_SYSTEM.
    Status add(const Pool& pool) noexcept { return vp_group_add(raw_, pool.get()); }
    /// Takes a pool out, which stays open. Errors: VP_ERR_NOT_FOUND.
    Status remove(const Pool& pool) noexcept { return vp_group_remove(raw_, pool.get()); }

    /// Adds a WebSocket session, by WsSession::get. Its function runs in poll and wait; without
    /// one, ready names it when it has events. Errors: VP_ERR_PHASE for a session of thread drive
    /// with a function, VP_ERR_GROUPED, VP_ERR_CLOSED, VP_ERR_SYSTEM.
    Status add(vp_ws* session) noexcept { return vp_group_add_ws(raw_, session); }
    /// Takes a session out, which stays open. Errors: VP_ERR_NOT_FOUND.
    Status remove(vp_ws* session) noexcept { return vp_group_remove_ws(raw_, session); }

    /// Gives the next session that has events to take, by its handle; nullptr when there is none.
    /// Those are named in which poll or wait has found some. Take them by WsSession::poll.
    vp_ws* ready() noexcept {
        vp_ws* session = nullptr;
        return vp_group_ready_ws(raw_, &session, 1) == 1 ? session : nullptr;
    }

    /// Takes the completions that are there, at most 16 of each pool; `room` tells which pool each
    /// is of. What `room` held before is released. Errors: VP_ERR_CLOSED when no pool is left;
    /// VP_ERR_WOULD_DEADLOCK in a callback that a call for the group runs; VP_ERR_DRIVEN.
    template <std::size_t N>
    Batch poll(GroupCompletions<N>& room) noexcept {
        vp_completion* out = room.room_.empty();
        return batch(room, vp_group_poll(raw_, out, room.pools_, N));
    }
    /// Takes completions as poll does, but sleeps until there is one, at most for `timeout`;
    /// nanoseconds::max() waits without end. Errors: VP_ERR_WOULD_DEADLOCK on a pool thread.
    template <std::size_t N>
    Batch wait(GroupCompletions<N>& room, std::chrono::nanoseconds timeout) noexcept {
        vp_completion* out = room.room_.empty();
        return batch(room, vp_group_wait(raw_, out, room.pools_, N, detail::ns(timeout)));
    }

    /// Gives the one descriptor that is readable while there may be completions to poll,
    /// level-triggered. Do not read, write or close it. Lifetime: as the group.
    Result<int> fd() noexcept {
        std::int32_t out = -1;
        const Status status = vp_group_fd(raw_, &out);
        return {status, out};
    }

  private:
    explicit Group(vp_group* raw) noexcept : raw_(raw) {}

    template <std::size_t N>
    static Batch batch(GroupCompletions<N>& room, std::int32_t answer) noexcept {
        Completion* first = room.room_.items_;
        room.first_ = first;
        if (answer < 0) return {static_cast<vp_status>(answer), first, 0};
        room.room_.used_ = static_cast<std::size_t>(answer);
        return {VP_OK, first, room.room_.used_};
    }

    vp_group* raw_ = nullptr;
};

}  // namespace venuepool

#endif  // VENUEPOOL_GROUP_HPP
