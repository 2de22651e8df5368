// Runs the one coroutine that a subcommand consists of, and turns what it threw into an exit code.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

namespace synclog::tools {

// Returns when the coroutine has ended and every thread has left the context. exit_ok; else what the
// exception says (exit_database_unreachable, exit_failure), with its words on stderr.
int run_context(boost::asio::io_context& context, boost::asio::awaitable<void> work, unsigned threads);

} // namespace synclog::tools
