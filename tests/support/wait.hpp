// Waiting in tests: for a condition, and for a coroutine. Called from the test's thread; coroutines run on
// threads of their own, several of them, so that races have a chance to show.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace synclog::tests {

inline constexpr std::chrono::seconds default_patience{30};

// True as soon as `condition()` is; false when it is not within `patience`.
template <class Condition>
[[nodiscard]] bool wait_until(Condition condition, std::chrono::milliseconds patience = default_patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() >= until) return condition();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return true;
}

// An io_context run by several threads until the object goes.
class io_threads {
 public:
  explicit io_threads(int threads = 3) : context_(threads), work_(context_.get_executor()) {
    for (int i = 0; i < threads; ++i)
      threads_.emplace_back([this] { context_.run(); });
  }
  ~io_threads() {
    work_.reset();
    context_.stop();
    for (std::thread& thread : threads_)
      thread.join();
  }
  io_threads(const io_threads&) = delete;
  io_threads& operator=(const io_threads&) = delete;

  boost::asio::io_context& context() { return context_; }
  boost::asio::any_io_executor executor() { return context_.get_executor(); }

  // Runs the coroutine to its end and returns its value or throws its exception. Throws std::runtime_error
  // after `patience`; the coroutine is then destroyed with this object.
  template <class T>
  T run(boost::asio::awaitable<T> work, std::chrono::milliseconds patience = 2 * default_patience) {
    auto shared = std::make_shared<outcome<T>>();
    if constexpr (std::is_void_v<T>) {
      auto done = [shared](std::exception_ptr error) { shared->set(std::move(error), true); };
      boost::asio::co_spawn(context_, std::move(work), std::move(done));
    } else {
      auto done = [shared](std::exception_ptr error, T value) {
        shared->set(std::move(error), std::move(value));
      };
      boost::asio::co_spawn(context_, std::move(work), std::move(done));
    }
    auto value = shared->take(patience);
    if constexpr (!std::is_void_v<T>) return value;
  }

 private:
  template <class T>
  struct outcome {
    using stored = std::conditional_t<std::is_void_v<T>, bool, T>;
    std::mutex mutex;
    std::condition_variable changed;
    std::optional<stored> value;
    std::exception_ptr error;
    bool ready = false;

    void set(std::exception_ptr problem, stored result) {
      const std::lock_guard guard(mutex);
      error = std::move(problem);
      if (!error) value.emplace(std::move(result));
      ready = true;
      changed.notify_all();
    }
    stored take(std::chrono::milliseconds patience) {
      std::unique_lock guard(mutex);
      if (!changed.wait_for(guard, patience, [this] { return ready; })) {
        throw std::runtime_error("the coroutine under test did not end in time");
      }
      if (error) std::rethrow_exception(std::exchange(error, nullptr));
      return std::move(*value);
    }
  };

  boost::asio::io_context context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::vector<std::thread> threads_;
};

// The short form for a test that needs no executor of its own.
template <class T>
T run_awaitable(boost::asio::awaitable<T> work, std::chrono::milliseconds patience = 2 * default_patience) {
  io_threads threads;
  return threads.run(std::move(work), patience);
}

} // namespace synclog::tests
