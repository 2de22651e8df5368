// A query becomes a short list of columns with what is asked of each, in the order in which records have
// them, so that one pass over a record answers: it ends at the first condition that fails, or behind the last
// column that matters.
#include "projections/live_filter.hpp"
#include "core/chain.hpp"
#include "core/json.hpp"
#include "core/text_fold.hpp"
#include "projections/live_value.hpp"
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <tuple>

namespace synclog::projections {

namespace json = core::json;

namespace {

// Where a record has a column.
std::size_t place_of(const core::entity& definition, std::string_view name) {
  constexpr std::string_view head[] = {"id", "version", "position", "created_at", "updated_at"};
  const auto known = std::find(std::begin(head), std::end(head), name);
  if (known != std::end(head)) return static_cast<std::size_t>(known - std::begin(head));
  return std::size(head) + definition.field_index(name).value();
}

void append_value(std::string& out, std::string_view value) {
  fmt::format_to(std::back_inserter(out), "={}:{}", value.size(), value);
}

void sort_unique(std::vector<std::string>& values) {
  std::sort(values.begin(), values.end());
  values.erase(std::unique(values.begin(), values.end()), values.end());
}

} // namespace

live_filter::live_filter(const list_query& query) : definition_(query.definition) {
  for (const list_filter& filter : query.filters) {
    condition asked{filter.op, filter.values, false};
    asked.names_none = std::erase(asked.values, "") > 0;
    sort_unique(asked.values);
    if (filter.op != comparison::equal && filter.values.size() != 1)
      core::invariant_broken("a comparison with several values");
    column_named(filter.column).conditions.push_back(std::move(asked));
  }
  add_search(query.search);
  add_scope(query.caller);
  finish();
}

live_filter::column& live_filter::column_named(const core::column_ref& wanted) {
  for (column& known : columns_)
    if (known.name == wanted.name) return known;
  column& added = columns_.emplace_back();
  added.name = wanted.name;
  added.type = wanted.type;
  return added;
}

void live_filter::add_search(const std::string& folded) {
  search_ = folded;
  across_fields_ = folded.find(core::search_separator) != std::string::npos;
  if (folded.empty() || across_fields_) return;
  // What cannot span two fields is in one of them.
  for (const std::size_t index : definition_->search_fields)
    column_named(*definition_->column(definition_->fields[index].name)).is_searched = true;
}

// A record with an empty branch has none: it is for callers of all branches only.
void live_filter::add_scope(const core::scope& caller) {
  if (caller.all_branches) return;
  condition asked{comparison::equal, caller.branches, false};
  std::erase(asked.values, "");
  sort_unique(asked.values);
  is_empty_ = asked.values.empty() || !definition_->branch_field;
  scope_ = "&scope";
  if (is_empty_) return;
  for (const std::string& branch : asked.values)
    append_value(scope_, branch);
  const core::field& branch_field = definition_->fields[*definition_->branch_field];
  column_named(*definition_->column(branch_field.name)).conditions.push_back(std::move(asked));
}

void live_filter::finish() {
  std::sort(columns_.begin(), columns_.end(), [&](const column& a, const column& b) {
    return place_of(*definition_, a.name) < place_of(*definition_, b.name);
  });
  for (column& each : columns_) {
    auto& all = each.conditions;
    std::sort(all.begin(), all.end(), [](const condition& a, const condition& b) {
      return std::tie(a.op, a.names_none, a.values) < std::tie(b.op, b.names_none, b.values);
    });
    all.erase(std::unique(all.begin(), all.end()), all.end());
    each.passes_null = std::all_of(all.begin(), all.end(), [&](const condition& asked) {
      return holds(asked, each.type, std::nullopt);
    });
    if (!each.passes_null) ++not_null_;
    if (!all.empty()) ++filtered_;
  }
  key_ = describe();
}

// Lengths before the texts: no value can look like another query's.
std::string live_filter::describe() const {
  std::string text = definition_->name + "@" + core::to_hex(definition_->fingerprint);
  if (is_empty_) return text + "&nothing";
  for (const column& each : columns_)
    for (const condition& asked : each.conditions) {
      fmt::format_to(std::back_inserter(text), "&{}[{}]", each.name, static_cast<int>(asked.op));
      if (asked.names_none) append_value(text, "");
      for (const std::string& value : asked.values)
        append_value(text, value);
    }
  if (!search_.empty()) {
    text += "&search";
    append_value(text, search_);
  }
  return text + scope_;
}

bool live_filter::holds(const condition& asked, core::field_type type,
                        std::optional<std::string_view> value) {
  const bool is_none = !value || (type == core::field_type::text && value->empty());
  switch (asked.op) {
  case comparison::equal:
    if (is_none && asked.names_none) return true;
    return value && std::binary_search(asked.values.begin(), asked.values.end(), *value, std::less<>());
  case comparison::not_equal:
    if (asked.names_none) return !is_none;
    return !value || *value != asked.values.front();
  case comparison::less:
    return value && compare_values(type, *value, asked.values.front()) < 0;
  case comparison::less_equal:
    return value && compare_values(type, *value, asked.values.front()) <= 0;
  case comparison::greater:
    return value && compare_values(type, *value, asked.values.front()) > 0;
  case comparison::greater_equal:
    return value && compare_values(type, *value, asked.values.front()) >= 0;
  }
  core::invariant_broken("a comparison that nobody makes");
}

bool live_filter::passes(const column& asked, std::string_view json_text) {
  std::string scratch;
  const auto value = column_value(asked.type, json_text, scratch);
  return std::all_of(asked.conditions.begin(), asked.conditions.end(),
                     [&](const condition& each) { return holds(each, asked.type, value); });
}

// The columns come in the record's order; records of an older definition may have another.
const live_filter::column* live_filter::find(std::string_view name, std::size_t& expected) const {
  if (expected < columns_.size() && columns_[expected].name == name) return &columns_[expected++];
  for (std::size_t i = 0; i < columns_.size(); ++i)
    if (columns_[i].name == name) {
      expected = i + 1;
      return &columns_[i];
    }
  return nullptr;
}

bool live_filter::holds_search(std::string_view json_text) const {
  thread_local std::string folded; // as long as the longest text so far, which records bound
  folded.clear();
  core::append_search_part(folded, json_text);
  return folded.find(search_) != std::string::npos;
}

bool live_filter::holds_search_across_fields(std::string_view doc) const {
  core::field_texts texts(definition_->fields.size());
  json::member_reader members(doc);
  for (json::slice member; members.next(member);)
    if (const auto index = definition_->field_index(member.name)) texts.set(*index, member.value);
  return members.whole() && core::search_text(*definition_, texts).find(search_) != std::string::npos;
}

bool live_filter::matches(std::string_view doc) const {
  if (is_empty_) return false;
  if (columns_.empty() && !across_fields_) return true;
  bool found = search_.empty() || across_fields_;
  std::array<std::string_view, 8> later; // to be searched when the conditions, which cost less, hold
  std::size_t later_count = 0, seen = 0, seen_filtered = 0, seen_not_null = 0, expected = 0;
  json::member_reader members(doc);
  for (json::slice member; seen < columns_.size() && !(found && seen_filtered == filtered_);) {
    if (!members.next(member)) {
      if (!members.whole() || seen_not_null != not_null_) return false; // what the record lacks is null
      break;
    }
    const column* const asked = find(member.name, expected);
    if (asked == nullptr) continue;
    ++seen;
    if (!asked->conditions.empty()) {
      if (!passes(*asked, member.value)) return false;
      ++seen_filtered;
      if (!asked->passes_null) ++seen_not_null;
    }
    if (found || !asked->is_searched) continue;
    if (seen_filtered == filtered_ || later_count == later.size())
      found = holds_search(member.value);
    else
      later[later_count++] = member.value;
  }
  for (std::size_t i = 0; i < later_count && !found; ++i)
    found = holds_search(later[i]);
  return found && (!across_fields_ || holds_search_across_fields(doc));
}

} // namespace synclog::projections
