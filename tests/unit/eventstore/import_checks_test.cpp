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
  const auto made = checks.check(read);
  CHECK_FALSE(made.outgrown);
  return made.refused;
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
  other.event.action = core::event_action::deleted; // keeps the last state, of another place
  CHECK(refusal(other) == "data is of version 1 at position 42");
  other.event.position = {43};
  CHECK(refusal(other) == "");
  other.event.version = 3;
  CHECK(refusal(other) == "data is of version 1 at position 42");
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
  CHECK(refuse_version({}, next(1, reverted)) == "clients C is reverted, but never existed");
  CHECK(refuse_version({}, next(2, updated)) == "version 2 of clients C follows version 0");
  CHECK(refuse_version({1, false}, next(3, updated)) == "version 3 of clients C follows version 1");
  CHECK(refuse_version({1, false}, next(1, created)) == "version 1 of clients C follows version 1");
  CHECK(refuse_version({}, next(1, updated)) == "clients C is updated, but does not exist then");
  CHECK(refuse_version({3, true}, next(4, deleted)) == "clients C is deleted, but does not exist then");
  CHECK(refuse_version({1, false}, next(2, created)) == "clients C is created, but exists then");
}

TEST_CASE("import checks: the branch is the data's, and a previous one that of the version before") {
  auto read = event_with(R"(,"branch":"north","location":"east")");
  CHECK(refusal(read) == "the branch is none, that of the data \"north\"");
  read.event.branch = "east";
  CHECK(refusal(read) == "the branch is \"east\", that of the data \"north\"");
  read.event.branch = "north";
  CHECK(refusal(read) == "");

  const import_checks checks(entities());
  using enum core::event_action;
  const auto step = [&](record_progress before, core::event_action action,
                        std::optional<std::string> previous) {
    read.event.version = before.version + 1;
    read.event.action = action;
    read.event.previous_branch = std::move(previous);
    return checks.refuse_step(before, read.event);
  };
  CHECK(step({}, created, {}) == "");
  CHECK(step({1, false, false, "north"}, updated, {}) == "");
  CHECK(step({1, false, false, "south"}, updated, "south") == "");
  CHECK(step({1, false, false, ""}, reverted, "") == "");
  CHECK(step({1, true, false, "south"}, created, {}) == "");
  CHECK(step({1, true, false, "south"}, reverted, {}) == "");
  CHECK(step({1, false, true, "south"}, reverted, {}) == "");
  CHECK(step({1, false, true, "south"}, reverted, "south") == "");
  CHECK(step({1, false, false, "south"}, updated, {}) ==
        "distributors D-1 has no previous branch, but was of \"south\"");
  CHECK(step({1, false, false, "south"}, updated, "west") ==
        "distributors D-1 has the previous branch \"west\", but was of \"south\"");
  CHECK(step({1, false, false, "north"}, updated, "north") ==
        "distributors D-1 has the previous branch \"north\", but does not leave it");
  CHECK(step({}, created, "") == "distributors D-1 has the previous branch none, but is created");
  CHECK(step({1, false, false, "south"}, deleted, "south") ==
        "distributors D-1 has the previous branch \"south\", but is deleted");
}

namespace {

core::catalog pets(int revision, const std::string& branch) {
  auto made = core::parse_entity(
      "pets",
      fmt::format(R"({{"type":"object","additionalProperties":false,"x-revision":{},"x-table":"pets",)"
                  R"("x-prefix":"PET","properties":{{"age":{{"type":"number"}},"city":{{"type":"string"}},)"
                  R"("branch":{{"type":"string"}}}},"x-branch":"{}"}})",
                  revision, branch));
  REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().detail));
  std::vector<core::entity> all;
  all.push_back(std::move(*made));
  return *core::catalog::from(std::move(all));
}

exported_event pet_with(const std::string& fields) {
  auto read = event_with(fields);
  read.event.entity = "pets";
  return read;
}

} // namespace

TEST_CASE("import checks: what today's column cannot hold is outgrown where the definition has changed") {
  const auto old = pet_with(R"(,"age":"young")");
  const auto first = pets(1, "branch"), second = pets(2, "branch");
  const auto exported = [](std::int64_t revision) {
    return std::vector<exported_definition>{{"pets", revision, ""}};
  };
  import_checks never_changed(first);
  never_changed.allow_outgrown(exported(1));
  CHECK(never_changed.check(old).refused.starts_with("data at /age: "));
  import_checks changed(second);
  CHECK(changed.check(old).refused.starts_with("data at /age: "));
  changed.allow_outgrown(exported(2));
  CHECK(changed.check(old).refused == "");
  CHECK(changed.check(old).outgrown);
  CHECK_FALSE(changed.check(pet_with(R"(,"age":3)")).outgrown);
  // JSON is still JSON.
  CHECK(changed.check(pet_with(R"(,"age":"\u0000")")).refused.ends_with("which cannot be stored"));
  // The exporting database had not come that far: nobody has proven that its latest states fit.
  import_checks ahead(second);
  ahead.allow_outgrown(exported(1));
  CHECK(ahead.check(old).refused.ends_with("(the export was made with revision 1 of the definition, here is "
                                           "revision 2: import with that of the header, by --entities)"));
}

TEST_CASE("import checks: another branch field of an earlier definition explains a branch, no other value") {
  auto old = pet_with(R"(,"city":"Graz","branch":"north")");
  old.event.branch = "Graz";
  const auto first = pets(1, "branch"), second = pets(2, "branch");
  CHECK(import_checks(first).check(old).refused != "");
  const import_checks changed(second);
  CHECK(changed.check(old).refused == "");
  old.event.branch = "";
  CHECK(changed.check(old).refused == "");
  old.event.branch = "Linz";
  CHECK(changed.check(old).refused == "the branch is \"Linz\", that of the data \"north\"");
}
