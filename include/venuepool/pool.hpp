// venuepool in C++: a pool, a lease of one of its slots, and their state.
//
// Calls the C functions, and knows no loop and no other library. venuepool.hpp includes it.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_POOL_HPP
#define VENUEPOOL_POOL_HPP

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string_view>
#include <utility>

#include "completion.hpp"
#include "config.hpp"
#include "histogram.hpp"
#include "request.hpp"

namespace venuepool {

/// The state of a pool at one moment: the fields of vp_health, and its time as a moment of Clock.
struct Health : vp_health {
    /// Gives the moment at which the present pause ends; nullopt when there is none.
    [[nodiscard]] std::optional<TimePoint> suspended_until() const noexcept {
        return detail::time_if_any(suspended_until_ns);
    }
};

/// The last value of a watched header: the fields of vp_watched, and its time as a moment of Clock.
struct Watched : vp_watched {
    /// Gives the moment at which the first byte of its response was read.
    [[nodiscard]] TimePoint time() const noexcept { return detail::time_point(time_ns); }
    /// Gives the value, of which 63 bytes are kept; `len` is the length of the whole.
    [[nodiscard]] std::string_view value() const noexcept {
        return {text, len < sizeof text ? len : sizeof text - 1};
    }
    /// Gives the number that the value is, if it is one.
    [[nodiscard]] std::optional<std::uint64_t> value_u64() const noexcept {
        if (is_number == 0) return std::nullopt;
        return number;
    }
};

/// The state of one slot: the fields of vp_slot_health, and its times as moments of Clock.
struct SlotHealth : vp_slot_health {
    /// Gives the moment at which its connection came up; nullopt when it has none.
    [[nodiscard]] std::optional<TimePoint> up_time() const noexcept {
        return detail::time_if_any(up_ns);
    }
    /// Gives the moment at which the venue last proved that it is there, if it ever did.
    [[nodiscard]] std::optional<TimePoint> proven_time() const noexcept {
        return detail::time_if_any(proven_ns);
    }
    /// Gives the earliest moment of the next dial; nullopt when the slot waits for none.
    [[nodiscard]] std::optional<TimePoint> next_dial_time() const noexcept {
        return detail::time_if_any(next_dial_ns);
    }
    /// Gives the moment at which the pause ends that holds the slot; nullopt when none does.
    [[nodiscard]] std::optional<TimePoint> suspended_until() const noexcept {
        return detail::time_if_any(suspended_until_ns);
    }
    /// Gives the time from the last byte sent to the first byte received in the last answered
    /// exchange; 0 before the first.
    [[nodiscard]] std::chrono::nanoseconds round_trip() const noexcept {
        return detail::duration(rtt_ns);
    }
    /// Gives the IP address of its connection at this end; empty without one.
    [[nodiscard]] std::string_view local_ip() const noexcept { return local_address; }
    /// Gives the IP address at the other end: the venue's, or that of the proxy.
    [[nodiscard]] std::string_view peer_ip() const noexcept { return peer_address; }
    /// Tells why the connection before was given up; nullopt when there was none.
    [[nodiscard]] std::optional<vp_close_reason> close_reason() const noexcept {
        if (last_close_reason < 0) return std::nullopt;
        return static_cast<vp_close_reason>(last_close_reason);
    }
};

/// What is known of one address of the venue: the fields of vp_address.
struct Address : vp_address {
    /// Gives the IP address as text.
    [[nodiscard]] std::string_view ip() const noexcept { return address; }
    /// Gives the shortest round trip of its connections; 0 while none was measured.
    [[nodiscard]] std::chrono::nanoseconds shortest_round_trip() const noexcept {
        return detail::duration(rtt_min_ns);
    }
};

static_assert(sizeof(Health) == sizeof(vp_health) && sizeof(SlotHealth) == sizeof(vp_slot_health) &&
                  sizeof(Address) == sizeof(vp_address),
              "C fills them in place");

/// A slot that is reserved for this object, and given back when it is destroyed.
///
/// Threads: one at a time; also in a callback.
/// Lifetime: may be destroyed after its pool.
class [[nodiscard]] Lease {
  public:
    /// Makes an empty one; Pool::try_acquire and acquire give real ones.
    Lease() noexcept = default;
    /// Gives the slot back.
    ~Lease() { (void)release(); }

