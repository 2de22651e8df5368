// Records as stored bytes: decode(encode(x)) is x, whatever is in it; and text folded for searching.
#include "core/json.hpp"
#include "core/record.hpp"
#include "core/text_fold.hpp"
#include <doctest/doctest.h>
#include <random>

using namespace synclog::core;

namespace {

const catalog& entities() {
  static const catalog loaded = catalog::load("").value();
  return loaded;
}

record_head sample_head() {
  return {"CLT-\"1\"\n", 7, {1042}, {1'795'406'706'123'456}, {1'795'406'706'123'457}};
}

} // namespace

TEST_CASE("record: bookkeeping first, then every field in the definition's order, null when empty") {
  const entity& clients = *entities().find("clients");
  field_texts fields(clients.fields.size());
  fields.set(*clients.field_index("full_name"), "\"Hoa\"");
  CHECK(
      encode_record(clients, {"C1", 1, {5}, {0}, {0}}, fields) ==
      R"({"id":"C1","version":1,"position":5,"created_at":"1970-01-01T00:00:00.000000Z","updated_at":"1970-01-01T00:00:00.000000Z",)"
      R"("reference_number":null,"full_name":"Hoa","phone":null,"email":null,"gender":null,"date_of_birth":null,)"
      R"("address":null,"city":null,"branch":null,"data":null})");
}

TEST_CASE("record: decode(encode(x)) is x for naughty strings in every field of every entity") {
  const std::vector<std::string> naughty{"",
                                         "null",
                                         "\"",
                                         "\\",
                                         "{\"id\":\"x\"}",
                                         "</script><script>alert(1)</script>",
                                         "'; DROP TABLE events; --",
                                         "\r\n\t\b\f",
                                         "\x01\x1f\x7f",
                                         "\xE2\x80\xA8\xE2\x80\xA9",
                                         "\xF0\x9F\x91\xA9\xE2\x80\x8D\xF0\x9F\x91\xA9",
                                         "\xD8\xA7\xD9\x84",
                                         "nh\xC3\xA0 s\xE1\xBB\x91",
                                         "=1+1",
                                         "%s%n",
                                         "../../etc/passwd",
                                         "\xEF\xBB\xBF",
                                         ",\"version\":9",
                                         "\\u0000",
                                         "0x10",
                                         "\xC2\xA0"};
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (const auto& definition : entities().all())
    for (int round = 0; round < 100; ++round) {
      field_texts fields(definition->fields.size());
      for (std::size_t at = 0; at < fields.size(); ++at) {
        const std::string& text = naughty[random() % naughty.size()];
        switch (random() % 4) {
        case 0:
          fields.set(at, "null");
          break;
        case 1:
          fields.set(at, "{\"a\":[" + json::quoted(text) + ",{\"b\":-1.5}]}");
          break;
        default:
          fields.set(at, json::quoted(text));
          break;
        }
      }
      record_head head = sample_head();
      head.id = naughty[1 + random() % (naughty.size() - 1)];
      const std::string doc = encode_record(*definition, head, fields);
      const auto checked = json::parse(doc);
      REQUIRE(checked.has_value());
      CHECK(checked->defects().empty());
      const auto decoded = decode_record(*definition, doc);
      REQUIRE(decoded.has_value());
      CHECK(decoded->head.id == head.id);
      CHECK(decoded->head.version == 7);
      CHECK(decoded->head.position.value == 1042);
      CHECK(decoded->head.created_at == head.created_at);
      CHECK(decoded->head.updated_at == head.updated_at);
      for (std::size_t at = 0; at < fields.size(); ++at)
        CHECK(decoded->fields.get(at) == fields.get(at));
      CHECK(encode_record(*definition, decoded->head, decoded->fields) == doc);
    }
}

TEST_CASE("record: fields that an older definition lacked are null, members that are gone are skipped") {
  const entity& clients = *entities().find("clients");
  const auto decoded = decode_record(
      clients,
      R"({"id":"C1","version":1,"position":5,"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z",)"
      R"("city":"Hue","nickname":{"a":1},"full_name":"Hoa"})");
  REQUIRE(decoded.has_value());
  CHECK(decoded->fields.get(*clients.field_index("city")) == "\"Hue\"");
  CHECK(decoded->fields.get(*clients.field_index("full_name")) == "\"Hoa\"");
  CHECK(decoded->fields.is_null(*clients.field_index("phone")));
}

