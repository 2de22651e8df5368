// See verify_page.hpp.
#include "eventstore/verify_page.hpp"

#include "core/bytes.hpp"
#include "core/event.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include <algorithm>
#include <array>
#include <cstring>
#include <fmt/format.h>
#include <limits>

namespace synclog::eventstore {

namespace {

// The order of the columns in page_sql.
enum column : int {
  position_column,
  recorded_at_column,
  version_column,
  action_column,
  entity_column,
  record_id_column,
  branch_column,
  previous_branch_column,
  data_column,
  salt_column,
  data_hash_column,
  meta_column,
  hash_column,
};

constexpr std::array<std::pair<int, const char*>, 7> never_null{{{recorded_at_column, "recorded_at"},
                                                                 {version_column, "version"},
                                                                 {action_column, "action"},
                                                                 {entity_column, "entity"},
                                                                 {record_id_column, "record_id"},
                                                                 {meta_column, "meta"},
                                                                 {hash_column, "hash"}}};

// The page and the event before it, in one snapshot. Numbers only: COPY takes no parameters.
std::string page_sql(std::int64_t first, std::int64_t last) {
  return fmt::format("COPY (SELECT position, recorded_at, version, action, entity, record_id, branch, "
                     "previous_branch, data, salt, data_hash, meta, hash FROM synclog.events "
                     "WHERE position BETWEEN {} AND {} ORDER BY position) TO STDOUT (FORMAT binary)",
                     first - 1, last);
}

using core::bytes_of;

// False when it is no digest.
bool read_digest(std::string_view bytes, core::sha256_digest& out) {
  if (bytes.size() != out.size()) {
    return false;
  }
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return true;
}

std::optional<std::string_view> optional_text(const pg::copy_row& row, int column) {
  return row.is_null(column) ? std::nullopt : std::optional(row.bytes(column));
}

} // namespace

page_verifier::page_verifier(const std::string& conninfo, const core::uuid& log_id)
    : db_(conninfo, "", "synclog verify"), hasher_(log_id), versions_(db_) {
  db_.run("SELECT set_config('statement_timeout', $1, false)",
          {std::to_string(std::chrono::milliseconds(longest_snapshot).count())});
}

page_outcome page_verifier::verify(std::int64_t first, std::int64_t last) {
  begin(first);
  const auto take_message = [this](std::string_view message) { take(message); };
  bool whole = true;
  try {
    db_.copy_out(page_sql(first, last), take_message);
  } catch (const pg::query_failed& failed) {
    if (pg::classify(failed.info().sqlstate) != pg::meaning::timed_out) {
      throw;
    }
    if (page_.events == 0) {
      throw pg::deadline_exceeded(
          fmt::format("position {} could not be read within {} s", first, longest_snapshot.count()));
    }
    // The limit of the snapshot: what was read is proven, the next page goes on behind it.
    whole = false;
  }
  if (whole && !page_.difference && page_.reached < last) {
    const auto missing = has_predecessor_ ? page_.reached + 1 : first - 1;
    fail(missing, "gap", "missing");
  }
  if (auto found = versions_.settle()) {
    // Only what came before the other difference was shown to it.
    page_.difference = std::move(found);
  }
  return std::move(page_);
}

void page_verifier::begin(std::int64_t first) {
  first_ = first;
  page_ = {};
  page_.reached = first - 1;
  row_.restart();
  has_predecessor_ = first == 1;
  if (has_predecessor_) {
    hash_ = page_.before = page_.after = hasher_.genesis();
    time_micros_ = std::numeric_limits<std::int64_t>::min();
  }
}

void page_verifier::take(std::string_view message) {
  if (page_.difference || !row_.take(message)) {
    return; // what comes behind the first difference is read away
  }
  core::event_view event;
  event.position = row_.int8(position_column);
  if (!has_predecessor_ && event.position != first_ - 1) {
    return fail(first_ - 1, "gap", "missing");
  }
  const auto expected = has_predecessor_ ? page_.reached + 1 : first_ - 1;
  if (event.position > expected) {
    return fail(expected, "gap", "missing");
  }
  if (event.position < expected) {
    return event.position < 1 ? fail(event.position, "position", "the log begins with 1")
                              : fail(event.position, "position", "there twice");
  }
  if (!has_every_value()) {
    return;
  }
  if (!has_predecessor_) {
    // Verified by whoever has the page before this one.
    if (!read_digest(row_.bytes(hash_column), hash_)) {
      return fail(event.position, "column", "the stored hash has not 32 bytes", "hash");
    }
    page_.before = page_.after = hash_;
    time_micros_ = row_.timestamptz(recorded_at_column);
    has_predecessor_ = true;
    return;
  }
  event.recorded_at_micros = row_.timestamptz(recorded_at_column);
  event.version = row_.int8(version_column);
  event.action = row_.bytes(action_column);
  event.entity = row_.bytes(entity_column);
  event.record_id = row_.bytes(record_id_column);
  event.branch = optional_text(row_, branch_column);
  event.previous_branch = optional_text(row_, previous_branch_column);
  event.meta = row_.bytes(meta_column);
  check(event);
}

void page_verifier::check(const core::event_view& event) {
  const auto data_hash = data_hash_of_row();
  if (!data_hash) {
    return fail_event(event, "data_hash", "data, salt and data_hash do not go together", "data_hash", {}, {});
  }
  if (event.recorded_at_micros < time_micros_) {
    return fail_event(event, "time", "recorded before its predecessor", "recorded_at",
                      core::to_rfc3339({event.recorded_at_micros}), core::to_rfc3339({time_micros_}));
  }
  const auto computed = hasher_.next(hash_, event, *data_hash);
  const auto stored = row_.bytes(hash_column);
  if (stored != bytes_of(computed)) {
    const auto stored_hex = core::to_hex(stored), computed_hex = core::to_hex(computed);
    return fail_event(event, "hash", fmt::format("stored hash {}, computed {}", stored_hex, computed_hex),
                      "hash", stored_hex, computed_hex);
  }
  if (!core::event_action_from(event.action)) {
    return fail_event(event, "action", fmt::format("there is no action {}", event.action), "action",
                      std::string(event.action), {});
  }
  versions_.see(event);
  page_.after = hash_ = computed;
  time_micros_ = event.recorded_at_micros;
  page_.reached = event.position;
  ++page_.events;
  page_.erased += row_.is_null(data_column) ? 1 : 0;
}

bool page_verifier::has_every_value() {
  for (const auto& [column, name] : never_null) {
    if (row_.is_null(column)) {
      fail(row_.int8(position_column), "column", fmt::format("{} is NULL", name), name);
      return false;
    }
  }
  const auto raw_time = row_.int8(recorded_at_column);
  if (raw_time == std::numeric_limits<std::int64_t>::max() ||
      raw_time == std::numeric_limits<std::int64_t>::min()) {
    fail(row_.int8(position_column), "column", "recorded_at is infinite", "recorded_at");
    return false;
  }
  return true;
}

// Empty when the row has neither data with its salt nor the hash that stands in for them, or both: beside
// data a data_hash would say what the data should have been, and the data could be anything.
std::optional<core::sha256_digest> page_verifier::data_hash_of_row() {
  constexpr std::size_t salt_bytes = 16;
  const bool has_data = !row_.is_null(data_column), has_salt = !row_.is_null(salt_column);
  core::sha256_digest stored{};
  if (row_.is_null(data_hash_column)) {
    return has_data && has_salt && row_.bytes(salt_column).size() == salt_bytes
               ? std::optional(hasher_.data_hash(row_.bytes(salt_column), row_.bytes(data_column)))
               : std::nullopt;
  }
  return !has_data && !has_salt && read_digest(row_.bytes(data_hash_column), stored) ? std::optional(stored)
                                                                                     : std::nullopt;
}

void page_verifier::fail(std::int64_t position, const char* kind, std::string why, std::string field,
                         std::string stored, std::string computed) {
  page_.difference = difference{{position},
                                kind,
                                fmt::format("position {}: {}", position, why),
                                {},
                                {},
                                std::move(field),
                                std::move(stored),
                                std::move(computed)};
}

void page_verifier::fail_event(const core::event_view& event, const char* kind, std::string why,
                               const char* field, std::string stored, std::string computed) {
  fail(event.position, kind, std::move(why), field, std::move(stored), std::move(computed));
  page_.difference->entity = event.entity;
  page_.difference->record_id = event.record_id;
}

} // namespace synclog::eventstore
