// Health, version, metrics, the published descriptions and the list of what there is.
#include "http/handlers/meta.hpp"
#include "core/json.hpp"
#include "http/admin_services.hpp"
#include "http/handlers/conditions.hpp"
#include "http/log_watch.hpp"
#include "http/metrics.hpp"
#include "http/problem_response.hpp"
#include "http/published_text.hpp"
#include <algorithm>
#include <array>
#include <fmt/format.h>

namespace synclog::http::handlers {
namespace {

struct check {
  std::string_view name;
  bool fine = false;
  std::string_view trouble;
};

using checks = std::array<check, 4>;

// Of the database's settings and rights; nothing where nobody looks.
log_findings found_of(const services& with) {
  const bool looks = with.admin != nullptr && with.admin->watch != nullptr;
  return looks ? with.admin->watch->found() : log_findings{};
}

checks look(const services& with, const responder& answer) {
  return {
      check{"database", with.reads.stats().open > 0, "no connection to the database"},
      check{"committer", with.committer.stats().connected, "the committer has no connection to the database"},
      check{"serving", !answer.draining(), "the server is shutting down"},
      check{"durable", found_of(with).losses.empty(), "the database can lose what it acknowledges"}};
}

// Serving goes on meanwhile, so it is said and turns nothing red.
void append_awaited(std::string& out, const projections::awaited_rebuild& one) {
  out += "{\"entity\":";
  core::json::append_string(out, one.entity);
  out += ",\"table\":";
  core::json::append_string(out, one.table);
  if (!one.last_failure.empty()) {
    out += ",\"last_failure\":";
    core::json::append_string(out, one.last_failure);
  }
  out += '}';
}

std::string verbose_body(const services& with, const checks& all, std::string_view status) {
  std::string out = "{\"status\":";
  core::json::append_string(out, status);
  out += ",\"checks\":{";
  const char* separator = "";
  for (const check& one : all) {
    out += separator;
    separator = ",";
    core::json::append_string(out, one.name);
    out += ':';
    core::json::append_string(out, one.fine ? std::string_view("ok") : one.trouble);
  }
  // To whom nothing was asked of who they are, where others are asked, the checks must do.
  if (with.access != nullptr) return out + "}}";
  const auto committer = with.committer.stats();
  const auto feed = with.feed.stats();
  out += "},\"head\":";
  core::json::append_string(out, core::to_string(with.feed.head()));
  out += ",\"queued_writes\":" + std::to_string(committer.queued_requests);
  out += ",\"waiting_readers\":" + std::to_string(feed.waiting);
  out += ",\"awaiting_rebuild\":[";
  separator = "";
  if (with.rebuilds != nullptr) {
    for (const auto& one : with.rebuilds->all()) {
      out += separator;
      separator = ",";
      append_awaited(out, one);
    }
  }
  out += "],\"warnings\":[";
  separator = "";
  const log_findings found = found_of(with);
  for (const auto* sentences : {&found.losses, &found.powers}) {
    for (const std::string& sentence : *sentences) {
      out += separator;
      separator = ",";
      core::json::append_string(out, sentence);
    }
  }
  out += "],\"draining\":";
  out += all[2].fine ? "false" : "true";
  out += '}';
  return out;
}

response page(unsigned status, std::string_view type, std::string body) {
  response out{.status = status, .headers = {}, .body = std::move(body)};
  out.headers.emplace_back("Content-Type", type);
  out.headers.emplace_back("Cache-Control", "no-store");
  return out;
}

boost::asio::awaitable<void> send_published(const published_text* text, const request& asked,
                                            responder& answer) {
  if (text == nullptr) {
    co_await answer.send(
        to_response(core::make_problem(core::problem_code::not_found, "nothing is described here")));
    co_return;
  }
  const auto form = text->for_client(asked.header("accept-encoding"));
  response made;
  made.headers.emplace_back("ETag", form.etag);
  made.headers.emplace_back("Cache-Control", "no-cache");
  made.headers.emplace_back("Vary", "Accept-Encoding");
  if (not_modified(asked, form.etag)) {
    made.status = 304;
  } else {
    made.headers.emplace_back("Content-Type", "application/json");
    if (!form.encoding.empty()) made.headers.emplace_back("Content-Encoding", form.encoding);
    made.body = form.body;
  }
  co_await answer.send(std::move(made));
}

} // namespace

boost::asio::awaitable<void> livez(const services&, const request&, responder& answer) {
  co_await answer.send(page(200, "text/plain; charset=utf-8", "ok\n"));
}

boost::asio::awaitable<void> readyz(const services& with, const request& asked, responder& answer) {
  const checks all = look(with, answer);
  const check* failing = nullptr;
  for (const check& one : all) {
    if (!one.fine && failing == nullptr) failing = &one;
  }
  const unsigned status = failing == nullptr ? 200 : 503;
  const std::string_view word = failing == nullptr ? "ready" : "not ready";
  response made;
  if (asked.parameter("verbose")) {
    made = page(status, "application/json", verbose_body(with, all, word));
  } else {
    std::string body(word);
    if (failing != nullptr) body.append(": ").append(failing->trouble);
    made = page(status, "text/plain; charset=utf-8", body + "\n");
  }
  if (failing != nullptr) made.headers.emplace_back("Retry-After", "2");
  co_await answer.send(std::move(made));
}

boost::asio::awaitable<void> version(const services&, const request&, responder& answer) {
  co_await answer.send(
      page(200, "application/json", R"({"name":"synclog","version":")" SYNCLOG_VERSION R"("})"));
}

boost::asio::awaitable<void> asyncapi(const services& with, const request& asked, responder& answer) {
  return send_published(with.asyncapi, asked, answer);
}

boost::asio::awaitable<void> openapi(const services& with, const request& asked, responder& answer) {
  return send_published(with.openapi, asked, answer);
}

boost::asio::awaitable<void> metrics_text(const services& with, const request&, responder& answer) {
  if (with.metrics == nullptr) {
    co_await answer.send(
        to_response(core::make_problem(core::problem_code::not_found, "nothing is counted here")));
    co_return;
  }
  co_await answer.send(page(200, "text/plain; version=0.0.4; charset=utf-8", with.metrics->text(with)));
}

boost::asio::awaitable<void> index(const services& with, const request&, responder& answer) {
  std::size_t width = 0;
  for (const auto& entity : with.entities.all())
    width = std::max(width, entity->name.size());
  std::string body = "synclog " SYNCLOG_VERSION "\n\ntables\n";
  for (const auto& entity : with.entities.all()) {
    body += fmt::format("  /api/{:{}}  {}\n", entity->name, width, entity->title);
  }
  body += "\nmore\n"
          "  /               the console, for browsers\n"
          "  /docs           this API, to read and to try, for browsers\n"
          "  /api/events     every change, in order; as a stream with Accept: text/event-stream\n"
          "  /openapi.json   requests and answers\n"
          "  /asyncapi.json  streams and the WebSocket\n"
          "  /client.js      the client library for pages\n"
          "  /readyz?verbose /livez /metrics /version\n";
  response made = page(200, "text/plain; charset=utf-8", std::move(body));
  made.headers.emplace_back("Vary", "Accept");
  co_await answer.send(std::move(made));
}

} // namespace synclog::http::handlers
