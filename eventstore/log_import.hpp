// Reads what export_log() wrote into a log: an empty one takes over the exported log's identity, one that
// holds a beginning of the same history goes on where it ends. Every event is checked before it is saved;
// batches are transactions under the head lock that bring the read tables along, so every state that anybody
// can see, also after an interruption, is a state of the exported log. The exception are events of an earlier
// definition that today's columns cannot take: they go to the log alone, and the table is left behind until
// it is rebuilt.
#pragma once
#include "core/entity.hpp"
#include "eventstore/export_file.hpp"
#include "eventstore/inline_projection.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "eventstore/verify_log.hpp"
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace synclog::eventstore {

enum class import_mode : std::uint8_t { save, dry_run };

// What a log from a machine with a fast clock gets.
enum class future_times : std::uint8_t { refuse, accept };

struct import_report {
  core::uuid log_id{};
  bool adopted = false;      // the log was empty and has the export's identity now
  std::int64_t compared = 0; // events that were there already, the same ones
  std::int64_t saved = 0;    // by this run; of a dry run, that would be
  // Of the events read, those whose data_hash stands for their data: erased by law, or cut out of the file,
  // which the chain cannot tell apart.
  std::int64_t without_data = 0;
  core::position head; // of the log now
  std::string head_hash_hex;
  bool versions_unchecked = false; // a dry run over more records than it remembers
  // Events saved (or that would be) that hold what today's definition does not take, and the entities whose
  // read tables did not follow the log to its end: they must be rebuilt.
  std::int64_t outgrown = 0;
  std::vector<const core::entity*> behind;
  // Why it ended early. malformed: a line that is not of a whole, unchanged export of this log; "line 17: …",
  // `place` has it. Others: not the file's fault. What was saved before stands: it is a beginning of the
  // exported history, and another run goes on behind it.
  std::optional<core::problem> refused;
};

struct import_target {
  std::string conninfo;
  std::string role; // SET ROLE; empty = as logged in
  const core::catalog& entities;
  const inline_projection& projection;
  // A session of the log's owner, or of a member of it; asked for only when an empty log takes over an
  // identity. Problem: why there is none.
  std::function<core::result<pg::plain_connection>()> owner;
  // Notes, in the transaction of the first batch that a read table does not follow, that it is behind the log
  // and must be rebuilt. Empty: an event that a read table cannot take is refused.
  std::function<void(pg::plain_connection&, const core::entity&)> fall_behind = {};
  // Whose tables do not follow the log from the beginning. Needs fall_behind.
  std::vector<const core::entity*> behind = {};
  future_times future = future_times::refuse;
};

// Blocking, over a connection of its own. Throws pg::unavailable: then the last batch may be saved or not;
// another run finds out.
import_report import_log(const import_target& target, line_source& lines, import_mode mode,
                         const progress_callback& progress, const std::atomic<bool>& stop);

} // namespace synclog::eventstore
