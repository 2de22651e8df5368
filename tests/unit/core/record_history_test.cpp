// What a history shows of each version, and to whom.
#include "core/record_history.hpp"
#include <doctest/doctest.h>

using namespace synclog::core;

namespace {

event version(std::int64_t number, event_action action, const char* name, const char* branch,
              std::optional<std::string> previous_branch = std::nullopt) {
  event made;
  made.position = {number * 10};
  made.entity = "clients";
  made.record_id = "CLT-1";
  made.version = number;
  made.action = action;
  made.branch = branch;
  made.previous_branch = std::move(previous_branch);
  made.data = std::string(R"({"id":"CLT-1","name":")") + name + R"(","branch":")" + branch + "\"}";
  made.meta = R"({"actor":"desk \"1\""})";
  made.recorded_at = {1'795'406'706'123'456};
  return made;
}

scope branch_scope(const char* branch) {
  scope caller;
  caller.all_branches = false;
  caller.branches = {branch};
  return caller;
}

std::string shown(const std::optional<history_item>& item) {
  if (!item) return "hidden";
  std::string text;
  append_history_item(text, *item);
  return text;
}

constexpr const char* time_text = R"("recorded_at":"2026-11-23T04:05:06.123456Z")";

} // namespace

TEST_CASE("record history: changes are against the version before, and after a delete everything is new") {
  record_history history{scope{}};
  CHECK(shown(history.take(version(1, event_action::created, "A", "north"))) ==
        std::string(R"({"version":1,"position":10,"action":"created","actor":"desk \"1\"",)") + time_text +
            R"(,"branch":"north","changes":[{"path":"/name","to":"A"},{"path":"/branch","to":"north"}]})");
  CHECK(shown(history.take(version(2, event_action::updated, "B", "", "north"))) ==
        std::string(R"({"version":2,"position":20,"action":"updated","actor":"desk \"1\"",)") + time_text +
            R"(,"branch":null,"previous_branch":"north","changes":[{"path":"/name","from":"A","to":"B"},)"
            R"({"path":"/branch","from":"north","to":""}]})");
  const auto gone = history.take(version(3, event_action::deleted, "B", ""));
  CHECK(gone->changes.empty());
  const auto back = history.take(version(4, event_action::reverted, "B", ""));
  CHECK(back->changes.size() == 2);
  CHECK(!back->changes[0].from);
}

TEST_CASE("record history: an erased version has no changes, and the next one is new") {
  record_history history{scope{}};
  (void)history.take(version(1, event_action::created, "A", "north"));
  auto erased = version(2, event_action::updated, "B", "north");
  erased.data = "null";
  const auto item = history.take(erased);
  CHECK(item->erased);
  CHECK(item->changes.empty());
  CHECK(!history.take(version(3, event_action::updated, "C", "north"))->changes.at(0).from);
}

TEST_CASE(
    "record history: another branch's versions are hidden, and leaving is a delete that tells no more") {
  record_history south{branch_scope("south")};
  CHECK(shown(south.take(version(1, event_action::created, "SECRET", "north"))) == "hidden");
  // What it was in the other branch is not told as the former value either.
  const auto came = shown(south.take(version(2, event_action::updated, "B", "south", "north")));
  CHECK(came.find("SECRET") == std::string::npos);
  CHECK(came.find(R"({"path":"/name","to":"B"})") != std::string::npos);
  CHECK(came.find("north") == std::string::npos);
  CHECK(shown(south.take(version(3, event_action::updated, "MOVED", "east", "south"))) ==
        std::string(R"({"version":3,"position":30,"action":"deleted",)") + time_text +
            R"(,"branch":"south","changes":[]})");
  CHECK(shown(south.take(version(4, event_action::updated, "MOVED", "east"))) == "hidden");
  record_history nobody{branch_scope("west")};
  for (std::int64_t number = 1; number < 4; ++number)
    CHECK(!nobody.take(version(number, event_action::updated, "A", "north")));
}
