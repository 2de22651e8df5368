// Makes the folder of the private PostgreSQL and keeps its settings. Blocking; used by the thread that starts
// the cluster, under start.lock.
#pragma once
#include "eventstore/pg/embedded_layout.hpp"
#include <string>
#include <vector>

namespace synclog::eventstore::pg::embedded {

// initdb beside its place, then a rename: a start that was killed half-way leaves no half cluster.
core::result<void> make_cluster(const layout& where);

// synclog.conf is ours and written anew at each start; in pg_ident.conf missing lines are added, so that an
// operator's own stay.
core::result<void> write_settings(const layout& where, const std::vector<std::string>& extra);

} // namespace synclog::eventstore::pg::embedded
