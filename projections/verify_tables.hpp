// Proves the read tables: each equals the fold of the log, row by row and column by column (I6). Page by
// page, beside a running server: each page is one statement, so log and table are seen in one snapshot.
#pragma once
#include "core/entity.hpp"
#include "eventstore/verify_log.hpp"
#include <string>

namespace synclog::projections {

// Fills report.rows and report.difference (the first). Throws pg::unavailable.
void verify_tables(const std::string& conninfo, const core::catalog& entities,
                   eventstore::verify_report& report, const eventstore::progress_callback& progress);

} // namespace synclog::projections
