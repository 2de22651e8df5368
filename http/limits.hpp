// Every bound of the server that its operator may move, with its default. Handlers and sessions read the
// struct; flags, environment variables and the table of docs/limits.md come from the list (all_limits), so
// that they cannot differ. Immutable once the server runs; any thread.
#pragma once
#include "eventstore/log_reader.hpp"
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace synclog::http {

struct limits {
  // of one request
  std::size_t max_body_bytes = 64u << 20;
  std::size_t max_header_bytes = 16u << 10;
  std::size_t max_header_fields = 100;
  std::size_t max_target_bytes = 8u << 10;
  std::size_t max_json_depth = 64;
  std::size_t max_bulk_items = 100'000;
  std::chrono::seconds request_deadline{30};
  std::chrono::seconds statement_timeout{20}; // of reads, in the database
  // of connections
  std::size_t max_connections = 10'000;
  std::size_t max_connections_per_address = 1'000;
  std::size_t max_handshakes = 1'000; // of TLS, under way
  std::chrono::seconds header_timeout{15};
  std::chrono::seconds idle_timeout{75};     // keep-alive
  std::chrono::seconds progress_timeout{30}; // body reads and response writes must move
  std::size_t max_bodies_bytes = 1u << 30;   // of all requests being received or handled at once; over it 503
  std::size_t max_unread_bytes = 1u << 30;   // of answers whose readers are slow
  // of one caller: a token, or an address
  std::size_t request_rate = 1'000; // a second; 0 = none
  std::size_t record_rate = 20'000; // of bulks, a second; 0 = none
  // of lists
  std::size_t max_whole_lists = 200;
  std::size_t max_whole_lists_per_caller = 50;
  std::size_t max_searches = 200;
  std::size_t max_searches_per_caller = 50;
  std::size_t event_page_max = 10'000;
  std::size_t search_memory_bytes = std::size_t{1} << 30;
  std::size_t answer_memory_bytes = 64u << 20;
  // of streams
  std::size_t max_streams = 8'000;
  std::size_t max_streams_per_caller = 1'000;
  std::size_t max_subscriptions = 64; // of one WebSocket
  std::size_t max_channels = 10'000;
  std::size_t max_live_queries = 10'000;
  std::size_t feed_ring_bytes = 64u << 20;
  std::size_t stream_ring_bytes = 64u << 20;
  // Of a stream that is behind: what it takes from the feed or the log at once.
  eventstore::page_bounds catch_up{.max_events = 1'000, .max_bytes = 1u << 20};
  std::chrono::seconds slow_reader{60}; // a stream that is never near the head for so long is told `bye`
};

enum class limit_unit : std::uint8_t { count, bytes, seconds };

// One row of the list.
struct limit_entry {
  std::string_view flag; // "--max-body"
  limit_unit unit = limit_unit::count;
  std::string_view bounds; // what it counts, for the help and the table
  std::string_view beyond; // what happens at one more
  std::int64_t least = 1, most = INT64_MAX;
  std::int64_t (*get)(const limits&) = nullptr;
  void (*set)(limits&, std::int64_t) = nullptr;
};

// In the order of the struct.
std::span<const limit_entry> all_limits();
// "SYNCLOG_MAX_BODY".
std::string variable_of(const limit_entry& entry);
// Rows of a table in Markdown, one a limit, with its default: what docs/limits.md must have.
std::string limits_table();

} // namespace synclog::http
