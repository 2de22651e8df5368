// What keeps an event out of a log although its hash is right: whoever edits an export may compute hashes.
#include "eventstore/import_checks.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog;
using namespace synclog::eventstore;

namespace {

const core::catalog& entities() {
  static const auto loaded = core::catalog::load("");
  REQUIRE(loaded.has_value());
  return *loaded;
}

exported_event event_with(const std::string& fields, std::int64_t version = 1,
                          const std::string& id = "D-1") {
  exported_event made;
  auto& event = made.event;
  event.position = {42};
  event.entity = "distributors";
  event.record_id = id;
  event.version = version;
  event.meta = R"({"actor":"a"})";
  event.data =
      fmt::format(R"({{"id":"{}","version":{},"position":42,"created_at":"2026-11-23T04:05:06.000000Z",)"
                  R"("updated_at":"2026-11-23T04:05:06.000000Z"{}}})",
                  id, version, fields);
  return made;
}

std::string refusal(const exported_event& read) {
  static const import_checks checks(entities());
  return checks.refuse(read);
}

std::string refusal(const std::string& fields) {
  return refusal(event_with(fields));
}

} // namespace

TEST_CASE("import checks: an event as this program writes it passes, also an erased one") {
  CHECK(refusal("") == "");
  CHECK(
      refusal(R"(,"distributor_name":"A \u00e9 \n","commission_rate":12.5,"agreement_data":{"n": 1.50e1})") ==
      "");
  CHECK(refusal(R"(,"field_of_an_older_definition":[1])") == "");
  auto erased = event_with("");
  erased.event.data.clear();
  erased.data_hash = core::sha256_digest{};
  CHECK(refusal(erased) == "");
}

TEST_CASE("import checks: what the API's door refuses is refused here") {
  CHECK(refusal(R"(,"email":"a\u0000b")") == "data at /email: contains \\u0000, which cannot be stored");
  CHECK(refusal(R"(,"metadata":{"a":{"b\u0000":1}})").ends_with("contains \\u0000, which cannot be stored"));
  CHECK(refusal(R"(,"email":"\ud800")") == "data at /email: contains a surrogate escape without its partner");
  CHECK(refusal(R"(,"email":"a","email":"b")").starts_with("data at /email: "));
  CHECK(refusal(",\"metadata\":{\"a\":" + std::string(70, '[') + std::string(70, ']') + "}")
            .starts_with("data at "));
  CHECK(refusal(",\"email\":\"" + std::string(1 << 20, 'x') + "\"").ends_with("the limit is 1048576"));
  CHECK(refusal(",\"email\":\"\xC3\"").starts_with("data: not valid JSON"));
  CHECK(refusal(",").starts_with("data: not valid JSON"));
  auto meta = event_with("");
  meta.event.meta = R"({"actor":"\u0000"})";
  CHECK(refusal(meta) == "meta at /actor: contains \\u0000, which cannot be stored");
  meta.event.meta = "[]";
  CHECK(refusal(meta) == "meta is no JSON object");
}

TEST_CASE("import checks: data must be the record that the event is about") {
  auto other = event_with("");
  other.event.record_id = "D-2";
  CHECK(refusal(other) == "data is of record D-1");
  other = event_with("");
  other.event.version = 2;
  CHECK(refusal(other) == "data is of version 1 at position 42");
  other.event.action = core::event_action::deleted; // keeps the last state
  CHECK(refusal(other) == "");
  other = event_with("");
  other.event.position = {43};
  CHECK(refusal(other) == "data is of version 1 at position 42");
  other = event_with("");
  other.event.data = R"({"version":1,"id":"D-1","position":42,"created_at":"x","updated_at":"y"})";
  CHECK(refusal(other) == "data does not begin as a record does");
  other.event.data = R"({"id":"D-1"})";
  CHECK(refusal(other) == "data is no record");
  other.event.data = "null";
  CHECK(refusal(other) == "data is no JSON object");
  other = event_with("");
  other.event.entity = "pets";
  CHECK(refusal(other).starts_with("entity \"pets\" is not defined here: name the folder"));
  CHECK(refusal(event_with("", 1, "a/b")) == "\"record_id\" cannot be the id of a record");
}

TEST_CASE("import checks: a value that its column could not hold is refused") {
  CHECK(refusal(R"(,"email":5)") == "data at /email: is no text");
  CHECK(refusal(R"(,"metadata":[])") == "data at /metadata: is no object");
  CHECK(refusal(R"(,"commission_rate":1e3)") ==
        "data at /commission_rate: is 1e3, which this program writes as 1000");
  CHECK(refusal(R"(,"commission_rate":"x")").starts_with("data at /commission_rate: "));
  CHECK(refusal(R"(,"commission_rate":null,"email":null)") == "");
}

TEST_CASE(
    "import checks: versions follow each other, and a record is created first and after a delete only") {
  const auto next = [](std::int64_t version, core::event_action action) {
    core::event made;
    made.entity = "clients";
    made.record_id = "C";
    made.version = version;
    made.action = action;
    return made;
  };
  using enum core::event_action;
  CHECK(refuse_version({}, next(1, created)) == "");
  CHECK(refuse_version({1, false}, next(2, updated)) == "");
  CHECK(refuse_version({2, false}, next(3, deleted)) == "");
  CHECK(refuse_version({3, true}, next(4, created)) == "");
  CHECK(refuse_version({3, false, true}, next(4, created)) == "");
  CHECK(refuse_version({3, false, true}, next(4, updated)) == "");
  CHECK(refuse_version({3, true}, next(4, reverted)) == "");
  CHECK(refuse_version({}, next(2, updated)) == "version 2 of clients C follows version 0");
  CHECK(refuse_version({1, false}, next(3, updated)) == "version 3 of clients C follows version 1");
  CHECK(refuse_version({1, false}, next(1, created)) == "version 1 of clients C follows version 1");
  CHECK(refuse_version({}, next(1, updated)) == "clients C is updated, but does not exist then");
  CHECK(refuse_version({3, true}, next(4, deleted)) == "clients C is deleted, but does not exist then");
  CHECK(refuse_version({1, false}, next(2, created)) == "clients C is created, but exists then");
}
