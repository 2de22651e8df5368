// See asked_moment.hpp.
#include "http/handlers/asked_moment.hpp"
#include "eventstore/moment.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/void_cursor.hpp"
#include <array>

namespace synclog::http::handlers {

namespace asio = boost::asio;

asio::awaitable<std::variant<core::cursor, response>> find_asked_moment(const services& with,
                                                                        const request& asked) {
  constexpr std::array<std::string_view, 1> single{"at"};
  if (const auto twice = refuse_repeated_parameters(asked, single)) co_return problem_answer(*twice);
  const auto wanted = eventstore::parse_moment(*asked.parameter("at"));
  if (!wanted) {
    auto why = wanted.error();
    why.detail.insert(0, "at: ");
    co_return problem_answer(why);
  }
  eventstore::past_reader past(with.reads);
  const auto found = co_await eventstore::find_moment(with.log, past, *wanted, asked.until);
  using check = eventstore::found_moment::check;
  if (found.what == check::good) co_return found.at;
  const auto why = found.what == check::other_history ? streams::start_check::other_history
                                                      : streams::start_check::beyond_head;
  co_return void_cursor_answer("at", why, found.at);
}

} // namespace synclog::http::handlers
