// Follows the log of a database and writes what a filter shows, as lines: what `synclog replay tail` does. A
// feed of its own keeps up with the log, woken by a listener; the tail is one cursor on it, like any other
// subscriber. Everything runs on one thread; the database is only read.
#pragma once
#include "core/event_filter.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/log_reader.hpp"
#include "eventstore/pg/listener.hpp"
#include "eventstore/pg/pool.hpp"
#include "tools/event_line.hpp"
#include "tools/line_output.hpp"
#include "tools/recent_records.hpp"
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdint>
#include <exception>
#include <optional>
#include <stop_token>
#include <string>

namespace synclog::tools {

enum class tail_form : std::uint8_t { lines, json };
enum class tail_end : std::uint8_t {
  never,   // follows until it is told to stop
  at_head, // ends where the log ended when it started
};

struct tail_options {
  core::event_filter filter;
  std::optional<core::cursor_text> after; // empty = now
  std::optional<std::uint64_t> limit;     // ends after that many events
  tail_form form = tail_form::lines;
  tail_end end = tail_end::never;
  line_layout layout;
};

class log_tail {
 public:
  log_tail(boost::asio::io_context& context, eventstore::pg::connect_options connect, tail_options options,
           line_output output);

  // Until the limit, the head, SIGINT, SIGTERM or the reader's end. Throws pg::unavailable when the database
  // cannot be reached at the start; later outages are waited out. Afterwards code() is exit_ok, or
  // exit_difference_found when the log is not the one that the cursor belongs to.
  boost::asio::awaitable<void> run();
  int code() const { return code_; }

 private:
  enum class going : std::uint8_t { on, finished };
  enum class connection_state : std::uint8_t { good, away, other_history };

  boost::asio::awaitable<void> follow_guarded();
  boost::asio::awaitable<void> stop_on_signal();
  boost::asio::awaitable<void> follow();
  boost::asio::awaitable<going> find_start();
  boost::asio::awaitable<going> step();
  boost::asio::awaitable<going> show(eventstore::feed_page page);
  boost::asio::awaitable<void> append(std::string& out, const eventstore::feed_event& event);
  boost::asio::awaitable<std::string> changes_of(const event_tokens& event);
  boost::asio::awaitable<connection_state> look_at_connection();
  going refuse_history(std::string_view sentence);

  boost::asio::io_context& context_;
  tail_options options_;
  line_output output_;
  eventstore::pg::pool reads_;
  eventstore::log_reader log_;
  eventstore::feed feed_;
  eventstore::pg::listener listener_;
  boost::asio::signal_set signals_;
  std::stop_source stopping_;
  bool ended_ = false;

  core::cursor at_;              // looked at up to here
  std::uint64_t generation_ = 0; // of the feed, when the tail began
  core::position previous_;      // the last event shown, or the start: no match lies between it and at_
  core::position last_;          // tail_end::at_head: where it ends
  std::uint64_t shown_ = 0;
  recent_records recent_;
  std::size_t lookups_left_ = 0; // of earlier versions, for this page
  bool told_away_ = false;
  std::uint64_t reconnects_ = 0; // of the pool, when at_ was last found to be in the log
  int code_ = 0;
  std::exception_ptr failed_;
};

} // namespace synclog::tools
