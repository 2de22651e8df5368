// Reads the log page by page; no statement holds a snapshot for long. Thread-safe: all state is in the pool.
#pragma once
#include "core/event.hpp"
#include "eventstore/pg/pool.hpp"
#include "eventstore/shared_head.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace synclog::eventstore {

struct page_bounds {
  std::size_t max_events = 1'000;
  std::size_t max_bytes = 1u << 20; // of data; at least one event comes whatever its size
};

struct record_version {
  std::string entity, record_id;
  std::int64_t version = 0;
};

// What the log says of a record at one of its versions.
struct record_state {
  enum class presence : std::uint8_t {
    live,
    deleted,
    unknown, // the log lacks that event, or its data was erased
  };
  presence what = presence::unknown;
  std::string doc; // of a live one
};

class log_reader {
 public:
  explicit log_reader(pg::pool& reads);

  // All throw pg::unavailable and its kin.
  boost::asio::awaitable<core::uuid> log_id(pg::deadline until);
  // Position 0 with the genesis hash when empty. Never older than the call; who asks at the same time shares
  // a read.
  boost::asio::awaitable<core::cursor> head(pg::deadline until);
  // Events after `after`, ascending. Empty at the head.
  boost::asio::awaitable<std::vector<core::event>> page(core::position after, page_bounds bounds,
                                                        pg::deadline until);
  // The same for a reader that knows the history it has read: no value when the log has another event at
  // `after`, or does not reach that far (it was restored from an older state, or is another log).
  boost::asio::awaitable<std::optional<std::vector<core::event>>>
  page_continuing(core::cursor after, page_bounds bounds, pg::deadline until);
  boost::asio::awaitable<std::optional<core::event>> at(core::position where, pg::deadline until);
  // The cursor of a position of this history; empty beyond the head.
  boost::asio::awaitable<std::optional<core::cursor>> cursor_at(core::position where, pg::deadline until);
  // The first of these, in their order, until their data exceed `max_bytes` (as stored, so compressed ones
  // are larger) or all are there; at least one. Of those behind nothing is said: ask again.
  boost::asio::awaitable<std::vector<record_state>> states_at(std::vector<record_version> wanted,
                                                              std::size_t max_bytes, pg::deadline until);
  // Every event of one record, oldest first, after version `after`.
  boost::asio::awaitable<std::vector<core::event>> history(std::string entity, std::string record_id,
                                                           std::int64_t after_version, std::size_t max_events,
                                                           pg::deadline until);

 private:
  boost::asio::awaitable<bool> append_page(std::vector<core::event>& events, core::cursor after,
                                           page_bounds bounds, bool checked, pg::deadline until);

  pg::pool* reads_;
  std::unique_ptr<shared_head> heads_;
};

} // namespace synclog::eventstore
