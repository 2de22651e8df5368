// See event_row.hpp.
#include "eventstore/event_row.hpp"

#include "core/bytes.hpp"
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

using core::bytes_of;

// No branch is NULL, so that a branch is never the empty text.
std::optional<std::string_view> branch_or_null(const core::event& event) {
  return event.branch.empty() ? std::nullopt : std::optional<std::string_view>(event.branch);
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

void add_event_row(pg::row_array& rows, const core::event& event,
                   const std::optional<core::sha256_digest>& data_hash) {
  rows.int8(event.position.value).timestamptz(event.recorded_at.micros).int8(event.version);
  rows.bytes(pg::oid_text, core::to_string(event.action)).bytes(pg::oid_text, event.entity);
  rows.bytes(pg::oid_text, event.record_id).bytes_or_null(pg::oid_text, branch_or_null(event));
  rows.bytes_or_null(pg::oid_text, event.previous_branch);
  if (data_hash)
    rows.null(pg::oid_json).null(pg::oid_bytea).bytes(pg::oid_bytea, bytes_of(*data_hash));
  else
    rows.bytes(pg::oid_json, event.data).bytes(pg::oid_bytea, bytes_of(event.salt)).null(pg::oid_bytea);
  rows.bytes(pg::oid_json, event.meta).bytes(pg::oid_bytea, bytes_of(event.hash));
}

// Texts and JSON travel as their bytes: in binary they are the same.
pg::params event_values(const core::event& event) {
  pg::params values;
  const auto bytes_or_null = [&](const std::optional<std::string_view>& text) {
    if (text)
      values.bytea(*text);
    else
      values.null();
  };
  values.int8(event.position.value).timestamptz(event.recorded_at.micros).int8(event.version);
  values.bytea(core::to_string(event.action)).bytea(event.entity).bytea(event.record_id);
  bytes_or_null(branch_or_null(event));
  bytes_or_null(event.previous_branch);
  values.bytea(event.data).bytea(bytes_of(event.salt)).bytea(event.meta).bytea(bytes_of(event.hash));
  return values;
}

} // namespace synclog::eventstore
