// Page by page along the positions: only events that are the last of their record, each of them once, so that
// rows can be copied into a table that has no index yet. An event whose data was erased leaves no row.
#include "projections/table_fill.hpp"
#include "core/clock.hpp"
#include "core/event.hpp"
#include "projections/column_block.hpp"
#include "projections/layout.hpp"
#include "projections/page_size.hpp"
#include <fmt/format.h>
#include <stdexcept>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

// $1 entity.
constexpr const char* latest_events = R"(
  FROM synclog.events AS e
  WHERE e.entity = $1 AND e.action <> 'deleted' AND e.data IS NOT NULL
    AND NOT EXISTS (SELECT FROM synclog.events AS later
                    WHERE later.entity = $1 AND later.record_id = e.record_id AND later.version > e.version))";

// Text form of COPY: tab between columns, \N for NULL, four characters escaped.
void append_cell(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
    case '\\':
      out += "\\\\";
      break;
    case '\t':
      out += "\\t";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    default:
      out.push_back(c);
    }
  }
}

void append_row(std::string& out, const column_block& block, std::size_t row) {
  append_cell(out, block.ids()[row]);
  out += '\t' + std::to_string(block.versions()[row]) + '\t' + std::to_string(block.positions()[row]) + '\t';
  core::append_rfc3339(out, {block.created_at()[row]});
  out += '\t';
  core::append_rfc3339(out, {block.updated_at()[row]});
  for (const column_block::text_column& column : block.fields()) {
    out += '\t';
    if (column[row])
      append_cell(out, *column[row]);
    else
      out += "\\N";
  }
  if (!block.search_texts().empty()) {
    out += '\t';
    append_cell(out, block.search_texts()[row]);
  }
  out += '\t';
  append_cell(out, block.docs()[row]);
  out += '\n';
}

void fill(pg::plain_connection& db, const core::entity& definition, const std::string& table_name) {
  const bool any =
      db.run("SELECT EXISTS (SELECT FROM synclog.events WHERE entity = $1)", {definition.name}).boolean(0, 0);
  if (!any) return;
  const std::int64_t head = db.run("SELECT coalesce(max(position), 0) FROM synclog.events").int8(0, 0);
  const std::string page = std::string("SELECT e.position, e.data") + latest_events +
                           " AND e.position > $2::bigint AND e.position <= $3::bigint ORDER BY e.position";
  const std::string copy = "COPY " + qualified_table(table_name) + " FROM STDIN";
  column_block block(definition);
  std::string bytes;
  page_size size;
  for (std::int64_t after = 0, until = 0; after < head; after = until) {
    until = after + static_cast<std::int64_t>(size.rows());
    const pg::rows events = db.run(page, {definition.name, std::to_string(after), std::to_string(until)});
    block.clear();
    bytes.clear();
    for (int row = 0; row < events.size(); ++row)
      if (!block.add(events.text(row, 1)))
        throw std::runtime_error(fmt::format("position {}: its data is no record", events.text(row, 0)));
    for (std::size_t row = 0; row < block.size(); ++row)
      append_row(bytes, block, row);
    if (block.size() > 0) db.copy_in(copy, bytes);
    size.saw(block.size(), block.bytes());
  }
}

} // namespace

std::int64_t build_table(pg::plain_connection& db, const core::entity& definition,
                         const std::string& table_name) {
  const table_ddl ddl = make_table_ddl(definition, table_name);
  for (const std::string& statement : ddl.table)
    db.run(statement);
  fill(db, definition, table_name);
  for (const std::string& statement : ddl.constraints_and_indexes)
    db.run(statement);
  const std::string table = qualified_table(table_name);
  const std::int64_t rows = db.run("SELECT count(*) FROM " + table).int8(0, 0);
  // Never of an empty table: the planner would then believe that it stays empty.
  if (rows > 0) db.run("ANALYZE " + table);
  return rows;
}

std::int64_t count_live_records(pg::plain_connection& db, const core::entity& definition) {
  return db.run(std::string("SELECT count(*)") + latest_events, {definition.name}).int8(0, 0);
}

} // namespace synclog::projections
