// What the columns must hold is computed from the event by the encoder that the append uses; what they hold
// comes as text, in the form that equals the canonical text exactly when the values are equal.
#include "projections/table_compare.hpp"
#include "core/clock.hpp"
#include "projections/layout.hpp"
#include <set>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

// Columns of a joined page behind those of the latest event.
enum joined_column : int { row_id = latest_columns, row_doc, first_compared };

std::string comparable(const std::string& name, core::field_type type) {
  if (type == core::field_type::timestamp)
    return "to_char(r." + name + " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
  return "r." + name + "::text";
}

void note(table_differences& out, row_difference found) {
  if (out.first.size() < table_differences::most_kept) out.first.push_back(std::move(found));
}

std::optional<std::string> owned(std::optional<std::string_view> text) {
  if (!text) return std::nullopt;
  return std::string(*text);
}

} // namespace

void table_differences::add(const table_differences& other) {
  rows_compared += other.rows_compared;
  rows_differing += other.rows_differing;
  for (const row_difference& one : other.first)
    note(*this, one);
}

table_comparison::table_comparison(pg::plain_connection& db, const core::entity& definition,
                                   std::string table_name)
    : db_(db), definition_(definition), table_(std::move(table_name)), block_(definition) {
  std::vector<compared_column> wanted = {{"version", core::field_type::integer},
                                         {"position", core::field_type::integer},
                                         {"created_at", core::field_type::timestamp},
                                         {"updated_at", core::field_type::timestamp}};
  for (const core::field& field : definition.fields)
    wanted.push_back({field.name, field.type});
  if (!definition.search_fields.empty()) wanted.push_back({"search_text", core::field_type::text});
  const pg::rows found = db_.run(
      "SELECT a.attname FROM pg_attribute AS a WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT "
      "a.attisdropped",
      {qualified_table(table_)});
  std::set<std::string, std::less<>> present;
  for (int row = 0; row < found.size(); ++row)
    present.emplace(found.text(row, 0));
  for (compared_column& column : wanted)
    column.in_table = present.contains(column.name);
  columns_ = std::move(wanted);
}

std::string table_comparison::joined(const std::string& latest) const {
  std::string columns;
  for (const compared_column& column : columns_)
    columns += ", " + (column.in_table ? comparable(quote_identifier(column.name), column.type) : "NULL");
  return "SELECT l.record_id, l.position, l.version, l.data, r.id, CASE WHEN r.doc::text IS DISTINCT FROM "
         "l.data::text THEN r.doc END" +
         columns + " FROM (" + latest + ") AS l LEFT JOIN " + qualified_table(table_) +
         " AS r ON r.id = l.record_id ORDER BY l.record_id DESC";
}

void table_comparison::compare_row(const pg::rows& page, int row, table_differences& out) {
  const std::string id(page.text(row, latest_id));
  const bool has_row = !page.is_null(row, row_id);
  const bool lives = !page.is_null(row, latest_data);
  if (!lives && !has_row) return;
  if (lives != has_row) {
    ++out.rows_differing;
    return note(out, {lives ? row_difference::kind::missing : row_difference::kind::extra, id, {}, {}, {}});
  }
  ++out.rows_compared;
  block_.clear();
  const std::string_view data = page.text(row, latest_data);
  if (!block_.add(data)) {
    ++out.rows_differing;
    return note(out, {row_difference::kind::field, id, "doc", owned(data), "a record"});
  }
  const std::string created_at = core::to_rfc3339({block_.created_at()[0]});
  const std::string updated_at = core::to_rfc3339({block_.updated_at()[0]});
  expected_.assign({page.text(row, latest_version), page.text(row, latest_position), created_at, updated_at});
  for (const auto& column : block_.fields())
    expected_.push_back(column[0]);
  if (!definition_.search_fields.empty()) expected_.emplace_back(block_.search_texts()[0]);

  bool differs = false;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const int column = first_compared + static_cast<int>(i);
    std::optional<std::string_view> is;
    if (!page.is_null(row, column)) is = page.text(row, column);
    if (is == expected_[i]) continue;
    differs = true;
    note(out, {row_difference::kind::field, id, columns_[i].name, owned(is), owned(expected_[i])});
  }
  if (!page.is_null(row, row_doc)) {
    differs = true;
    note(out, {row_difference::kind::field, id, "doc", owned(page.text(row, row_doc)), owned(data)});
  }
  if (differs) ++out.rows_differing;
}

// Returns how many rows of the table the page's records have.
std::int64_t table_comparison::compare_rows(const pg::rows& page, std::optional<std::int64_t> complete_to,
                                            table_differences& out) {
  std::int64_t rows = 0;
  for (int row = 0; row < page.size(); ++row) {
    if (!page.is_null(row, row_id)) ++rows;
    if (!complete_to || page.int8(row, latest_position) <= *complete_to) compare_row(page, row, out);
  }
  return rows;
}

void table_comparison::find_rows_of_nobody(const pg::rows& page, const id_range& covered,
                                           table_differences& out) {
  std::set<std::string_view> known;
  for (int row = 0; row < page.size(); ++row)
    known.insert(page.text(row, latest_id));
  std::vector<std::optional<std::string>> values;
  const std::string condition = covered.condition("r.id", values);
  // As many as the page has and those that may be kept: enough to show one that is too many.
  const std::string limit = std::to_string(known.size() + table_differences::most_kept);
  const pg::rows found = db_.run("SELECT r.id FROM " + qualified_table(table_) + " AS r WHERE " + condition +
                                     " ORDER BY r.id LIMIT " + limit,
                                 values);
  for (int row = 0; row < found.size(); ++row) {
    if (known.contains(found.text(row, 0))) continue;
    note(out, {row_difference::kind::extra, std::string(found.text(row, 0)), {}, {}, {}});
  }
}

void table_comparison::compare_page(latest_pages& pages, std::optional<std::int64_t> complete_to,
                                    table_differences& out) {
  // Both statements in one snapshot, for a table that is being written.
  const std::string begin = complete_to ? "" : "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
  const auto around = [this](const std::string& latest) { return joined(latest); };
  const pg::rows page = run_page(db_, pages, begin, around);
  pages.saw(page);
  const std::int64_t rows = compare_rows(page, complete_to, out);
  std::vector<std::optional<std::string>> values;
  const std::string condition = pages.covered().condition("r.id", values);
  const std::int64_t standing =
      db_.run("SELECT count(*) FROM " + qualified_table(table_) + " AS r WHERE " + condition, values)
          .int8(0, 0);
  if (standing != rows) {
    out.rows_differing += standing - rows;
    find_rows_of_nobody(page, pages.covered(), out);
  }
  if (!complete_to) db_.run("COMMIT");
}

void table_comparison::compare_span(position_span span, table_differences& out) {
  const latest_query latest = latest_in_span(definition_.name, span);
  compare_rows(db_.run(joined(latest.sql), latest.values), std::nullopt, out);
}

} // namespace synclog::projections
