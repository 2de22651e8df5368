// See stream_view.hpp.
#include "http/streams/stream_view.hpp"
#include <spdlog/spdlog.h>

namespace synclog::http::streams {

namespace asio = boost::asio;

asio::awaitable<docs_before> read_docs_before(eventstore::log_reader& log,
                                              const std::vector<eventstore::feed_event_ptr>& events,
                                              const before_question& wants,
                                              std::chrono::milliseconds patience) {
  constexpr std::size_t max_bytes = 1u << 20;
  docs_before made;
  made.covers = events.size();
  std::vector<eventstore::record_version> wanted;
  std::vector<std::size_t> asked; // the events' indices
  for (std::size_t i = 0; i < events.size(); ++i) {
    const auto& event = *events[i];
    if (!wants(event)) continue;
    wanted.push_back({event.entity, event.record_id, event.version - 1});
    asked.push_back(i);
  }
  if (wanted.empty()) co_return made;
  try {
    const auto until = std::chrono::steady_clock::now() + patience;
    auto states = co_await log.states_at(std::move(wanted), max_bytes, until);
    for (std::size_t i = 0; i < states.size(); ++i)
      made.states.emplace(events[asked[i]]->at.position.value, std::move(states[i]));
    if (states.size() < asked.size()) made.covers = asked[states.size()];
  } catch (const std::runtime_error& failed) {
    spdlog::warn("streams: {}", failed.what());
    made.is_read = false;
  }
  co_return made;
}

} // namespace synclog::http::streams
