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
  event_branch, // NULL: not to be compared
  row_id,
  row_doc,
  bytes_before, // of the data and rows before this one
  first_compared
};

// A column of the table as text that equals the canonical text exactly when the values are equal.
std::string comparable(const std::string& column, core::field_type type) {
  if (type == core::field_type::timestamp)
    return "to_char(" + column + " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
  return column + "::text";
}

} // namespace

std::vector<std::pair<std::string, core::field_type>> compared_columns(const core::entity& definition,
                                                                       search_texts texts) {
  std::vector<std::pair<std::string, core::field_type>> compared = {
      {"version", core::field_type::integer},
      {"position", core::field_type::integer},
      {"created_at", core::field_type::timestamp},
      {"updated_at", core::field_type::timestamp}};
  for (const core::field& field : definition.fields)
    compared.emplace_back(field.name, field.type);
  if (!definition.search_fields.empty() && texts == search_texts::compared)
    compared.emplace_back("search_text", core::field_type::text);
  return compared;
}

stretch_verifier::stretch_verifier(pg::plain_connection& db, const core::entity& definition,
                                   stretch_checks checks)
    : db_(db), definition_(definition), checks_(std::move(checks)), block_(definition),
      compared_(compared_columns(definition, checks_.texts)) {}

void stretch_verifier::differ(eventstore::difference found) {
  if (outcome_.difference) return;
  found.entity = definition_.name;
  outcome_.difference = std::move(found);
}

// Rows come in the order of their ids, and no more of them than the bound lets pass: who comes behind it is
// cut off, and begins the next page.
std::string stretch_verifier::page_sql(bool has_upper) const {
  std::string inner, outer;
  for (std::size_t i = 0; i < compared_.size(); ++i) {
    const std::string alias = "c" + std::to_string(i);
    inner += ", r." + quote_identifier(compared_[i].first) + " AS " + alias;
    outer += ", " + comparable("p." + alias, compared_[i].second);
  }
  const std::string events_upper = has_upper ? " AND i.record_id <= $3" : "";
  const std::string rows_upper = has_upper ? " AND t.id <= $3" : "";
  const std::string is_known = checks_.branches_since.empty()
                                   ? "true"
                                   : "p.recorded_at > " + quote_literal(checks_.branches_since) +
                                         "::timestamptz + interval '1 minute'";
  return "SELECT p.record_id, p.position, p.version, p.action, p.data, CASE WHEN " + is_known +
         " THEN coalesce(p.branch, '') END, p.row_id, "
         "CASE WHEN p.row_doc::text IS DISTINCT FROM p.data::text THEN p.row_doc END, coalesce(p.before, 0)" +
         outer +
         " FROM (SELECT l.record_id, l.position, l.version, l.action, l.recorded_at, l.branch, l.data, r.id "
         "AS "
         "row_id, r.doc AS "
         "row_doc, coalesce(l.record_id, r.id) AS place, sum(coalesce(octet_length(l.data::text), 0) + "
         "coalesce(octet_length(r.doc::text), 0)) OVER (ORDER BY coalesce(l.record_id, r.id) ROWS BETWEEN "
         "UNBOUNDED PRECEDING AND 1 PRECEDING) AS before" +
         inner +
         " FROM (SELECT ids.record_id, e.position, e.version, e.action, e.recorded_at, e.branch, e.data FROM "
         "(SELECT DISTINCT i.record_id FROM synclog.events AS i WHERE i.entity = $1 AND i.record_id > $2" +
         events_upper +
         ") AS ids CROSS JOIN LATERAL (SELECT * FROM synclog.events AS e WHERE e.entity = $1 AND "
         "e.record_id = ids.record_id ORDER BY e.version DESC LIMIT 1) AS e) AS l "
         "FULL JOIN (SELECT * FROM " +
         qualified_table(definition_.table) + " AS t WHERE t.id > $2" + rows_upper +
         ") AS r ON r.id = l.record_id) AS p WHERE coalesce(p.before, 0) < " +
         std::to_string(most_page_bytes) + " ORDER BY p.place";
}

stretch_outcome stretch_verifier::verify(std::string after, const std::optional<std::string>& upper) {
  outcome_ = {};
  while (auto next = verify_page(after, upper))
    after = std::move(*next);
  return std::move(outcome_);
}

std::optional<std::string> stretch_verifier::verify_page(const std::string& after,
                                                         const std::optional<std::string>& upper) {
  std::vector<std::optional<std::string>> values = {definition_.name, after};
  if (upper) values.push_back(upper);
  const pg::rows page = db_.run(page_sql(upper.has_value()), values);
  outcome_.records += static_cast<std::size_t>(page.size());
  for (int row = 0; row < page.size() && !outcome_.difference; ++row) {
    if (!page.is_null(row, event_data)) outcome_.bytes += page.text(row, event_data).size();
    verify_row(page, row);
  }
  if (page.size() == 0 || outcome_.difference) return std::nullopt;
  const int last = page.size() - 1;
  std::size_t bytes = static_cast<std::size_t>(page.int8(last, bytes_before));
  const std::size_t data = page.is_null(last, event_data) ? 0 : page.text(last, event_data).size();
  bytes += data;
  if (!page.is_null(last, row_id))
    bytes += page.is_null(last, row_doc) ? data : page.text(last, row_doc).size();
  if (bytes < most_page_bytes) return std::nullopt; // nothing was cut off
  return std::string(page.text(last, page.is_null(last, event_id) ? row_id : event_id));
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
  if (!definition_.search_fields.empty() && checks_.texts == search_texts::compared)
    computed_.emplace_back(block_.search_texts()[0]);
  for (std::size_t i = 0; i < compared_.size(); ++i) {
    const int column = first_compared + static_cast<int>(i);
    cell stored;
    if (!page.is_null(row, column)) stored = page.text(row, column);
    if (stored != computed_[i])
      return report_field(page, row, compared_[i].first, std::string(stored.value_or("NULL")),
                          std::string(computed_[i].value_or("NULL")));
  }
  if (!page.is_null(row, row_doc))
    return report_field(page, row, "doc", std::string(page.text(row, row_doc)), std::string(data));
  compare_branch(page, row);
}

// Streams and rights follow the event's branch, lists the data's: who can compute hashes could part them.
void stretch_verifier::compare_branch(const pg::rows& page, int row) {
  if (page.is_null(row, event_branch)) return;
  const std::string_view stored = page.text(row, event_branch);
  std::string_view computed;
  if (definition_.branch_field)
    computed = block_.fields()[*definition_.branch_field][0].value_or(std::string_view());
  if (stored == computed) return;
  differ({{page.int8(row, event_position)},
          "branch",
          fmt::format("position {}: {} {} has branch \"{}\", its data says \"{}\"",
                      page.text(row, event_position), definition_.name, page.text(row, event_id), stored,
                      computed),
          {},
          std::string(page.text(row, event_id)),
          "branch",
          std::string(stored),
          std::string(computed)});
}

} // namespace synclog::projections
