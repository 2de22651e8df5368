// The OpenAPI document: valid JSON whose references all lead somewhere, an operation for each route and none
// beside, and everything that the catalog has in it.
#include "core/problem.hpp"
#include "http/openapi.hpp"
#include "http/routes.hpp"
#include "published_document.hpp"
#include <algorithm>

using namespace synclog;
using namespace synclog::tests;

namespace {

published_document described(const core::catalog& entities) {
  return published_document(http::openapi_text(entities, "1.2.3"));
}

std::set<std::string> operations_of(const published_document& document) {
  std::set<std::string> made;
  for (const auto& path : document.root().find("paths")->members())
    for (const auto& operation : path.value.members())
      made.insert(std::string(operation.name) + " " + std::string(path.name));
  return made;
}

std::set<std::string> operations_of(std::span<const http::route> table, const core::catalog& entities) {
  using enum http::method;
  std::set<std::string> made;
  for (const auto& route : table) {
    for (const auto verb : {get, post, put, patch, delete_}) {
      if ((route.methods & http::only(verb)) == 0) continue;
      std::string word(http::to_string(verb));
      std::transform(word.begin(), word.end(), word.begin(),
                     [](char c) { return static_cast<char>(c | 0x20); });
      const std::string pattern(route.pattern);
      const auto entity = pattern.find("{entity}");
      if (entity == std::string::npos) {
        made.insert(word + " " + pattern);
        continue;
      }
      for (const auto& each : entities.all())
        made.insert(word + " " + std::string(pattern).replace(entity, 8, each->name));
    }
  }
  return made;
}

const core::json::value* parameter(const core::json::value& operation, std::string_view name) {
  for (const auto& each : operation.find("parameters")->items())
    if (const auto* given = each.find("name"); given != nullptr && given->text == name) return &each;
  return nullptr;
}

std::string text_of(const core::json::value* value) {
  std::string made;
  if (value != nullptr) core::json::append_value(made, *value);
  return made;
}

const core::json::value& operation(const published_document& document, std::string_view path,
                                   std::string_view verb) {
  const auto* found = document.root().find("paths")->find(path);
  REQUIRE(found != nullptr);
  REQUIRE(found->find(verb) != nullptr);
  return *found->find(verb);
}

} // namespace

TEST_CASE("openapi: every reference leads somewhere, and every component is led to") {
  const std::vector<std::string> kinds{"components/parameters/", "components/headers/",
                                       "components/responses/", "components/schemas/"};
  check_references(described(eight()), kinds);
  check_references(described(only_ninth()), kinds);
}

TEST_CASE("openapi: every route of the server is described, and nothing else") {
  const auto entities = eight();
  CHECK(operations_of(described(entities)) == operations_of(http::all_routes(), entities));
}

TEST_CASE(
    "openapi: operation ids are unique and can be names in a program; every path parameter is declared") {
  const auto document = described(eight());
  std::set<std::string> ids;
  std::size_t operations = 0;
  for (const auto& path : document.root().find("paths")->members()) {
    for (const auto& each : path.value.members()) {
      CAPTURE(path.name);
      ++operations;
      const auto* id = each.value.find("operationId");
      REQUIRE(id != nullptr);
      CHECK(id->text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_") == std::string::npos);
      ids.emplace(id->text);
      REQUIRE(each.value.find("responses") != nullptr);
      if (path.name.find("{id}") == std::string::npos) continue;
      CHECK(text_of(each.value.find("parameters")).find("#/components/parameters/id\"") != std::string::npos);
    }
  }
  CHECK(ids.size() == operations);
}

TEST_CASE(
    "openapi: a list's parameters are the definition's filters, its ordered columns and the fixed ones") {
  const auto entities = only_ninth();
  const auto document = described(entities);
  const auto& list = operation(document, "/api/orders", "get");
  CHECK(text_of(parameter(list, "state")->find("schema")) ==
        R"({"type":"array","items":{"type":"string","maxLength":255,"enum":["open","shut"]}})");
  REQUIRE(parameter(list, "state[ne]") != nullptr);
  REQUIRE(parameter(list, "since[gte]") != nullptr);
  REQUIRE(parameter(list, "id[gt]") != nullptr);
  const auto* amount = parameter(list, "amount");
  REQUIRE(amount != nullptr);
  CHECK(amount->find("style")->text == "deepObject");
  CHECK(text_of(amount->find("schema")->find("properties")->find("lte")) ==
        R"({"type":"number","x-max-decimals":2})");
  CHECK(parameter(list, "rest") == nullptr);
  CHECK(parameter(list, "lines") == nullptr);
  CHECK(parameter(list, "search") == nullptr);
  CHECK(parameter(operation(described(eight()), "/api/clients", "get"), "search") != nullptr);
  CHECK(parameter(list, "sort")->find("description")->text.find("amount") != std::string::npos);
  // No name stands twice.
  std::set<std::string> names;
  for (const auto& each : list.find("parameters")->items())
    if (const auto* name = each.find("name")) CHECK(names.emplace(name->text).second);
}

TEST_CASE("openapi: what may be written has every field, none of them required, and other spellings beside") {
  const auto document = described(eight());
  const std::string input = "components/schemas/input.clients/";
  CHECK(document.text(input + "x-required-to-create") == R"(["full_name"])");
  CHECK(document.text(input + "x-aliases/fullName") == R"("full_name")");
  CHECK(document.at(input + "required") == nullptr);
  CHECK(document.at(input + "properties/version") == nullptr);
  CHECK(document.text(input + "properties/date_of_birth/type") == R"(["string","null"])");
  CHECK(document.at(input + "properties/expected_version") != nullptr);
}

TEST_CASE("openapi: a record's schema carries the definition as it was loaded") {
  const auto entities = eight();
  const auto document = described(entities);
  for (const auto& each : entities.all()) {
    const auto loaded = core::json::parse(each->definition_json);
    REQUIRE(loaded.has_value());
    std::string expected;
    core::json::append_value(expected, loaded->root());
    CHECK(document.text("components/schemas/record." + each->name + "/x-definition") == expected);
  }
}

TEST_CASE("openapi: every code of a problem is listed") {
  const auto words = described(eight()).text("components/schemas/problem_code/enum");
  for (const auto code :
       {core::problem_code::malformed, core::problem_code::stale_version, core::problem_code::internal})
    CHECK(words.find('"' + std::string(core::to_string(code)) + '"') != std::string::npos);
}
