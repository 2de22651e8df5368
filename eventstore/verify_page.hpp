// One stretch of the log, read by one COPY and verified while it arrives, without a copy of anything. Owned
// by one thread of verify_log; has a connection of its own.
#pragma once
#include "core/chain.hpp"
#include "eventstore/pg/copy_row.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "eventstore/verify_log.hpp"
#include "eventstore/version_check.hpp"
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::eventstore {

// What a page showed. Without a difference, events `first` to `reached` follow from `before`.
struct page_outcome {
  std::int64_t reached = 0;   // the last event that was verified; short of the page's end when time was up
  core::sha256_digest before; // the stored hash of the event before the page, or the beginning's
  core::sha256_digest after;  // that of `reached`
  std::int64_t events = 0, erased = 0;
  std::optional<eventstore::difference> difference;
};

class page_verifier {
 public:
  // No statement may hold a snapshot for longer; what has come until then counts.
  static constexpr std::chrono::seconds longest_snapshot{5};

  page_verifier(const std::string& conninfo, const core::uuid& log_id);

  // Positions `first` to `last`, both included, all of which should be there. Throws pg::unavailable,
  // pg::query_failed.
  page_outcome verify(std::int64_t first, std::int64_t last);
  pg::plain_connection& connection() { return db_; }

 private:
  void begin(std::int64_t first);
  void take(std::string_view message);
  void check(const core::event_view& event);
  bool has_every_value();
  std::optional<core::sha256_digest> data_hash_of_row();
  void fail(std::int64_t position, const char* kind, std::string why, std::string field = {},
            std::string stored = {}, std::string computed = {});
  void fail_event(const core::event_view& event, const char* kind, std::string why, const char* field,
                  std::string stored, std::string computed);

  pg::plain_connection db_;
  core::chain_hasher hasher_;
  version_check versions_;
  pg::copy_row row_;
  page_outcome page_;
  core::sha256_digest hash_{};
  std::int64_t time_micros_ = 0;
  std::int64_t first_ = 0;
  bool has_predecessor_ = false; // always true for the page that begins with 1
};

} // namespace synclog::eventstore
