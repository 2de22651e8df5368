// The migration files that travel inside the binary: numbered, in order, with their checksums. Pure.
#include "core/chain.hpp"
#include "migrations/runner.hpp"
#include <algorithm>
#include <charconv>

namespace synclog::migrations {

namespace {

// "001_event_log.sql" -> {1, "event_log"}; number 0 when the name has another shape.
migration named(std::string_view file_name) {
  migration made;
  const auto [rest, error] =
      std::from_chars(file_name.data(), file_name.data() + file_name.size(), made.number);
  const std::string_view tail = file_name.substr(static_cast<std::size_t>(rest - file_name.data()));
  if (error != std::errc{} || !tail.starts_with('_') || !tail.ends_with(".sql") || tail.size() <= 5) {
    return {};
  }
  made.name = tail.substr(1, tail.size() - 5);
  return made;
}

} // namespace

core::result<std::vector<migration>>
list_migrations(std::span<const std::pair<std::string_view, std::string_view>> files) {
  std::vector<migration> all;
  for (const auto& [file_name, text] : files) {
    migration next = named(file_name);
    if (next.number <= 0) {
      return core::make_problem(core::problem_code::internal, "migration file " + std::string(file_name) +
                                                                  " is not named like 001_name.sql");
    }
    next.sql = text;
    next.checksum = core::sha256(text);
    all.push_back(next);
  }
  std::ranges::sort(all, {}, &migration::number);
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (all[i].number != static_cast<int>(i) + 1) {
      return core::make_problem(core::problem_code::internal,
                                "the migration files are not numbered 1, 2, 3 …: number " +
                                    std::to_string(i + 1) + " is missing or there twice");
    }
  }
  return all;
}

std::string_view to_string(schema_state state) {
  switch (state) {
  case schema_state::empty:
    return "empty";
  case schema_state::older:
    return "older";
  case schema_state::current:
    return "current";
  case schema_state::newer:
    return "newer";
  }
  core::invariant_broken("schema_state out of range");
}

std::string_view to_string(status_row::state state) {
  switch (state) {
  case status_row::state::applied:
    return "applied";
  case status_row::state::pending:
    return "pending";
  case status_row::state::changed:
    return "changed";
  case status_row::state::unknown:
    return "unknown";
  }
  core::invariant_broken("status_row::state out of range");
}

} // namespace synclog::migrations
