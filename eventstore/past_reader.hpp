// What records were: single versions, a record at a moment, whole entities at a moment, what changed between
// two. Everything comes from the log and is bounded by a position, so it never changes, and pages may be read
// in any snapshots. Each page is one short statement. Thread-safe: all state is in the pool.
#pragma once
#include "core/event.hpp"
#include "eventstore/log_reader.hpp"
#include "eventstore/pg/pool.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace synclog::eventstore {

// One state of a record. `doc` is empty unless `what` is live.
struct past_state {
  enum class presence : std::uint8_t {
    absent, // not created yet, or deleted
    live,
    erased, // it was there, and its data was erased since
  };
  presence what = presence::absent;
  std::int64_t version = 0; // of the event that left it so; 0 = none yet
  std::string doc;
};

// A record of one entity that has an event in a stretch of positions: its state before the first of them, and
// (where asked for) at the end.
struct changed_record {
  core::position first_change;
  std::string entity, record_id;
  past_state before, after;
};

struct changed_page {
  std::vector<changed_record> records; // by first_change
  core::position complete_to;          // everything up to here has been looked at
};

// One page of an entity as it was, by id.
struct fold_page {
  std::vector<std::pair<std::string, past_state>> records; // deleted ones and those of later too: absent
  bool more = false;
};

class past_reader {
 public:
  explicit past_reader(pg::pool& reads) : reads_(&reads) {}

  // All throw pg::unavailable and its kin.

  // The last position that was recorded at or before `moment`; 0 when none was. Recorded times never run
  // backwards along positions, so this is a binary search over the primary key.
  boost::asio::awaitable<core::position> position_at(core::timestamp moment, pg::deadline until);
  boost::asio::awaitable<std::optional<core::event>> version(std::string entity, std::string record_id,
                                                             std::int64_t version, pg::deadline until);
  // The last event of the record at or before `where`. Walks back over the record's later versions.
  boost::asio::awaitable<std::optional<core::event>> at(std::string entity, std::string record_id,
                                                        core::position where, pg::deadline until);
  // Versions after `after_version`, of positions up to `upto`, oldest first. Empty behind the last.
  boost::asio::awaitable<std::vector<core::event>> versions(std::string entity, std::string record_id,
                                                            std::int64_t after_version, core::position upto,
                                                            page_bounds bounds, pg::deadline until);
  // Every record of the entity behind `after_id` ("" = from the first) as it was at `where`.
  boost::asio::awaitable<fold_page> fold(std::string entity, std::string after_id, core::position where,
                                         std::size_t max_records, pg::deadline until);
  // The records of an entity that have an event behind `at`, found by the first of them: looks at the events
  // of at most `window` positions behind `after` (which is `at` or later) and up to `upto`. Only `before`,
  // the state at `at`, is told, and only of records that were live then.
  boost::asio::awaitable<changed_page> overtaken(std::string entity, core::position at, core::position after,
                                                 core::position upto, std::size_t window, pg::deadline until);
  // The records ("" = of every entity) that have an event behind `from` and up to `to`, with their states at
  // both: looks at the events of at most `window` positions behind `after` (which is `from` or later).
  boost::asio::awaitable<changed_page> changed(std::string entity, core::position from, core::position to,
                                               core::position after, std::size_t window, pg::deadline until);

 private:
  boost::asio::awaitable<pg::rows> run(std::shared_ptr<const pg::statement> prepared, pg::params values,
                                       pg::deadline until);
  pg::pool* reads_;
};

} // namespace synclog::eventstore