TEST_CASE("record: text that is no record is malformed") {
  const entity& clients = *entities().find("clients");
  for (
      const char* bad :
      {"", "[]", "{}", R"({"id":"C1"})", "{\"id\":",
       R"({"id":1,"version":1,"position":5,"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"})",
       R"({"id":"1","version":"1","position":5,"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"})",
       R"({"id":"1","version":1,"position":5.5,"created_at":"2026-01-01T00:00:00Z","updated_at":"2026-01-01T00:00:00Z"})",
       R"({"id":"1","version":1,"position":5,"created_at":"yesterday","updated_at":"2026-01-01T00:00:00Z"})",
       R"({"id":"1","version":1,"position":5,"created_at":"2026-01-01T00:00:00Z","updated_at":null})"}) {
    CAPTURE(bad);
    REQUIRE(decode_record(clients, bad).has_error());
    CHECK(decode_record(clients, bad).error().code == problem_code::malformed);
  }
}

TEST_CASE("record: plain text of a field, and the branch") {
  CHECK(field_plain_text("\"a\\\"b\"") == "a\"b");
  CHECK(field_plain_text("-1.5") == "-1.5");
  CHECK(field_plain_text("{\"a\":1}") == "{\"a\":1}");
  const entity& stock = *entities().find("stock-requests");
  field_texts fields(stock.fields.size());
  CHECK(branch_of(stock, fields).empty());
  fields.set(*stock.branch_field, "null");
  CHECK(branch_of(stock, fields).empty());
  fields.set(*stock.branch_field, "\"n\\\\orth\"");
  CHECK(branch_of(stock, fields) == "n\\orth");
}

TEST_CASE("fold: case and accents do not matter") {
  CHECK(fold_text("Full Body CHECK-Up 12") == "full body check-up 12");
  CHECK(fold_text("Nguy\xE1\xBB\x85n \xC3\x89MILE") == "nguyen emile");
  CHECK(fold_text("E\xCC\x81mile") == fold_text("\xC3\xA9mile")); // composed and decomposed
  CHECK(fold_text("Stra\xC3\x9F"
                  "e") == "strasse");
  CHECK(fold_text("\xCE\xA3\xCE\xAF\xCF\x83\xCF\x85\xCF\x86\xCE\xBF\xCF\x82") ==
        fold_text("\xCF\x83\xCE\xB9\xCF\x83\xCF\x85\xCF\x86\xCE\xBF\xCF\x83")); // final sigma
  CHECK(fold_text("").empty());
  CHECK(fold_text("a\xFF"
                  "B") == "a\xFF"
                          "b");
}

TEST_CASE("fold: folding twice is folding once") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string text;
    for (int at = 0; at < 12; ++at) {
      const std::uint32_t code_point = random() % 2 == 0 ? random() % 0x250 + 1 : random() % 0xD000 + 1;
      const std::string token = [&] {
        char escape[8];
        std::snprintf(escape, sizeof escape, "\\u%04x", code_point);
        return json::unquote("\"" + std::string(escape) + "\"");
      }();
      text += token;
    }
    const std::string folded = fold_text(text);
    CHECK(fold_text(folded) == folded);
  }
}

TEST_CASE("fold: the search text of a record keeps its fields apart") {
  const entity& clients = *entities().find("clients");
  field_texts fields(clients.fields.size());
  fields.set(*clients.field_index("full_name"), "\"\xC3\x89mile \\\"X\\\"\"");
  fields.set(*clients.field_index("phone"), "null");
  fields.set(*clients.field_index("reference_number"), "\"REF-1\"");
  CHECK(search_text(clients, fields) == "emile \"x\"\x1F\x1Fref-1");
  fields.set(*clients.field_index("phone"), "12.5"); // a number by an older definition
  CHECK(search_text(clients, fields) == "emile \"x\"\x1F"
                                        "12.5\x1Fref-1");
}
