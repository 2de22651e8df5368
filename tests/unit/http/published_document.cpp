#include "published_document.hpp"

#include <algorithm>

namespace synclog::tests {

namespace json = core::json;

namespace {

constexpr std::string_view ninth = R"json({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "title": "Orders \"special\"",
  "description": "What is ordered.",
  "type": "object",
  "additionalProperties": false,
  "x-prefix": "ORD",
  "required": ["name", "lines"],
  "properties": {
    "name": {"type": "string", "title": "Name", "maxLength": 40, "description": "As printed."},
    "state": {"type": "string", "title": "State", "enum": ["open", "shut"]},
    "amount": {"type": "number", "multipleOf": 0.01},
    "pieces": {"type": "integer"},
    "urgent": {"type": "boolean"},
    "day": {"type": "string", "format": "date"},
    "hour": {"type": "string", "format": "time"},
    "seen_at": {"type": "string", "format": "date-time"},
    "lines": {"type": "array", "minItems": 1, "items": {"type": "object", "required": ["sku"],
      "properties": {"sku": {"type": "string"}, "count": {"type": "number", "minimum": 0, "exclusiveMinimum": true,
        "maximum": 9, "exclusiveMaximum": false}}}},
    "rest": {"type": "object", "maxProperties": 5},
    "branch": {"type": "string"}
  },
  "x-filters": {"state": "state", "day": "day", "since": "created_at"},
  "x-branch": "branch"
})json";

void collect_references(const json::value& from, std::vector<std::string>& into) {
  for (const auto& item : from.items())
    collect_references(item, into);
  for (const auto& member : from.members()) {
    if (member.name == "$ref") into.emplace_back(member.value.text);
    collect_references(member.value, into);
  }
}

} // namespace

core::catalog eight() {
  auto loaded = core::catalog::load("");
  REQUIRE(loaded.has_value());
  return std::move(*loaded);
}

core::catalog only_ninth() {
  auto entity = core::parse_entity("orders", ninth);
  REQUIRE_MESSAGE(entity.has_value(), (entity ? "" : entity.error().detail));
  std::vector<core::entity> entities;
  entities.push_back(std::move(*entity));
  auto made = core::catalog::from(std::move(entities));
  REQUIRE(made.has_value());
  return std::move(*made);
}

published_document::published_document(const std::string& text) : parsed_(json::parse(text)) {
  REQUIRE(parsed_.has_value());
  REQUIRE(parsed_->defects().empty()); // a name that is there twice
}

const json::value* published_document::at(std::string_view pointer) const {
  const auto* here = &root();
  while (!pointer.empty() && here != nullptr) {
    const auto end = std::min(pointer.find('/'), pointer.size());
    here = here->find(pointer.substr(0, end));
    pointer.remove_prefix(std::min(end + 1, pointer.size()));
  }
  return here;
}

std::string published_document::text(std::string_view pointer) const {
  const auto* found = at(pointer);
  std::string made;
  if (found != nullptr) json::append_value(made, *found);
  return made;
}

std::set<std::string> published_document::names(std::string_view pointer) const {
  std::set<std::string> made;
  const auto* found = at(pointer);
  if (found == nullptr) return made;
  for (const auto& member : found->members())
    made.emplace(member.name);
  return made;
}

std::vector<std::string> published_document::references() const {
  std::vector<std::string> made;
  collect_references(root(), made);
  return made;
}

void check_references(const published_document& document, const std::vector<std::string>& kinds) {
  const auto references = document.references();
  REQUIRE(references.size() > 50);
  std::set<std::string> used;
  for (const auto& reference : references) {
    CAPTURE(reference);
    REQUIRE(reference.starts_with("#/"));
    CHECK(document.at(reference.substr(2)) != nullptr);
    used.insert(reference);
  }
  for (const auto& kind : kinds) {
    for (const auto& name : document.names(kind.substr(0, kind.size() - 1))) {
      CAPTURE(kind + name);
      CHECK(used.count("#/" + kind + name) == 1);
    }
  }
}

} // namespace synclog::tests
