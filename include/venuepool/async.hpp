// venuepool for event loops: a handler or a coroutine for each request, on one thread.
//
//   venuepool::AsyncPool pool(std::move(opened), 256);
//   pool.submit(request, [](venuepool::Completion done) { ... });          // C++17
//   venuepool::Result<venuepool::Completion> done = co_await pool.submit(request);   // C++20
//
// Knows no loop: dispatch() hands out what has completed. venuepool/asio.hpp, libuv.hpp and
// libevent.hpp call it from their loops, and a loop of your own can do the same.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_ASYNC_HPP
#define VENUEPOOL_ASYNC_HPP

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fcntl.h>
#include <memory>
#include <new>
#include <type_traits>
#include <unistd.h>
#include <utility>

#if defined(__cpp_impl_coroutine)
#include <coroutine>
#endif

#include "completion.hpp"
#include "pool.hpp"
#include "request.hpp"

namespace venuepool {

class Submission;

/// A pool whose requests each have a handler, or a coroutine that waits.
///
/// It takes the completions of its pool out of the completion queue. So a request that is submitted
/// past it (pool()) needs a callback of its own (Request::on_complete).
///
/// Cost. The places of the operations are made once, in the constructor. A request takes a free one
/// and allocates nothing: a handler is kept in its place, a coroutine in its own frame.
///
/// Exceptions. One that leaves a handler leaves dispatch() or close(). The operations behind it are
/// not lost: they are handed out by the next call.
///
/// Threads: one, that of the loop. A handler may submit, cancel and dispatch. It must not destroy
/// this object.
/// Lifetime: the destructor is close().
class AsyncPool {
  public:
    /// The most bytes of a handler. Keep what is larger elsewhere, and capture a pointer.
    static constexpr std::size_t handler_size = 128;
    /// The strictest alignment that a handler may have.
    static constexpr std::size_t handler_alignment = alignof(std::max_align_t);

    /// Takes over an open pool; makes room for `capacity` operations that wait at once.
    AsyncPool(Pool&& pool, std::uint32_t capacity)
        : pool_(std::move(pool)), operations_(new Operation[capacity]), capacity_(capacity) {
        for (std::uint32_t i = 0; i < capacity; ++i) operations_[i].next_free = i + 1;
    }
    AsyncPool(const AsyncPool&) = delete;
    AsyncPool& operator=(const AsyncPool&) = delete;
    /// Closes the pool as close() does. An exception of a handler ends the process here.
    ~AsyncPool() {
        (void)close();
        // Where the pool cannot be closed, as in a forked child, operations still wait.
        for (std::uint32_t i = 0; i < capacity_; ++i) {
            if (operations_[i].end != nullptr) operations_[i].end(*this, i, nullptr);
        }
    }

    /// Gives the pool, for all that is no submit: health, suspend, shutdown, new_request.
    [[nodiscard]] Pool& pool() noexcept { return pool_; }
    /// Gives how many operations wait for their completions.
    [[nodiscard]] std::uint32_t waiting() const noexcept { return waiting_; }
    /// Gives how many operations can wait at once.
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

    /// Sends a request at once, as Pool::submit; gives the id. `handler(Completion)` is called by
    /// dispatch(), exactly once if this answers VP_OK, and otherwise never. User data and callback
    /// of the request are set anew.
    /// Errors: VP_ERR_COMPLETIONS_FULL when capacity() operations wait, and those of Pool::submit.
    template <typename Handler,
              typename = std::enable_if_t<std::is_invocable<Handler&, Completion>::value>>
    Result<std::uint64_t> submit(Request& request, Handler handler, std::uint32_t flags = 0) {
        return submit_from(request, handler, flags);
    }

#if defined(__cpp_impl_coroutine)
    /// Sends a request at once, as Pool::submit. `co_await` waits for its completion.
    Submission submit(Request& request, std::uint32_t flags = 0) noexcept;
#endif

    /// Asks for the end of a request. Its handler is still called, exactly once, by dispatch().
    /// Errors: VP_ERR_UNKNOWN_ID when it has ended.
    Status cancel(std::uint64_t id) noexcept { return pool_.cancel(id); }

    /// Sends to `callable(Completion)` each completion that no operation waits for: the coroutine
    /// was destroyed, or the request was submitted past this object. Without it they are dropped.
    /// It is kept by reference, and must outlive this object.
    template <typename Callable>
    void on_unclaimed(Callable& callable) noexcept {
        static_assert(std::is_invocable<Callable&, Completion>::value,
                      "on_unclaimed takes what can be called with a venuepool::Completion");
        unclaimed_context_ = const_cast<void*>(static_cast<const void*>(std::addressof(callable)));
        unclaimed_ = [](void* context, Completion&& done) {
            (*static_cast<Callable*>(context))(std::move(done));
        };
    }
    /// Refuses a temporary, which would be gone before the first completion.
    template <typename Callable>
    void on_unclaimed(const Callable&&) = delete;