    /// Moves the lease; `other` is then empty.
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), raw_(std::exchange(other.raw_, vp_lease{})) {}
    /// Gives back the slot that it held, and moves the other lease.
    Lease& operator=(Lease&& other) noexcept {
        if (this != &other) {
            (void)release();
            pool_ = std::exchange(other.pool_, nullptr);
            raw_ = std::exchange(other.raw_, vp_lease{});
        }
        return *this;
    }

    /// Tells whether it holds a slot.
    [[nodiscard]] explicit operator bool() const noexcept { return pool_ != nullptr; }
    /// Gives the value of C.
    [[nodiscard]] vp_lease get() const noexcept { return raw_; }
    /// Gives the number of the slot; VP_NO_SLOT when it holds none.
    [[nodiscard]] std::uint32_t slot() const noexcept {
        return pool_ != nullptr ? raw_.slot : VP_NO_SLOT;
    }

    /// Sends on the leased slot, on the calling thread; gives the id. One exchange at a time.
    /// Errors: VP_ERR_SLOT_BUSY, VP_ERR_SLOT_DOWN, VP_ERR_STALE_LEASE, and those of Pool::submit.
    Result<std::uint64_t> submit(Request& request) noexcept {
        std::uint64_t id = 0;
        Status status = request.status_;
        if (status.ok()) status = vp_lease_submit(pool_, raw_, request.raw_, &id);
        return {status, id};
    }

    /// Gives the slot back now; VP_ERR_STALE_LEASE when it holds none. What is in flight goes on.
    Status release() noexcept {
        if (pool_ == nullptr) return VP_ERR_STALE_LEASE;
        return vp_lease_release(std::exchange(pool_, nullptr), raw_);
    }

  private:
    friend class Pool;
    Lease(vp_pool* pool, vp_lease raw) noexcept : pool_(pool), raw_(raw) {}

    // The handle of a pool stays valid when the pool has ended.
    vp_pool* pool_ = nullptr;
    vp_lease raw_{};
};

/// A pool of connections to one venue.
///
/// Threads: any number at once, also in callbacks. One thread moves, closes or destroys it, not in
/// a callback, while no other uses it.
/// Lifetime: the destructor closes it: what is in flight fails, the pool thread is joined, and
/// completions that were not polled are dropped. To keep them, call shutdown(grace) and poll until
/// VP_ERR_CLOSED.
class [[nodiscard]] Pool {
  public:
    /// Makes an empty one, on which each call is refused; open gives real ones.
    Pool() noexcept = default;
    /// Closes the pool and drops completions that were not polled. Blocks as close does.
    ~Pool() { end(); }

