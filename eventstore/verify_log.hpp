// Proves the log: positions without gaps, hash chain, versions per record, time order. Reads page by page
// beside a running server. projections/verify_tables compares the read tables.
#pragma once
#include "core/ids.hpp"
#include "eventstore/pg/types.hpp"
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

namespace synclog::eventstore {

// The first difference that was found.
struct difference {
  core::position position; // 0 when it has none
  std::string kind;        // "gap", "hash", "version", "time", "row_missing", "row_extra", "field"
  std::string detail;      // "position 42: stored hash …, computed …"
  std::string entity, record_id, field, stored, computed; // where they apply
};

struct verify_progress {
  std::string stage; // "log", or a read table's name
  std::int64_t done = 0, total = 0;
};

struct verify_report {
  std::int64_t events = 0;
  std::int64_t rows = 0;
  core::position head;
  std::string head_hash_hex;
  std::optional<core::uuid> log_id;
  std::optional<eventstore::difference> difference;
  double seconds = 0;
};

using progress_callback = std::function<void(const verify_progress&)>;

// Blocking, over one plain libpq connection of its own; throws pg::unavailable. Fills events, head,
// difference.
void verify_log(const std::string& conninfo, verify_report& report, const progress_callback& progress);

} // namespace synclog::eventstore
