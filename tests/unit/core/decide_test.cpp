// decide(): state + command -> event, nothing, or a refusal.
#include "core/decide.hpp"

#include "core/json.hpp"
#include "core/record.hpp"
#include "core/revert.hpp"
#include "core/validate.hpp"
#include <doctest/doctest.h>
#include <random>
#include <string>
#include <utility>
#include <vector>

using namespace synclog::core;

namespace {

const catalog& entities() {
  static const auto loaded = catalog::load("");
  REQUIRE(loaded.has_value());
  return *loaded;
}

const entity& clients() {
  return *entities().find("clients");
}

// A small log in memory: what the committer does, without a database.
class bench {
 public:
  decision run(const command& wanted) {
    const auto mark = state.mark();
    auto made =
        decide(state, wanted, {position{next_}, timestamp{1'000'000 * next_}, caller, max_record_bytes});
    if (made.outcome.status == item_status::rejected) {
      state.roll_back(mark);
    } else if (made.event) {
      ++next_;
    }
    return made;
  }

  decision save(const char* json_text) { return run(make(command_kind::save, json_text)); }
  decision merge(const char* json_text) { return run(make(command_kind::merge, json_text)); }
  decision remove(const char* id) {
    command wanted;
    wanted.definition = &clients();
    wanted.kind = command_kind::remove;
    wanted.id = id;
    wanted.fields = field_texts(clients().fields.size());
    return run(wanted);
  }

  static command make(command_kind kind, const char* json_text) {
    const auto parsed = json::parse(json_text);
    REQUIRE(parsed.has_value());
    auto valid = validate_object(clients(), parsed->root(), "");
    REQUIRE(valid.has_value());
    command wanted;
    wanted.definition = &clients();
    wanted.kind = kind;
    wanted.id = valid->id;
    wanted.fields = std::move(valid->fields);
    wanted.expected_version = valid->expected_version;
    return wanted;
  }

  decision_state state;
  scope caller;
  std::size_t max_record_bytes = 1u << 20;

 private:
  std::int64_t next_ = 1;
};

std::string field_of(const std::string& doc, const char* name) {
  const auto read = decode_record(clients(), doc);
  REQUIRE(read.has_value());
  return std::string(read->fields.get(*clients().field_index(name)));
}

} // namespace

TEST_CASE("decide: a record that did not exist is created with defaults, version 1 and a made-up id") {
  bench log;
  const auto made = log.save(R"({"full_name":"A. N. Other"})");
  REQUIRE(made.event);
  CHECK(made.outcome.status == item_status::created);
  CHECK(made.outcome.version == 1);
  CHECK(made.outcome.id.starts_with("CLT-"));
  CHECK(made.event->data == made.outcome.doc);
  CHECK(field_of(made.outcome.doc, "phone") == "null");
}

TEST_CASE("decide: a create without a required field is refused with its pointer and leaves nothing behind") {
  bench log;
  auto wanted = bench::make(command_kind::save, R"({"id":"CLT-1","phone":"1"})");
  wanted.error_pointer = "/3";
  const auto made = log.run(wanted);
  REQUIRE(made.outcome.error);
  CHECK(made.outcome.error->code == problem_code::invalid);
  REQUIRE(made.outcome.error->errors.size() == 1);
  CHECK(made.outcome.error->errors[0].pointer == "/3/full_name");
  CHECK(log.state.find(clients(), "CLT-1") == nullptr);
}

TEST_CASE("decide: saving an existing record merges the given fields and keeps created_at") {
  bench log;
  log.save(R"({"id":"CLT-1","full_name":"A","phone":"1"})");
  const auto made = log.save(R"({"id":"CLT-1","phone":"2"})");
  CHECK(made.outcome.status == item_status::updated);
  CHECK(made.outcome.version == 2);
  CHECK(field_of(made.outcome.doc, "full_name") == "\"A\"");
  CHECK(field_of(made.outcome.doc, "phone") == "\"2\"");
  const auto read = decode_record(clients(), made.outcome.doc);
  CHECK(read->head.created_at.micros == 1'000'000);
  CHECK(read->head.updated_at.micros == 2'000'000);
}

