// What a stream shows of the log, and in which bytes: the part that its subscribers share. Immutable after
// construction; any thread.
#pragma once
#include "eventstore/feed.hpp"
#include "http/streams/wire_format.hpp"
#include <boost/asio/awaitable.hpp>
#include <chrono>
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

// Records before some events, from the first event on as far as a bound in bytes reaches.
struct docs_before {
  std::unordered_map<std::int64_t, eventstore::record_state> states; // by the event's position
  std::size_t covers = 0; // of the events: those behind come with the next question
  bool is_read = true;    // false: the log could not be asked, nothing is known of what views wanted
};

// The log is asked for so long, unless a caller has reason for less or more.
inline constexpr std::chrono::milliseconds docs_before_patience{2'000};

class stream_view;
// Whether some view wants the record before an event.
using before_question = std::function<bool(const eventstore::feed_event&)>;
// Reads from the log what `wants` says of these events; covers at least one. Does not throw: what cannot be
// read is not known.
boost::asio::awaitable<docs_before>
read_docs_before(eventstore::log_reader& log, const std::vector<eventstore::feed_event_ptr>& events,
                 const before_question& wants, std::chrono::milliseconds patience = docs_before_patience);

class stream_view {
 public:
  virtual ~stream_view() = default;

  // Views with equal keys show the same events in the same bytes: they share a channel.
  virtual std::string key() const = 0;
  virtual stream_interest interest() const = 0;
  virtual const wire_format& format() const = 0;

  // False when wants_before() is false whatever comes.
  virtual bool may_want_before() const = 0;
  // True when append() wants the record as it was before this event.
  virtual bool wants_before(const eventstore::feed_event& event) const = 0;
  // Appends the frame of an event that belongs to the stream; false and nothing otherwise. `previous`: no
  // event of this stream lies between it and the event.
  virtual bool append(std::string& out, const eventstore::feed_event& event, core::position previous,
                      const docs_before& before) const = 0;
};

using stream_view_ptr = std::shared_ptr<const stream_view>;

} // namespace synclog::http::streams