    /// Moves the pool; `other` is then empty.
    Pool(Pool&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
    /// Closes the pool that it held, and moves the other; `other` is then empty.
    Pool& operator=(Pool&& other) noexcept {
        if (this != &other) {
            end();
            raw_ = std::exchange(other.raw_, nullptr);
        }
        return *this;
    }

    /// Tells whether it is not empty.
    [[nodiscard]] explicit operator bool() const noexcept { return raw_ != nullptr; }
    /// Gives the handle of C, for calls of venuepool.h.
    [[nodiscard]] vp_pool* get() const noexcept { return raw_; }

    /// Opens a pool: dials all connections in parallel, and returns when all are live, or with the
    /// reason why one is not. Blocks for at most the resolve, connect and handshake timeouts
    /// together.
    /// Errors: VP_ERR_RESOLVE, VP_ERR_CONNECT, VP_ERR_PROXY, VP_ERR_PROXY_AUTH, VP_ERR_TLS,
    /// VP_ERR_PIN, VP_ERR_SYSTEM, VP_ERR_HOST_LIMIT, and what a setter of `config` was refused
    /// with.
    /// VP_ERR_STRUCT_SIZE says that the library is older than this header.
    static Result<Pool, Error> open(const Config& config) noexcept {
        if (!config.status().ok()) return {config.error(), Pool()};
        Error error;
        if (!VP_VERSION_FITS()) return {older_library(), Pool()};
        vp_pool* raw = nullptr;
        error.raw_.status = vp_pool_open(config.get(), &raw, &error.raw_);
        return {error, Pool(raw)};
    }

    /// Drains the pool: it accepts no more requests but of these lanes, a bit `1 << lane` for each.
    /// What waits in the others ends as DRAINING, NOT_SENT. A second call can close more.
    /// Errors: VP_ERR_ARGUMENT, VP_ERR_CLOSED. Threads: any, also in a callback.
    Status drain(std::uint32_t open_lanes = VP_LANES_BUT_ORDERS) noexcept {
        return vp_pool_drain(raw_, open_lanes);
    }
    /// Begins the end of the pool: it accepts no more requests, and what is in flight may finish
    /// within `grace`. Returns at once. Threads: any, also in a callback.
    Status shutdown(std::chrono::nanoseconds grace = {}) noexcept {
        return vp_pool_shutdown(raw_, detail::ns(grace));
    }
    /// Ends the pool and waits for its thread. No callback runs after it returns. Completions can
    /// still be polled. Errors: VP_ERR_WOULD_DEADLOCK in a callback, VP_ERR_CLOSED the second time.
    Status close() noexcept { return vp_pool_close(raw_); }

    /// Counts the slots and the waiting requests by their state, now.
    Result<Health> health() const noexcept {
        Health out = detail::sized<Health>();
        const Status status = vp_pool_health(raw_, &out);
        return {status, out};
    }
    /// Reads the counters since the pool was opened.
    Result<vp_stats> stats() const noexcept {
        vp_stats out = detail::sized<vp_stats>();
        const Status status = vp_pool_stats(raw_, &out);
        return {status, out};
    }
    /// Gives a histogram of that kind, such as VP_HISTOGRAM_FIRST_BYTE, of one slot or of all. If
    /// `reset`, it counts from zero again. Errors: VP_ERR_NOT_FOUND when the pool has no
    /// histograms. Threads: any.
    Result<Histogram> histogram(std::uint32_t kind, std::uint32_t slot = VP_ALL_SLOTS,
                                bool reset = false) const noexcept {
        vp_histogram* out = nullptr;
        const std::uint32_t flags = reset ? VP_HISTOGRAM_RESET : 0;
        const Status status = vp_pool_histogram(raw_, kind, slot, flags, &out);
        return {status, Histogram(out)};
    }
    /// Gives a histogram of that kind of the connections to one IP address. If `reset`, it counts
    /// from zero again, and no slot does. Errors: VP_ERR_ADDRESS for what is no IP address,
    /// VP_ERR_NOT_FOUND for one that is not known, and when the pool has no histograms. Threads:
    /// any.
    Result<Histogram> address_histogram(std::uint32_t kind, std::string_view address,
                                        bool reset = false) const noexcept {
        vp_histogram* out = nullptr;
        const std::uint32_t flags = reset ? VP_HISTOGRAM_RESET : 0;
        const Status status =
            vp_pool_address_histogram(raw_, kind, detail::str(address), flags, &out);
        return {status, Histogram(out)};
    }
    /// Reads the last value of the header that is watched under that index (Config::watch_header).
    /// Errors: VP_ERR_NOT_FOUND when no response had it yet. Threads: any.
    Result<Watched> watched(std::uint32_t index) const noexcept {
        Watched out{detail::sized<vp_watched>()};
        const Status status = vp_pool_watched(raw_, index, &out);
        return {status, out};
    }
    /// Uses these IP addresses from now on, separated by commas; empty: those of the name. Others
    /// are left while they serve. Errors: VP_ERR_ADDRESS. Threads: any, also in a callback.
    Status set_addresses(std::string_view list) noexcept {
        return vp_pool_set_addresses(raw_, detail::str(list));
    }
    /// Writes what is known of each address of the venue into `out`; gives how many.
    template <std::size_t N>
    Result<std::size_t> addresses(Address (&out)[N]) const noexcept {
        out[0].struct_size = sizeof(vp_address);
        const std::int32_t answer = vp_pool_addresses(raw_, out, N);
        if (answer < 0) return {static_cast<vp_status>(answer), 0};
        return {VP_OK, static_cast<std::size_t>(answer)};
    }
    /// Writes the state of each slot into `out`, in the order of their numbers; gives how many.
    template <std::size_t N>
    Result<std::size_t> slots(SlotHealth (&out)[N]) const noexcept {
        return slots_into(out, N);
    }
#if defined(__cpp_lib_span)
    /// Writes the state of each slot into `out`, in the order of their numbers; gives how many.
    /// Errors: VP_ERR_ARGUMENT when `out` is empty.
    Result<std::size_t> slots(std::span<SlotHealth> out) const noexcept {
        return slots_into(out.data(), out.size());
    }
#endif
    /// Shares counters, states, durations, slots and addresses in a file, for `venuepool-top`:
    /// written anew each `period`, 10 ms to 1 hour; 0 is a quarter of a second. A second call
    /// changes both. It waits for the file system. Errors: VP_ERR_FILE, VP_ERR_ARGUMENT.
    /// Threads: any.
    Status publish(std::string_view path, std::chrono::nanoseconds period = {}) noexcept {
        return vp_pool_publish(raw_, detail::str(path), detail::ns(period));
    }
    /// Ends that, and removes the file. The end of the pool does so, too. Threads: any.
    Status end_publishing() noexcept { return vp_pool_publish(raw_, vp_str{nullptr, 0}, 0); }
    /// Refuses all submits for `time` from now; 0 ends a pause at once. Threads: any.
    Status suspend(std::chrono::nanoseconds time) noexcept {
        return vp_pool_suspend(raw_, detail::ns(time));
    }
    /// Sets the value of a default header, for example a renewed token, for all submits that begin
    /// after this has returned, and for heartbeats; adds the header if there was none.
    /// Threads: any.
    Status set_default_header(std::string_view name, std::string_view value) noexcept {
        // A view of nothing may be NULL, which would remove the header.
        if (value.data() == nullptr) value = "";
        return vp_pool_set_default_header(raw_, detail::str(name), detail::str(value));
    }
    /// Removes a default header. Errors: VP_ERR_NOT_FOUND when there is none. Threads: any.
    Status remove_default_header(std::string_view name) noexcept {
        return vp_pool_set_default_header(raw_, detail::str(name), vp_str{nullptr, 0});
    }
    /// Gives the reason of the last dial that failed; VP_ERR_NOT_FOUND when none ever failed.
    Result<Error> last_dial_error() const noexcept {
        Error out;
        const Status status = vp_pool_last_dial_error(raw_, &out.raw_);
        return {status, out};
    }

    /// Makes a request for this pool. Its memory is taken here, and none later.
    Result<Request> new_request() const noexcept {
        vp_request* raw = nullptr;
        const Status status = vp_request_new(raw_, &raw);
        return {status, Request(raw)};
    }

    /// Sends a request on the idle connection that was used last, on the calling thread; gives the
    /// id. VP_OK promises exactly one completion; after any other status nothing was sent.
    /// `flags`: 0 to be refused when no slot is idle, VP_QUEUE to wait in the queue for one.
    /// Errors: VP_ERR_NO_SLOT, VP_ERR_WAITING_FULL, VP_ERR_COMPLETIONS_FULL, VP_ERR_SUSPENDED,
    /// VP_ERR_DRAINING, VP_ERR_CLOSED, and what a building call of `request` was refused with.
    Result<std::uint64_t> submit(Request& request, std::uint32_t flags = 0) noexcept {
        std::uint64_t id = 0;
        Status status = request.status_;
        if (status.ok()) status = vp_submit(raw_, request.raw_, flags, &id);
        return {status, id};
    }

    /// Sends the same request on up to `copies` connections, and completes it once. THE VENUE
    /// RECEIVES THE ORDER MORE THAN ONCE: it must know it by its client order id. `hedge_after`: 0
    /// sends all copies at once, else one more is sent each time that it passes without an answer.
    /// `flags`: those of submit, VP_FANOUT_FIRST_SUCCESS, VP_FANOUT_SIGN_EACH.
    /// Errors: as submit; VP_ERR_ARGUMENT for copies 0 or more than VP_MAX_COPIES.
    Result<std::uint64_t> submit_fanout(Request& request, std::uint32_t copies,
                                        std::chrono::nanoseconds hedge_after = {},
                                        std::uint32_t flags = 0) noexcept {
        std::uint64_t id = 0;
        Status status = request.status_;
        if (status.ok()) {
            status = vp_submit_fanout(raw_, request.raw_, copies, detail::ns(hedge_after), flags,
                                      &id);
        }
        return {status, id};
    }

    /// Sends a request and waits for its completion, for scripts and background work. Blocks until
    /// the deadline of the request at most. Errors: as submit; VP_ERR_WOULD_DEADLOCK in a callback.
    Result<Completion> execute(Request& request, std::uint32_t flags = 0) noexcept {
        Completion out;
        Status status = request.status_;
        if (status.ok()) status = vp_execute(raw_, request.raw_, flags, &out.raw_);
        return {status, std::move(out)};
    }

    /// Reserves an idle slot, or is refused at once (VP_ERR_NO_SLOT).
    Result<Lease> try_acquire() noexcept {
        vp_lease raw{};
        return lease(vp_pool_try_acquire(raw_, &raw), raw);
    }
    /// Reserves a slot; waits in the queue for one, at most for `timeout`.
    /// Errors: VP_ERR_TIMEOUT, VP_ERR_WAITING_FULL; VP_ERR_WOULD_DEADLOCK in a callback.
    Result<Lease> acquire(std::chrono::nanoseconds timeout) noexcept {
        vp_lease raw{};
        return lease(vp_pool_acquire(raw_, detail::ns(timeout), &raw), raw);
    }

    /// As try_acquire, but a slot of that source: its number, or VP_SOURCE_ANY.
    /// Errors: VP_ERR_ADDRESS if the pool has no such source; VP_ERR_SUSPENDED while it is held.
    Result<Lease> try_acquire_from(std::uint32_t source) noexcept {
        vp_lease raw{};
        return lease(vp_pool_try_acquire_from(raw_, source, &raw), raw);
    }
    /// As acquire, but a slot of that source, and it waits for no other.
    /// Errors: as acquire, and those of try_acquire_from.
    Result<Lease> acquire_from(std::uint32_t source, std::chrono::nanoseconds timeout) noexcept {
        vp_lease raw{};
        return lease(vp_pool_acquire_from(raw_, source, detail::ns(timeout), &raw), raw);
    }

    /// Reserves a slot without blocking: the lease comes as a completion, for take_lease.
    /// Gives the id. Errors: as acquire, but for VP_ERR_TIMEOUT, and VP_ERR_COMPLETIONS_FULL.
    /// Threads: any, also in a callback.
    Result<std::uint64_t> acquire_async(std::chrono::nanoseconds timeout,
                                        std::uint64_t user_data = 0) noexcept {
        std::uint64_t id = 0;
        const Status status = vp_pool_acquire_async(raw_, detail::ns(timeout), user_data, nullptr,
                                                    nullptr, &id);
        return {status, id};
    }
    /// As acquire_async, but a slot of that source, and it waits for no other.
    /// Errors: as acquire_async, and those of try_acquire_from.
    Result<std::uint64_t> acquire_async_from(std::uint32_t source, std::chrono::nanoseconds timeout,
                                             std::uint64_t user_data = 0) noexcept {
        std::uint64_t id = 0;
        const Status status = vp_pool_acquire_async_from(raw_, source, detail::ns(timeout),
                                                         user_data, nullptr, nullptr, &id);
        return {status, id};
    }
    /// As acquire_async, but `callable(CompletionView)` receives the completion. It is kept by
    /// reference: it must live until then.
    template <typename Callable>
    Result<std::uint64_t> acquire_async(std::chrono::nanoseconds timeout, std::uint64_t user_data,
                                        Callable& callable) noexcept {
        return acquire_async_from(VP_SOURCE_ANY, timeout, user_data, callable);
    }
    /// As acquire_async with a callable, but a slot of that source, and it waits for no other.
    template <typename Callable>
    Result<std::uint64_t> acquire_async_from(std::uint32_t source, std::chrono::nanoseconds timeout,
                                             std::uint64_t user_data,
                                             Callable& callable) noexcept {
        const auto call = [](void* context, const vp_completion* completion) noexcept {
            (*static_cast<Callable*>(context))(CompletionView(completion));
        };
        std::uint64_t id = 0;
        const Status status = vp_pool_acquire_async_from(
            raw_, source, detail::ns(timeout), user_data, call,
            const_cast<void*>(static_cast<const void*>(std::addressof(callable))), &id);
        return {status, id};
    }
    /// Takes the lease that a completion has brought, once; empty if it has brought none. A lease
    /// that is not taken keeps its slot for ever.
    [[nodiscard]] Lease take_lease(const CompletionView& done) noexcept {
        const vp_lease raw = vp_completion_lease(done.get());
        return raw.generation != 0 ? Lease(raw_, raw) : Lease();
    }
    /// Takes the lease of a completion of poll or wait. Otherwise as for a view.
    [[nodiscard]] Lease take_lease(const Completion& done) noexcept {
        return take_lease(CompletionView(done.get()));
    }

    /// Asks for the end of a request. Its completion still comes, exactly once.
    /// Errors: VP_ERR_UNKNOWN_ID when it has ended. Threads: any, also in a callback.
    Status cancel(std::uint64_t id) noexcept { return vp_cancel(raw_, id); }

    /// Takes the completions that are there: `for (Completion& done : pool.poll(room))`. What
    /// `room` held before is released. Does not block. Errors: VP_ERR_CLOSED when the pool has
    /// ended and the last completion was taken; VP_ERR_DRIVEN while another thread drives.
    template <std::size_t N>
    Batch poll(Completions<N>& room) noexcept {
        vp_completion* out = room.empty();
        return batch(room, vp_pool_poll(raw_, out, N));
    }
    /// Takes completions as poll does, but sleeps until there is one, at most for `timeout`;
    /// nanoseconds::max() waits without end.
    template <std::size_t N>
    Batch wait(Completions<N>& room, std::chrono::nanoseconds timeout) noexcept {
        vp_completion* out = room.empty();
        return batch(room, vp_pool_wait(raw_, out, N, detail::ns(timeout)));
    }
#if defined(__cpp_lib_span)
    /// Takes completions as poll does, into room whose size is known at run time only.
    Batch poll(std::span<Completion> room) noexcept {
        vp_completion* out = empty(room);
        return batch(room, vp_pool_poll(raw_, out, room.size()));
    }
    /// Takes completions as wait does, into room whose size is known at run time only.
    Batch wait(std::span<Completion> room, std::chrono::nanoseconds timeout) noexcept {
        vp_completion* out = empty(room);
        return batch(room, vp_pool_wait(raw_, out, room.size(), detail::ns(timeout)));
    }
#endif

    /// Gives a descriptor that is readable while there are completions to poll, level-triggered. Do
    /// not read, write or close it.
    /// Lifetime: until close has returned and the last completion was polled.
    Result<int> fd() noexcept {
        std::int32_t out = -1;
        const Status status = vp_pool_fd(raw_, &out);
        return {status, out};
    }

  private:
    explicit Pool(vp_pool* raw) noexcept : raw_(raw) {}

    static Error older_library() noexcept {
        Error error;
        error.raw_.status = VP_ERR_STRUCT_SIZE;
        std::snprintf(error.raw_.text, sizeof error.raw_.text,
                      "compiled with venuepool %s, but the library is %s", VP_VERSION_STRING,
                      vp_version_string());
        return error;
    }

    Result<Lease> lease(Status status, vp_lease raw) noexcept {
        return {status, status.ok() ? Lease(raw_, raw) : Lease()};
    }

    template <std::size_t N>
    static Batch batch(Completions<N>& room, std::int32_t answer) noexcept {
        if (answer < 0) return {static_cast<vp_status>(answer), room.items_, 0};
        room.used_ = static_cast<std::size_t>(answer);
        return {VP_OK, room.items_, room.used_};
    }

#if defined(__cpp_lib_span)
    static vp_completion* empty(std::span<Completion> room) noexcept {
        for (Completion& item : room) item.release();
        if (room.empty()) return nullptr;
        room[0].raw_.struct_size = sizeof(vp_completion);
        return &room[0].raw_;
    }

    static Batch batch(std::span<Completion> room, std::int32_t answer) noexcept {
        if (answer < 0) return {static_cast<vp_status>(answer), room.data(), 0};
        return {VP_OK, room.data(), static_cast<std::size_t>(answer)};
    }
#endif

    Result<std::size_t> slots_into(SlotHealth* out, std::size_t capacity) const noexcept {
        if (out != nullptr && capacity > 0) out->struct_size = sizeof(vp_slot_health);
        const std::int32_t answer = vp_pool_slots(raw_, out, capacity);
        if (answer < 0) return {static_cast<vp_status>(answer), 0};
        return {VP_OK, static_cast<std::size_t>(answer)};
    }

    void end() noexcept {
        if (raw_ == nullptr) return;
        // In a callback, which is against the rules, close would wait for its own thread.
        if (close() == VP_ERR_WOULD_DEADLOCK) (void)shutdown();
        // The pool keeps its memory until the last completion was polled.
        Completions<16> rest;
        while (!poll(rest).empty()) {
        }
    }

    vp_pool* raw_ = nullptr;
};

}  // namespace venuepool

#endif  // VENUEPOOL_POOL_HPP
