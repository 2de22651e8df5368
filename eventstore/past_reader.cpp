// See past_reader.hpp. A record's versions are 1, 2, 3 … and stand in the order of positions: the state
// before an event is the version before it, found by the unique index.
#include "eventstore/past_reader.hpp"

#include "eventstore/event_row.hpp"
#include "eventstore/page_growth.hpp"
#include <algorithm>

namespace synclog::eventstore {

namespace asio = boost::asio;

namespace {

using statement_ptr = std::shared_ptr<const pg::statement>;

statement_ptr named(const char* name, const char* sql) {
  return std::make_shared<const pg::statement>(pg::statement{name, sql});
}

// Positions have no gaps, so the middle of two always exists.
const statement_ptr position_at_time = named("past_position_at_time", R"(
  WITH RECURSIVE search(low, high) AS (
    SELECT 0::bigint, coalesce(max(position), 0) FROM synclog.events
    UNION ALL
    SELECT CASE WHEN e.recorded_at <= $1::timestamptz THEN s.middle ELSE s.low END,
           CASE WHEN e.recorded_at <= $1::timestamptz THEN s.high ELSE s.middle - 1 END
    FROM (SELECT low, high, (low + high + 1) / 2 AS middle FROM search WHERE low < high) s
    JOIN synclog.events e ON e.position = s.middle)
  SELECT low FROM search WHERE low = high)");

const statement_ptr one_version = named("past_version", R"(
  SELECT position, recorded_at, version, action, entity, record_id, branch, previous_branch, data, salt, data_hash, meta, hash
  FROM synclog.events WHERE entity = $1::text AND record_id = $2::text AND version = $3::bigint)");

const statement_ptr record_at = named("past_record_at", R"(
  SELECT position, recorded_at, version, action, entity, record_id, branch, previous_branch, data, salt, data_hash, meta, hash
  FROM synclog.events WHERE entity = $1::text AND record_id = $2::text AND position <= $3::bigint
  ORDER BY version DESC LIMIT 1)");

const statement_ptr record_versions = named("past_versions", R"(
  SELECT position, recorded_at, version, action, entity, record_id, branch, previous_branch, data, salt, data_hash, meta, hash
  FROM synclog.events WHERE entity = $1::text AND record_id = $2::text AND version > $3::bigint AND position <= $4::bigint
  ORDER BY version LIMIT $5::bigint)");

// From one id to the next by the index, whatever number of versions lies between.
const statement_ptr fold_by_id = named("past_fold", R"(
  WITH RECURSIVE ids(record_id, ordinal) AS (
    (SELECT record_id, 1 FROM synclog.events WHERE entity = $1::text AND record_id > $2::text ORDER BY record_id LIMIT 1)
    UNION ALL
    SELECT following.record_id, ids.ordinal + 1
    FROM ids CROSS JOIN LATERAL (
      SELECT e.record_id FROM synclog.events e
      WHERE e.entity = $1::text AND e.record_id > ids.record_id ORDER BY e.record_id LIMIT 1) following
    WHERE ids.ordinal < $4::bigint)
  SELECT ids.record_id, past.version, past.action, CASE WHEN past.action <> 'deleted' THEN past.data END
  FROM ids LEFT JOIN LATERAL (
    SELECT e.version, e.action, e.data FROM synclog.events e
    WHERE e.entity = $1::text AND e.record_id = ids.record_id AND e.position <= $3::bigint
    ORDER BY e.version DESC LIMIT 1) past ON true
  ORDER BY ids.record_id)");

// The statements below give at most so many bytes of data, and at least one record: `found` tells how many
// there would have been. Not pg_column_size(): stored ones may be compressed a hundredfold.

const statement_ptr overtaken_records = named("past_overtaken", R"(
  SELECT s.position, s.record_id, s.version, s.data, s.found
  FROM (
    SELECT e.position, p.record_id, p.version, p.data, count(*) OVER () AS found,
           sum(octet_length(p.data::text)) OVER (ORDER BY e.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
             AS bytes_before
    FROM synclog.events e
    CROSS JOIN LATERAL (
      SELECT record_id, version, position, action, data FROM synclog.events b
      WHERE b.entity = e.entity AND b.record_id = e.record_id AND b.version = e.version - 1 LIMIT 1) p
    WHERE e.position > $3::bigint AND e.position <= $4::bigint AND e.entity = $1::text AND e.version > 1
      AND p.position <= $2::bigint AND p.action <> 'deleted' AND p.data IS NOT NULL) s
  WHERE coalesce(s.bytes_before, 0) < $5::bigint
  ORDER BY s.position)");

const statement_ptr changed_records = named("past_changed", R"(
  SELECT s.position, s.entity, s.record_id, s.old_version, s.old_action, s.old_data, s.new_version, s.new_action,
         s.new_data, s.found
  FROM (
    SELECT e.position, e.entity, e.record_id, p.version AS old_version, p.action AS old_action,
           CASE WHEN p.action <> 'deleted' THEN p.data END AS old_data, l.version AS new_version,
           l.action AS new_action, CASE WHEN l.action <> 'deleted' THEN l.data END AS new_data,
           count(*) OVER () AS found,
           sum(coalesce(octet_length(p.data::text), 0) + coalesce(octet_length(l.data::text), 0))
             OVER (ORDER BY e.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
    FROM synclog.events e
    LEFT JOIN LATERAL (
      SELECT version, position, action, data FROM synclog.events b
      WHERE b.entity = e.entity AND b.record_id = e.record_id AND b.version = e.version - 1 LIMIT 1) p ON true
    CROSS JOIN LATERAL (
      SELECT version, action, data FROM synclog.events l
      WHERE l.entity = e.entity AND l.record_id = e.record_id AND l.position <= $3::bigint
      ORDER BY l.version DESC LIMIT 1) l
    WHERE e.position > $4::bigint AND e.position <= $5::bigint AND ($1::text = '' OR e.entity = $1::text)
      AND (e.version = 1 OR p.position <= $2::bigint)) s
  WHERE coalesce(s.bytes_before, 0) < $6::bigint
  ORDER BY s.position)");

constexpr std::int64_t max_page_bytes = 4 << 20;

std::optional<core::event> first_event(const pg::rows& rows) {
  if (rows.size() == 0) return std::nullopt;
  return event_of_row(rows, 0);
}

// Of columns version, action, data, where data is NULL for a deleted one.
past_state state_of(const pg::rows& rows, int row, int version_column) {
  past_state made;
  if (rows.is_null(row, version_column)) return made;
  made.version = rows.int8(row, version_column);
  if (rows.text(row, version_column + 1) == "deleted") return made;
  if (rows.is_null(row, version_column + 2)) {
    made.what = past_state::presence::erased;
    return made;
  }
  made.what = past_state::presence::live;
  made.doc = rows.text(row, version_column + 2);
  return made;
}

// How far a page looked: to its window's end, unless its bytes ended it.
core::position reached(const pg::rows& rows, int found_column, core::position window_end) {
  if (rows.size() == 0 || rows.int8(0, found_column) == rows.size()) return window_end;
  return {rows.int8(rows.size() - 1, 0)};
}

core::position end_of_window(core::position after, core::position upto, std::size_t window) {
  return std::min(upto, core::position{after.value + static_cast<std::int64_t>(window)});
}

} // namespace

asio::awaitable<pg::rows> past_reader::run(std::shared_ptr<const pg::statement> prepared, pg::params values,
                                           pg::deadline until) {
  pg::segment work;
  work.add(std::move(prepared), std::move(values), pg::result_format::binary);
  auto answer = co_await reads_->run_read(std::move(work), until);
  co_return std::move(answer.results.at(0));
}

asio::awaitable<core::position> past_reader::position_at(core::timestamp moment, pg::deadline until) {
  pg::params values;
  values.timestamptz(moment.micros);
  const auto rows = co_await run(position_at_time, std::move(values), until);
  if (rows.size() != 1) throw pg::unavailable("the log has a gap: positions cannot be searched by time");
  co_return core::position{rows.int8(0, 0)};
}

asio::awaitable<std::optional<core::event>> past_reader::version(std::string entity, std::string record_id,
                                                                 std::int64_t version, pg::deadline until) {
  pg::params values;
  values.text(entity).text(record_id).int8(version);
  const auto rows = co_await run(one_version, std::move(values), until);
  co_return first_event(rows);
}

asio::awaitable<std::optional<core::event>> past_reader::at(std::string entity, std::string record_id,
                                                            core::position where, pg::deadline until) {
  pg::params values;
  values.text(entity).text(record_id).int8(where.value);
  const auto rows = co_await run(record_at, std::move(values), until);
  co_return first_event(rows);
}

asio::awaitable<std::vector<core::event>> past_reader::versions(std::string entity, std::string record_id,
                                                                std::int64_t after_version,
                                                                core::position upto, page_bounds bounds,
                                                                pg::deadline until) {
  std::vector<core::event> events;
  page_growth growth(bounds);
  while (growth.next_rows() > 0) {
    pg::params values;
    values.text(entity).text(record_id).int8(after_version).int8(upto.value);
    values.int8(static_cast<std::int64_t>(growth.next_rows()));
    const auto rows = co_await run(record_versions, std::move(values), until);
    for (int row = 0; row < rows.size(); ++row) {
      auto read = event_of_row(rows, row);
      growth.took(read.data.size() + read.meta.size());
      after_version = read.version;
      events.push_back(std::move(read));
    }
    growth.ended_statement(static_cast<std::size_t>(rows.size()) < growth.next_rows());
  }
  co_return events;
}

asio::awaitable<fold_page> past_reader::fold(std::string entity, std::string after_id, core::position where,
                                             std::size_t max_records, pg::deadline until) {
  pg::params values;
  values.text(entity).text(after_id).int8(where.value).int8(static_cast<std::int64_t>(max_records));
  const auto rows = co_await run(fold_by_id, std::move(values), until);
  fold_page page;
  page.more = static_cast<std::size_t>(rows.size()) == max_records;
  for (int row = 0; row < rows.size(); ++row)
    page.records.emplace_back(std::string(rows.text(row, 0)), state_of(rows, row, 1));
  co_return page;
}

asio::awaitable<changed_page> past_reader::overtaken(std::string entity, core::position at,
                                                     core::position after, core::position upto,
                                                     std::size_t window, pg::deadline until) {
  const auto end = end_of_window(after, upto, window);
  pg::params values;
  values.text(entity).int8(at.value).int8(after.value).int8(end.value).int8(max_page_bytes);
  const auto rows = co_await run(overtaken_records, std::move(values), until);
  changed_page page;
  page.complete_to = reached(rows, 4, end);
  for (int row = 0; row < rows.size(); ++row) {
    auto& found = page.records.emplace_back();
    found.first_change = {rows.int8(row, 0)};
    found.entity = entity;
    found.record_id = rows.text(row, 1);
    found.before = {past_state::presence::live, rows.int8(row, 2), std::string(rows.text(row, 3))};
  }
  co_return page;
}

asio::awaitable<changed_page> past_reader::changed(std::string entity, core::position from, core::position to,
                                                   core::position after, std::size_t window,
                                                   pg::deadline until) {
  const auto end = end_of_window(after, to, window);
  pg::params values;
  values.text(entity).int8(from.value).int8(to.value).int8(after.value).int8(end.value).int8(max_page_bytes);
  const auto rows = co_await run(changed_records, std::move(values), until);
  changed_page page;
  page.complete_to = reached(rows, 9, end);
  for (int row = 0; row < rows.size(); ++row) {
    auto& found = page.records.emplace_back();
    found.first_change = {rows.int8(row, 0)};
    found.entity = rows.text(row, 1);
    found.record_id = rows.text(row, 2);
    found.before = state_of(rows, row, 3);
    found.after = state_of(rows, row, 6);
  }
  co_return page;
}

} // namespace synclog::eventstore
