// The fold as the database reads it: the latest event of each record of an entity, in pages, either along the
// ids (a whole table) or of a span of positions (what changed). No page holds a snapshot for long.
#pragma once
#include "eventstore/pg/plain_connection.hpp"
#include "projections/page_size.hpp"
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::projections {

// Record ids between two: the bound itself belongs to it or not; no upper bound = to the last.
struct id_range {
  std::string low; // "" excluded = from the first: ids are never empty
  bool low_included = false;
  std::optional<std::string> high;
  bool high_included = true;

  // "e.record_id > $2 AND e.record_id <= $3": appends its values to those that are there.
  std::string condition(const std::string& column, std::vector<std::optional<std::string>>& values) const;
};

// Ranges of about equally many records that together are all ids; at most `parts`, fewer when there are few
// records. A few thousand index look-ups.
std::vector<id_range> split_ids(eventstore::pg::plain_connection& db, const std::string& entity,
                                std::size_t parts);

// Positions behind `after`, up to and including `until`.
struct position_span {
  std::int64_t after = 0, until = 0;
};

// A statement whose rows are record_id, position, version, data, the latest event a record; data is NULL when
// the record is deleted or its data was erased: it has no row then.
struct latest_query {
  std::string sql;
  std::vector<std::optional<std::string>> values;
};
enum latest_column : int { latest_id, latest_position, latest_version, latest_data, latest_columns };

// The condition on `synclog.events AS e` for $1 the entity, $2 and $3 the span. IS TRUE keeps the index by
// entity out of it: joined with that of positions, as PostgreSQL likes to, it reads every entry of the
// entity.
inline constexpr const char* events_of_span =
    "(e.entity = $1) IS TRUE AND e.position > $2::bigint AND e.position <= $3::bigint";

latest_query latest_in_span(const std::string& entity, position_span span);

// The end of the span that begins with `span` and has no more than `most_bytes` of the entity's data, and one
// event more: where `span` ends, or before it.
std::int64_t end_within_page(eventstore::pg::plain_connection& db, const std::string& entity,
                             position_span span, std::size_t most_bytes);

// Pages of a range, from its end to its beginning: the index gives the last version first when it is read
// backwards. No page has more data than `most_bytes` and one record more.
class latest_pages {
 public:
  // `until`: the log up to that position and no further; without it each page is the newest of its moment.
  latest_pages(std::string entity, id_range range, std::optional<std::int64_t> until = std::nullopt,
               std::size_t most_bytes = page_size::target_bytes)
      : entity_(std::move(entity)), rest_(std::move(range)), until_(until), most_bytes_(most_bytes),
        size_(most_bytes) {}

  bool is_done() const { return done_; }
  // The next page's statement.
  latest_query query() const;
  // What the page's rows were: how far it went and how large they are.
  void saw(const eventstore::pg::rows& page);
  // The ids that the last page answered for, whether the log has them or not.
  const id_range& covered() const { return covered_; }
  std::size_t bytes() const { return bytes_; } // of the last page's data
  // A page took too long: one record has very many versions. From now on one index look-up a record.
  void go_record_by_record() { one_by_one_ = true; }
  bool goes_record_by_record() const { return one_by_one_; }

 private:
  std::string entity_;
  id_range rest_, covered_;
  std::optional<std::int64_t> until_;
  std::size_t most_bytes_;
  bool one_by_one_ = false, done_ = false;
  std::size_t bytes_ = 0;
  page_size size_;
};

// How long a page's statement may run; also the bound of a snapshot's age.
inline constexpr const char* page_timeout = "4s";
// Settings of a session that reads pages: look-ups by index only, and the timeout.
void prepare_page_session(eventstore::pg::plain_connection& db);

// Runs a page's statement (`around` makes it of the query: the page itself, or a join with it), `begin`
// before it unless empty. Falls back to record by record when it takes too long; a transaction is then begun
// anew.
eventstore::pg::rows run_page(eventstore::pg::plain_connection& db, latest_pages& pages,
                              const std::string& begin,
                              const std::function<std::string(const std::string&)>& around);

} // namespace synclog::projections