TEST_CASE("decide: an identical record makes no event") {
  bench log;
  log.save(R"({"id":"CLT-1","full_name":"A","data":{"x":1}})");
  const auto made = log.save(R"({"id":"CLT-1","full_name":"A","data":{"x":1},"version":1})");
  CHECK(made.outcome.status == item_status::unchanged);
  CHECK_FALSE(made.event);
  CHECK(made.outcome.version == 1);
}

TEST_CASE("decide: POST replaces an object field, PATCH merges into it") {
  bench log;
  log.save(R"({"id":"CLT-1","full_name":"A","data":{"x":1,"y":{"z":2}}})");
  const auto merged = log.merge(R"({"id":"CLT-1","data":{"y":{"w":3},"x":null}})");
  CHECK(field_of(merged.outcome.doc, "data") == R"({"y":{"z":2,"w":3}})");
  const auto replaced = log.save(R"({"id":"CLT-1","data":{"n":1}})");
  CHECK(field_of(replaced.outcome.doc, "data") == R"({"n":1})");
}

TEST_CASE("decide: PATCH of a record that does not live is not found") {
  bench log;
  CHECK(log.merge(R"({"id":"CLT-9","phone":"1"})").outcome.error->code == problem_code::not_found);
  log.save(R"({"id":"CLT-1","full_name":"A"})");
  log.remove("CLT-1");
  CHECK(log.merge(R"({"id":"CLT-1","phone":"1"})").outcome.error->code == problem_code::not_found);
}

TEST_CASE("decide: a required field cannot be cleared") {
  bench log;
  log.save(R"({"id":"CLT-1","full_name":"A"})");
  const auto made = log.merge(R"({"id":"CLT-1","full_name":null})");
  REQUIRE(made.outcome.error);
  CHECK(made.outcome.error->errors.at(0).pointer == "/full_name");
}

TEST_CASE("decide: a stale version is refused with the record as it stands") {
  bench log;
  log.save(R"({"id":"CLT-1","full_name":"A"})");
  log.save(R"({"id":"CLT-1","full_name":"B"})");
  const auto body = log.save(R"({"id":"CLT-1","full_name":"C","expected_version":1})");
  CHECK(body.outcome.error->code == problem_code::stale_version);
  CHECK(field_of(body.outcome.error->current, "full_name") == "\"B\"");
  auto by_header = bench::make(command_kind::save, R"({"id":"CLT-1","full_name":"C","expected_version":1})");
  by_header.expected_from = version_source::header;
  CHECK(log.run(by_header).outcome.error->code == problem_code::precondition_failed);
  CHECK(log.save(R"({"id":"CLT-1","full_name":"C","expected_version":2})").outcome.version == 3);
}

TEST_CASE("decide: create-only is refused when the record lives, and allowed after its deletion") {
  bench log;
  log.save(R"({"id":"CLT-1","full_name":"A"})");
  auto wanted = bench::make(command_kind::save, R"({"id":"CLT-1","full_name":"B"})");
  wanted.create_only = true;
  CHECK(log.run(wanted).outcome.error->code == problem_code::precondition_failed);
  log.remove("CLT-1");
  const auto again = log.run(wanted);
  CHECK(again.outcome.status == item_status::created);
  CHECK(again.outcome.version == 3);
}

TEST_CASE("decide: without an id the natural key names the record") {
  bench log;
  const auto first = log.save(R"({"full_name":"A","reference_number":"R1"})");
  const auto second = log.save(R"({"reference_number":"R1","phone":"5"})");
  CHECK(second.outcome.status == item_status::updated);
  CHECK(second.outcome.id == first.outcome.id);
}

