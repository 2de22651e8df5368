// See past_access.hpp.
#include "tools/past_access.hpp"

#include "eventstore/moment.hpp"
#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include "tools/run_context.hpp"
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

namespace synclog::tools {

namespace asio = boost::asio;
namespace pg = eventstore::pg;

namespace {

asio::awaitable<void> work_and_stop(const past_work& work, past_access& access, int& code) {
  code = co_await work(access);
  co_await access.reads.stop();
}

} // namespace

int run_on_past(const log_options& options, const std::string& application_name, const past_work& work) {
  // What is wrong is said once, in the command's own words.
  spdlog::set_level(spdlog::level::off);
  const auto run = [&](log_access& opened) {
    pg::connect_options connect;
    connect.conninfo = opened.database.service_conninfo;
    connect.application_name = application_name;
    connect.read_only = true;
    asio::io_context context(1);
    pg::pool_options one;
    one.connections = 1;
    pg::pool reads(context.get_executor(), connect, one);
    eventstore::log_reader log(reads);
    eventstore::past_reader past(reads);
    past_access access{opened.entities, reads, log, past};
    int code = exit_ok;
    const int failed = run_context(context, work_and_stop(work, access, code), 1);
    if (failed != exit_ok) return failed;
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
      fmt::print(stderr, "synclog: the output could not be written\n");
      return static_cast<int>(exit_failure);
    }
    return code;
  };
  return run_on_log(options, run);
}

pg::deadline statement_deadline() {
  return pg::clock::now() + std::chrono::seconds(30);
}

const core::entity* known_entity(const core::catalog& entities, const std::string& name) {
  if (const auto* found = entities.find(name)) return found;
  std::vector<std::string_view> known;
  for (const auto& definition : entities.all())
    known.push_back(definition->name);
  fmt::print(stderr, "synclog: there is no entity '{}'; known: {}\n", harmless(name), fmt::join(known, ", "));
  return nullptr;
}

std::string refuse_moment(const std::string& text) {
  const auto parsed = eventstore::parse_moment(text);
  return parsed ? "" : parsed.error().detail;
}

asio::awaitable<std::optional<core::cursor>> find_moment_of(past_access& access, std::string text) {
  const auto wanted = eventstore::parse_moment(text);
  if (!wanted) throw std::runtime_error(wanted.error().detail);
  const auto found = co_await eventstore::find_moment(access.log, access.past, *wanted, statement_deadline());
  using check = eventstore::found_moment::check;
  if (found.what == check::good) co_return found.at;
  if (found.what == check::other_history)
    fmt::print(stderr, "synclog: {} belongs to another history; this log's head is {}\n", text,
               core::to_string(found.at));
  else
    fmt::print(stderr, "synclog: the log does not reach {}; its head is {}\n", text,
               core::to_string(found.at));
  co_return std::nullopt;
}

} // namespace synclog::tools
