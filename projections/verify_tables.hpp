// Proves the read tables: each equals the fold of the log, row by row and column by column (I6). Stretch by
// stretch over several connections, beside a running server: each stretch is one statement, so log and table
// are seen in one snapshot.
#pragma once
#include "core/entity.hpp"
#include "eventstore/verify_log.hpp"
#include <string>

namespace synclog::projections {

// Fills report.rows and report.difference: the first in the order of the catalog, then of ids, whatever the
// threads did. Blocking; throws pg::unavailable, pg::query_failed.
void verify_tables(const std::string& conninfo, const core::catalog& entities,
                   eventstore::verify_report& report, const eventstore::progress_callback& progress,
                   unsigned jobs = eventstore::default_verify_jobs());

} // namespace synclog::projections
