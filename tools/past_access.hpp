// What the subcommands that look into the past share: the log opened for reading, one coroutine run on it,
// and moments as people write them.
#pragma once
#include "core/entity.hpp"
#include "core/event.hpp"
#include "eventstore/log_reader.hpp"
#include "eventstore/past_reader.hpp"
#include "tools/log_access.hpp"
#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>

namespace synclog::tools {

struct past_access {
  const core::catalog& entities;
  eventstore::pg::pool& reads;
  eventstore::log_reader& log;
  eventstore::past_reader& past;
};

// Runs the coroutine with a read-only connection; returns its exit code, or that of what went wrong, which is
// printed. Also when stdout could not be written.
using past_work = std::function<boost::asio::awaitable<int>(past_access&)>;
int run_on_past(const log_options& options, const std::string& application_name, const past_work& work);

// A deadline for one statement, from now.
eventstore::pg::deadline statement_deadline();

// nullptr: unknown; said on stderr with the names that there are.
const core::entity* known_entity(const core::catalog& entities, const std::string& name);

// "" or what is wrong with it, for CLI11.
std::string refuse_moment(const std::string& text);

// The moment in this log; empty: it has none, which was said on stderr (exit_difference_found).
boost::asio::awaitable<std::optional<core::cursor>> find_moment_of(past_access& access, std::string text);

} // namespace synclog::tools
