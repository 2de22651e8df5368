// See live_query.hpp. The snapshot is exact though its pages are read one after the other: a row that changed
// after the first page's position is left out, and as it was at that position it comes from the log, after
// the pages.
#include "http/handlers/live_query.hpp"
#include "core/json.hpp"
#include "http/handlers/events_request.hpp"
#include "http/handlers/page_sizer.hpp"
#include "http/handlers/records_common.hpp"
#include "http/quotas.hpp"
#include "http/sse.hpp"
#include "http/streams/hub.hpp"
#include "http/streams/live_view.hpp"
#include "http/streams/sse_stream.hpp"
#include "projections/list_query.hpp"
#include <array>
#include <boost/system/system_error.hpp>
#include <charconv>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace synclog::http::handlers {

namespace asio = boost::asio;
using clock = std::chrono::steady_clock;
using ending = streams::sse_stream::ending;

namespace {

constexpr std::size_t first_rows = 64;
constexpr std::chrono::seconds feed_patience{5};

// The position in a record's text; 0 when it has none.
std::int64_t position_in(std::string_view doc) {
  core::json::member_reader members(doc);
  core::json::slice member;
  while (members.next(member)) {
    if (member.name != "position") continue;
    std::int64_t value = 0;
    std::from_chars(member.value.data(), member.value.data() + member.value.size(), value);
    return value;
  }
  return 0;
}

class live_query final : public resting_stream {
 public:
  live_query(const services& with, const request& asked, responder& answer, projections::list_query query)
      : with_(with), request_id_(asked.request_id), query_(std::move(query)),
        view_(std::make_shared<const streams::live_view>(query_)),
        stream_(with, answer, streams::stream_kind::live_query) {}

  // First: the problem when this server cannot carry the stream.
  std::optional<core::problem> open() {
    auto joined = with_.streams.join(view_, stream_.wake());
    if (!joined) return joined.error();
    channel_ = std::move(*joined);
    return std::nullopt;
  }

  // `start` no value: from a snapshot. Throws before anything is sent when the first page cannot be read; the
  // problem, before that too, when too many lists are being read.
  asio::awaitable<std::optional<core::problem>> begin(const request& asked,
                                                      std::optional<streams::stream_start> start) {
    std::string out;
    const bool resumes = start && start->check == streams::start_check::good;
    if (resumes) {
      at_ = start->at;
      generation_ = start->generation;
    } else {
      if (start) note_resync(out, streams::to_string(start->check), start->at);
      quota_share search; // for the first page; then it is a whole list
      if (!query_.search.empty())
        if (auto full = enter_search(asked, search)) co_return full;
      first_ = co_await first_page(clock::now() + with_.limits.request_deadline);
      at_ = first_->head;
      if (first_->more)
        if (auto full = enter_whole_list(asked, place_)) co_return full;
    }
    co_await stream_.begin();
    sse::append_hello(out, at_);
    co_await stream_.write(out);
    if (resumes) follow();
    co_return std::nullopt;
  }

  bool step() override { return source_ && stream_.step(*source_, policy); }

  asio::awaitable<bool> work() override {
    std::optional<ending> why;
    for (;;) {
      if (!source_) why = co_await write_snapshot();
      if (!why) {
        if (!source_) follow();
        why = co_await stream_.advance(*source_, policy);
      }
      if (!why) co_return true;
      if (*why != ending::history_changed) break;
      why.reset();
      channel_ = source_->give_channel();
      source_.reset();
      std::string out;
      note_resync(out, "other_history", with_.feed.head());
      co_await stream_.write(out);
    }
    co_await stream_.end(*why);
    co_return false;
  }

 private:
  static constexpr auto policy = streams::sse_stream::on_new_history::stop;

  void follow() {
    source_.emplace(
        with_, std::move(channel_),
        streams::subscription_start{.at = at_, .generation = generation_, .ends_with_history = true},
        view_->format());
  }

  // Nothing may be resumed before the snapshot that follows is complete.
  static void note_resync(std::string& out, std::string_view reason, const core::cursor& at) {
    sse::append_resync_from_scratch(out, reason, at);
  }

  asio::awaitable<projections::list_page> first_page(eventstore::pg::deadline until) {
    generation_ = with_.feed.generation();
    query_.after.clear();
    return with_.records.page(query_, first_rows, until);
  }

  // Ends early with a reason when the client has gone, the server drains or the database is away.
  asio::awaitable<std::optional<ending>> write_snapshot() {
    const quota_share place(std::move(place_)); // for as long as pages are read
    auto page = std::exchange(first_, std::nullopt);
    try {
      if (!page) page = co_await first_page(clock::now() + with_.limits.request_deadline);
      at_ = page->head;
      const auto read_to = co_await write_pages(std::move(*page));
      if (stream_.is_over()) co_return ending_of_stream();
      co_await write_changed_meanwhile(read_to);
      if (stream_.is_over()) co_return ending_of_stream();
      if (with_.feed.generation() != generation_) co_return ending::history_changed;
    } catch (const boost::system::system_error&) {
      throw; // the client is gone
    } catch (const std::exception& failed) {
      spdlog::warn("live query {}, request {}: {}", query_.definition->name, request_id_, failed.what());
      co_return ending::database_unavailable;
    }
    co_return std::nullopt;
  }

