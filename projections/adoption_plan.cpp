// See adoption_plan.hpp. The plan of a CSV file decides twice: over all columns, where each goes; over those
// that feed fields, what a row's record is. What goes to the rest object keeps its type, which a file has
// not.
#include "projections/adoption_plan.hpp"

#include "core/json.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace synclog::projections {

using core::csv::column_plan;

namespace {

constexpr std::size_t max_example_bytes = 40;

core::problem refuse(std::string detail) {
  return core::make_problem(core::problem_code::bad_request, std::move(detail));
}

// No header of an export of ours has this delimiter, so a ' at the start of a value is never taken away.
core::csv::dialect table_dialect() {
  core::csv::dialect made;
  made.delimiter = '\t';
  return made;
}

// A cell as JSON; numbers that JSON cannot say (NaN, infinity) as texts.
core::result<std::string> json_of(cell_kind kind, const std::string& cell) {
  std::string made;
  if (kind == cell_kind::text) {
    core::json::append_string(made, cell);
    return made;
  }
  const auto parsed = core::json::parse(cell);
  if (!parsed && kind == cell_kind::json) return parsed.error();
  if (!parsed) {
    core::json::append_string(made, cell);
    return made;
  }
  if (!parsed->defects().empty())
    return core::invalid_field(parsed->defects().front().pointer, parsed->defects().front().detail);
  core::json::append_value(made, parsed->root());
  return made;
}

std::string shortened(std::string text) {
  for (char& c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  if (text.size() <= max_example_bytes) return text;
  auto end = max_example_bytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80)
    --end;
  return text.substr(0, end) + "…";
}

} // namespace

core::result<adoption_plan> adoption_plan::make(const core::entity& definition,
                                                std::vector<source_column> columns,
                                                const adoption_options& options) {
  adoption_plan made;
  made.definition_ = &definition;
  made.columns_ = std::move(columns);
  made.branch_ = options.branch;
  if (!options.branch.empty() && !definition.branch_field)
    return refuse(fmt::format("{} has no branch", definition.name));
  for (const auto& name : options.skip)
    if (std::none_of(made.columns_.begin(), made.columns_.end(),
                     [&](const source_column& each) { return each.name == name; }))
      return refuse(fmt::format("--skip names the column \"{}\", which the table does not have", name));
  std::vector<std::string> kept, mapped;
  const auto skips = [&](const source_column& column) {
    return std::find(options.skip.begin(), options.skip.end(), column.name) != options.skip.end();
  };
  for (const auto& column : made.columns_)
    if (!skips(column)) kept.push_back(column.name);
  const auto whole = column_plan::make(definition, kept, options.map, table_dialect());
  if (!whole) return whole.error();
  std::size_t at = 0;
  for (const auto& column : made.columns_) {
    const bool taken = !skips(column);
    made.targets_.push_back(taken ? whole->target_of(at) : column_plan::target::ignored);
    made.fields_.push_back(taken ? whole->field_of(at) : 0);
    at += taken ? 1 : 0;
    if (made.targets_.back() == column_plan::target::field || made.targets_.back() == column_plan::target::id)
      mapped.push_back(column.name);
  }
  // By name, so that the second plan decides as the first did, whatever columns it does not see.
  std::vector<std::pair<std::string, std::string>> decided;
  for (std::size_t index = 0; index < made.columns_.size(); ++index) {
    if (made.targets_[index] == column_plan::target::id)
      decided.emplace_back(made.columns_[index].name, "id");
    if (made.targets_[index] == column_plan::target::field)
      decided.emplace_back(made.columns_[index].name, definition.fields[made.fields_[index]].name);
  }
  auto plan = column_plan::make(definition, mapped, decided, table_dialect());
  if (!plan) return plan.error();
  made.mapped_ = std::move(*plan);
  return made;
}

std::string adoption_plan::branch_json() const {
  return core::json::quoted(branch_);
}

