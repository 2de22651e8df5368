// A bad import undone: compensating events that bring records back to their state before the events selected.
// The log keeps both, what was done and that it was undone. Called by replay undo.
#pragma once
#include "core/difference.hpp"
#include "core/entity.hpp"
#include "core/problem.hpp"
#include "eventstore/committer.hpp"
#include "eventstore/log_reader.hpp"
#include "eventstore/pg/pool.hpp"
#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace synclog::eventstore {

// Which events: all that is given must hold.
struct undo_selection {
  std::string actor;      // "" = anybody's
  std::string request_id; // "" = of any request
  std::string entity;     // "" = of every entity
  core::position from{1};
  core::position to; // 0 = the head when the undo starts
};

struct undo_item {
  enum class verdict : std::uint8_t {
    undone,   // an event was appended; in a dry run: would be
    nothing,  // it stands as it stood before already
    conflict, // changed again by events that are not selected: left alone
    refused,  // today's rules do not allow the former state, or it is unknown: left alone
  };
  verdict what = verdict::nothing;
  std::string entity, record_id;
  std::int64_t version = 0; // the latest before the undo
  std::int64_t restored_version =
      0;                 // whose state it gets; 0 = it is deleted, because it was not there before
  bool was_live = false; // it is there before the undo
  std::string detail;    // why not
  std::vector<core::change> changes; // from the latest to the state restored
};

struct undo_options {
  bool dry_run = false;
  bool force = false; // conflicts are undone too: what came later is lost from view, not from the log
  std::string actor = "undo";
  std::string request_id;
  const std::atomic<bool>* stop = nullptr; // ends it between two batches; outlives the call
};

struct undo_report {
  std::int64_t undone = 0, nothing = 0, conflicts = 0, refused = 0;
  core::cursor at;   // of the last event appended; of the head when none was
  core::position to; // the last one that was looked at: another run up to it selects the same events
  bool stopped = false;
  std::optional<std::int64_t> left; // stopped: records not looked at, if they could be counted in time

  std::int64_t records() const { return undone + nothing + conflicts + refused; }
};

// Told of each record once, with what came of it.
using undo_listener = std::function<void(const undo_item&)>;
// Positions looked at, from the last one down, and how many there are.
using undo_progress = std::function<void(std::int64_t done, std::int64_t total)>;

// Record by record, from the newest selected event to the oldest, in batches of bounded size; a batch is one
// transaction, and a record that cannot be undone does not hold up the others. A record is changed only if it
// still stands as it was looked at. Records that wait for other ones' unique values are restored after the
// others, in the order of their waiting; those that exchanged values in a circle in one strict transaction,
// in which some of them give theirs up first, so that no value stands twice at any position. (In a dry run
// only circles find their values free.) Run a second time it finds nothing to do; interrupted, it goes on.
// Problems: what the committer answers to a whole request. Throws pg::unavailable and its kin. References
// outlive the call.
boost::asio::awaitable<core::result<undo_report>> undo(const core::catalog& entities, pg::pool& reads,
                                                       log_reader& log, committer& writer,
                                                       undo_selection selection, undo_options options,
                                                       undo_listener listener, undo_progress progress);

} // namespace synclog::eventstore
