// See admin_common.hpp.
#include "http/handlers/admin_common.hpp"
#include "eventstore/moment.hpp"
#include "eventstore/past_reader.hpp"
#include "http/handlers/events_request.hpp"
#include "http/handlers/records_common.hpp"
#include "http/sse.hpp"
#include "projections/record_reader.hpp"
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <charconv>
#include <fmt/format.h>

namespace synclog::http::handlers {

namespace asio = boost::asio;

core::problem no_admin_here() {
  return core::make_problem(core::problem_code::not_found, "this server has no admin routes");
}

response admin_json(std::string body) {
  response made;
  made.headers.emplace_back("Content-Type", "application/json");
  made.headers.emplace_back("Vary", "Accept, Authorization, Cookie");
  made.headers.emplace_back("Cache-Control", "no-store");
  made.body = std::move(body);
  return made;
}

core::result<std::int64_t> whole_number(std::string_view name, std::string_view text, std::int64_t least,
                                        std::int64_t most) {
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = read.ec == std::errc{} && read.ptr == text.data() + text.size();
  if (whole && number >= least && number <= most) return number;
  return core::make_problem(core::problem_code::bad_request,
                            fmt::format("{} is a whole number from {} to {}", name, least, most));
}

asio::awaitable<core::result<core::position>> find_edge(const services& with, std::string text, edge which,
                                                        eventstore::pg::deadline until) {
  const auto moment = eventstore::parse_moment(text);
  if (!moment) co_return moment.error();
  if (const auto* place = std::get_if<core::cursor_text>(&*moment)) {
    if (place->position.value > 0) co_return place->position;
    co_return core::make_problem(core::problem_code::bad_request, "positions begin with 1");
  }
  auto time = std::get<core::timestamp>(*moment);
  if (which == edge::first) --time.micros;
  eventstore::past_reader past(with.records.whole_reads());
  const auto last = co_await past.position_at(time, until);
  co_return which == edge::first ? last.next() : last;
}

asio::awaitable<void> pause(std::chrono::milliseconds span) {
  asio::steady_timer timer(co_await asio::this_coro::executor, span);
  co_await timer.async_wait(asio::use_awaitable);
}

asio::awaitable<bool> begin_progress(responder& answer) {
  if (auto full = answer.enter_streams()) {
    co_await send_problem(answer, std::move(*full));
    co_return false;
  }
  co_await answer.begin(sse::stream_head());
  co_await answer.write({});
  co_return true;
}

asio::awaitable<void> tell(responder& answer, std::string_view name, std::string data) {
  std::string frame;
  sse::append_named(frame, name, nullptr, data);
  co_await answer.write(frame);
}

asio::awaitable<void> say_bye(responder& answer, std::string_view reason) {
  std::string frame;
  sse::append_bye(frame, reason, sse::jittered_retry());
  co_await answer.write(frame);
}

} // namespace synclog::http::handlers