TEST_CASE(
    "decide: a unique value of another record is refused and named, and is free again after a deletion") {
  bench log;
  log.save(R"({"id":"CLT-1","full_name":"A","reference_number":"R1"})");
  const auto refused = log.save(R"({"id":"CLT-2","full_name":"B","reference_number":"R1"})");
  CHECK(refused.outcome.error->code == problem_code::taken);
  CHECK(refused.outcome.error->errors.at(0).pointer == "/reference_number");
  log.remove("CLT-1");
  CHECK(log.save(R"({"id":"CLT-2","full_name":"B","reference_number":"R1"})").outcome.status ==
        item_status::created);
}

TEST_CASE("decide: a rolled back request leaves neither records nor unique values") {
  bench log;
  const auto mark = log.state.mark();
  log.save(R"({"id":"CLT-1","full_name":"A","reference_number":"R1"})");
  log.state.roll_back(mark);
  CHECK(log.state.find(clients(), "CLT-1") == nullptr);
  CHECK(log.save(R"({"id":"CLT-2","full_name":"B","reference_number":"R1"})").outcome.status ==
        item_status::created);
}

TEST_CASE("decide: rolling back to any moment brings back every record and unique value as it was then") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  constexpr int ids = 4, references = 3;
  using shown_state = std::vector<std::string>;
  const auto show = [](const decision_state& state) {
    shown_state shown;
    for (int id = 0; id < ids; ++id) {
      const auto* found = state.find(clients(), "C" + std::to_string(id));
      shown.push_back(found == nullptr ? "none" : (found->live ? "live" : "gone") + found->doc);
    }
    const auto reference = *clients().field_index("reference_number");
    for (int value = 0; value < references; ++value)
      shown.emplace_back(state.holder(clients(), reference, "R" + std::to_string(value)));
    return shown;
  };
  for (int round = 0; round < 50; ++round) {
    bench log;
    std::vector<std::pair<decision_state::mark_type, shown_state>> moments;
    for (int step = 0; step < 30; ++step) {
      moments.emplace_back(log.state.mark(), show(log.state));
      const auto id = "C" + std::to_string(random() % ids);
      if (random() % 4 == 0) {
        log.remove(id.c_str());
        continue;
      }
      const auto body = R"({"id":")" + id + R"(","full_name":"N)" + std::to_string(step) +
                        R"(","reference_number":"R)" + std::to_string(random() % references) + "\"}";
      log.save(body.c_str());
    }
    while (!moments.empty()) {
      log.state.roll_back(moments.back().first);
      CHECK(show(log.state) == moments.back().second);
      for (auto skipped = random() % 5; skipped > 0 && !moments.empty(); --skipped)
        moments.pop_back();
    }
  }
}

TEST_CASE("decide: deleting keeps the last state in the event, and versions count on") {
  bench log;
  const auto first = log.save(R"({"id":"CLT-1","full_name":"A"})");
  const auto gone = log.remove("CLT-1");
  CHECK(gone.outcome.status == item_status::deleted);
  CHECK(gone.event->version == 2);
  CHECK(gone.event->data == first.outcome.doc);
  CHECK(log.remove("CLT-1").outcome.error->code == problem_code::not_found);
}

TEST_CASE("decide: another branch's record looks like none, except that its id is taken") {
  bench log;
  log.save(R"({"id":"CLT-1","full_name":"A","branch":"north"})");
  log.caller = {"desk", role::editor, false, {"south"}};
  CHECK(log.merge(R"({"id":"CLT-1","phone":"1"})").outcome.error->code == problem_code::not_found);
  CHECK(log.remove("CLT-1").outcome.error->code == problem_code::not_found);
  const auto taken = log.save(R"({"id":"CLT-1","full_name":"B"})");
  CHECK(taken.outcome.error->code == problem_code::taken);
  CHECK(taken.outcome.error->current.empty());
}

