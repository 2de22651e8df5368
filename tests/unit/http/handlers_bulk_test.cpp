// Items of bulk requests, and the answers made of outcomes.
#include "core/entity.hpp"
#include "core/json.hpp"
#include "http/handlers/bulk.hpp"
#include "http/handlers/bulk_answer.hpp"
#include "http/handlers/csv_import.hpp"
#include "http/handlers/write_answer.hpp"
#include "tests/support/wait.hpp"
#include <doctest/doctest.h>

namespace core = synclog::core;
namespace handlers = synclog::http::handlers;
using synclog::http::response;
using synclog::tests::run_awaitable;

namespace {

const core::catalog& entities() {
  static const core::catalog loaded = core::catalog::load("").value();
  return loaded;
}

const core::entity& clients() {
  return *entities().find("clients");
}

constexpr handlers::bulk_bounds small_bounds{.max_items = 4, .max_depth = 64};
constexpr auto save = core::command_kind::save;

core::result<handlers::bulk_items> ndjson(std::string_view text) {
  return run_awaitable(handlers::read_ndjson_items(clients(), save, text, small_bounds));
}

core::result<handlers::bulk_items> array(std::string_view text, core::command_kind kind = save) {
  const auto parsed = core::json::parse(text);
  REQUIRE(parsed.has_value());
  return run_awaitable(handlers::read_json_items(clients(), kind, *parsed, small_bounds));
}

std::string header(const response& made, std::string_view name) {
  for (const auto& [given, value] : made.headers)
    if (given == name) return value;
  return "";
}

core::item_outcome accepted(core::item_status status, std::string id, std::int64_t version) {
  return {status, std::move(id), version, {version}, R"({"id":"x"})", std::nullopt};
}

core::item_outcome refused(core::problem why, std::string id = "") {
  core::item_outcome made;
  made.id = std::move(id);
  made.error = std::move(why);
  return made;
}

handlers::opened_write opened(handlers::preferences wanted = {}) {
  handlers::opened_write made;
  made.definition = &clients();
  made.preferences = wanted;
  return made;
}

} // namespace

TEST_CASE("bulk array: a bad item keeps its place and its neighbours go on") {
  const auto items =
      array(R"([{"full_name":"A"},5,{"id":"C-1","fullNam":"B"},{"full_name":"C","expected_version":3}])");
  REQUIRE(items.has_value());
  REQUIRE(items->commands.size() == 4);
  CHECK(!items->commands[0].rejected);
  CHECK(items->commands[1].rejected->code == core::problem_code::invalid);
  CHECK(items->commands[1].rejected->errors[0].pointer.empty());
  CHECK(items->commands[2].rejected->errors[0].pointer == "/fullNam");
  CHECK(items->commands[2].id == "C-1");
  CHECK(items->commands[3].expected_version == 3);
  CHECK(items->lines.empty());
}

TEST_CASE("bulk array: what JSON may say and the house refuses hits only the item it is in") {
  const auto items = array(
      R"([{"full_name":"A"},{"full_name":"B\u0000"},{"full_name":"C","full_name":"D"},{"full_name":"E"}])");
  REQUIRE(items.has_value());
  CHECK(!items->commands[0].rejected);
  REQUIRE(items->commands[1].rejected);
  CHECK(items->commands[1].rejected->errors[0].pointer == "/full_name");
  REQUIRE(items->commands[2].rejected);
  CHECK(items->commands[2].rejected->errors[0].pointer == "/full_name");
  CHECK(!items->commands[3].rejected);
}

TEST_CASE("bulk: one item over the bound refuses the whole request") {
  const auto items = array("[{},{},{},{},{}]");
  REQUIRE(!items.has_value());
  CHECK(items.error().code == core::problem_code::too_large);
  CHECK(!ndjson("{}\n{}\n{}\n{}\n{}\n").has_value());
}

TEST_CASE("bulk merge: each item names its record") {
  const auto items = array(R"([{"phone":"1"},{"id":"C-1","phone":"1"}])", core::command_kind::merge);
  REQUIRE(items.has_value());
  CHECK(items->commands[0].rejected->errors[0].pointer == "/id");
  CHECK(!items->commands[1].rejected);
}

