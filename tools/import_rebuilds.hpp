// The read tables that an import has left behind the log, rebuilt at its end.
#pragma once
#include "core/entity.hpp"
#include "tools/database_access.hpp"
#include "tools/progress_line.hpp"
#include <atomic>
#include <vector>

namespace synclog::tools {

// One table after the other, by name, each as replay rebuild does it; what was done is said on stdout, what
// could not be, on stderr. Ends early when `stop` turns true. False when a table still waits: it stays as it
// is, and the next import or start of a server rebuilds it. Throws pg::unavailable.
bool rebuild_after_import(const database_access& database, std::vector<const core::entity*> tables,
                          progress_line& line, const std::atomic<bool>& stop);

} // namespace synclog::tools
