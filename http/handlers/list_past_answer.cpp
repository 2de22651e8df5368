// See list_past_answer.hpp.
#include "http/handlers/list_past_answer.hpp"
#include "core/chain.hpp"
#include "http/handlers/asked_moment.hpp"
#include "http/handlers/conditions.hpp"
#include "http/handlers/list_answer_writer.hpp"
#include "http/handlers/page_sizer.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include "http/quotas.hpp"
#include "projections/list_query.hpp"
#include "projections/past_list.hpp"
#include <algorithm>
#include <array>
#include <boost/system/system_error.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace synclog::http::handlers {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

namespace {

constexpr std::array<std::string_view, 3> offers{media_json, media_csv, media_ndjson}; // as list_form
constexpr std::size_t first_rows = 200;

// One list of the past, as it was asked for.
struct past_call {
  projections::list_query query;
  list_form form = list_form::json;
  core::cursor at;
  std::string etag;
};

core::result<past_call> open_call(const services& with, const request& asked) {
  const auto definition = find_entity(with, asked);
  if (!definition) return definition.error();
  const auto form = negotiate(asked, offers);
  if (!form) return not_acceptable(offers);
  auto parameters = asked.query;
  std::erase_if(parameters, [](const auto& parameter) { return parameter.first == "at"; });
  auto query = projections::parse_list_query(**definition, parameters, asked.caller);
  if (!query) return query.error();
  past_call made;
  made.query = std::move(*query);
  made.form = static_cast<list_form>(*form);
  return made;
}

// Weak, as a list's. What was, stays: the question alone decides.
std::string etag_of(const past_call& call) {
  const auto& query = call.query;
  std::string text =
      fmt::format("past\n{}\n{}\n{}\n{}\n{}:{}\n", query.definition->name,
                  core::to_hex(query.definition->fingerprint), core::to_string(call.at),
                  offers[static_cast<std::size_t>(call.form)], query.canonical.size(), query.canonical);
  for (const auto& value : query.after)
    text += value ? fmt::format("{}:{}", value->size(), *value) : std::string("null");
  append_scope(text, query.caller);
  constexpr std::size_t digest_bytes = 16;
  const auto digest = core::sha256(text);
  return fmt::format("W/\"{}\"", core::to_hex({reinterpret_cast<const char*>(digest.data()), digest_bytes}));
}

response past_head(const past_call& call, unsigned status) {
  response made;
  made.status = status;
  made.headers.emplace_back("ETag", call.etag);
  made.headers.emplace_back("Sync-Position", core::to_string(call.at));
  add_common_headers(made);
  return made;
}

void append_page(std::string& out, list_writer& writer, const projections::past_page& page, page_sizer& sizer,
                 clock::duration took) {
  const std::vector<std::string_view> docs(page.docs.begin(), page.docs.end());
  sizer.saw(docs, took);
  writer.append(out, docs);
}

// The request's own parameters, with the moment as a cursor: a time may come to mean another place.
std::string link_to_next(const request& asked, const past_call& call, const projections::past_list& list) {
  request following;
  following.query = asked.query;
  for (auto& [name, value] : following.query)
    if (name == "at") value = core::to_string(call.at);
  return next_link(following, "cursor", projections::encode_page_cursor(call.query, list.place()));
}

// `place`: of a search, for as long as it reads.
asio::awaitable<void> answer_limited(const services& with, const request& asked, responder& answer,
                                     const past_call& call, quota_share place) {
  constexpr std::size_t max_page_bytes = 16u << 20;
  constexpr std::size_t spare_rows = 64; // some may be given by the read table as well
  const projections::past_list_options options{.until = asked.until,
                                               .max_held = *call.query.limit + spare_rows};
  projections::past_list list(with.records, with.log, call.query, call.at.position, options);
  list_writer writer(call.form, *call.query.definition);
  page_sizer sizer(first_rows);
  std::string body;
  writer.open(body);
  std::size_t left = *call.query.limit;
  bool more = true;
  while (more && left > 0 && body.size() < max_page_bytes) {
    const auto began = clock::now();
    const auto page = co_await list.next(std::min(left, sizer.next()));
    append_page(body, writer, page, sizer, clock::now() - began);
    left -= page.docs.size();
    more = page.more;
  }
  place.held.give_back(); // the reader may be slow
  writer.close(body);
  auto made = past_head(call, 200);
  writer.add_headers(made);
  if (more) made.headers.emplace_back("Link", link_to_next(asked, call, list));
  made.body = std::move(body);
  co_await answer.send(std::move(made));
}

// `search`: the place of one, for its first page; then it is a whole list.
asio::awaitable<void> answer_whole(const services& with, const request& asked, responder& answer,
                                   const past_call& call, quota_share search) {
  const projections::past_list_options options{.until = {}, .patience = with.limits.request_deadline};
  projections::past_list list(with.records, with.log, call.query, call.at.position, options);
  list_writer writer(call.form, *call.query.definition);
  page_sizer sizer(first_rows);
  std::string chunk;
  writer.open(chunk);
  const auto began = clock::now();
  const auto page = co_await list.next(sizer.next());
  append_page(chunk, writer, page, sizer, clock::now() - began);
  search.held.give_back();
  auto made = past_head(call, 200);
  writer.add_headers(made);
  if (!page.more) {
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
      co_await write_past_rows(answer, list, writer, sizer);
    } catch (const boost::system::system_error&) {
      throw; // the client is gone
    } catch (const std::exception& error) {
      // The status has gone out already: only a cut connection tells the client that rows are missing.
      spdlog::warn("list {} of the past cut short, request {}: {}", call.query.definition->name,
                   asked.request_id, error.what());
      answer.abort();
      co_return;
    }
  }
  co_await answer.finish();
}

} // namespace

asio::awaitable<void> write_past_rows(responder& answer, projections::past_list& list, list_writer& writer,
                                      page_sizer& sizer) {
  std::string chunk;
  for (bool more = true; more;) {
    chunk.clear();
    const auto began = clock::now();
    const auto page = co_await list.next(sizer.next());
    append_page(chunk, writer, page, sizer, clock::now() - began);
    more = page.more;
    if (!more) writer.close(chunk);
    if (!chunk.empty()) co_await answer.write(chunk);
  }
}

asio::awaitable<void> answer_past_list(const services& with, const request& asked, responder& answer) {
  auto opened = open_call(with, asked);
  if (!opened) {
    auto why = opened.error();
    co_await send_problem(answer, std::move(why));
    co_return;
  }
  auto& call = *opened;
  auto moment = co_await find_asked_moment(with, asked);
  if (auto* refused = std::get_if<response>(&moment)) {
    co_await answer.send(std::move(*refused));
    co_return;
  }
  call.at = std::get<core::cursor>(moment);
  call.etag = etag_of(call);
  if (not_modified(asked, call.etag)) {
    auto same = past_head(call, 304);
    co_await answer.send(std::move(same));
    co_return;
  }
  quota_share place;
  if (!call.query.search.empty()) {
    if (auto full = enter_search(asked, place)) {
      co_await send_problem(answer, std::move(*full));
      co_return;
    }
  }
  if (call.query.limit) {
    co_await answer_limited(with, asked, answer, call, std::move(place));
  } else {
    co_await answer_whole(with, asked, answer, call, std::move(place));
  }
}

} // namespace synclog::http::handlers
