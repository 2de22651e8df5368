#include "projections/cut_tail.hpp"

#include "projections/layout.hpp"
#include <fmt/format.h>

namespace synclog::projections {

std::optional<cut_tail> find_cut_tail(eventstore::pg::plain_connection& db, const std::string& entity,
                                      const std::string& table_name) {
  const std::string table = qualified_table(table_name);
  const auto columns =
      db.run("SELECT count(*) FROM pg_attribute WHERE attrelid = to_regclass($1) AND attname IN ('id', "
             "'version', 'position') AND attnum > 0 AND NOT attisdropped",
             {table});
  constexpr std::int64_t needed = 3;
  if (columns.int8(0, 0) < needed) return std::nullopt;
  // The head and the rows in one snapshot.
  const auto found =
      db.run("SELECT head.position, r.position, r.id FROM (SELECT coalesce(max(position), 0) AS position "
             "FROM synclog.events) AS head JOIN " +
                 table +
                 " AS r ON r.position > head.position WHERE NOT EXISTS (SELECT FROM synclog.events AS e "
                 "WHERE e.entity = $1 "
                 "AND e.record_id = r.id AND e.version >= r.version) ORDER BY r.position DESC LIMIT 1",
             {entity});
  if (found.size() == 0) return std::nullopt;
  return cut_tail{{found.int8(0, 0)}, {found.int8(0, 1)}, std::string(found.text(0, 2))};
}

std::string cut_tail_sentence(const cut_tail& found, const std::string& table_name) {
  return fmt::format(
      "the log ends at {}, but read table {} has record {} of position {}: the log's tail is missing",
      found.head.value, table_name, found.record_id, found.newest_row.value);
}

} // namespace synclog::projections