  ending ending_of_stream() const { return stream_.over().value_or(ending::gone); }

  // Rows that have not changed since the first page. Returns the head behind the last page.
  asio::awaitable<core::position> write_pages(projections::list_page page) {
    page_sizer sizer(first_rows);
    std::string out;
    auto read_to = page.head.position;
    for (auto began = clock::now();; began = clock::now()) {
      sizer.saw(page.docs, clock::now() - began);
      for (const auto doc : page.docs)
        if (position_in(doc) <= at_.position.value) view_->format().append_row(out, "snapshot", nullptr, doc);
      read_to = std::max(read_to, page.head.position);
      const bool more = page.more && !page.docs.empty();
      if (more) query_.after = std::move(page.last_values);
      page = {}; // given back before a slow reader is waited for
      if (!out.empty()) co_await stream_.write(out);
      out.clear();
      if (!more || stream_.is_over()) co_return read_to;
      page = co_await with_.records.page(query_, sizer.next(), clock::now() + with_.limits.request_deadline);
    }
  }

  // Whatever was touched while the pages were read, as it was at the snapshot's position. A row that was
  // written already may come again: it is the same.
  asio::awaitable<void> write_changed_meanwhile(core::position read_to) {
    if (read_to <= at_.position) co_return;
    with_.feed.hint();
    const core::position before_end{read_to.value - 1};
    co_await with_.feed.wait_beyond(before_end, clock::now() + feed_patience);
    std::string out;
    auto at = at_;
    while (at.position < read_to && !stream_.is_over()) {
      const auto page = co_await with_.feed.read_after(at, with_.limits.catch_up,
                                                       clock::now() + with_.limits.request_deadline);
      if (page.events.empty()) co_return; // another history: the caller looks
      const streams::before_question wants = [this](const eventstore::feed_event& event) {
        return event.entity == query_.definition->name && event.version > 1;
      };
      const auto before = co_await streams::read_docs_before(with_.log, page.events, wants);
      if (!before.is_read) throw std::runtime_error("the log cannot be read");
      for (const auto& [position, state] : before.states)
        if (state.what == eventstore::record_state::presence::live &&
            position_in(state.doc) <= at_.position.value && view_->filter().matches(state.doc))
          view_->format().append_row(out, "snapshot", nullptr, state.doc);
      at = page.events[before.covers - 1]->at;
      if (!out.empty()) co_await stream_.write(out);
      out.clear();
    }
  }

  const services& with_;
  std::string request_id_;
  projections::list_query query_;
  std::shared_ptr<const streams::live_view> view_;
  streams::sse_stream stream_;
  streams::hub::membership channel_;            // until source_ has it
  std::optional<streams::subscription> source_; // none: a snapshot comes first
  std::optional<projections::list_page> first_; // of the snapshot, read before the answer began
  quota_share place_;                           // of the first snapshot; a later one takes none
  core::cursor at_;                             // of the snapshot, or where it resumes
  std::uint64_t generation_ = 0;                // of the feed, before `at_` was read
};

// The list's own parameters, but for those that name an order or a part.
core::result<projections::list_query> open_query(const services& with, const request& asked) {
  const auto definition = find_entity(with, asked);
  if (!definition) return definition.error();
  constexpr std::array<std::string_view, 1> single{"after"};
  if (auto refused = refuse_repeated_parameters(asked, single)) return std::move(*refused);
  parameter_list params;
  for (const auto& [name, value] : asked.query) {
    if (name == "limit" || name == "cursor" || name == "at")
      return core::make_problem(core::problem_code::bad_request,
                                name + ": a live query has all rows of its result as they are now, in the "
                                       "client's own order; known: the list's filters, search, sort, after");
    if (name != "after") params.emplace_back(name, value);
  }
  return projections::parse_list_query(**definition, params, asked.caller, projections::list_use::live_query);
}

} // namespace

asio::awaitable<void> answer_live_query(const services& with, const request& asked, responder& answer) {
  auto query = open_query(with, asked);
  if (!query) {
    auto why = query.error();
    co_await send_problem(answer, std::move(why));
    co_return;
  }
  std::optional<streams::stream_start> start;
  if (!stream_cursor(asked).empty() || asked.parameter("after")) {
    const auto found = co_await find_stream_start(with, asked);
    if (!found) {
      auto why = found.error();
      co_await send_problem(answer, std::move(why));
      co_return;
    }
    start = *found;
  } else {
    streams::count_start(with, streams::start_from_now(with));
  }
  if (asked.method == method::head) {
    auto head = sse::stream_head();
    co_await answer.send(std::move(head));
    co_return;
  }
  if (auto full = answer.enter_streams()) {
    co_await send_problem(answer, std::move(*full));
    co_return;
  }
  auto live = std::make_unique<live_query>(with, asked, answer, std::move(*query));
  auto refused = live->open();
  if (refused) {
    co_await send_problem(answer, std::move(*refused));
    co_return;
  }
  refused = co_await live->begin(asked, std::move(start));
  if (refused) {
    co_await send_problem(answer, std::move(*refused));
    co_return;
  }
  answer.rest(std::move(live));
}

} // namespace synclog::http::handlers