TEST_CASE("ndjson: lines are documents of their own, blank ones are skipped, errors know their line") {
  const auto items = ndjson("{\"full_name\":\"A\"}\r\n\n  \n{\"full_name\":\n{\"full_name\":\"C\"}");
  REQUIRE(items.has_value());
  REQUIRE(items->commands.size() == 3);
  CHECK(items->lines == std::vector<std::uint64_t>{1, 4, 5});
  CHECK(!items->commands[0].rejected);
  REQUIRE(items->commands[1].rejected);
  CHECK(items->commands[1].rejected->code == core::problem_code::malformed);
  CHECK(items->commands[1].rejected->place->line == 4);
  CHECK(!items->commands[2].rejected);
}

TEST_CASE("csv: a broken row becomes a rejected item with its line, between good neighbours") {
  const auto items = run_awaitable(handlers::read_csv_items(
      clients(), "full_name,phone,date_of_birth\nAnn,1,2000-01-02\nBob\nCid,3,2000-02-31\nDot,4,\n", {},
      100));
  REQUIRE(items.has_value());
  REQUIRE(items->commands.size() == 4);
  CHECK(items->lines == std::vector<std::uint64_t>{2, 3, 4, 5});
  CHECK(!items->commands[0].rejected);
  REQUIRE(items->commands[1].rejected);
  REQUIRE(items->commands[2].rejected);
  CHECK(items->commands[2].rejected->place->line == 4);
  CHECK(items->commands[2].rejected->place->column == 3);
  CHECK(!items->commands[3].rejected);
}

TEST_CASE("csv: more rows than the bound, or no header, refuse the file") {
  const auto many = run_awaitable(handlers::read_csv_items(clients(), "full_name\na\nb\nc\n", {}, 2));
  REQUIRE(!many.has_value());
  CHECK(many.error().code == core::problem_code::too_large);
  const auto empty = run_awaitable(handlers::read_csv_items(clients(), "", {}, 2));
  REQUIRE(!empty.has_value());
  CHECK(empty.error().code == core::problem_code::malformed);
}

TEST_CASE("bulk answer: counts, statuses and errors, 207 when some fell") {
  synclog::eventstore::write_outcome outcome;
  outcome.at = {{12}, 0xabcdef01};
  outcome.items.push_back(accepted(core::item_status::created, "C-1", 1));
  outcome.items.push_back(accepted(core::item_status::updated, "C-2", 4));
  outcome.items.push_back(accepted(core::item_status::unchanged, "C-3", 2));
  outcome.items.push_back(refused(core::invalid_field("/phone", "must be a text"), "C-4"));
  const std::vector<std::uint64_t> lines{2, 3, 4, 5};
  const auto made = handlers::bulk_answer(opened(), outcome, lines);
  CHECK(made.status == 207);
  CHECK(
      made.body ==
      R"({"success":true,"count":3,"created":1,"updated":1,"unchanged":1,"rejected":1,"cursor":"12-abcdef01","results":[)"
      R"({"index":0,"id":"C-1","status":"created","version":1},{"index":1,"id":"C-2","status":"updated","version":4},)"
      R"({"index":2,"id":"C-3","status":"unchanged","version":2},)"
      R"({"index":3,"id":"C-4","status":"rejected","line":5,"code":"invalid","errors":[{"pointer":"/phone","detail":"must be a text"}]}]})");
  CHECK(header(made, "Sync-Position") == "12-abcdef01");
  CHECK(header(made, "Idempotency-Replayed").empty());
}

