// Reads what export_log() wrote into a log: an empty one takes over the exported log's identity, one that
// holds a beginning of the same history goes on where it ends. Every event is checked before it is saved;
// batches are transactions under the head lock that bring the read tables along, so every state that anybody
// can see, also after an interruption, is a state of the exported log.
#pragma once
#include "core/entity.hpp"
#include "eventstore/export_file.hpp"
#include "eventstore/inline_projection.hpp"
#include "eventstore/verify_log.hpp"
#include <optional>

namespace synclog::eventstore {

enum class import_mode : std::uint8_t { save, dry_run };

struct import_report {
  core::uuid log_id{};
  bool adopted = false;      // the log was empty and has the export's identity now
  std::int64_t compared = 0; // events that were there already, the same ones
  std::int64_t saved = 0;    // by this run; of a dry run, that would be
  core::position head;       // of the log now
  std::string head_hash_hex;
  bool versions_unchecked = false; // a dry run over more records than it remembers
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
};

// Blocking, over a connection of its own. Throws pg::unavailable: then the last batch may be saved or not;
// another run finds out.
import_report import_log(const import_target& target, line_source& lines, import_mode mode,
                         const progress_callback& progress, const std::atomic<bool>& stop);

} // namespace synclog::eventstore
