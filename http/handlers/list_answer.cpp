// See list_answer.hpp.
#include "http/handlers/list_answer.hpp"
#include "core/chain.hpp"
#include "http/handlers/conditions.hpp"
#include "http/handlers/list_answer_writer.hpp"
#include "http/handlers/live_query.hpp"
#include "http/handlers/page_sizer.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include "projections/list_query.hpp"
#include <algorithm>
#include <array>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace synclog::http::handlers {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

namespace {

constexpr std::array<std::string_view, 4> offers{media_json, media_csv, media_ndjson, // as list_form
                                                 media_sse};                          // a live query

// Everything about one list request.
struct list_call {
  projections::list_query query;
  list_form form = list_form::json;
  core::cursor change; // the entity's last change, read before any row
  std::string etag;
};

bool same_place(const core::cursor& left, const core::cursor& right) {
  return left.position == right.position && left.fingerprint == right.fingerprint;
}

// Weak: the same rows may differ in their bytes between versions of the server. Covers who asks, for what, in
// which form, and the state of the entity; read before the rows, so that it is never newer than they are.
std::string etag_of(const list_call& call) {
  const auto& query = call.query;
  std::string text =
      fmt::format("{}\n{}\n{}\n", query.definition->name, core::to_hex(query.definition->fingerprint),
                  offers[static_cast<std::size_t>(call.form)]);
  const auto add = [&text](std::string_view part) { text += fmt::format("{}:{}", part.size(), part); };
  add(query.canonical);
  add(query.limit ? std::to_string(*query.limit) : "all");
  for (const auto& value : query.after) {
    if (value) {
      add(*value);
    } else {
      text += "null";
    }
  }
  text += query.caller.all_branches ? "\nall\n" : "\nsome\n";
  if (!query.caller.all_branches)
    for (const auto& branch : query.caller.branches)
      add(branch);
  add(core::to_string(call.change));
  constexpr std::size_t digest_bytes = 16;
  const auto digest = core::sha256(text);
  return fmt::format("W/\"{}\"", core::to_hex({reinterpret_cast<const char*>(digest.data()), digest_bytes}));
}

core::result<list_call> open_list(const services& with, const request& asked) {
  const auto definition = find_entity(with, asked);
  if (!definition) return definition.error();
  const auto form = negotiate(asked, offers);
  if (!form) return not_acceptable(offers);
  auto query = projections::parse_list_query(**definition, asked.query, asked.caller);
  if (!query) return query.error();
  list_call made;
  made.query = std::move(*query);
  made.form = static_cast<list_form>(*form);
  made.change = with.feed.last_change((*definition)->name);
  made.etag = etag_of(made);
  return made;
}

// Memory says that nothing changed; the log's head says whether this server's memory may speak: another
// server may have acknowledged a write that the feed has not heard of.
asio::awaitable<std::optional<core::cursor>> unchanged_at(const services& with, const request& asked,
                                                          const list_call& call) {
  if (!not_modified(asked, call.etag)) co_return std::nullopt;
  const auto head = co_await with.log.head(asked.until);
  const bool feed_is_current = with.feed.head().position >= head.position;
  if (feed_is_current && same_place(with.feed.last_change(call.query.definition->name), call.change))
    co_return head;
  co_return std::nullopt;
}

response list_head(const list_call& call, unsigned status, const core::cursor& head) {
  response made;
  made.status = status;
  made.headers.emplace_back("ETag", call.etag);
  made.headers.emplace_back("Sync-Position", core::to_string(head));
  add_common_headers(made);
  return made;
}

// With a limit. The rows come in several reads, so that no statement runs long; a page of huge records ends
// early: its link leads on.
asio::awaitable<void> answer_page(const services& with, const request& asked, responder& answer,
                                  list_call call) {
  constexpr std::size_t first_rows = 200;
  constexpr std::size_t max_page_bytes = 16u << 20;
  list_writer writer(call.form, *call.query.definition);
  page_sizer sizer(first_rows);
  std::string body;
  writer.open(body);
  std::size_t left = *call.query.limit;
  core::cursor head;
  bool first = true;
  bool more = true;
  while (more && left > 0 && body.size() < max_page_bytes) {
    const auto began = clock::now();
    auto page = co_await with.records.page(call.query, std::min(left, sizer.next()), asked.until);
    sizer.saw(page.docs, clock::now() - began);
    if (first) head = page.head;
    first = false;
    writer.append(body, page.docs);
    left -= std::min(left, page.docs.size());
    more = page.more;
    if (!page.docs.empty()) call.query.after = std::move(page.last_values);
  }
  writer.close(body);
  auto made = list_head(call, 200, head);
  writer.add_headers(made);
  if (more) {
    const auto cursor = projections::encode_page_cursor(call.query, call.query.after);
    made.headers.emplace_back("Link", next_link(asked, "cursor", cursor));
  }
  made.body = std::move(body);
  co_await answer.send(std::move(made));
}

// The rest of a list whose first page has been written. Each page has the deadline of a request to itself.
asio::awaitable<void> write_rest(const services& with, responder& answer, list_call& call,
                                 list_writer& writer, page_sizer& sizer) {
  std::string chunk;
  for (bool more = true; more;) {
    chunk.clear();
    {
      const auto began = clock::now();
      auto page = co_await with.records.page(call.query, sizer.next(), began + with.limits.request_deadline);
      sizer.saw(page.docs, clock::now() - began);
      writer.append(chunk, page.docs);
      more = page.more && !page.docs.empty();
      if (more) call.query.after = std::move(page.last_values);
    } // the rows are given back before a slow reader is waited for
    if (!more) writer.close(chunk);
    if (!chunk.empty()) co_await answer.write(chunk);
  }
}

// Without a limit.
asio::awaitable<void> answer_whole(const services& with, const request& asked, responder& answer,
                                   list_call call) {
  constexpr std::size_t first_rows = 64;
  list_writer writer(call.form, *call.query.definition);
  page_sizer sizer(first_rows);
  std::string chunk;
  bool more = false;
  response made;
  {
    const auto began = clock::now();
    auto page = co_await with.records.page(call.query, sizer.next(), asked.until);
    sizer.saw(page.docs, clock::now() - began);
    made = list_head(call, 200, page.head);
    writer.open(chunk);
    writer.append(chunk, page.docs);
    more = page.more;
    call.query.after = std::move(page.last_values);
  }
  writer.add_headers(made);
  if (!more) {
    writer.close(chunk);
    made.body = std::move(chunk);
    co_await answer.send(std::move(made));
    co_return;
  }
  co_await answer.begin(std::move(made));
  if (asked.method != method::head) {
    try {
      co_await answer.write(chunk);
      std::string().swap(chunk);
      co_await write_rest(with, answer, call, writer, sizer);
    } catch (const boost::system::system_error&) {
      throw; // the client is gone
    } catch (const std::exception& error) {
      // The status has gone out already: only a cut connection tells the client that rows are missing.
      spdlog::warn("list {} cut short, request {}: {}", call.query.definition->name, asked.request_id,
                   error.what());
      answer.abort();
      co_return;
    }
  }
  co_await answer.finish();
}

} // namespace

asio::awaitable<void> answer_list(const services& with, const request& asked, responder& answer) {
  if (const auto form = negotiate(asked, offers); form && offers[*form] == media_sse) {
    co_await answer_live_query(with, asked, answer);
    co_return;
  }
  auto call = open_list(with, asked);
  if (!call) {
    auto why = call.error();
    co_await send_problem(answer, std::move(why));
    co_return;
  }
  const auto unchanged = co_await unchanged_at(with, asked, *call);
  if (unchanged) {
    auto made = list_head(*call, 304, *unchanged);
    co_await answer.send(std::move(made));
  } else if (call->query.limit) {
    co_await answer_page(with, asked, answer, std::move(*call));
  } else {
    co_await answer_whole(with, asked, answer, std::move(*call));
  }
}

} // namespace synclog::http::handlers
