// Reads the log page by page; no statement holds a snapshot for long. Thread-safe: all state is in the pool.
#pragma once
#include "core/event.hpp"
#include "eventstore/pg/pool.hpp"
#include "eventstore/shared_head.hpp"
#include <boost/asio/awaitable.hpp>
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
  // The record's data at each of these versions, in their order; no value where that event is not there, was
  // erased, or is a deletion. At most 10,000 at once.
  boost::asio::awaitable<std::vector<std::optional<std::string>>> docs_at(std::vector<record_version> wanted,
                                                                          pg::deadline until);
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
