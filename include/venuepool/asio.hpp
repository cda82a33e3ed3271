// venuepool for asio: an AsyncPool whose completions are handed out by an io_context.
//
//   venuepool::AsioPool pool(io.get_executor(), std::move(opened), 256);
//   pool.watch();
//   pool.async_submit(request, 0, [](venuepool::Result<venuepool::Completion> done) { ... });
//   auto done = co_await pool.submit(request);     // in an asio::awaitable, C++20
//
// Needs standalone asio 1.18 or newer, or Boost.Asio of Boost 1.74 or newer; venuepool itself needs
// neither. It takes the one that was included before it. If none was: Boost.Asio if
// VENUEPOOL_BOOST_ASIO is defined or there is no asio.hpp, otherwise standalone asio.
//
// SPDX-License-Identifier: MIT OR Apache-2.0
#ifndef VENUEPOOL_ASIO_HPP
#define VENUEPOOL_ASIO_HPP

#include "async.hpp"

#if !defined(VENUEPOOL_BOOST_ASIO) && !defined(ASIO_VERSION)
#if defined(BOOST_ASIO_VERSION) || !__has_include(<asio.hpp>)
#define VENUEPOOL_BOOST_ASIO
#endif
#endif

#if defined(VENUEPOOL_BOOST_ASIO)
#include <boost/asio.hpp>
#else
#include <asio.hpp>
#endif

#if defined(ASIO_HAS_CO_AWAIT) || defined(BOOST_ASIO_HAS_CO_AWAIT)
#define VENUEPOOL_ASIO_HAS_CO_AWAIT_
#endif
// Cancellation of one operation came with asio 1.20, which is Boost 1.77.
#if defined(VENUEPOOL_BOOST_ASIO) ? BOOST_ASIO_VERSION >= 102000 : ASIO_VERSION >= 102000
#define VENUEPOOL_ASIO_HAS_CANCELLATION_
#endif

