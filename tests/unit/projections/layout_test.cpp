// Definitions to DDL, names and fingerprints.
#include "projections/layout.hpp"
#include "projections/read_table.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <set>

using namespace synclog;
using namespace synclog::projections;

namespace {

core::entity parsed(const std::string& text, const std::string& name = "things") {
  auto definition = core::parse_entity(name, text);
  REQUIRE_MESSAGE(definition.has_value(), (definition ? "" : definition.error().detail));
  return *std::move(definition);
}

std::string definition_with(const std::string& keywords) {
  return R"({"type": "object", "additionalProperties": false, "x-prefix": "T", "properties": {"a": {"type": "string"},
    "b": {"type": "integer"}, "c": {"type": "string"}}, "x-order": ["-b"])" +
         keywords + "}";
}

std::string ddl_text(const core::entity& definition) {
  std::string all;
  for (const std::string& statement : read_table_ddl(definition, definition.table))
    all += statement + "\n";
  return all;
}

} // namespace

TEST_CASE("layout: identifiers and literals are quoted whatever they hold") {
  CHECK(quote_identifier("a\"b") == "\"a\"\"b\"");
  CHECK(quote_literal("it's \\") == "'it''s \\'");
  CHECK(qualified_table("select") == "public.\"select\"");
}

TEST_CASE("layout: names fit PostgreSQL's 63 bytes, stay apart and are not cut inside a character") {
  CHECK(object_name("clients", "phone", "key") == "clients_phone_key");
  CHECK(object_name("clients", "", "pkey") == "clients_pkey");
  std::set<std::string> names;
  for (int i = 0; i < 50; ++i) {
    const std::string name =
        object_name(std::string(40, 't'), std::string(48, 'c') + std::to_string(i), "idx");
    CHECK(name.size() <= 63);
    CHECK(name.ends_with("_idx"));
    names.insert(name);
  }
  CHECK(names.size() == 50);
  for (int i = 0; i < 4; ++i) {
    const std::string name = object_name(std::string(static_cast<std::size_t>(i), 'x'),
                                         "éééééééééééééééééééééééééééééééééééééé", "idx");
    std::size_t continuation = 0;
    for (const char c : name)
      continuation += (static_cast<unsigned char>(c) & 0xC0U) == 0x80U ? 1 : 0;
    std::size_t leading = 0;
    for (const char c : name)
      leading += (static_cast<unsigned char>(c) & 0xE0U) == 0xC0U ? 1 : 0;
    CHECK(continuation == leading);
  }
}

TEST_CASE("layout: the embedded definitions have DDL with one index for the order and one for each x-indexes "
          "list") {
  const auto entities = core::catalog::load("");
  REQUIRE(entities.has_value());
  CHECK(entities->all().size() == 8);
  for (const auto& definition : entities->all()) {
    const table_ddl ddl = make_table_ddl(*definition, definition->table);
    std::size_t uniques = 0;
    for (const core::field& field : definition->fields)
      uniques += field.unique ? 1 : 0;
    CHECK(ddl.constraints_and_indexes.size() == 1 + uniques + 1 + definition->indexes.size());
    CHECK(ddl.object_names.size() == ddl.constraints_and_indexes.size());
    CHECK(ddl_text(*definition).find("doc json NOT NULL") != std::string::npos);
  }
}

TEST_CASE("layout: an order of one direction is an ascending index, a mixed one spells its directions") {
  const auto one = ddl_text(parsed(definition_with(R"(, "x-indexes": [["a"]])")));
  CHECK(one.find("CREATE INDEX \"things_order_idx\" ON public.\"things\" (\"b\", \"id\")") !=
        std::string::npos);
  CHECK(one.find("CREATE INDEX \"things_order_a_idx\" ON public.\"things\" (\"a\", \"b\", \"id\")") !=
        std::string::npos);
  std::string text = definition_with("");
  text.replace(text.find("[\"-b\"]"), 6, "[\"-b\", \"a\"]");
  CHECK(ddl_text(parsed(text)).find("(\"b\" DESC, \"a\", \"id\")") != std::string::npos);
}

TEST_CASE("layout: no index begins with a column that is unique anyway, none is made twice, none repeats a "
          "column") {
  const auto ddl = make_table_ddl(
      parsed(definition_with(
          R"(, "x-unique": ["a"], "x-indexes": [["a"], ["a", "c"], ["c"], ["c"], ["b", "c"]])")),
      "things");
  CHECK(ddl.object_names == std::vector<std::string>{"things_pkey", "things_a_key", "things_order_idx",
                                                     "things_order_c_idx", "things_order_b_c_idx"});
  CHECK(ddl.constraints_and_indexes.back().ends_with("(\"b\", \"c\", \"id\")"));
  std::string text = definition_with(R"(, "x-unique": ["a"])");
  text.replace(text.find("[\"-b\"]"), 6, "[\"a\"]");
  CHECK(make_table_ddl(parsed(text), "things").object_names ==
        std::vector<std::string>{"things_pkey", "things_a_key"});
}

TEST_CASE("layout: the order ends with id, in the direction of the key before it") {
  const auto definition = parsed(definition_with(""));
  const auto order = complete_order(definition.default_order);
  REQUIRE(order.size() == 2);
  CHECK(order[1].column.name == "id");
  CHECK(order[1].descending);
  const core::order_key by_id{*definition.column("id"), false}, by_a{*definition.column("a"), true};
  CHECK(complete_order({by_id, by_a}).size() == 1);
  CHECK(complete_order({}).size() == 1);
}

TEST_CASE("layout: the fingerprint follows what the table holds and nothing else") {
  const auto base = table_fingerprint(parsed(definition_with("")));
  CHECK(table_fingerprint(parsed(definition_with(R"(, "title": "Other", "x-revision": 9)"))) == base);
  CHECK(table_fingerprint(parsed(definition_with(R"(, "x-filters": {"a": "a"})"))) == base);
  CHECK(table_fingerprint(parsed(definition_with(R"(, "x-unique": ["a"])"))) != base);
  CHECK(table_fingerprint(parsed(definition_with(R"(, "x-indexes": [["a"]])"))) != base);
  const auto searched = table_fingerprint(parsed(definition_with(R"(, "x-search": ["a"])")));
  CHECK(searched != base);
  CHECK(table_fingerprint(parsed(definition_with(R"(, "x-search": ["a", "c"])"))) != searched);
}
