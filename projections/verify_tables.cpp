// For each entity, stretches of ids in order: where the stretch ends is asked first (any answer would do),
// then one statement reads the latest event of each record in it beside the table's row. What the columns
// must hold is computed from the event by the same encoder that the append uses.
#include "projections/verify_tables.hpp"
#include "core/event.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "projections/column_block.hpp"
#include "projections/layout.hpp"
#include "projections/page_size.hpp"
#include <algorithm>
#include <chrono>
#include <fmt/format.h>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

// Columns of a page's statement before the row's own.
enum page_column : int {
  event_id,
  event_position,
  event_version,
  event_action,
  event_data,
  row_id,
  row_doc,
  first_compared
};

// A column of the table as text that equals the canonical text exactly when the values are equal.
std::string comparable(const std::string& name, core::field_type type) {
  if (type == core::field_type::timestamp)
    return "to_char(r." + name + " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
  return "r." + name + "::text";
}

class table_verifier {
 public:
  table_verifier(pg::plain_connection& db, const core::entity& definition, eventstore::verify_report& report,
                 const eventstore::progress_callback& progress)
      : db_(db), definition_(definition), report_(report), progress_(progress), block_(definition) {
    compared_ = {{"version", core::field_type::integer},
                 {"position", core::field_type::integer},
                 {"created_at", core::field_type::timestamp},
                 {"updated_at", core::field_type::timestamp}};
    for (const core::field& field : definition.fields)
      compared_.emplace_back(field.name, field.type);
    if (!definition.search_fields.empty()) compared_.emplace_back("search_text", core::field_type::text);
  }

  // Stops at the first difference.
  void run() {
    if (!table_is_whole()) return;
    estimate_total();
    std::string after; // ids are never empty
    while (!report_.difference) {
      const std::optional<std::string> upper = end_of_page(after);
      verify_page(after, upper);
      if (progress_) progress_({definition_.table, rows_, std::max(total_, rows_)});
      if (!upper) return;
      after = *upper;
    }
  }

 private:
  void differ(eventstore::difference found) {
    if (report_.difference) return;
    found.entity = definition_.name;
    report_.difference = std::move(found);
  }

  // A missing table or column is a difference, not a failure of the proof.
  bool table_is_whole() {
    const pg::rows found = db_.run(
        "SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT "
        "a.attisdropped",
        {qualified_table(definition_.table)});
    std::vector<std::string> wanted = {"id", "doc"};
    for (const auto& [name, type] : compared_)
      wanted.push_back(name);
    for (const std::string& name : wanted) {
      bool present = false;
      for (int row = 0; row < found.size() && !present; ++row)
        present = found.text(row, 0) == name;
      if (present) continue;
      eventstore::difference lost;
      lost.kind = "table";
      if (found.size() > 0) lost.field = name;
      lost.detail = found.size() == 0
                        ? fmt::format("read table public.{} does not exist", definition_.table)
                        : fmt::format("read table public.{} has no column {}", definition_.table, name);
      differ(std::move(lost));
      return false;
    }
    return true;
  }

  void estimate_total() {
    total_ = db_.run("SELECT greatest(reltuples, 0)::bigint FROM pg_class WHERE oid = to_regclass($1)",
                     {qualified_table(definition_.table)})
                 .int8(0, 0);
  }

  // The id that ends a stretch; empty when the rest is one.
  std::optional<std::string> end_of_page(const std::string& after) {
    const pg::rows found = db_.run(
        "SELECT least((SELECT e.record_id FROM synclog.events AS e WHERE e.entity = $1 AND e.record_id > $2 "
        "ORDER BY e.record_id OFFSET $3::bigint LIMIT 1), (SELECT r.id FROM " +
            qualified_table(definition_.table) +
            " AS r WHERE r.id > $2 ORDER BY r.id OFFSET $3::bigint LIMIT 1))",
        {definition_.name, after, std::to_string(size_.rows() - 1)});
    if (found.is_null(0, 0)) return std::nullopt;
    return std::string(found.text(0, 0));
  }

  std::string page_sql(bool has_upper) const {
    std::string columns;
    for (const auto& [name, type] : compared_)
      columns += ", " + comparable(quote_identifier(name), type);
    const std::string events_upper = has_upper ? " AND i.record_id <= $3" : "";
    const std::string rows_upper = has_upper ? " AND t.id <= $3" : "";
    return "SELECT l.record_id, l.position, l.version, l.action, l.data, r.id, "
           "CASE WHEN r.doc::text IS DISTINCT FROM l.data::text THEN r.doc END" +
           columns +
           " FROM (SELECT ids.record_id, e.position, e.version, e.action, e.data FROM "
           "(SELECT DISTINCT i.record_id FROM synclog.events AS i WHERE i.entity = $1 AND i.record_id > $2" +
           events_upper +
           ") AS ids CROSS JOIN LATERAL (SELECT * FROM synclog.events AS e WHERE e.entity = $1 AND "
           "e.record_id = ids.record_id ORDER BY e.version DESC LIMIT 1) AS e) AS l "
           "FULL JOIN (SELECT * FROM " +
           qualified_table(definition_.table) + " AS t WHERE t.id > $2" + rows_upper +
           ") AS r ON r.id = l.record_id ORDER BY coalesce(l.record_id, r.id)";
  }

