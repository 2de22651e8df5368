// Envelopes as subscribers get them, CloudEvents, and the frames of server-sent events.
#include "core/event_filter.hpp"
#include "core/json.hpp"
#include "eventstore/feed.hpp"
#include "http/sse.hpp"
#include "http/streams/event_envelope.hpp"
#include <doctest/doctest.h>

namespace core = synclog::core;
namespace sse = synclog::http::sse;

namespace {

core::event moved_event() {
  core::event made;
  made.position = {7};
  made.entity = "clients";
  made.record_id = R"(C","version":9,"recorded_at":"x)";
  made.version = 3;
  made.action = core::event_action::updated;
  made.branch = "north";
  made.previous_branch = "east";
  made.data = R"({"id":"C","full_name":"secret","branch":"north"})";
  made.meta = R"({"actor":"north-desk"})";
  made.recorded_at = {1'700'000'000'000'000};
  return made;
}

const core::json::value* member(const core::json::document& parsed, std::string_view name) {
  return parsed.root().find(name);
}

} // namespace

TEST_CASE("envelope: head, the subscriber's previous, tail") {
  const auto event = synclog::eventstore::make_feed_event(moved_event());
  std::string out;
  synclog::http::streams::append_envelope(out, *event, {4}, core::filter_verdict::show);
  const auto parsed = core::json::parse(out);
  REQUIRE(parsed.has_value());
  CHECK(member(*parsed, "previous")->text == "4");
  CHECK(member(*parsed, "action")->text == "updated");
  CHECK(member(*parsed, "data")->find("full_name")->text == "secret");
  CHECK(member(*parsed, "previous_branch")->text == "east");
}

TEST_CASE("envelope: a record that left is deleted, without data and without a word of where it went") {
  const auto event = synclog::eventstore::make_feed_event(moved_event());
  std::string out;
  synclog::http::streams::append_envelope(out, *event, {4}, core::filter_verdict::show_as_left);
  const auto parsed = core::json::parse(out);
  REQUIRE(parsed.has_value());
  CHECK(member(*parsed, "action")->text == "deleted");
  CHECK(member(*parsed, "data")->kind == core::json::kind::null);
  CHECK(member(*parsed, "branch")->text == "east");
  CHECK(member(*parsed, "version")->text == "3");
  CHECK(member(*parsed, "recorded_at")->text == "2023-11-14T22:13:20.000000Z");
  CHECK(member(*parsed, "id")->text == moved_event().record_id);
  CHECK(out.find("north") == std::string::npos);
  CHECK(out.find("secret") == std::string::npos);
}

TEST_CASE("envelope: where a record came from is not told to who does not see that branch") {
  const auto event = synclog::eventstore::make_feed_event(moved_event());
  std::string out, whole;
  synclog::http::streams::append_envelope(out, *event, {4}, core::filter_verdict::show_as_entered);
  synclog::http::streams::append_envelope(whole, *event, {4}, core::filter_verdict::show);
  CHECK(out.find("east") == std::string::npos);
  const std::string told = R"(,"previous_branch":"east")";
  const auto where = whole.find(told);
  REQUIRE(where != std::string::npos);
  CHECK(out == whole.erase(where, told.size()));
  auto hostile = moved_event();
  hostile.previous_branch = R"(x","actor":"y)";
  hostile.record_id = R"(","previous_branch":"z)";
  out.clear();
  synclog::http::streams::append_envelope(out, *synclog::eventstore::make_feed_event(hostile), {4},
                                          core::filter_verdict::show_as_entered);
  const auto parsed = core::json::parse(out);
  REQUIRE(parsed.has_value());
  CHECK(member(*parsed, "previous_branch") == nullptr);
  CHECK(member(*parsed, "id")->text == hostile.record_id);
  CHECK(member(*parsed, "actor")->text == "north-desk");
}

TEST_CASE("cloud event: the required attributes, and the envelope as data") {
  const auto event = synclog::eventstore::make_feed_event(moved_event());
  std::string out;
  synclog::http::streams::append_cloud_event(out, *event, {6}, core::filter_verdict::show);
  const auto parsed = core::json::parse(out);
  REQUIRE(parsed.has_value());
  CHECK(member(*parsed, "specversion")->text == "1.0");
  CHECK(member(*parsed, "id")->text == "7-00000000");
  CHECK(member(*parsed, "source")->text == "/api/clients");
  CHECK(member(*parsed, "type")->text == "synclog.clients.updated");
  CHECK(member(*parsed, "time")->text == "2023-11-14T22:13:20.000000Z");
  CHECK(member(*parsed, "data")->find("position")->text == "7");
}

TEST_CASE("sse: frames are what a browser expects, and only some carry an id") {
  const core::cursor at{{12}, 0xabcdef01};
  std::string out;
  sse::append_event(out, at, "{}");
  CHECK(out == "id: 12-abcdef01\ndata: {}\n\n");
  out.clear();
  sse::append_hello(out, at);
  CHECK(out == "event: hello\ndata: {\"cursor\":\"12-abcdef01\"}\n\n");
  out.clear();
  sse::append_checkpoint(out, at);
  CHECK(out == "event: checkpoint\nid: 12-abcdef01\ndata: {\"cursor\":\"12-abcdef01\"}\n\n");
  out.clear();
  sse::append_resync(out, "other_history", at);
  CHECK(
      out ==
      "event: resync\nid: 12-abcdef01\ndata: {\"reason\":\"other_history\",\"cursor\":\"12-abcdef01\"}\n\n");
  out.clear();
  sse::append_bye(out, "restart", std::chrono::milliseconds(2'500));
  CHECK(out == "event: bye\ndata: {\"reason\":\"restart\",\"retry_ms\":2500}\n\n");
  for (int i = 0; i < 100; ++i) {
    const auto retry = sse::jittered_retry().count();
    CHECK(retry >= 2'000);
    CHECK(retry <= 5'000);
  }
}
