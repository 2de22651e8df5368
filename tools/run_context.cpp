// See run_context.hpp.
#include "tools/run_context.hpp"

#include "eventstore/pg/types.hpp"
#include "tools/database_access.hpp"
#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <fmt/format.h>
#include <thread>
#include <vector>

namespace synclog::tools {

namespace asio = boost::asio;

int run_context(asio::io_context& context, asio::awaitable<void> work, unsigned threads) {
  int code = exit_ok;
  auto on_end = [&](std::exception_ptr failed) {
    if (failed) {
      try {
        std::rethrow_exception(failed);
      } catch (const eventstore::pg::unavailable& error) {
        fmt::print(stderr, "synclog: {}\n", harmless_lines(error.what()));
        code = exit_database_unreachable;
      } catch (const eventstore::pg::query_failed& error) {
        code = report_problem(problem_of(error));
      } catch (const std::exception& error) {
        fmt::print(stderr, "synclog: {}\n", harmless_lines(error.what()));
        code = exit_failure;
      }
    }
    context.stop();
  };
  asio::co_spawn(context, std::move(work), on_end);
  std::vector<std::jthread> others;
  for (unsigned index = 1; index < threads; ++index) {
    others.emplace_back([&context] { context.run(); });
  }
  context.run();
  return code;
}

} // namespace synclog::tools