  void verify_page(const std::string& after, const std::optional<std::string>& upper) {
    std::vector<std::optional<std::string>> values = {definition_.name, after};
    if (upper) values.push_back(upper);
    const pg::rows page = db_.run(page_sql(upper.has_value()), values);
    std::size_t bytes = 0;
    for (int row = 0; row < page.size() && !report_.difference; ++row) {
      if (!page.is_null(row, event_data)) bytes += page.text(row, event_data).size();
      verify_row(page, row);
    }
    size_.saw(static_cast<std::size_t>(page.size()), bytes);
  }

  void verify_row(const pg::rows& page, int row) {
    const bool has_row = !page.is_null(row, row_id);
    if (page.is_null(row, event_id))
      return differ(
          {{},
           "row_extra",
           fmt::format("read table {}: row {} has no event", definition_.table, page.text(row, row_id)),
           {},
           std::string(page.text(row, row_id)),
           {},
           {},
           {}});
    // An erased event leaves nothing to compare with and no row.
    const bool live = page.text(row, event_action) != core::to_string(core::event_action::deleted) &&
                      !page.is_null(row, event_data);
    if (!live && has_row) return report_row(page, row, "row_extra", "the record is deleted, its row stands");
    if (live && !has_row) return report_row(page, row, "row_missing", "the record lives, its row is missing");
    if (!live) return;
    ++rows_;
    ++report_.rows;
    compare(page, row);
  }

  void report_row(const pg::rows& page, int row, const char* kind, const char* why) {
    differ({{page.int8(row, event_position)},
            kind,
            fmt::format("read table {}, record {}, position {}: {}", definition_.table,
                        page.text(row, event_id), page.text(row, event_position), why),
            {},
            std::string(page.text(row, event_id)),
            {},
            {},
            {}});
  }

  void report_field(const pg::rows& page, int row, const std::string& field, std::string stored,
                    std::string computed) {
    differ({{page.int8(row, event_position)},
            "field",
            fmt::format("read table {}, record {}, position {}: {} is {}, the log says {}", definition_.table,
                        page.text(row, event_id), page.text(row, event_position), field, stored, computed),
            {},
            std::string(page.text(row, event_id)),
            field,
            stored,
            computed});
  }

  void compare(const pg::rows& page, int row) {
    const std::string_view data = page.text(row, event_data);
    block_.clear();
    if (!block_.add(data))
      return report_field(
          page, row, "doc",
          page.is_null(row, row_doc) ? std::string(data) : std::string(page.text(row, row_doc)), "no record");
    const std::string created_at = core::to_rfc3339({block_.created_at()[0]});
    const std::string updated_at = core::to_rfc3339({block_.updated_at()[0]});
    computed_.assign({page.text(row, event_version), page.text(row, event_position), created_at, updated_at});
    for (const auto& column : block_.fields())
      computed_.push_back(column[0]);
    if (!definition_.search_fields.empty()) computed_.emplace_back(block_.search_texts()[0]);
    for (std::size_t i = 0; i < compared_.size(); ++i) {
      const int column = first_compared + static_cast<int>(i);
      cell stored;
      if (!page.is_null(row, column)) stored = page.text(row, column);
      if (stored != computed_[i])
        return report_field(page, row, compared_[i].first, std::string(stored.value_or("NULL")),
                            std::string(computed_[i].value_or("NULL")));
    }
    if (!page.is_null(row, row_doc))
      report_field(page, row, "doc", std::string(page.text(row, row_doc)), std::string(data));
  }

  using cell = std::optional<std::string_view>; // nullopt = SQL NULL

  pg::plain_connection& db_;
  const core::entity& definition_;
  eventstore::verify_report& report_;
  const eventstore::progress_callback& progress_;
  column_block block_;
  page_size size_;
  std::vector<std::pair<std::string, core::field_type>> compared_; // in the order of the statement
  std::vector<cell> computed_;                                     // beside compared_, for one row
  std::int64_t rows_ = 0, total_ = 0;
};

} // namespace

void verify_tables(const std::string& conninfo, const core::catalog& entities,
                   eventstore::verify_report& report, const eventstore::progress_callback& progress) {
  const auto start = std::chrono::steady_clock::now();
  pg::plain_connection db(conninfo, "", "synclog verify");
  for (const auto& definition : entities.all()) {
    if (report.difference) break;
    table_verifier(db, *definition, report, progress).run();
  }
  report.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

} // namespace synclog::projections
