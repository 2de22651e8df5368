// See events_stream.hpp.
#include "http/handlers/events_stream.hpp"
#include "http/handlers/events_request.hpp"
#include "http/handlers/records_common.hpp"
#include "http/sse.hpp"
#include "http/streams/event_view.hpp"
#include "http/streams/hub.hpp"
#include "http/streams/sse_stream.hpp"
#include <optional>

namespace synclog::http::handlers {

namespace asio = boost::asio;

namespace {

class followed_events final : public resting_stream {
 public:
  followed_events(const services& with, responder& answer)
      : with_(with), stream_(with, answer, streams::stream_kind::sse) {}

  // Before anything else: the problem when this server cannot carry the stream.
  std::optional<core::problem> open(core::event_filter filter, const streams::stream_start& start) {
    auto view = std::make_shared<const streams::event_view>(std::move(filter), streams::shared_sse_format());
    auto channel = with_.streams.join(std::move(view), stream_.wake());
    if (!channel) return channel.error();
    source_.emplace(with_, std::move(*channel), streams::subscription_start_of(start), streams::sse_format());
    return std::nullopt;
  }

  bool step() override { return stream_.step(*source_, policy); }
  asio::awaitable<bool> work() override {
    const auto why = co_await stream_.advance(*source_, policy);
    if (!why) co_return true;
    co_await stream_.end(*why);
    co_return false;
  }

 private:
  static constexpr auto policy = streams::sse_stream::on_new_history::resync;
  const services& with_;
  streams::sse_stream stream_;
  std::optional<streams::subscription> source_;
};

} // namespace

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
  if (auto full = answer.enter_streams()) {
    co_await send_problem(answer, std::move(*full));
    co_return;
  }
  auto followed = std::make_unique<followed_events>(with, answer);
  auto refused = followed->open(std::move(filter), *start);
  if (refused) {
    co_await send_problem(answer, std::move(*refused));
    co_return;
  }
  co_await answer.begin(sse::stream_head());
  std::string first;
  sse::append_retry(first, sse::jittered_retry());
  sse::append_hello(first, start->at);
  co_await answer.write(first);
  answer.rest(std::move(followed));
}

} // namespace synclog::http::handlers
