// Which column feeds what, and rows to records by that plan.
#include "core/csv.hpp"
#include "core/csv_scan.hpp"
#include "core/field_value.hpp"
#include "core/json.hpp"
#include <algorithm>
#include <array>
#include <map>
#include <set>

namespace synclog::core::csv {

namespace {

constexpr std::array<std::string_view, 4> bookkeeping_names{"version", "position", "created_at",
                                                            "updated_at"};

std::string lowered(std::string_view text) {
  std::string lower(text);
  for (char& each : lower)
    if (each >= 'A' && each <= 'Z') each = static_cast<char>(each | 0x20);
  return lower;
}

} // namespace

// Fills a plan column by column; earlier decisions win.
class plan_maker {
 public:
  plan_maker(const entity& definition, const std::vector<std::string>& header)
      : definition_(definition), header_(header) {
    plan_.definition_ = &definition;
    plan_.columns_.resize(header.size());
    decided_.resize(header.size());
    for (std::size_t at = 0; at < header.size(); ++at)
      columns_by_name_.emplace(lowered(header[at]), at); // the first of equal names
  }

  std::optional<problem> apply_overrides(const std::vector<std::pair<std::string, std::string>>& overrides) {
    for (const auto& [column_name, target] : overrides) {
      const auto column = column_named(column_name);
      if (!column)
        return refuse("map names the column \"" + column_name + "\", which the file does not have");
      if (decided_[*column]) return refuse("map names the column \"" + column_name + "\" twice");
      const auto field = definition_.field_or_alias(target);
      if (!field && target != "id")
        return refuse("map names \"" + target + "\", which is no field of " + definition_.name);
      const bool placed = field ? feed_field(*column, *field) : feed_id(*column);
      if (!placed) return refuse("map names \"" + target + "\" for two columns");
    }
    return std::nullopt;
  }

  // True when the definition's own map applies.
  bool apply_csv_mapping() {
    if (!definition_.csv || !column_named(definition_.csv->key_column)) return false;
    for (const auto& [column_name, field_name] : definition_.csv->columns) {
      const auto column = column_named(column_name);
      if (column && !decided_[*column]) feed_field(*column, *definition_.field_index(field_name));
    }
    return true;
  }

  void match_names() {
    std::map<std::string, std::size_t> fields;
    for (std::size_t index = 0; index < definition_.fields.size(); ++index)
      fields.emplace(definition_.fields[index].name, index);
    match(fields);
    std::map<std::string, std::size_t> aliases;
    for (const auto& [alias, field_name] : definition_.aliases)
      aliases.emplace(lowered(alias), *definition_.field_index(field_name));
    match(aliases);
    for (std::size_t at = 0; at < header_.size(); ++at) {
      if (decided_[at]) continue;
      if (lowered(header_[at]) == "id") feed_id(at);
      // Only as we write them ourselves: an export of another system may well have a POSITION of its own.
      if (std::find(bookkeeping_names.begin(), bookkeeping_names.end(), header_[at]) !=
          bookkeeping_names.end())
        decided_[at] = true;
    }
  }

  std::optional<problem> send_others_to_rest() {
    std::set<std::string> used;
    for (std::size_t at = 0; at < header_.size(); ++at) {
      if (decided_[at]) continue;
      column_plan::column& column = plan_.columns_[at];
      column.unnamed = header_[at].empty();
      if (!definition_.rest_field && column.unnamed) continue;
      if (!definition_.rest_field)
        return refuse("the column \"" + header_[at] + "\" is no field of " + definition_.name);
      const std::string name = column.unnamed ? "column_" + std::to_string(at + 1) : header_[at];
      std::string unique_name = name;
      for (int copy = 2; !used.insert(unique_name).second; ++copy)
        unique_name = name + " (" + std::to_string(copy) + ")";
      column.to = column_plan::target::rest;
      column.rest_key = json::quoted(unique_name) + ":";
    }
    return std::nullopt;
  }

  column_plan finish(bool own_export) {
    plan_.own_export_ = own_export;
    return std::move(plan_);
  }

 private:
  static problem refuse(std::string detail) {
    return make_problem(problem_code::bad_request, std::move(detail));
  }

  std::optional<std::size_t> column_named(std::string_view name) const {
    const auto exact = std::find(header_.begin(), header_.end(), name);
    if (exact != header_.end()) return static_cast<std::size_t>(exact - header_.begin());
    const auto found = columns_by_name_.find(lowered(name));
    if (found == columns_by_name_.end()) return std::nullopt;
    return found->second;
  }

  bool feed_field(std::size_t column, std::size_t field) {
    if (!fed_fields_.insert(field).second) return false;
    plan_.columns_[column].to = column_plan::target::field;
    plan_.columns_[column].field_index = field;
    decided_[column] = true;
    return true;
  }

  bool feed_id(std::size_t column) {
    if (id_fed_) return false;
    id_fed_ = true;
    plan_.columns_[column].to = column_plan::target::id;
    decided_[column] = true;
    return true;
  }

