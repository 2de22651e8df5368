// See stream_view.hpp.
#include "http/streams/stream_view.hpp"
#include <spdlog/spdlog.h>

namespace synclog::http::streams {

namespace asio = boost::asio;

asio::awaitable<docs_before> read_docs_before(eventstore::log_reader& log,
                                              const std::vector<eventstore::feed_event_ptr>& events,
                                              const before_question& wants) {
  constexpr std::chrono::seconds patience{2};
  docs_before made;
  std::vector<eventstore::record_version> wanted;
  std::vector<std::int64_t> positions;
  for (const auto& event : events) {
    if (!wants(*event)) continue;
    wanted.push_back({event->entity, event->record_id, event->version - 1});
    positions.push_back(event->at.position.value);
  }
  if (wanted.empty()) co_return made;
  try {
    auto docs = co_await log.docs_at(std::move(wanted), std::chrono::steady_clock::now() + patience);
    for (std::size_t i = 0; i < docs.size(); ++i)
      if (docs[i]) made.docs.emplace(positions[i], std::move(*docs[i]));
  } catch (const std::runtime_error& failed) {
    spdlog::warn("streams: {}", failed.what());
    made.is_complete = false;
  }
  co_return made;
}

} // namespace synclog::http::streams
