// What bounds the hub.
#pragma once
#include "http/streams/stream_view.hpp"
#include <chrono>
#include <cstddef>

namespace synclog::http::streams {

struct hub_options {
  std::size_t ring_bytes = 64u << 20;   // of ready frames, all streams together
  std::size_t channel_bytes = 4u << 20; // of one stream
  // Different streams of events at once; what would be one more is refused. Every event must be looked at by
  // all that name no record ids: of these a quarter of it.
  std::size_t max_channels = 10'000;
  // Different live queries at once. Each asks of its own, and a server's streams may all be such.
  std::size_t max_live_queries = 10'000;
  // What the log says of records before an event is waited for so long.
  std::chrono::milliseconds before_patience = docs_before_patience;
  // Under load: from the beginning of one round to the next, unless writing to all takes longer.
  std::chrono::milliseconds longest_pause{8};
  std::size_t lanes = 0; // threads that write to subscribers at rest at the same time; 0 = half of the cores

  std::size_t max_wide_channels() const { return max_channels < 4 ? max_channels : max_channels / 4; }
};

} // namespace synclog::http::streams
