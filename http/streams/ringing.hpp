// Ringing the bells of whole channels: group by group, on several threads, and between two groups whoever
// else waits for a thread gets it. Streams at rest write to their clients meanwhile. Any thread.
#pragma once
#include "http/streams/channel.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <vector>

namespace synclog::http::streams {

// Returns when all have been rung: how many. `lanes` of them at a time, at least one.
boost::asio::awaitable<std::size_t> ring_channels(boost::asio::any_io_executor executor,
                                                  std::vector<channel_ptr> channels, std::size_t lanes);

} // namespace synclog::http::streams