namespace venuepool {

// Two inline namespaces, because a program may have both: in each it is another class.
#if defined(VENUEPOOL_BOOST_ASIO)
inline namespace with_boost_asio {
namespace net = boost::asio;
using net_error = boost::system::error_code;
#else
inline namespace with_asio {
namespace net = ::asio;
using net_error = std::error_code;
#endif

/// An AsyncPool in a loop of asio. A watched pool keeps io_context::run running, as an acceptor
/// does; unwatch() lets it return.
///
/// Descriptor. asio closes what it wraps. So it wraps a duplicate (F_DUPFD_CLOEXEC), which may be
/// closed on every path, by a destructor and by an exception, too. release() before the close would
/// have to be called on each of them. Besides, the poll that takes the last completion closes the
/// pool's own descriptor, which must not be watched then.
///
/// Exceptions. One that leaves a handler of AsyncPool::submit leaves io_context::run. No completion
/// is lost: what came with it is handed out when run is called again.
///
/// Threads: one at a time, as all AsyncPools. With several threads in run(), make it with a strand,
/// and make all calls on that strand.
/// Lifetime: the io_context must outlive it.
class AsioPool : public AsyncPool {
  public:
    using AsyncPool::submit;
    /// The type of its executor.
    using executor_type = net::any_io_executor;

    /// Takes over an open pool, whose completions that executor hands out; makes room for
    /// `capacity` operations that wait at once.
    AsioPool(const executor_type& executor, Pool&& pool, std::uint32_t capacity)
        : AsyncPool(std::move(pool), capacity), executor_(executor) {}
    /// Closes the pool, which hands out all completions, and leaves the loop.
    ~AsioPool() { (void)close(); }

    /// Closes the pool as AsyncPool::close, and leaves the loop.
    Status close() {
        const Status status = AsyncPool::close();
        unwatch();
        return status;
    }

    /// Gives the executor.
    [[nodiscard]] executor_type get_executor() const noexcept { return executor_; }

    /// Hands out completions on the executor, until unwatch() or the end of the pool.
    /// Errors: VP_ERR_SYSTEM when there is no descriptor or no place in the loop, VP_ERR_CLOSED,
    /// VP_ERR_ARGUMENT when it is watched already.
    Status watch() {
        if (watch_ != nullptr) return VP_ERR_ARGUMENT;
        const Result<int> fd = duplicate_fd();
        if (!fd) return fd.status();
        auto made = std::make_shared<Watch>(this, executor_);
        net_error error;
        made->descriptor.assign(*fd, error);
        if (error) {
            (void)::close(*fd);
            return VP_ERR_SYSTEM;
        }
        watch_ = std::move(made);
        await_readable(watch_);
        return VP_OK;
    }

    /// Leaves the loop. Operations go on and wait for watch() or dispatch(). Allowed in a handler,
    /// and when it is not watched.
    void unwatch() noexcept {
        if (watch_ == nullptr) return;
        const std::shared_ptr<Watch> old = std::move(watch_);
        old->pool = nullptr;
        net_error ignored;
        old->descriptor.close(ignored);
    }

    /// Sends a request as an asynchronous operation of asio, for any completion token. The handler
    /// takes Result<Completion>: the completion, or why the request was refused. Its associated
    /// executor calls it, and never in this call. If the token carries a cancellation slot,
    /// emitting it asks for the end of the request, whose completion still comes.
    /// `request` is read when the operation starts; a lazy token, such as use_awaitable, starts it
    /// when it is awaited.
    /// Errors: as AsyncPool::submit. Cost: no allocation of its own if the handler with its
    /// executor fits handler_size.
    template <typename Token>
    auto async_submit(Request& request, std::uint32_t flags, Token&& token) {
        return net::async_initiate<Token, void(Result<Completion>)>(
            [this, flags](auto handler, Request* started) {
                this->initiate(*started, flags, std::move(handler));
            },
            token, std::addressof(request));
    }

#if defined(VENUEPOOL_ASIO_HAS_CO_AWAIT_)
    /// Sends a request when it is awaited, and waits for its completion: for asio's coroutines,
    /// `co_await pool.submit(request)`. Other coroutines await AsyncPool::submit.
    [[nodiscard]] net::awaitable<Result<Completion>> submit(Request& request,
                                                            std::uint32_t flags = 0) {
        return async_submit(request, flags, net::use_awaitable);
    }
#endif

  private:
    using Descriptor = net::posix::stream_descriptor;

    /// What a wait of asio refers to; it may end after the pool is gone.
    struct Watch {
        Watch(AsioPool* of, const executor_type& executor) : pool(of), descriptor(executor) {}
        AsioPool* pool;
        Descriptor descriptor;
    };

    /// asio watches edges, but each wait asks the kernel anew, so that what was left is told again.
    static void await_readable(const std::shared_ptr<Watch>& watch) {
        Descriptor& descriptor = watch->descriptor;
        descriptor.async_wait(Descriptor::wait_read, [watch](const net_error& error) {
            if (!error && watch->pool != nullptr) hand_out(watch);
        });
    }

    static void hand_out(const std::shared_ptr<Watch>& watch) {
        const Continuation go_on{watch};
        // The descriptor of an ended pool stays readable, which would keep the loop awake.
        if (watch->pool->dispatch().status() == VP_ERR_CLOSED) watch->pool->unwatch();
    }

    /// Waits again at the end of hand_out, also if a handler has thrown.
    struct Continuation {
        const std::shared_ptr<Watch>& watch;
        explicit Continuation(const std::shared_ptr<Watch>& of) : watch(of) {}
        Continuation(const Continuation&) = delete;
        Continuation& operator=(const Continuation&) = delete;
        ~Continuation() {
            if (watch->pool == nullptr) return;
            if (watch->pool->has_undispatched()) {
                net::post(watch->descriptor.get_executor(), [kept = watch] {
                    if (kept->pool != nullptr) hand_out(kept);
                });
            } else {
                await_readable(watch);
            }
        }
    };

    /// A handler of asio in the place of its operation. Its executor counts it as work.
    template <typename Handler>
    class Kept {
      public:
        Kept(Handler&& handler, const executor_type& otherwise)
            : executor_(net::prefer(net::get_associated_executor(handler, otherwise),
                                    net::execution::outstanding_work.tracked)),
              handler_(std::move(handler)) {}

        /// Tells what the request has ended with.
        void operator()(Completion done) {
#if defined(VENUEPOOL_ASIO_HAS_CANCELLATION_)
            auto slot = net::get_associated_cancellation_slot(handler_);
            if (slot.is_connected()) slot.clear();
#endif
            net::dispatch(executor_, call({VP_OK, std::move(done)}));
        }
        /// Tells that the request was refused, after this call has returned.
        void refuse(Status status) { net::post(executor_, call({status, Completion()})); }

      private:
        using Executor = std::decay_t<decltype(net::prefer(
            std::declval<net::associated_executor_t<Handler, executor_type>>(),
            net::execution::outstanding_work.tracked))>;

        auto call(Result<Completion> result) {
            return [handler = std::move(handler_), result = std::move(result)]() mutable {
                std::move(handler)(std::move(result));
            };
        }

        Executor executor_;
        Handler handler_;
    };

    /// A Kept that does not fit its place.
    template <typename Large>
    struct Boxed {
        std::unique_ptr<Large> kept;
        void operator()(Completion done) const { (*kept)(std::move(done)); }
        void refuse(Status status) const { kept->refuse(status); }
    };
    template <typename Handler>
    void initiate(Request& request, std::uint32_t flags, Handler&& handler) {
#if defined(VENUEPOOL_ASIO_HAS_CANCELLATION_)
        auto slot = net::get_associated_cancellation_slot(handler);
#endif
        const Result<std::uint64_t> id =
            submit_kept(request, flags, Kept<Handler>(std::move(handler), executor_));
#if defined(VENUEPOOL_ASIO_HAS_CANCELLATION_)
        if (!id || !slot.is_connected()) return;
        slot.assign([this, cancelled = *id](net::cancellation_type) { (void)cancel(cancelled); });
#else
        (void)id;
#endif
    }

    template <typename Handler>
    Result<std::uint64_t> submit_kept(Request& request, std::uint32_t flags, Handler&& handler) {
        if constexpr (sizeof(Handler) <= handler_size && alignof(Handler) <= handler_alignment &&
                      std::is_nothrow_move_constructible<Handler>::value) {
            const Result<std::uint64_t> id = submit_from(request, handler, flags);
            if (!id) handler.refuse(id.status());
            return id;
        } else {
            auto box = std::make_unique<Handler>(std::move(handler));
            return submit_kept(request, flags, Boxed<Handler>{std::move(box)});
        }
    }

    executor_type executor_;
    std::shared_ptr<Watch> watch_;
};

}  // inline namespace
}  // namespace venuepool

#endif  // VENUEPOOL_ASIO_HPP
