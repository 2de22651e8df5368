// See records_support.hpp.
#include "records_support.hpp"
#include "core/json.hpp"
#include <atomic>
#include <charconv>

namespace synclog::tests {

namespace json = core::json;

namespace {

std::string unescaped(std::string_view segment) {
  std::string made;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    if (segment[i] == '~' && i + 1 < segment.size()) {
      made.push_back(segment[++i] == '1' ? '/' : '~');
    } else {
      made.push_back(segment[i]);
    }
  }
  return made;
}

const json::value* step(const json::value& from, std::string_view segment) {
  if (from.kind == json::kind::object) return from.find(unescaped(segment));
  std::size_t index = 0;
  const auto read = std::from_chars(segment.data(), segment.data() + segment.size(), index);
  if (from.kind != json::kind::array || read.ec != std::errc{} || index >= from.count) return nullptr;
  return &from.items()[index];
}

const json::value* find(const json::value& root, std::string_view pointer) {
  const json::value* here = &root;
  while (!pointer.empty() && here != nullptr) {
    pointer.remove_prefix(1);
    const auto end = std::min(pointer.find('/'), pointer.size());
    here = step(*here, pointer.substr(0, end));
    pointer.remove_prefix(end);
  }
  return here;
}

std::string shown(const json::value& value) {
  if (value.kind == json::kind::string) return std::string(value.text);
  std::string made;
  json::append_value(made, value);
  return made;
}

} // namespace

std::string at(std::string_view text, std::string_view pointer) {
  const auto parsed = json::parse(text);
  if (!parsed) return "(not JSON)";
  const auto* value = find(parsed->root(), pointer);
  return value == nullptr ? "(absent)" : shown(*value);
}

std::size_t size_at(std::string_view text, std::string_view pointer) {
  const auto parsed = json::parse(text);
  if (!parsed) return 0;
  const auto* value = find(parsed->root(), pointer);
  return value == nullptr ? 0 : value->count;
}

std::vector<std::string> column(std::string_view text, std::string_view name) {
  std::vector<std::string> made;
  const auto parsed = json::parse(text);
  if (!parsed) return made;
  for (const auto& item : parsed->root().items()) {
    const auto* value = item.find(name);
    made.push_back(value == nullptr ? "(absent)" : shown(*value));
  }
  return made;
}

std::string unique_word(std::string_view stem) {
  static std::atomic<int> counter{0};
  return std::string(stem) + std::to_string(++counter);
}

} // namespace synclog::tests
