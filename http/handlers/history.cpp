// GET /api/{entity}/{id}/history. The versions are read page by page up to the head as it was at the start,
// so that the answer is of one moment; a page that is being written is all that is held of them.
#include "http/handlers/history.hpp"
#include "core/chain.hpp"
#include "core/ids.hpp"
#include "core/record_history.hpp"
#include "eventstore/past_reader.hpp"
#include "http/handlers/conditions.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include <array>
#include <boost/system/system_error.hpp>
#include <charconv>
#include <fmt/format.h>
#include <limits>
#include <spdlog/spdlog.h>

namespace synclog::http::handlers {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

namespace {

constexpr eventstore::page_bounds read_bounds{.max_events = 500, .max_bytes = 1u << 20};
constexpr std::int64_t max_limit = 10'000;

struct history_call {
  const core::entity* definition = nullptr;
  std::string id;
  std::optional<std::int64_t> limit;
  std::int64_t after_version = 0;
  core::cursor head;
};

core::result<std::optional<std::int64_t>> read_number(const request& asked, std::string_view name,
                                                      std::int64_t least, std::int64_t most) {
  const auto text = asked.parameter(name);
  if (!text) return std::optional<std::int64_t>();
  std::int64_t number = 0;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), number);
  const bool whole = read.ec == std::errc{} && read.ptr == text->data() + text->size();
  if (whole && number >= least && number <= most) return std::optional<std::int64_t>(number);
  auto detail = most == max_limit ? fmt::format("{} is a whole number from {} to {}", name, least, most)
                                  : fmt::format("{} is a whole number from {}", name, least);
  return core::make_problem(core::problem_code::bad_request, std::move(detail));
}

core::result<history_call> open_call(const services& with, const request& asked) {
  history_call made;
  const auto definition = find_entity(with, asked);
  if (!definition) return definition.error();
  constexpr std::array<std::string_view, 2> known{"limit", "after_version"};
  if (auto why = refuse_unknown_parameters(asked, known)) return std::move(*why);
  if (auto why = refuse_repeated_parameters(asked, known)) return std::move(*why);
  constexpr std::array<std::string_view, 1> offers{media_json};
  if (!negotiate(asked, offers)) return not_acceptable(offers);
  const auto limit = read_number(asked, "limit", 1, max_limit);
  if (!limit) return limit.error();
  const auto after = read_number(asked, "after_version", 0, std::numeric_limits<std::int64_t>::max());
  if (!after) return after.error();
  made.definition = *definition;
  made.id = asked.segments.size() > 2 ? asked.segments[2] : std::string{};
  made.limit = *limit;
  made.after_version = after->value_or(0);
  return made;
}

// The items one page after the other. Starts one version early: its first changes are against that one.
class history_pages {
 public:
  history_pages(const services& with, const request& asked, const history_call& call)
      : call_(call), past_(with.records.whole_reads()), history_(asked.caller),
        read_to_(std::max<std::int64_t>(call.after_version - 1, 0)) {}

  // The items of the next versions, with commas between; may be none before the end.
  asio::awaitable<std::string> next(eventstore::pg::deadline until) {
    auto entity = call_.definition->name;
    auto id = call_.id;
    const auto events = co_await past_.versions(std::move(entity), std::move(id), read_to_,
                                                call_.head.position, read_bounds, until);
    std::string text;
    ended_ = events.empty();
    for (const auto& event : events) {
      read_to_ = event.version;
      const auto item = history_.take(event);
      if (!item) continue;
      seen_ = true;
      if (event.version <= call_.after_version) continue;
      if (call_.limit && given_ == *call_.limit) {
        more_ = ended_ = true;
        break;
      }
      if (given_++ > 0) text.push_back(',');
      last_given_ = event.version;
      core::append_history_item(text, *item);
    }
    co_return text;
  }

  bool ended() const { return ended_; }
  bool more() const { return more_; } // the limit left versions out
  bool seen() const { return seen_; } // some version that the caller may know of
  std::int64_t last_given() const { return last_given_; }

 private:
  const history_call& call_;
  eventstore::past_reader past_;
  core::record_history history_;
  std::int64_t read_to_ = 0, given_ = 0, last_given_ = 0;
  bool ended_ = false, more_ = false, seen_ = false;
};

// Of the record's state up to the head: it changes with the record's latest version.
std::string etag_of(const history_call& call, const request& asked, std::int64_t latest_version) {
  std::string text = fmt::format("history\n{}\n{}:{}\n{}\n{}\n{}\n", call.definition->name, call.id.size(),
                                 call.id, call.limit.value_or(0), call.after_version, latest_version);
  append_scope(text, asked.caller);
  constexpr std::size_t digest_bytes = 16;
  const auto digest = core::sha256(text);
  return fmt::format("W/\"{}\"", core::to_hex({reinterpret_cast<const char*>(digest.data()), digest_bytes}));
}