  void match(const std::map<std::string, std::size_t>& fields_by_name) {
    for (std::size_t at = 0; at < header_.size(); ++at) {
      if (decided_[at]) continue;
      const auto found = fields_by_name.find(lowered(header_[at]));
      if (found != fields_by_name.end()) feed_field(at, found->second);
    }
  }

  const entity& definition_;
  const std::vector<std::string>& header_;
  column_plan plan_;
  std::vector<bool> decided_;
  std::map<std::string, std::size_t> columns_by_name_;
  std::set<std::size_t> fed_fields_;
  bool id_fed_ = false;
};

namespace {

bool is_export_header(const entity& definition, const std::vector<std::string>& header) {
  if (header.size() != definition.fields.size() + 1 || header.front() != "id") return false;
  return std::equal(header.begin() + 1, header.end(), definition.fields.begin(),
                    [](const std::string& name, const field& each) { return name == each.name; });
}

} // namespace

result<column_plan> column_plan::make(const entity& definition, const std::vector<std::string>& header,
                                      const std::vector<std::pair<std::string, std::string>>& overrides,
                                      const dialect& found) {
  plan_maker maker(definition, header);
  if (auto refused = maker.apply_overrides(overrides)) return *std::move(refused);
  if (!maker.apply_csv_mapping()) maker.match_names();
  if (auto refused = maker.send_others_to_rest()) return *std::move(refused);
  return maker.finish(overrides.empty() && found.delimiter == ',' && is_export_header(definition, header));
}

namespace {

// Collects one row's record and all that is wrong with it.
class row_reader {
 public:
  row_reader(const entity& definition, const row& source) : definition_(definition), source_(source) {
    made_.fields = field_texts(definition.fields.size());
    std::size_t bytes = 64;
    for (const std::string& cell : source.cells)
      bytes += cell.size() + 16;
    made_.fields.reserve(bytes);
  }

  void read_field(std::size_t column, std::size_t field_index, std::string_view cell, bool own_export) {
    const field& target = definition_.fields[field_index];
    if (cell.empty()) {
      if (!own_export) return;
      const bool empty_text = target.type == field_type::text && source_.quoted[column];
      return made_.fields.set(field_index, empty_text ? "\"\"" : "null");
    }
    scratch_.clear();
    if (auto error = append_canonical_text(scratch_, target, cell))
      report(column, "/" + target.name + error->pointer, std::move(error->detail));
    else
      made_.fields.set(field_index, scratch_);
  }

  void read_id(std::size_t column, std::string_view cell) {
    if (cell.empty()) return;
    if (is_valid_record_id(cell))
      made_.id = std::string(cell);
    else
      report(column, "/id", "must be 1 to 255 bytes without / and control characters, and not . or ..");
  }

  void add_rest(const std::string& key, std::string_view cell) {
    rest_ += rest_.empty() ? '{' : ',';
    rest_ += key;
    json::append_string(rest_, cell);
  }

  result<input_record> finish() {
    if (!rest_.empty()) finish_rest();
    if (errors_.empty()) return std::move(made_);
    problem refused =
        make_problem(problem_code::invalid, errors_.front().pointer + ": " + errors_.front().detail);
    refused.errors = std::move(errors_);
    refused.place = text_place{source_.line, first_wrong_column_};
    return refused;
  }

 private:
  void report(std::size_t column, std::string pointer, std::string detail) {
    if (errors_.empty()) first_wrong_column_ = column + 1;
    errors_.push_back({std::move(pointer), std::move(detail)});
  }

  // The file may have a column for the rest object itself and others besides.
  void finish_rest() {
    rest_ += '}';
    const std::size_t index = *definition_.rest_field;
    if (!made_.fields.has(index) || made_.fields.is_null(index)) return made_.fields.set(index, rest_);
    const auto merged = json::merge_patch(made_.fields.get(index), rest_);
    if (!merged) return report(0, "/" + definition_.fields[index].name, merged.error().detail);
    made_.fields.set(index, *merged);
  }

  const entity& definition_;
  const row& source_;
  input_record made_;
  std::string rest_;
  std::string scratch_;
  std::vector<field_error> errors_;
  std::uint64_t first_wrong_column_ = 0;
};

} // namespace

result<input_record> column_plan::to_record(const row& source) const {
  if (source.defect) return *source.defect;
  row_reader reading(*definition_, source);
  for (std::size_t at = 0; at < columns_.size(); ++at) {
    const column& each = columns_[at];
    std::string_view cell = source.cells[at];
    switch (each.to) {
    case target::field: {
      const bool guarded = own_export_ && definition_->fields[each.field_index].type == field_type::text &&
                           cell.starts_with('\'') && begins_like_formula(cell);
      if (guarded) cell.remove_prefix(1);
      reading.read_field(at, each.field_index, cell, own_export_);
      break;
    }
    case target::id:
      if (own_export_ && cell.starts_with('\'') && begins_like_formula(cell)) cell.remove_prefix(1);
      reading.read_id(at, cell);
      break;
    case target::rest:
      if (!each.unnamed || !cell.empty()) reading.add_rest(each.rest_key, cell);
      break;
    case target::ignored:
      break;
    }
  }
  return reading.finish();
}

} // namespace synclog::core::csv
