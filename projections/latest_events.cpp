// Index (entity, record_id, version), read backwards: DISTINCT ON then takes the last version of each record
// without sorting. It passes over the earlier versions; where these are too many, a recursive query steps
// from record to record instead.
#include "projections/latest_events.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include <algorithm>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

constexpr int sampled_positions = 4'000;
constexpr std::size_t least_samples_a_part = 4;

// Of an event: no data where there is no row.
constexpr const char* latest_list =
    "e.record_id, e.position, e.version, CASE WHEN e.action <> 'deleted' THEN e.data END AS data";

} // namespace

std::vector<id_range> split_ids(pg::plain_connection& db, const std::string& entity, std::size_t parts) {
  const pg::rows found = db.run(
      "SELECT DISTINCT e.record_id FROM synclog.events AS e WHERE e.entity = $1 AND e.position = ANY (ARRAY("
      "SELECT 1 + n * h.head / $2::bigint FROM (SELECT coalesce(max(position), 0) AS head FROM "
      "synclog.events) AS h, generate_series(0, $2::bigint - 1) AS n)) ORDER BY e.record_id",
      {entity, std::to_string(sampled_positions)});
  const auto samples = static_cast<std::size_t>(found.size());
  const std::size_t count =
      std::clamp<std::size_t>(samples / least_samples_a_part, 1, std::max<std::size_t>(parts, 1));
  std::vector<id_range> ranges;
  std::string low;
  for (std::size_t part = 1; part < count; ++part) {
    std::string high(found.text(static_cast<int>(part * samples / count), 0));
    ranges.push_back({low, false, high, true});
    low = std::move(high);
  }
  ranges.push_back({std::move(low), false, std::nullopt, true});
  return ranges;
}

std::string id_range::condition(const std::string& column,
                                std::vector<std::optional<std::string>>& values) const {
  values.emplace_back(low);
  std::string text = column + (low_included ? " >= $" : " > $") + std::to_string(values.size());
  if (!high) return text;
  values.push_back(high);
  return text + " AND " + column + (high_included ? " <= $" : " < $") + std::to_string(values.size());
}

latest_query latest_in_span(const std::string& entity, position_span span) {
  return {std::string("SELECT DISTINCT ON (e.record_id) ") + latest_list +
              " FROM synclog.events AS e WHERE " + events_of_span + " ORDER BY e.record_id, e.version DESC",
          {entity, std::to_string(span.after), std::to_string(span.until)}};
}

std::int64_t end_within_page(pg::plain_connection& db, const std::string& entity, position_span span,
                             std::size_t most_bytes) {
  // Every version counts, although the last of each record is all that is read of the span.
  const pg::rows found = db.run(
      "SELECT coalesce(min(s.position), $3::bigint) FROM (SELECT e.position, "
      "sum(coalesce(octet_length(e.data::text), 0)) OVER (ORDER BY e.position ROWS UNBOUNDED PRECEDING) AS "
      "bytes FROM synclog.events AS e WHERE " +
          std::string(events_of_span) + ") AS s WHERE s.bytes >= $4::bigint",
      {entity, std::to_string(span.after), std::to_string(span.until), std::to_string(most_bytes)});
  return found.int8(0, 0);
}

latest_query latest_pages::query() const {
  latest_query made;
  made.values = {entity_};
  std::string in_range = "e.entity = $1 AND " + rest_.condition("e.record_id", made.values);
  if (until_) {
    made.values.push_back(std::to_string(*until_));
    in_range += " AND e.position <= $" + std::to_string(made.values.size()) + "::bigint";
  }
  const std::string limit = std::to_string(size_.rows());
  const std::string backwards = " ORDER BY e.record_id DESC, e.version DESC LIMIT ";
  const std::string rows = std::string(latest_list) + " FROM synclog.events AS e WHERE ";
  std::string latest;
  if (!one_by_one_)
    latest = "SELECT DISTINCT ON (e.record_id) " + rows + in_range + backwards + limit;
  else
    latest = "WITH RECURSIVE step AS ((SELECT " + rows + in_range + backwards +
             "1) UNION ALL SELECT n.* FROM step AS s CROSS JOIN LATERAL (SELECT " + rows + in_range +
             " AND e.record_id < s.record_id" + backwards + "1) AS n) SELECT * FROM step LIMIT " + limit;
  // What comes behind the bound is left to the next page.
  made.sql = "SELECT p.record_id, p.position, p.version, p.data FROM (SELECT d.*, "
             "sum(coalesce(octet_length(d.data::text), 0)) OVER (ORDER BY d.record_id DESC ROWS BETWEEN "
             "UNBOUNDED PRECEDING AND 1 PRECEDING) AS before FROM (" +
             latest + ") AS d) AS p WHERE coalesce(p.before, 0) < " + std::to_string(most_bytes_) +
             " ORDER BY p.record_id DESC";
  return made;
}

void latest_pages::saw(const pg::rows& page) {
  const auto count = static_cast<std::size_t>(page.size());
  bytes_ = 0;
  for (int row = 0; row < page.size(); ++row)
    if (!page.is_null(row, latest_data)) bytes_ += page.text(row, latest_data).size();
  covered_ = rest_;
  done_ = count < size_.rows() && bytes_ < most_bytes_; // nothing was left, and nothing cut off
  if (!done_) {
    std::string lowest(page.text(page.size() - 1, latest_id));
    covered_.low = lowest;
    covered_.low_included = true;
    rest_.high = std::move(lowest);
    rest_.high_included = false;
  }
  size_.saw(count, bytes_);
}

void prepare_page_session(pg::plain_connection& db) {
  db.run("SELECT set_config('enable_seqscan', 'off', false), set_config('enable_bitmapscan', 'off', false), "
         "set_config('enable_hashagg', 'off', false), set_config('statement_timeout', $1, false)",
         {std::string(page_timeout)});
}

pg::rows run_page(pg::plain_connection& db, latest_pages& pages, const std::string& begin,
                  const std::function<std::string(const std::string&)>& around) {
  while (true) {
    const latest_query asked = pages.query();
    try {
      if (!begin.empty()) db.run(begin);
      return db.run(around(asked.sql), asked.values);
    } catch (const pg::query_failed& failed) {
      if (pg::classify(failed.info().sqlstate) != pg::meaning::timed_out || pages.goes_record_by_record())
        throw;
      db.abandon_transaction();
      pages.go_record_by_record();
    }
  }
}

} // namespace synclog::projections
