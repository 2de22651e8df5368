// See verify_stretch.hpp.
#include "projections/verify_stretch.hpp"
#include "core/event.hpp"
#include "projections/layout.hpp"
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

} // namespace

std::vector<std::pair<std::string, core::field_type>> compared_columns(const core::entity& definition) {
  std::vector<std::pair<std::string, core::field_type>> compared = {
      {"version", core::field_type::integer},
      {"position", core::field_type::integer},
      {"created_at", core::field_type::timestamp},
      {"updated_at", core::field_type::timestamp}};
  for (const core::field& field : definition.fields)
    compared.emplace_back(field.name, field.type);
  if (!definition.search_fields.empty()) compared.emplace_back("search_text", core::field_type::text);
  return compared;
}

stretch_verifier::stretch_verifier(pg::plain_connection& db, const core::entity& definition)
    : db_(db), definition_(definition), block_(definition), compared_(compared_columns(definition)) {}

void stretch_verifier::differ(eventstore::difference found) {
  if (outcome_.difference) return;
  found.entity = definition_.name;
  outcome_.difference = std::move(found);
}

std::string stretch_verifier::page_sql(bool has_upper) const {
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

stretch_outcome stretch_verifier::verify(const std::string& after, const std::optional<std::string>& upper) {
  outcome_ = {};
  std::vector<std::optional<std::string>> values = {definition_.name, after};
  if (upper) values.push_back(upper);
  const pg::rows page = db_.run(page_sql(upper.has_value()), values);
  outcome_.records = static_cast<std::size_t>(page.size());
  for (int row = 0; row < page.size() && !outcome_.difference; ++row) {
    if (!page.is_null(row, event_data)) outcome_.bytes += page.text(row, event_data).size();
    verify_row(page, row);
  }
  return std::move(outcome_);
}

void stretch_verifier::verify_row(const pg::rows& page, int row) {
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
  ++outcome_.rows;
  compare(page, row);
}

void stretch_verifier::report_row(const pg::rows& page, int row, const char* kind, const char* why) {
  differ({{page.int8(row, event_position)},
          kind,
          fmt::format("position {}: read table {}, record {}: {}", page.text(row, event_position),
                      definition_.table, page.text(row, event_id), why),
          {},
          std::string(page.text(row, event_id)),
          {},
          {},
          {}});
}

void stretch_verifier::report_field(const pg::rows& page, int row, const std::string& field,
                                    std::string stored, std::string computed) {
  differ({{page.int8(row, event_position)},
          "field",
          fmt::format("position {}: read table {}, record {}: {} is {}, the log says {}",
                      page.text(row, event_position), definition_.table, page.text(row, event_id), field,
                      stored, computed),
          {},
          std::string(page.text(row, event_id)),
          field,
          stored,
          computed});
}

void stretch_verifier::compare(const pg::rows& page, int row) {
  const std::string_view data = page.text(row, event_data);
  block_.clear();
  if (!block_.add(data))
    return report_field(page, row, "doc",
                        page.is_null(row, row_doc) ? std::string(data) : std::string(page.text(row, row_doc)),
                        "no record");
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

} // namespace synclog::projections
