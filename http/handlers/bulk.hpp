// The items of a bulk request as commands: a JSON array, or NDJSON line by line. An item that is wrong
// becomes a rejected command and keeps its place; its neighbours go on. Runs on the session's strand and lets
// other sessions run in between.
#pragma once
#include "core/command.hpp"
#include "core/entity.hpp"
#include "core/json.hpp"
#include "core/problem.hpp"
#include "core/validate.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::http::handlers {

struct bulk_items {
  std::vector<core::command> commands;
  std::vector<std::uint64_t> lines; // physical line of each item in NDJSON and CSV; empty for a JSON array
};

struct bulk_bounds {
  std::size_t max_items = 100'000;
  std::size_t max_depth = 64;
};

// One record as a command. Pointers in its problems are relative to the record.
core::command make_command(const core::entity& definition, core::command_kind kind, core::input_record given);
core::command rejected_command(const core::entity& definition, core::command_kind kind, core::problem why);

// `parsed` holds an array. too_large over the bound; other problems are inside the items.
boost::asio::awaitable<core::result<bulk_items>> read_json_items(const core::entity& definition,
                                                                 core::command_kind kind,
                                                                 const core::json::document& parsed,
                                                                 bulk_bounds bounds);

// `text` lives until the end. Blank lines are skipped; each other line is a document of its own.
boost::asio::awaitable<core::result<bulk_items>> read_ndjson_items(const core::entity& definition,
                                                                   core::command_kind kind,
                                                                   std::string_view text, bulk_bounds bounds);

// A bulk of many items must not keep a thread from other sessions: call once an item.
class breather {
 public:
  boost::asio::awaitable<void> breathe();

 private:
  static constexpr std::size_t items_between = 500;
  std::size_t items_ = 0;
};

core::problem too_many_items(std::size_t max_items);

} // namespace synclog::http::handlers
