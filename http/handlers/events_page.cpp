// See events_page.hpp.
#include "http/handlers/events_page.hpp"
#include "http/handlers/events_request.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include "http/handlers/void_cursor.hpp"
#include "http/streams/event_envelope.hpp"
#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace synclog::http::handlers {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;

namespace {

constexpr std::size_t usual_limit = 100;
constexpr std::size_t max_body_bytes = 16u << 20;
constexpr std::size_t max_scanned_events = 1'000'000;
constexpr std::chrono::milliseconds scan_budget{2'000};
constexpr eventstore::page_bounds read_bounds{.max_events = 1'000, .max_bytes = 1u << 20};

core::result<std::size_t> read_limit(const request& asked, std::size_t largest) {
  const auto text = asked.parameter("limit");
  if (!text) return std::min(usual_limit, largest);
  std::size_t limit = 0;
  const auto read = std::from_chars(text->data(), text->data() + text->size(), limit);
  const bool whole = read.ec == std::errc{} && read.ptr == text->data() + text->size();
  if (whole && limit >= 1 && limit <= largest) return limit;
  return core::make_problem(core::problem_code::bad_request, fmt::format("limit is 1 to {}", largest));
}

// The scan: what was found, and how far the log was looked through.
class page_scan {
 public:
  page_scan(core::event_filter filter, event_page_form form, std::size_t limit, core::cursor start)
      : filter_(std::move(filter)), form_(form), limit_(limit), at_(start), previous_(start.position) {}

  core::cursor at() const { return at_; }
  bool full() const {
    return found_ == limit_ || body_.size() >= max_body_bytes || scanned_ >= max_scanned_events;
  }
  eventstore::page_bounds next_bounds() const {
    auto bounds = read_bounds;
    if (filter_.passes_everything()) bounds.max_events = std::min(bounds.max_events, limit_ - found_);
    return bounds;
  }

  void take(const eventstore::feed_page& page) {
    for (const auto& event : page.events) {
      if (full()) return;
      ++scanned_;
      at_ = event->at;
      const auto verdict = core::apply(filter_, event->keys());
      if (verdict != core::filter_verdict::hide) append(*event, verdict);
    }
  }

  std::string take_body() {
    body_.push_back(']');
    return std::move(body_);
  }

 private:
  void append(const eventstore::feed_event& event, core::filter_verdict verdict) {
    if (found_++ != 0) body_.push_back(',');
    if (form_ == event_page_form::json) {
      streams::append_envelope(body_, event, previous_, verdict);
    } else {
      streams::append_cloud_event(body_, event, previous_, verdict);
    }
    previous_ = event.at.position;
  }

  core::event_filter filter_;
  event_page_form form_;
  std::size_t limit_;
  core::cursor at_;
  core::position previous_; // no match lies between it and at_
  std::string body_ = "[";
  std::size_t found_ = 0;
  std::size_t scanned_ = 0;
};

} // namespace

asio::awaitable<core::result<response>> event_page(const services& with, const request& asked,
                                                   core::event_filter filter, event_page_form form) {
  const auto limit = read_limit(asked, with.limits.event_page_max);
  if (!limit) co_return limit.error();
  const std::string after(asked.parameter("after").value_or("0"));
  const auto start = co_await streams::resolve_start(with, after, asked.until);
  if (!start) co_return start.error();
  if (start->check != streams::start_check::good)
    co_return void_cursor_answer("after", start->check, start->at);

  page_scan scan(std::move(filter), form, *limit, start->at);
  const auto stop = std::min<clock::time_point>(asked.until, clock::now() + scan_budget);
  bool at_head = false;
  while (!at_head && !scan.full() && clock::now() < stop) {
    const auto page = co_await with.feed.read_after(scan.at(), scan.next_bounds(), asked.until);
    at_head = page.events.empty();
    scan.take(page);
  }
  response made;
  made.headers.emplace_back(
      "Content-Type", std::string(form == event_page_form::json ? media_json : media_cloudevents_batch));
  const auto scanned_to = core::to_string(scan.at());
  made.headers.emplace_back("Sync-Position", scanned_to);
  if (!at_head && scan.at().position < with.feed.head().position)
    made.headers.emplace_back("Link", next_link(asked, "after", scanned_to));
  add_common_headers(made);
  made.body = scan.take_body();
  co_return made;
}

} // namespace synclog::http::handlers
