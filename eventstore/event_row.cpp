// See event_row.hpp.
#include "eventstore/event_row.hpp"

#include "core/problem.hpp"
#include <algorithm>
#include <cstring>

namespace synclog::eventstore {

namespace {

// The order of the columns in page_after, event_at and record_history.
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

template <class Array>
void copy_bytes(Array& target, std::string_view bytes) {
  std::memcpy(target.data(), bytes.data(), std::min(target.size(), bytes.size()));
}

} // namespace

core::event event_of_row(const pg::rows& rows, int row) {
  core::event read;
  read.position = {rows.int8(row, position_column)};
  read.recorded_at = {rows.timestamptz(row, recorded_at_column)};
  read.version = rows.int8(row, version_column);
  const auto action = core::event_action_from(rows.text(row, action_column));
  if (!action) {
    core::invariant_broken("the log holds an unknown action");
  }
  read.action = *action;
  read.entity = rows.text(row, entity_column);
  read.record_id = rows.text(row, record_id_column);
  if (!rows.is_null(row, branch_column)) {
    read.branch = rows.text(row, branch_column);
  }
  if (!rows.is_null(row, previous_branch_column)) {
    read.previous_branch = std::string(rows.text(row, previous_branch_column));
  }
  // Erased events have neither data nor salt: consumers see null.
  read.data = rows.is_null(row, data_column) ? std::string("null") : std::string(rows.text(row, data_column));
  if (!rows.is_null(row, salt_column)) {
    copy_bytes(read.salt, rows.text(row, salt_column));
  }
  read.meta = rows.text(row, meta_column);
  copy_bytes(read.hash, rows.text(row, hash_column));
  return read;
}

} // namespace synclog::eventstore
