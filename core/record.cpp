// Stored bytes to record and back. Both stand on the committer's path, so neither builds a tree.
#include "core/record.hpp"
#include "core/json.hpp"
#include <array>
#include <charconv>

namespace synclog::core {

namespace {

void append_number(std::string& out, std::int64_t number) {
  std::array<char, 24> digits{};
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

bool read_text(std::string_view token, std::string& out) {
  if (token.size() < 2 || token.front() != '"') return false;
  out = json::unquote(token);
  return true;
}

bool read_number(std::string_view token, std::int64_t& out) {
  const char* const end = token.data() + token.size();
  const auto read = std::from_chars(token.data(), end, out);
  return read.ec == std::errc{} && read.ptr == end;
}

bool read_moment(std::string_view token, timestamp& out) {
  if (token.size() < 2 || token.front() != '"') return false;
  const auto moment = parse_rfc3339(token.substr(1, token.size() - 2));
  if (!moment) return false;
  out = *moment;
  return true;
}

// Which bookkeeping members have been read, one bit each.
enum head_bit : unsigned { has_id = 1, has_version = 2, has_position = 4, has_created = 8, has_updated = 16 };
constexpr unsigned whole_head = has_id | has_version | has_position | has_created | has_updated;

// Takes a bookkeeping member. False when its value is none; `seen` tells whether the name was one.
bool read_head_member(const json::slice& member, record_head& head, unsigned& seen) {
  if (member.name == "id") {
    seen |= has_id;
    return read_text(member.value, head.id);
  }
  if (member.name == "version") {
    seen |= has_version;
    return read_number(member.value, head.version);
  }
  if (member.name == "position") {
    seen |= has_position;
    return read_number(member.value, head.position.value);
  }
  if (member.name == "created_at") {
    seen |= has_created;
    return read_moment(member.value, head.created_at);
  }
  if (member.name == "updated_at") {
    seen |= has_updated;
    return read_moment(member.value, head.updated_at);
  }
  return true;
}

} // namespace

std::string encode_record(const entity& definition, const record_head& head, const field_texts& fields) {
  std::string doc;
  std::size_t bytes = 192 + head.id.size();
  for (std::size_t index = 0; index < definition.fields.size(); ++index)
    bytes += definition.fields[index].name.size() + 8 + (fields.has(index) ? fields.get(index).size() : 0);
  doc.reserve(bytes);
  doc += R"({"id":)";
  json::append_string(doc, head.id);
  doc += R"(,"version":)";
  append_number(doc, head.version);
  doc += R"(,"position":)";
  append_number(doc, head.position.value);
  doc += R"(,"created_at":")";
  append_rfc3339(doc, head.created_at);
  doc += R"(","updated_at":")";
  append_rfc3339(doc, head.updated_at);
  doc.push_back('"');
  for (std::size_t index = 0; index < definition.fields.size(); ++index) {
    // Field names are plain identifiers: nothing to escape.
    doc += ",\"";
    doc += definition.fields[index].name;
    doc += "\":";
    if (fields.has(index))
      doc += fields.get(index);
    else
      doc += "null";
  }
  doc.push_back('}');
  return doc;
}

result<record> decode_record(const entity& definition, std::string_view doc) {
  thread_local std::vector<json::slice> members;
  if (!json::split_object(doc, members))
    return make_problem(problem_code::malformed, "the text is no record");
  const std::size_t field_count = definition.fields.size();
  record decoded{{}, field_texts(field_count)};
  decoded.fields.reserve(doc.size() + field_count * 4);
  unsigned seen = 0;
  std::size_t expected = 0; // stored records have the fields in the definition's order
  for (const json::slice& member : members) {
    if (expected < field_count && definition.fields[expected].name == member.name) {
      decoded.fields.set(expected++, member.value);
      continue;
    }
    if (const auto index = definition.field_index(member.name)) {
      decoded.fields.set(*index, member.value);
      expected = *index + 1;
    } else if (!read_head_member(member, decoded.head, seen)) {
      return make_problem(problem_code::malformed,
                          "the record's \"" + std::string(member.name) + "\" cannot be read");
    }
  }
  if (seen != whole_head) return make_problem(problem_code::malformed, "the record lacks its bookkeeping");
  for (std::size_t index = 0; index < field_count; ++index)
    if (!decoded.fields.has(index)) decoded.fields.set(index, "null");
  return decoded;
}

std::string field_plain_text(std::string_view json_text) {
  if (json_text.empty() || json_text.front() != '"') return std::string(json_text);
  return json::unquote(json_text);
}

std::string branch_of(const entity& definition, const field_texts& fields) {
  if (!definition.branch_field || !fields.has(*definition.branch_field)) return {};
  if (fields.is_null(*definition.branch_field)) return {};
  return field_plain_text(fields.get(*definition.branch_field));
}

} // namespace synclog::core
