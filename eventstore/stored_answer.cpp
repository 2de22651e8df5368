// See stored_answer.hpp.
// {"at":"12-9f3a6c1e","items":[["created","CLT-1",1,12],["rejected","CLT-2",0,0,{problem}]]}
#include "eventstore/stored_answer.hpp"

#include "core/json.hpp"
#include <charconv>
#include <fmt/format.h>

namespace synclog::eventstore {

namespace json = core::json;

namespace {

void append_problem(std::string& out, const core::problem& source) {
  out += "{\"code\":";
  json::append_string(out, core::to_string(source.code));
  out += ",\"detail\":";
  json::append_string(out, source.detail);
  out += ",\"errors\":[";
  for (std::size_t index = 0; index < source.errors.size(); ++index) {
    out += index == 0 ? "[" : ",[";
    json::append_string(out, source.errors[index].pointer);
    out += ',';
    json::append_string(out, source.errors[index].detail);
    out += ']';
  }
  out += ']';
  if (!source.current.empty()) {
    out += ",\"current\":";
    // As a string: the record's exact bytes come back, whatever a parser would make of them.
    json::append_string(out, source.current);
  }
  if (source.place) {
    out += fmt::format(",\"line\":{},\"column\":{}", source.place->line, source.place->column);
  }
  out += '}';
}

std::int64_t to_int(const json::value* node) {
  std::int64_t number = 0;
  if (node != nullptr && node->kind == json::kind::number) {
    std::from_chars(node->text.data(), node->text.data() + node->text.size(), number);
  }
  return number;
}

std::string to_text(const json::value* node) {
  return node != nullptr && node->kind == json::kind::string ? std::string(node->text) : std::string{};
}

core::problem read_problem(const json::value& node) {
  core::problem read;
  read.code = core::problem_code_from(to_text(node.find("code"))).value_or(core::problem_code::internal);
  read.detail = to_text(node.find("detail"));
  read.current = to_text(node.find("current"));
  if (const auto* errors = node.find("errors")) {
    for (const auto& pair : errors->items()) {
      if (pair.items().size() == 2) {
        read.errors.push_back({std::string(pair.items()[0].text), std::string(pair.items()[1].text)});
      }
    }
  }
  if (node.find("line") != nullptr) {
    read.place = core::text_place{static_cast<std::uint64_t>(to_int(node.find("line"))),
                                  static_cast<std::uint64_t>(to_int(node.find("column")))};
  }
  return read;
}

} // namespace

std::string encode_answer(const stored_answer& answer) {
  std::string out = "{\"at\":";
  json::append_string(out, core::to_string(answer.at));
  out += ",\"items\":[";
  bool first = true;
  for (const auto& item : answer.items) {
    out += first ? "[" : ",[";
    first = false;
    json::append_string(out, core::to_string(item.status));
    out += ',';
    json::append_string(out, item.id);
    out += fmt::format(",{},{}", item.version, item.position.value);
    if (item.error) {
      out += ',';
      append_problem(out, *item.error);
    }
    out += ']';
  }
  out += "]}";
  return out;
}

std::optional<stored_answer> decode_answer(std::string_view json_text) {
  const auto parsed = json::parse(json_text);
  if (!parsed) {
    return std::nullopt;
  }
  const auto at = core::parse_cursor(to_text(parsed->root().find("at")));
  const auto* items = parsed->root().find("items");
  if (!at || items == nullptr) {
    return std::nullopt;
  }
  stored_answer answer;
  answer.at = {at->position, at->fingerprint.value_or(0)};
  for (const auto& node : items->items()) {
    const auto parts = node.items();
    if (parts.size() < 4) {
      return std::nullopt;
    }
    const auto status = core::item_status_from(parts[0].text);
    if (!status) {
      return std::nullopt;
    }
    auto& item = answer.items.emplace_back();
    item.status = *status;
    item.id = to_text(&parts[1]);
    item.version = to_int(&parts[2]);
    item.position = {to_int(&parts[3])};
    if (parts.size() > 4) {
      item.error = read_problem(parts[4]);
    }
  }
  return answer;
}

} // namespace synclog::eventstore
