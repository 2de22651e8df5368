// What a stream shows of the log, and in which bytes: the part that its subscribers share. Immutable after
// construction; any thread.
#pragma once
#include "eventstore/feed.hpp"
#include "http/streams/wire_format.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace synclog::http::streams {

// What an event must have for a view to look at it at all: a coarse answer, for the index. Empty = any.
struct stream_interest {
  std::vector<std::string> resources, branches, ids; // branches: before or after the event
};

// Records' data before some events.
struct docs_before {
  std::unordered_map<std::int64_t, std::string> docs; // by the event's position
  bool is_complete = true; // what views wanted and is not in `docs` did not exist; otherwise it is not known
};

class stream_view;
// Whether some view wants the record before an event.
using before_question = std::function<bool(const eventstore::feed_event&)>;
// Reads from the log what `wants` says of these events. Does not throw: what cannot be read is not known.
boost::asio::awaitable<docs_before> read_docs_before(eventstore::log_reader& log,
                                                     const std::vector<eventstore::feed_event_ptr>& events,
                                                     const before_question& wants);

class stream_view {
 public:
  virtual ~stream_view() = default;

  // Views with equal keys show the same events in the same bytes: they share a channel.
  virtual std::string key() const = 0;
  virtual stream_interest interest() const = 0;
  virtual const wire_format& format() const = 0;

  // True when append() wants the record as it was before this event.
  virtual bool wants_before(const eventstore::feed_event& event) const = 0;
  // Appends the frame of an event that belongs to the stream; false and nothing otherwise. `previous`: no
  // event of this stream lies between it and the event.
  virtual bool append(std::string& out, const eventstore::feed_event& event, core::position previous,
                      const docs_before& before) const = 0;
};

using stream_view_ptr = std::shared_ptr<const stream_view>;

} // namespace synclog::http::streams
