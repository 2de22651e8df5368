// Stored bytes to columns.
#include "core/json.hpp"
#include "core/record.hpp"
#include "core/text_fold.hpp"
#include "projections/column_block.hpp"
#include <doctest/doctest.h>

using namespace synclog;

namespace {

const core::entity& clients() {
  static const auto entities = core::catalog::load("");
  return *entities->find("clients");
}

core::field_texts some_fields() {
  core::field_texts fields(clients().fields.size());
  fields.set(clients().field_index("full_name").value(), core::json::quoted("Ann \"É\"\n"));
  fields.set(clients().field_index("phone").value(), "\"555\"");
  fields.set(clients().field_index("date_of_birth").value(), "\"1985-07-14\"");
  fields.set(clients().field_index("data").value(), R"({"a":"\u0001"})");
  return fields;
}

} // namespace

TEST_CASE("columns: bookkeeping, fields, search text and doc of several records stand side by side") {
  const auto fields = some_fields();
  const std::string first =
      core::encode_record(clients(), {"a\"b", 3, {7}, {1'000'000}, {2'000'001}}, fields);
  const std::string second =
      core::encode_record(clients(), {"c", 1, {8}, {5}, {5}}, core::field_texts(fields.size()));
  projections::column_block block(clients());
  REQUIRE(block.add(first));
  REQUIRE(block.add(second));
  CHECK(block.size() == 2);
  CHECK(block.bytes() == first.size() + second.size());
  CHECK(block.ids() == std::vector<std::string_view>{"a\"b", "c"});
  CHECK(block.versions() == std::vector<std::int64_t>{3, 1});
  CHECK(block.positions() == std::vector<std::int64_t>{7, 8});
  CHECK(block.created_at() == std::vector<std::int64_t>{1'000'000, 5});
  CHECK(block.updated_at() == std::vector<std::int64_t>{2'000'001, 5});
  CHECK(block.docs()[0] == first);
  const auto column = [&](const char* name) { return block.fields()[clients().field_index(name).value()]; };
  CHECK(column("full_name")[0] == "Ann \"É\"\n");
  CHECK(column("phone")[0] == "555");
  CHECK(column("data")[0] == R"({"a":"\u0001"})");
  CHECK(block.search_texts()[0] ==
        core::search_text(clients(), core::decode_record(clients(), first)->fields));
  block.clear();
  CHECK(block.size() == 0);
}

TEST_CASE("columns: an older record lacks fields or has others; what is no record is refused") {
  projections::column_block block(clients());
  const std::string head = R"({"id":"x","version":1,"position":2,"created_at":"2026-11-23T04:05:06.000001Z",)"
                           R"("updated_at":"2026-11-23T04:05:06.000001Z")";
  const std::string older =
      head + R"(,"gone":[1,{"}":2}],"phone":"1","full_name":"A"})"; // the block views it
  REQUIRE(block.add(older));
  CHECK(block.fields()[clients().field_index("phone").value()][0] == "1");
  CHECK(block.fields()[clients().field_index("full_name").value()][0] == "A");
  for (const std::string& text :
       {std::string("[]"), std::string("{}"), std::string(""), head, R"({"id":1})" + head,
        std::string(R"({"id":"x","version":"1","position":2,"created_at":"","updated_at":""})")})
    CHECK_FALSE(block.add(text));
  CHECK(block.size() == 1);
}

TEST_CASE("columns: a first version is told from later ones whatever the id holds") {
  for (const std::string id : {"a", "a\"b", "\\", "x\",\"version\":1,"}) {
    const core::field_texts none(clients().fields.size());
    CHECK(projections::is_first_version(core::encode_record(clients(), {id, 1, {7}, {1}, {1}}, none)));
    CHECK_FALSE(projections::is_first_version(core::encode_record(clients(), {id, 2, {7}, {1}, {1}}, none)));
    CHECK_FALSE(projections::is_first_version(core::encode_record(clients(), {id, 10, {7}, {1}, {1}}, none)));
  }
  CHECK_FALSE(projections::is_first_version(""));
  CHECK_FALSE(projections::is_first_version("{\"id\":\"a"));
}