// "" when no column goes there.
core::result<std::string> adoption_plan::rest_of(const source_row& row) const {
  std::string rest;
  for (std::size_t index = 0; index < columns_.size(); ++index) {
    if (targets_[index] != column_plan::target::rest || !row.cells[index]) continue;
    const auto value = json_of(columns_[index].kind, *row.cells[index]);
    if (!value) {
      const auto& rest_name = definition_->fields[*definition_->rest_field].name;
      const auto detail =
          value.error().errors.empty() ? value.error().detail : value.error().errors.front().detail;
      return core::invalid_field("/" + rest_name + "/" + core::json::pointer_segment(columns_[index].name),
                                 detail);
    }
    rest += rest.empty() ? '{' : ',';
    core::json::append_string(rest, columns_[index].name);
    rest += ':';
    rest += *value;
  }
  if (!rest.empty()) rest += '}';
  return rest;
}

core::result<core::input_record> adoption_plan::to_record(const source_row& row) const {
  core::csv::row mapped;
  for (std::size_t index = 0; index < columns_.size(); ++index)
    if (targets_[index] == column_plan::target::field || targets_[index] == column_plan::target::id)
      mapped.cells.push_back(row.cells[index].value_or(""));
  mapped.quoted.assign(mapped.cells.size(), false);
  auto record = mapped_.to_record(mapped);
  auto rest = rest_of(row);
  if (!record || !rest) {
    auto why = record ? rest.error() : record.error();
    if (!record && !rest)
      for (auto more = rest.error(); auto& error : more.errors)
        why.errors.push_back(std::move(error));
    why.place.reset(); // of a file
    return why;
  }
  if (record->id.empty()) {
    if (!core::is_valid_record_id(row.key))
      return core::invalid_field("/id", "the key cannot be the id of a record");
    record->id = row.key;
  }
  auto& fields = record->fields;
  if (!rest->empty()) {
    const auto index = *definition_->rest_field;
    const bool joined = fields.has(index) && !fields.is_null(index);
    const auto merged = joined ? core::json::merge_patch(fields.get(index), *rest) : *rest;
    if (!merged) return merged.error();
    fields.set(index, *merged);
  }
  const auto branch = definition_->branch_field;
  if (!branch_.empty() && branch && (!fields.has(*branch) || fields.is_null(*branch)))
    fields.set(*branch, branch_json());
  return record;
}

std::vector<column_guess> adoption_plan::guesses(std::span<const source_row> sample) const {
  std::vector<column_guess> all;
  std::map<std::string, std::pair<int, std::string>> wrong; // field -> rows, the first detail
  for (const auto& row : sample) {
    const auto record = to_record(row);
    if (record) continue;
    const auto why = record.error();
    for (const auto& error : why.errors) {
      auto& [rows, detail] = wrong[error.pointer];
      if (++rows == 1) detail = error.detail;
    }
  }
  for (std::size_t index = 0; index < columns_.size(); ++index) {
    column_guess guess;
    guess.column = columns_[index].name;
    guess.type = columns_[index].type;
    std::string pointer = "/id";
    switch (targets_[index]) {
    case column_plan::target::field:
      guess.field = definition_->fields[fields_[index]].name;
      pointer = "/" + guess.field;
      break;
    case column_plan::target::id:
      guess.field = "id";
      break;
    case column_plan::target::rest:
      guess.field = definition_->fields[*definition_->rest_field].name + "." + guess.column;
      pointer = "/" + definition_->fields[*definition_->rest_field].name + "/" +
                core::json::pointer_segment(guess.column);
      break;
    case column_plan::target::ignored:
      guess.remark = "not taken";
      pointer = "-";
      break;
    }
    for (const auto& row : sample)
      if (guess.example.empty() && row.cells[index]) guess.example = shortened(*row.cells[index]);
    if (const auto found = wrong.find(pointer); found != wrong.end())
      guess.remark = fmt::format("{} of the first {} rows: {}", found->second.first, sample.size(),
                                 found->second.second);
    else if (columns_[index].zoneless && guess.remark.empty())
      guess.remark = "without a zone: taken as UTC";
    all.push_back(std::move(guess));
  }
  return all;
}

} // namespace synclog::projections
