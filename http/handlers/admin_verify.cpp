// GET /api/admin/verify.
#include "core/ids.hpp"
#include "http/admin_services.hpp"
#include "http/handlers/admin.hpp"
#include "http/handlers/admin_common.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include "http/object_text.hpp"
#include "http/problem_response.hpp"
#include "http/sse.hpp"
#include <array>
#include <fmt/format.h>

namespace synclog::http::handlers {

namespace asio = boost::asio;

namespace {

constexpr std::array<std::string_view, 2> offers{media_json, media_sse};
constexpr std::chrono::seconds silence{5}; // then a progress is told although nothing has moved

void append_difference(object_text& out, const eventstore::difference& found) {
  object_text one(out.member("difference"));
  one.json("position", std::to_string(found.position.value));
  one.string("kind", found.kind);
  one.string("detail", found.detail);
  const auto add = [&one](std::string_view name, const std::string& value) {
    if (!value.empty()) one.string(name, value);
  };
  add("resource", found.entity);
  add("id", found.record_id);
  add("field", found.field);
  add("stored", found.stored);
  add("computed", found.computed);
}

std::string notes_json(const std::vector<eventstore::verify_note>& notes) {
  std::string out = "[";
  for (const auto& note : notes) {
    if (out.size() > 1) out += ',';
    object_text one(out);
    one.string("kind", note.kind);
    one.string("resource", note.entity);
    one.string("detail", note.detail);
  }
  out += ']';
  return out;
}

std::string report_json(const eventstore::verify_report& report, const core::timestamp* at) {
  std::string out;
  {
    object_text made(out);
    made.json("ok", report.difference ? "false" : "true");
    made.json("events", std::to_string(report.events));
    made.json("erased", std::to_string(report.erased));
    made.json("rows", std::to_string(report.rows));
    made.json("position", std::to_string(report.head.value));
    if (!report.head_hash_hex.empty()) made.string("hash", report.head_hash_hex);
    if (report.log_id) made.string("log_id", core::to_string(*report.log_id));
    made.json("seconds", fmt::format("{:.3f}", report.seconds));
    if (at != nullptr) made.string("at", core::to_rfc3339(*at));
    if (!report.notes.empty()) made.json("notes", notes_json(report.notes));
    if (report.difference) append_difference(made, *report.difference);
  }
  return out;
}

std::string progress_json(const verify_desk::state& now) {
  std::string out;
  {
    object_text made(out);
    made.string("stage", now.progress.stage);
    made.json("done", std::to_string(now.progress.done));
    made.json("total", std::to_string(now.progress.total));
    made.json("seconds", fmt::format("{:.1f}", now.running.count()));
  }
  return out;
}

std::string status_json(const verify_desk& desk) {
  std::string out;
  {
    object_text made(out);
    made.json("running", desk.is_running() ? "true" : "false");
    const auto last = desk.last();
    made.json("last", last ? report_json(last->report, &last->at) : "null");
  }
  return out;
}

asio::awaitable<void> follow(const verify_desk::watch& watched, responder& answer) {
  using clock = std::chrono::steady_clock;
  verify_desk::state told;
  auto told_at = clock::time_point::min();
  for (;;) {
    if (answer.access_ended()) {
      co_await say_bye(answer, "token");
      co_return;
    }
    auto now = watched.look();
    const bool moved = now.progress.stage != told.progress.stage || now.progress.done != told.progress.done;
    if (moved || told_at + silence < clock::now()) {
      auto data = progress_json(now);
      co_await tell(answer, "progress", std::move(data));
      told_at = clock::now();
    }
    if (now.report) {
      auto data = report_json(*now.report, nullptr);
      co_await tell(answer, "result", std::move(data));
      co_return;
    }
    if (now.failed) {
      auto data = problem_body(*now.failed);
      co_await tell(answer, "failed", std::move(data));
      co_return;
    }
    if (answer.peer_closed()) co_return;
    if (answer.draining()) {
      co_await say_bye(answer, "restart");
      co_return;
    }
    told = std::move(now);
    co_await pause(progress_interval);
  }
}

} // namespace

asio::awaitable<void> admin_verify(const services& with, const request& asked, responder& answer) {
  const auto form = negotiate(asked, offers);
  auto refused = form ? refuse_unknown_parameters(asked, {}) : not_acceptable(offers);
  if (!refused && with.admin == nullptr) refused = no_admin_here();
  if (refused) {
    co_await send_problem(answer, std::move(*refused));
    co_return;
  }
  auto& desk = with.admin->verify;
  if (offers[*form] == media_json) {
    auto made = admin_json(status_json(desk));
    co_await answer.send(std::move(made));
    co_return;
  }
  if (asked.method == method::head) {
    auto head = sse::stream_head();
    co_await answer.send(std::move(head));
    co_return;
  }
  const auto watched = desk.join();
  if (!watched) {
    auto why = watched.error();
    co_await send_problem(answer, std::move(why));
    co_return;
  }
  if (!co_await begin_progress(answer)) co_return;
  co_await follow(*watched, answer);
  co_await answer.finish();
}

} // namespace synclog::http::handlers
