// See events.hpp.
#include "http/handlers/events.hpp"
#include "http/handlers/events_page.hpp"
#include "http/handlers/events_request.hpp"
#include "http/handlers/events_stream.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include <array>

namespace synclog::http::handlers {

namespace asio = boost::asio;

asio::awaitable<void> events(const services& with, const request& asked, responder& answer) {
  constexpr std::array<std::string_view, 3> offers{media_json, media_cloudevents_batch, media_sse};
  constexpr std::array<std::string_view, 6> page_parameters{"after",  "limit", "resource",
                                                            "branch", "id",    "action"};
  constexpr std::array<std::string_view, 5> stream_parameters{"after", "resource", "branch", "id", "action"};
  const auto form = negotiate(asked, offers);
  if (!form) {
    auto why = not_acceptable(offers);
    co_await send_problem(answer, std::move(why));
    co_return;
  }
  const bool live = offers[*form] == media_sse;
  auto refused = live ? refuse_unknown_parameters(asked, stream_parameters)
                      : refuse_unknown_parameters(asked, page_parameters);
  constexpr std::array<std::string_view, 2> single{"after", "limit"};
  if (!refused) refused = refuse_repeated_parameters(asked, single);
  if (refused) {
    co_await send_problem(answer, std::move(*refused));
    co_return;
  }
  auto filter = read_event_filter(with, asked);
  if (!filter) {
    auto why = filter.error();
    co_await send_problem(answer, std::move(why));
    co_return;
  }
  if (live) {
    co_await event_stream(with, asked, answer, std::move(*filter));
    co_return;
  }
  const auto page_form = offers[*form] == media_json ? event_page_form::json : event_page_form::cloudevents;
  auto made = co_await event_page(with, asked, std::move(*filter), page_form);
  auto sent = made ? std::move(*made) : problem_answer(made.error());
  co_await answer.send(std::move(sent));
}

} // namespace synclog::http::handlers