    /// Takes up to 32 completions, and hands each to its handler or coroutine; gives how many. Does
    /// not block. What it did not take keeps the descriptor of the pool readable.
    /// Errors: VP_ERR_CLOSED when the pool has ended and the last operation had its completion.
    Result<std::size_t> dispatch() {
        if (next_ == end_) {
            const Batch batch = pool_.poll(room_);
            if (!batch.status().ok()) return {batch.status(), 0};
            next_ = batch.begin();
            end_ = batch.end();
        }
        std::size_t count = 0;
        // A handler may call dispatch, too, so the place in the batch is known before it runs.
        for (; next_ != end_; ++count) hand_out(std::move(*next_++));
        return {VP_OK, count};
    }
    /// Tells whether a handler's exception has left completions to the next dispatch(). They do not
    /// keep the descriptor of the pool readable.
    [[nodiscard]] bool has_undispatched() const noexcept { return next_ != end_; }

    /// Ends the pool, waits for its thread, and hands out all completions: each operation that
    /// waited has its own. For an end with grace, call pool().shutdown(grace) and go on with the
    /// loop until dispatch() answers VP_ERR_CLOSED.
    /// Errors: VP_ERR_CLOSED when the pool was closed before, VP_ERR_FORKED.
    Status close() {
        const Status status = pool_.close();
        if (!status.ok() && status != VP_ERR_CLOSED) return status;
        while (dispatch()) {
        }
        return status;
    }

  protected:
    /// Sends a request as submit does. It moves from `handler` only if it answers VP_OK.
    template <typename Handler>
    Result<std::uint64_t> submit_from(Request& request, Handler& handler,
                                      std::uint32_t flags) noexcept {
        const Result<std::uint32_t> place = start(request, handler, flags);
        return {place.status(), place ? operations_[*place].id : 0};
    }

    /// Makes a descriptor for a loop: a duplicate of the pool's, which the caller closes. The poll
    /// that takes the last completion of a closed pool closes the pool's own descriptor. Its number
    /// may then belong to another file, which a loop must not watch.
    Result<int> duplicate_fd() noexcept {
        const Result<int> fd = pool_.fd();
        if (!fd) return fd;
        const int copy = ::fcntl(*fd, F_DUPFD_CLOEXEC, 3);
        return {copy < 0 ? Status(VP_ERR_SYSTEM) : Status(), copy};
    }

  private:
    friend class Submission;

    /// The place of one operation: free, or one accepted request that waits for its completion.
    struct Operation {
        /// Calls the handler with the completion, or only destroys it (NULL). NULL in a free place.
        void (*end)(AsyncPool& pool, std::uint32_t place, Completion* done) = nullptr;
        /// The id of the request. The pool gives none twice, so it tells a late completion of an
        /// operation from one of a later operation in the same place.
        std::uint64_t id = 0;
        std::uint32_t next_free = 0;
        alignas(handler_alignment) unsigned char handler[handler_size];
    };

    /// What takes the place of the handler when its owner is gone.
    struct Abandoned {
        AsyncPool* pool;
        void operator()(Completion done) const { pool->hand_out_unclaimed(std::move(done)); }
    };

    template <typename Handler>
    Result<std::uint32_t> start(Request& request, Handler& handler, std::uint32_t flags) noexcept {
        static_assert(sizeof(Handler) <= handler_size, "the handler is too large");
        static_assert(alignof(Handler) <= handler_alignment, "the handler is over-aligned");
        static_assert(std::is_nothrow_move_constructible<Handler>::value,
                      "moving the handler must not throw, because the order has left by then");
        if (free_ == capacity_) return {VP_ERR_COMPLETIONS_FULL, 0};
        const std::uint32_t place = free_;
        request.on_complete(nullptr).user_data(place);
        const Result<std::uint64_t> id = pool_.submit(request, flags);
        if (!id) return {id.status(), 0};
        Operation& operation = operations_[place];
        free_ = operation.next_free;
        ++waiting_;
        operation.id = *id;
        keep(operation, std::move(handler));
        return {VP_OK, place};
    }

    template <typename Handler>
    static void keep(Operation& operation, Handler handler) noexcept {
        ::new (static_cast<void*>(operation.handler)) Handler(std::move(handler));
        operation.end = [](AsyncPool& pool, std::uint32_t place, Completion* done) {
            auto* const kept = std::launder(
                reinterpret_cast<Handler*>(pool.operations_[place].handler));
            Handler taken(std::move(*kept));
            kept->~Handler();
            // Free before the handler runs, so that it can submit the next request.
            pool.make_free(place);
            if (done != nullptr) taken(std::move(*done));
        };
    }