TEST_CASE("decide: an id that another branch deleted stays taken: its version would tell that it was there") {
  bench all;
  all.save(R"({"id":"CLT-1","full_name":"A","branch":"south"})");
  all.remove("CLT-1");
  all.caller = {"desk", role::editor, false, {"north"}};
  for (const auto* text :
       {R"({"id":"CLT-1","full_name":"B"})", R"({"id":"CLT-1","full_name":"B","expected_version":0})",
        R"({"id":"CLT-1","full_name":"B","expected_version":2})"}) {
    const auto made = all.save(text);
    REQUIRE(made.outcome.error);
    CHECK(made.outcome.error->code == problem_code::taken);
    CHECK(made.outcome.error->current.empty());
  }
  CHECK(all.merge(R"({"id":"CLT-1","full_name":"B"})").outcome.error->code == problem_code::not_found);
  all.caller.branches = {"south"};
  CHECK(all.save(R"({"id":"CLT-1","full_name":"B"})").outcome.version == 3);
}

TEST_CASE("decide: a one-branch caller's create belongs to that branch, and moving needs both") {
  bench log;
  log.caller = {"desk", role::editor, false, {"south"}};
  const auto made = log.save(R"({"id":"CLT-1","full_name":"A"})");
  CHECK(made.event->branch == "south");
  CHECK(log.save(R"({"id":"CLT-1","branch":"north"})").outcome.error->code == problem_code::forbidden);
  log.caller.branches = {"south", "north"};
  const auto moved = log.save(R"({"id":"CLT-1","branch":"north"})");
  CHECK(moved.event->branch == "north");
  CHECK(moved.event->previous_branch == "south");
}

TEST_CASE("decide: a caller of several branches who names none is told which they are") {
  bench log;
  log.caller = {"desk", role::editor, false, {"south", "north"}};
  const auto refused = log.save(R"({"id":"CLT-1","full_name":"A"})").outcome;
  REQUIRE(refused.error);
  CHECK(refused.error->code == problem_code::forbidden);
  CHECK(refused.error->detail == "name one of your branches: south, north");
  CHECK(refused.error->errors.at(0).pointer == "/branch");
  CHECK(log.save(R"({"id":"CLT-1","full_name":"A","branch":"west"})").outcome.error->detail ==
        "this branch is not yours");
  log.caller.branches = {"a", "b", "c", "d", "e", "f", "g", "h", "i"};
  CHECK(log.save(R"({"id":"CLT-1","full_name":"A","branch":null})").outcome.error->detail ==
        "name one of your branches: a, b, c, d, e, f, g, h …");
  entity plain = clients();
  plain.branch_field.reset();
  auto wanted = bench::make(command_kind::save, R"({"id":"CLT-1","full_name":"A"})");
  wanted.definition = &plain;
  const auto closed = log.run(wanted).outcome;
  REQUIRE(closed.error);
  CHECK(closed.error->detail == "this belongs to no branch: who is for some branches cannot write it");
  CHECK(closed.error->errors.empty());
}

TEST_CASE("decide: a record over the limit is refused") {
  bench log;
  log.max_record_bytes = 400;
  const auto big = R"({"id":"CLT-1","full_name":"A","address":")" + std::string(500, 'x') + "\"}";
  CHECK(log.save(big.c_str()).outcome.error->code == problem_code::too_large);
  CHECK(log.state.find(clients(), "CLT-1") == nullptr);
}

namespace {

command revert_to(const std::string& doc) {
  auto wanted = revert_command(clients(), doc);
  REQUIRE(wanted.has_value());
  return std::move(*wanted);
}

} // namespace

TEST_CASE("decide: a revert makes an earlier version's fields the record's, cleared ones too") {
  bench log;
  const auto first = log.save(R"({"id":"CLT-1","full_name":"A","data":{"a":1}})");
  log.save(R"({"id":"CLT-1","full_name":"B","phone":"2","data":{"b":2}})");
  const auto made = log.run(revert_to(first.outcome.doc));
  REQUIRE(made.event);
  CHECK(made.event->action == event_action::reverted);
  CHECK(made.outcome.status == item_status::reverted);
  CHECK(made.event->version == 3);
  CHECK(field_of(made.outcome.doc, "full_name") == "\"A\"");
  CHECK(field_of(made.outcome.doc, "phone") == "null");
  CHECK(field_of(made.outcome.doc, "data") == R"({"a":1})");
  CHECK(log.run(revert_to(first.outcome.doc)).outcome.status == item_status::unchanged);
}

