// On the append's path: values without escapes are views into the doc, nothing is copied until the statement
// is built.
#include "projections/column_block.hpp"
#include "core/clock.hpp"
#include "core/record.hpp"
#include "core/text_fold.hpp"
#include "projections/layout.hpp"
#include <charconv>

namespace synclog::projections {

struct column_block::head {
  std::string_view id;
  std::int64_t version = 0, position = 0, created_at = 0, updated_at = 0;
};

namespace {

constexpr std::size_t head_members = 5;
constexpr std::string_view head_names[head_members] = {"id", "version", "position", "created_at",
                                                       "updated_at"};

bool read_number(std::string_view token, std::int64_t& out) {
  const char* const end = token.data() + token.size();
  const auto read = std::from_chars(token.data(), end, out);
  return read.ec == std::errc{} && read.ptr == end;
}

bool read_moment(std::string_view token, std::int64_t& out) {
  if (token.size() < 2 || token.front() != '"') return false;
  const auto moment = core::parse_rfc3339(token.substr(1, token.size() - 2));
  if (!moment) return false;
  out = moment->micros;
  return true;
}

bool is_plain_string(std::string_view token) {
  return token.size() >= 2 && token.front() == '"' && token.find('\\') == std::string_view::npos;
}

} // namespace

bool is_first_version(std::string_view doc) {
  constexpr std::string_view begins = "{\"id\":\"", follows = ",\"version\":1,";
  if (!doc.starts_with(begins)) return false;
  std::size_t at = begins.size();
  while (at < doc.size() && doc[at] != '"')
    at += doc[at] == '\\' ? 2 : 1;
  return at < doc.size() && doc.substr(at + 1).starts_with(follows);
}

column_block::column_block(const core::entity& definition)
    : definition_(&definition), fields_(definition.fields.size()) {}

void column_block::clear() {
  for (auto* texts : {&ids_, &search_texts_, &docs_})
    texts->clear();
  for (auto* numbers : {&versions_, &positions_, &created_at_, &updated_at_})
    numbers->clear();
  for (text_column& column : fields_)
    column.clear();
  kept_.clear();
  bytes_ = 0;
}

std::string_view column_block::keep(std::string text) {
  return kept_.emplace_back(std::move(text));
}

// Finds the bookkeeping and each field's JSON text. Fields that the text lacks are null, members that the
// definition does not know are skipped: the event may be older than the definition.
bool column_block::read_head(std::string_view doc, head& out, std::vector<std::string_view>& values) {
  if (!core::json::split_object(doc, members_) || members_.size() < head_members) return false;
  for (std::size_t i = 0; i < head_members; ++i)
    if (members_[i].name != head_names[i]) return false;
  const std::string_view id = members_[0].value;
  if (id.size() < 2 || id.front() != '"') return false;
  if (!read_number(members_[1].value, out.version) || !read_number(members_[2].value, out.position) ||
      !read_moment(members_[3].value, out.created_at) || !read_moment(members_[4].value, out.updated_at))
    return false;
  out.id = is_plain_string(id) ? id.substr(1, id.size() - 2) : keep(core::json::unquote(id));

  const std::size_t field_count = definition_->fields.size();
  values.assign(field_count, "null");
  std::size_t expected = 0; // stored records have the fields in the definition's order
  for (std::size_t i = head_members; i < members_.size(); ++i) {
    const core::json::slice& member = members_[i];
    if (expected < field_count && definition_->fields[expected].name == member.name) {
      values[expected++] = member.value;
    } else if (const auto index = definition_->field_index(member.name)) {
      values[*index] = member.value;
      expected = *index + 1;
    }
  }
  return true;
}

void column_block::add_search_text(const std::vector<std::string_view>& values) {
  core::field_texts texts(values.size()); // the fold looks at the search fields only
  for (const std::size_t index : definition_->search_fields)
    texts.set(index, values[index]);
  search_texts_.push_back(keep(core::search_text(*definition_, texts)));
}

bool column_block::add(std::string_view doc) {
  head read;
  if (!read_head(doc, read, values_)) return false;
  ids_.push_back(read.id);
  versions_.push_back(read.version);
  positions_.push_back(read.position);
  created_at_.push_back(read.created_at);
  updated_at_.push_back(read.updated_at);
  for (std::size_t i = 0; i < values_.size(); ++i) {
    const std::string_view token = values_[i];
    if (token == "null") {
      fields_[i].emplace_back(std::nullopt);
      continue;
    }
    const bool is_string = token.front() == '"';
    if (!is_string || !is_ordered(definition_->fields[i].type))
      fields_[i].emplace_back(token); // numbers and words as they are; a json column takes the JSON text
    else if (is_plain_string(token))
      fields_[i].emplace_back(token.substr(1, token.size() - 2));
    else
      fields_[i].emplace_back(keep(core::field_plain_text(token)));
  }
  if (!definition_->search_fields.empty()) add_search_text(values_);
  docs_.push_back(doc);
  bytes_ += doc.size();
  return true;
}

} // namespace synclog::projections
