// Runs the one coroutine that a subcommand consists of, and turns what it threw into an exit code; and a
// context on a thread of its own beside it.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <thread>

namespace synclog::tools {

// Returns when the coroutine has ended and every thread has left the context. exit_ok; else what the
// exception says (exit_database_unreachable, exit_failure), with its words on stderr.
int run_context(boost::asio::io_context& context, boost::asio::awaitable<void> work, unsigned threads);

// Runs `context` until it ends itself: then nothing of the context runs any more, whatever it had still to
// do. Goes before what the context's work refers to.
class context_thread {
 public:
  explicit context_thread(boost::asio::io_context& context)
      : context_(context), work_(context.get_executor()), thread_([&context] { context.run(); }) {}
  ~context_thread() { context_.stop(); }
  context_thread(const context_thread&) = delete;
  context_thread& operator=(const context_thread&) = delete;

 private:
  boost::asio::io_context& context_;
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_;
  std::jthread thread_; // joins
};

} // namespace synclog::tools
