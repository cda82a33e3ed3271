// The smallest coroutine type that an event loop needs, for engines that have none yet. C++20.
#ifndef TASK_HPP
#define TASK_HPP

#include <coroutine>
#include <exception>
#include <utility>

/// A coroutine that starts at once and runs until its first co_await. Destroying it destroys the
/// frame, which cancels the request that it waits for.
class [[nodiscard]] Task {
  public:
    struct promise_type {
        std::exception_ptr thrown;

        Task get_return_object() {
            return Task(std::coroutine_handle<promise_type>::from_promise(*this));
        }
        std::suspend_never initial_suspend() noexcept { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        void return_void() noexcept {}
        void unhandled_exception() noexcept { thrown = std::current_exception(); }
    };

    Task(Task&& other) noexcept : frame_(std::exchange(other.frame_, nullptr)) {}
    Task& operator=(Task&& other) noexcept {
        std::swap(frame_, other.frame_);
        return *this;
    }
    ~Task() {
        if (frame_) frame_.destroy();
    }

    /// Whether it has come to its end.
    bool is_done() const noexcept { return frame_.done(); }
    /// Throws what has ended it, if an exception has.
    void get() const {
        if (frame_.promise().thrown) std::rethrow_exception(frame_.promise().thrown);
    }

  private:
    explicit Task(std::coroutine_handle<promise_type> frame) noexcept : frame_(frame) {}
    std::coroutine_handle<promise_type> frame_;
};

#endif  // TASK_HPP