response history_head(const history_call& call, const std::string& etag, unsigned status) {
  response made;
  made.status = status;
  if (status == 200) made.headers.emplace_back("Content-Type", "application/json");
  if (!etag.empty()) made.headers.emplace_back("ETag", etag);
  made.headers.emplace_back("Sync-Position", core::to_string(call.head));
  add_common_headers(made);
  return made;
}

core::problem no_such_record(const core::entity& definition) {
  return core::make_problem(core::problem_code::not_found,
                            "no record of " + definition.name + " ever had this id");
}

// A limited history is one body; its bytes end it early, and the link leads on.
asio::awaitable<void> answer_limited(const request& asked, responder& answer, const history_call& call,
                                     history_pages& pages, std::string text, const std::string& etag) {
  constexpr std::size_t max_body_bytes = 16u << 20;
  while (!pages.ended() && text.size() < max_body_bytes) {
    const auto next = co_await pages.next(asked.until);
    text += next;
  }
  auto made = history_head(call, etag, 200);
  if (pages.more() || !pages.ended())
    made.headers.emplace_back("Link", next_link(asked, "after_version", std::to_string(pages.last_given())));
  made.body = "[" + text + "]";
  co_await answer.send(std::move(made));
}

asio::awaitable<void> answer_whole(const services& with, const request& asked, responder& answer,
                                   const history_call& call, history_pages& pages, std::string text,
                                   const std::string& etag) {
  auto made = history_head(call, etag, 200);
  co_await answer.begin(std::move(made));
  if (asked.method != method::head) {
    try {
      text.insert(text.begin(), '[');
      while (!pages.ended()) {
        if (!text.empty()) co_await answer.write(text);
        text = co_await pages.next(clock::now() + with.limits.request_deadline);
      }
      text.push_back(']');
      co_await answer.write(text);
    } catch (const boost::system::system_error&) {
      throw; // the client is gone
    } catch (const std::exception& error) {
      // The status has gone out already: only a cut connection tells the client that versions are missing.
      spdlog::warn("history of {} cut short, request {}: {}", call.definition->name, asked.request_id,
                   error.what());
      answer.abort();
      co_return;
    }
  }
  co_await answer.finish();
}

// Whether the caller sees any version at all: a page behind the last one has none.
asio::awaitable<bool> sees_any(const services& with, const request& asked, history_call call) {
  call.after_version = 0;
  call.limit.reset();
  history_pages pages(with, asked, call);
  while (!pages.ended() && !pages.seen())
    (void)co_await pages.next(asked.until);
  co_return pages.seen();
}

} // namespace

asio::awaitable<void> history(const services& with, const request& asked, responder& answer) {
  auto opened = open_call(with, asked);
  if (!opened) {
    auto why = opened.error();
    co_await send_problem(answer, std::move(why));
    co_return;
  }
  auto& call = *opened;
  call.head = co_await with.log.head(asked.until);
  history_pages pages(with, asked, call);
  std::string text;
  std::optional<core::event> latest;
  if (core::is_valid_record_id(call.id)) {
    eventstore::past_reader past(with.reads);
    auto entity = call.definition->name;
    auto id = call.id;
    latest = co_await past.at(std::move(entity), std::move(id), call.head.position, asked.until);
  }
  // Whoever sees no version learns nothing, also not by a condition.
  while (latest && !pages.ended() && text.empty())
    text = co_await pages.next(asked.until);
  bool seen = latest && pages.seen();
  if (latest && !seen && call.after_version > 0) seen = co_await sees_any(with, asked, call);
  if (!seen) {
    auto why = no_such_record(*call.definition);
    co_await send_problem(answer, std::move(why));
    co_return;
  }
  // To a caller whose branches it has left the record's version today would say how often it changes there.
  const auto etag =
      asked.caller.sees_branch(latest->branch) ? etag_of(call, asked, latest->version) : std::string{};
  if (!etag.empty() && not_modified(asked, etag)) {
    auto same = history_head(call, etag, 304);
    co_await answer.send(std::move(same));
  } else if (call.limit || pages.ended()) {
    co_await answer_limited(asked, answer, call, pages, std::move(text), etag);
  } else {
    co_await answer_whole(with, asked, answer, call, pages, std::move(text), etag);
  }
}

} // namespace synclog::http::handlers