    void make_free(std::uint32_t place) noexcept {
        operations_[place].end = nullptr;
        operations_[place].next_free = std::exchange(free_, place);
        --waiting_;
    }

    /// Whether that request waits in that place.
    bool waits_in(std::uint64_t place, std::uint64_t id) const noexcept {
        return place < capacity_ && operations_[place].end != nullptr &&
               operations_[place].id == id;
    }

    void hand_out(Completion done) {
        const std::uint64_t place = done.user_data();
        if (!waits_in(place, done.id())) return hand_out_unclaimed(std::move(done));
        operations_[place].end(*this, static_cast<std::uint32_t>(place), &done);
    }

    void hand_out_unclaimed(Completion done) {
        if (unclaimed_ != nullptr) unclaimed_(unclaimed_context_, std::move(done));
    }

    Pool pool_;
    std::unique_ptr<Operation[]> operations_;
    std::uint32_t capacity_;
    /// The first free place; capacity_ when there is none.
    std::uint32_t free_ = 0;
    std::uint32_t waiting_ = 0;
    Completions<32> room_;
    /// What of room_ is not handed out yet.
    Completion* next_ = nullptr;
    Completion* end_ = nullptr;
    void (*unclaimed_)(void* context, Completion&& done) = nullptr;
    void* unclaimed_context_ = nullptr;
};

#if defined(__cpp_impl_coroutine)

/// A request that was submitted, for a coroutine to wait for: `co_await` gives the Completion, or
/// the status with which submit was refused. It is awaited once. One that is not awaited at once
/// lets a coroutine send several requests and then wait for each of them.
///
/// Destroyed while it waits, as the coroutine's frame is, it cancels the request: no order of a
/// coroutine that is gone leaves the queue. The completion then goes to AsyncPool::on_unclaimed.
///
/// Threads: that of its AsyncPool. Lifetime: it may outlive its AsyncPool.
class [[nodiscard]] Submission {
  public:
    Submission(const Submission&) = delete;
    Submission& operator=(const Submission&) = delete;
    /// Cancels the request if its completion is not here yet.
    ~Submission() {
        if (pool_ == nullptr) return;
        AsyncPool::keep(pool_->operations_[place_], AsyncPool::Abandoned{pool_});
        (void)pool_->cancel(id_);
    }

    /// Gives VP_OK if the request was accepted, or why it was refused.
    [[nodiscard]] Status status() const noexcept { return status_; }
    /// Gives the id of the request; 0 when it was refused.
    [[nodiscard]] std::uint64_t id() const noexcept { return id_; }
    /// Tells whether there is nothing to wait for: the completion is here, or it was refused.
    [[nodiscard]] bool is_ready() const noexcept { return pool_ == nullptr; }
    /// Asks for the end of the request. Its completion still comes, exactly once.
    /// Errors: VP_ERR_UNKNOWN_ID when it has ended.
    Status cancel() noexcept {
        return pool_ != nullptr ? pool_->cancel(id_) : Status(VP_ERR_UNKNOWN_ID);
    }

    /// For `co_await`: whether it need not wait.
    [[nodiscard]] bool await_ready() const noexcept { return is_ready(); }
    /// For `co_await`: dispatch() will resume that coroutine.
    void await_suspend(std::coroutine_handle<> waiter) noexcept { waiter_ = waiter; }
    /// For `co_await`: gives the completion, or why there is none.
    Result<Completion> await_resume() noexcept { return {status_, std::move(done_)}; }

  private:
    friend class AsyncPool;

    /// The handler of the operation.
    struct Arrived {
        Submission* self;
        void operator()(Completion done) const {
            self->pool_ = nullptr;
            self->done_ = std::move(done);
            // The frame, and this object in it, may be gone when this returns.
            if (self->waiter_) self->waiter_.resume();
        }
    };

    Submission(AsyncPool& pool, Request& request, std::uint32_t flags) noexcept {
        Arrived arrived{this};
        const Result<std::uint32_t> place = pool.start(request, arrived, flags);
        status_ = place.status();
        if (!place) return;
        pool_ = &pool;
        place_ = *place;
        id_ = pool.operations_[place_].id;
    }

    /// NULL when no completion is to come.
    AsyncPool* pool_ = nullptr;
    std::uint64_t id_ = 0;
    std::uint32_t place_ = 0;
    Status status_;
    std::coroutine_handle<> waiter_;
    Completion done_;
};

inline Submission AsyncPool::submit(Request& request, std::uint32_t flags) noexcept {
    return Submission(*this, request, flags);
}

#endif

}  // namespace venuepool

#endif  // VENUEPOOL_ASYNC_HPP
