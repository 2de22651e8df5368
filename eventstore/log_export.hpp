// Writes the log, or a stretch of it, as lines that import_log() reads. The chain is computed on the way:
// what does not verify is not exported. Page by page beside a running server; memory is a page.
#pragma once
#include "eventstore/export_file.hpp"
#include "eventstore/verify_log.hpp"
#include <optional>

namespace synclog::eventstore {

struct export_options {
  core::position from{1};             // the first to be exported
  std::optional<core::position> to{}; // the last; none: the head as it is when the export begins
};

struct export_report {
  core::uuid log_id{};
  core::position after, head; // exported: the positions after `after`, up to `head`
  std::string head_hash_hex;
  std::int64_t events = 0;
  std::optional<eventstore::difference> difference; // the log does not verify: the file is not to be kept
};

// Blocking, over a connection of its own; throws pg::unavailable. The caller finishes `out`. Problems:
// bad_request (the stretch reaches beyond the head), draining (`stop` turned true), what `out` refuses.
core::result<export_report> export_log(const std::string& conninfo, const std::string& role,
                                       const export_options& options, whole_file& out,
                                       const progress_callback& progress, const std::atomic<bool>& stop);

} // namespace synclog::eventstore
