// See list_answer.hpp.
#include "http/handlers/list_answer.hpp"
#include "core/chain.hpp"
#include "http/answer_memory.hpp"
#include "http/handlers/conditions.hpp"
#include "http/handlers/list_answer_writer.hpp"
#include "http/handlers/list_past_answer.hpp"
#include "http/handlers/live_query.hpp"
#include "http/handlers/page_sizer.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include "http/quotas.hpp"
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
  std::string key;     // who asks for what, in which form
  std::string etag;
};

std::string key_of(const list_call& call) {
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
  append_scope(text, query.caller);
  return text;
}

// Weak: the same rows may differ in their bytes between versions of the server. Covers the question and the
// state of the entity; read before the rows, so that it is never newer than they are.
std::string etag_of(const list_call& call) {
  const std::string text = call.key + core::to_string(call.change);
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
  made.key = key_of(made);
  made.etag = etag_of(made);
  return made;
}

// True when this server's memory has reached `head`, and the entity has not changed up to there. The database
// may have been restored under us: then `head` is of another history, or before the change.
bool is_unchanged(const services& with, const list_call& call, const core::cursor& head) {
  return with.feed.known_cursor(head.position) == head && call.change.position <= head.position &&
         with.feed.last_change(call.query.definition->name) == call.change;
}

response list_head(const list_call& call, unsigned status, const core::cursor& head) {
  response made;
  made.status = status;
  made.headers.emplace_back("ETag", call.etag);
  made.headers.emplace_back("Sync-Position", core::to_string(head));
  add_common_headers(made);
  return made;
}

// Only when the rows show the state of `call.change` and no later one. `head` is that of the last rows read.
void keep_page(const services& with, const list_call& call, const response& made, const core::cursor& head) {
  if (with.answers == nullptr || !is_unchanged(with, call, head)) return;
  kept_answer kept{.change = call.change, .link = {}, .body = made.body};
  for (const auto& [name, value] : made.headers)
    if (name == "Link") kept.link = value;
  with.answers->keep(call.key, std::move(kept));
}

// With a limit. The rows come in several reads, so that no statement runs long; a page of huge records ends
// early: its link leads on. `place`: of a search.
asio::awaitable<void> answer_page(const services& with, const request& asked, responder& answer,
                                  list_call call, quota_share place) {
  constexpr std::size_t first_rows = 200;
  constexpr std::size_t max_page_bytes = 16u << 20;
  list_writer writer(call.form, *call.query.definition);
  page_sizer sizer(first_rows);
  std::string body;
  writer.open(body);
  std::size_t left = *call.query.limit;
  core::cursor head, last_head;
  bool first = true;
  bool more = true;
  while (more && left > 0 && body.size() < max_page_bytes) {
    const auto began = clock::now();
    auto page = co_await with.records.page(call.query, std::min(left, sizer.next()), asked.until);
    sizer.saw(page.docs, clock::now() - began);
    if (first) head = page.head;
    first = false;
    last_head = page.head;
    writer.append(body, page.docs);
    left -= std::min(left, page.docs.size());
    more = page.more;
    if (!page.docs.empty()) call.query.after = std::move(page.last_values);
  }
  place.held.give_back(); // the reader may be slow
  writer.close(body);
  auto made = list_head(call, 200, head);
  writer.add_headers(made);
  if (more) {
    const auto cursor = projections::encode_page_cursor(call.query, call.query.after);
    made.headers.emplace_back("Link", next_link(asked, "cursor", cursor));
  }
  made.body = std::move(body);
  keep_page(with, call, made, last_head);
  co_await answer.send(std::move(made));
}

// True when it was answered: 304, or a page kept ready. Memory says that nothing changed; the log's head says
// whether this server's memory may speak: another server may have acknowledged a write that the feed has not
// heard of.
asio::awaitable<bool> answer_from_memory(const services& with, const request& asked, responder& answer,
                                         const list_call& call) {
  const bool same = not_modified(asked, call.etag);
  kept_answer_ptr kept;
  if (!same && with.answers != nullptr && call.query.limit) kept = with.answers->find(call.key, call.change);
  if (!same && !kept) co_return false;
  const auto head = co_await with.log.head(asked.until);
  if (!is_unchanged(with, call, head)) co_return false;
  auto made = list_head(call, same ? 304 : 200, head);
  if (kept) {
    list_writer(call.form, *call.query.definition).add_headers(made);
    if (!kept->link.empty()) made.headers.emplace_back("Link", kept->link);
    made.body = kept->body;
  }
  co_await answer.send(std::move(made));
  co_return true;
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

// Whether a record keeps its place in the order for as long as it lives. In an order that writes change, page
// by page, one could be met twice or never.
bool has_lasting_order(const projections::list_query& query) {
  return std::all_of(query.order.begin(), query.order.end(), [](const core::order_key& key) {
    return key.column.name == "created_at" || key.column.name == "id";
  });
}

// The same rest, as it was when the first page was read.
asio::awaitable<void> write_rest_as_of(const services& with, responder& answer, const list_call& call,
                                       core::cursor head, list_writer& writer, page_sizer& sizer) {
  // Many such lists may be under way at once. A list during which more than this is changed looks through the
  // log again.
  constexpr std::size_t max_held = 5'000, max_held_bytes = 2u << 20;
  const projections::past_list_options options{.until = {},
                                               .patience = with.limits.request_deadline,
                                               .max_held = max_held,
                                               .max_held_bytes = max_held_bytes};
  projections::past_list list(with.records, with.log, call.query, head.position, options);
  co_await write_past_rows(answer, list, writer, sizer);
}

// Without a limit. `search`: the place of one. What follows the first page goes on as a whole list, which
// has a place of its own.
asio::awaitable<void> answer_whole(const services& with, const request& asked, responder& answer,
                                   list_call call, quota_share search) {
  constexpr std::size_t first_rows = 64;
  list_writer writer(call.form, *call.query.definition);
  page_sizer sizer(first_rows);
  std::string chunk;
  bool more = false;
  core::cursor head;
  response made;
  {
    const auto began = clock::now();
    auto page = co_await with.records.page(call.query, sizer.next(), asked.until);
    sizer.saw(page.docs, clock::now() - began);
    head = page.head;
    made = list_head(call, 200, head);
    writer.open(chunk);
    writer.append(chunk, page.docs);
    more = page.more;
    call.query.after = std::move(page.last_values);
  }
  search.held.give_back();
  writer.add_headers(made);
  if (!more) {
    writer.close(chunk);
    made.body = std::move(chunk);
    co_await answer.send(std::move(made));
    co_return;
  }
  quota_share place;
  if (auto full = enter_whole_list(asked, place)) {
    co_await send_problem(answer, std::move(*full));
    co_return;
  }
  co_await answer.begin(std::move(made));
  if (asked.method != method::head) {
    try {
      co_await answer.write(chunk);
      std::string().swap(chunk);
      if (has_lasting_order(call.query)) {
        co_await write_rest(with, answer, call, writer, sizer);
      } else {
        co_await write_rest_as_of(with, answer, call, head, writer, sizer);
      }
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
  if (co_await answer_from_memory(with, asked, answer, *call)) co_return;
  quota_share place;
  if (!call->query.search.empty()) {
    if (auto full = enter_search(asked, place)) {
      co_await send_problem(answer, std::move(*full));
      co_return;
    }
  }
  if (call->query.limit) {
    co_await answer_page(with, asked, answer, std::move(*call), std::move(place));
  } else {
    co_await answer_whole(with, asked, answer, std::move(*call), std::move(place));
  }
}

} // namespace synclog::http::handlers