TEST_CASE("bulk answer: nothing accepted is 422, all accepted or nothing asked is 200") {
  synclog::eventstore::write_outcome outcome;
  CHECK(handlers::bulk_answer(opened(), outcome, {}).status == 200);
  outcome.items.push_back(accepted(core::item_status::unchanged, "C-1", 1));
  CHECK(handlers::bulk_answer(opened(), outcome, {}).status == 200);
  outcome.items = {refused(core::make_problem(core::problem_code::taken, "taken"))};
  const auto made = handlers::bulk_answer(opened(), outcome, {});
  CHECK(made.status == 422);
  CHECK(made.body.starts_with(R"({"success":false,"count":0,)"));
  CHECK(made.body.find(R"("errors":[{"pointer":"","detail":"taken"}])") != std::string::npos);
}

TEST_CASE("bulk answer: a strict refusal tells the culprit from those that fell with it") {
  synclog::eventstore::write_outcome outcome;
  outcome.replayed = true;
  outcome.items.push_back(
      refused(core::make_problem(core::problem_code::aborted, "a neighbour was refused"), "C-1"));
  auto stale = core::make_problem(core::problem_code::stale_version, "stale");
  stale.current = R"({"id":"C-2"})";
  outcome.items.push_back(refused(stale, "C-2"));
  const auto made =
      handlers::bulk_answer(opened({.handling = synclog::eventstore::bulk_handling::strict}), outcome, {});
  CHECK(made.status == 422);
  CHECK(made.body.find(R"("rejected":1,"aborted":1)") != std::string::npos);
  CHECK(made.body.find(R"({"index":0,"id":"C-1","status":"aborted")") != std::string::npos);
  CHECK(made.body.find(R"("current":{"id":"C-2"})") != std::string::npos);
  CHECK(header(made, "Preference-Applied") == "handling=strict");
  CHECK(header(made, "Idempotency-Replayed") == "true");
}

TEST_CASE("bulk answer: records come only when they are asked for") {
  synclog::eventstore::write_outcome outcome;
  outcome.items.push_back(accepted(core::item_status::created, "C-1", 1));
  CHECK(handlers::bulk_answer(opened(), outcome, {}).body.find("\"record\"") == std::string::npos);
  const auto made = handlers::bulk_answer(
      opened({.handling = {}, .returned = handlers::return_preference::representation}), outcome, {});
  CHECK(made.body.find(R"("record":{"id":"x"})") != std::string::npos);
}

TEST_CASE("record answer: status, Location, ETag; a minimal one has no body") {
  synclog::eventstore::write_outcome outcome;
  outcome.items.push_back(accepted(core::item_status::created, "C 1", 1));
  auto made = handlers::record_answer(opened(), outcome);
  CHECK(made.status == 201);
  CHECK(made.body == R"({"id":"x"})");
  CHECK(header(made, "Location") == "/api/clients/C%201");
  CHECK(header(made, "ETag") == "\"1\"");
  outcome.items[0].status = core::item_status::unchanged;
  CHECK(handlers::record_answer(opened(), outcome).status == 200);
  made = handlers::record_answer(opened({.handling = {}, .returned = handlers::return_preference::minimal}),
                                 outcome);
  CHECK(made.status == 204);
  CHECK(made.body.empty());
  CHECK(header(made, "Preference-Applied") == "return=minimal");
}

TEST_CASE("removal answer: counts what existed; nothing is 404; a reason of its own comes before absence") {
  const auto missing = core::make_problem(core::problem_code::not_found, "none");
  synclog::eventstore::write_outcome outcome;
  outcome.at = {{9}, 1};
  outcome.items = {refused(missing), accepted(core::item_status::deleted, "C-2", 2)};
  auto made = handlers::removal_answer(outcome);
  CHECK(made.status == 200);
  CHECK(made.body == R"({"success":true,"count":1,"cursor":"9-00000001"})");
  outcome.items = {refused(missing)};
  CHECK(handlers::removal_answer(outcome).status == 404);
  outcome.items = {refused(missing),
                   refused(core::make_problem(core::problem_code::precondition_failed, "stale")),
                   refused(missing)};
  CHECK(handlers::removal_answer(outcome).status == 412);
  outcome.items = {refused(missing), refused(core::make_problem(core::problem_code::aborted, "fell"))};
  CHECK(handlers::removal_answer(outcome).status == 404);
}