TEST_CASE("decide: a revert brings a deleted record back, with the time it was first created at") {
  bench log;
  const auto first = log.save(R"({"id":"CLT-1","full_name":"A"})");
  log.remove("CLT-1");
  const auto made = log.run(revert_to(first.outcome.doc));
  REQUIRE(made.event);
  CHECK(made.event->version == 3);
  const auto before = decode_record(clients(), first.outcome.doc),
             after = decode_record(clients(), made.event->data);
  CHECK(after->head.created_at == before->head.created_at);
  CHECK(after->head.updated_at > before->head.updated_at);
  CHECK(log.state.find(clients(), "CLT-1")->live);
  CHECK(log.merge(R"({"id":"CLT-1","phone":"1"})").outcome.status == item_status::updated);
}

TEST_CASE("decide: a revert keeps conditions, unique values and branches") {
  bench log;
  const auto first = log.save(R"({"id":"CLT-1","full_name":"A","reference_number":"R1","branch":"north"})");
  log.save(R"({"id":"CLT-1","reference_number":"R2","branch":"south"})");
  log.save(R"({"id":"CLT-2","full_name":"B","reference_number":"R1"})");
  auto wanted = revert_to(first.outcome.doc);
  const auto taken = log.run(wanted);
  REQUIRE(taken.outcome.error);
  CHECK(taken.outcome.error->code == problem_code::taken);
  CHECK(taken.outcome.error->errors.at(0).pointer == "/reference_number");
  wanted.expected_version = 1;
  CHECK(log.run(wanted).outcome.error->code == problem_code::stale_version);
  wanted.expected_version = 2;
  log.remove("CLT-2");
  log.caller = {"desk", role::editor, false, {"north"}};
  CHECK(log.run(wanted).outcome.error->code == problem_code::not_found); // it is south's
  log.caller.branches = {"south"};
  CHECK(log.run(wanted).outcome.error->code == problem_code::forbidden); // it would be north's
  log.caller.branches = {"south", "north"};
  const auto made = log.run(wanted);
  REQUIRE(made.event);
  CHECK(made.event->previous_branch == "south");
  CHECK(log.state.holder(clients(), *clients().field_index("reference_number"), "R1") == "CLT-1");
}

TEST_CASE("decide: another branch's deleted record cannot be brought back, and none that never was") {
  bench log;
  const auto first = log.save(R"({"id":"CLT-1","full_name":"A","branch":"north"})");
  log.remove("CLT-1");
  log.caller = {"desk", role::editor, false, {"south"}};
  CHECK(log.run(revert_to(first.outcome.doc)).outcome.error->code == problem_code::not_found);
  log.caller = {};
  auto unknown = revert_to(first.outcome.doc);
  unknown.id = "CLT-9";
  CHECK(log.run(unknown).outcome.error->code == problem_code::not_found);
}

TEST_CASE("revert: what today's definition does not take is refused with its pointer") {
  const auto made = revert_command(clients(), R"({"id":"CLT-1","version":1,"position":1,)"
                                              R"("created_at":"2026-11-23T04:05:06.000000Z",)"
                                              R"("updated_at":"2026-11-23T04:05:06.000000Z",)"
                                              R"("full_name":"A","date_of_birth":"soon","unknown":1})");
  REQUIRE(!made.has_value());
  CHECK(made.error().code == problem_code::invalid);
  REQUIRE(made.error().errors.size() == 1);
  CHECK(made.error().errors[0].pointer == "/date_of_birth");
}
