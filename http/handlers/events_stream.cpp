// See events_stream.hpp.
#include "http/handlers/events_stream.hpp"
#include "http/handlers/events_request.hpp"
#include "http/handlers/records_common.hpp"
#include "http/sse.hpp"
#include "http/streams/event_view.hpp"
#include "http/streams/sse_stream.hpp"

namespace synclog::http::handlers {

namespace asio = boost::asio;

asio::awaitable<void> event_stream(const services& with, const request& asked, responder& answer,
                                   core::event_filter filter) {
  const auto start = co_await find_stream_start(with, asked);
  if (!start) {
    auto why = start.error();
    co_await send_problem(answer, std::move(why));
    co_return;
  }
  if (asked.method == method::head) {
    auto head = sse::stream_head();
    co_await answer.send(std::move(head));
    co_return;
  }
  if (!answer.become_stream()) {
    auto why = too_many_streams();
    co_await send_problem(answer, std::move(why));
    co_return;
  }
  streams::sse_stream stream(with, answer, streams::stream_kind::sse);
  auto view = std::make_shared<const streams::event_view>(std::move(filter), streams::shared_sse_format());
  streams::subscription source(with, std::move(view), streams::subscription_start_of(*start), stream.wake());
  co_await stream.begin();
  std::string hello;
  sse::append_hello(hello, start->at);
  co_await stream.write(hello);
  const auto why = co_await stream.follow(source, streams::sse_stream::on_new_history::resync);
  co_await stream.end(why);
}

} // namespace synclog::http::handlers
