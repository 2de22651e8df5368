// Read tables that an import leaves behind the log, because they cannot hold a state on the way: an event of
// an earlier definition. The database knows of each, so that whoever comes next rebuilds it before it is
// used. Blocking.
#pragma once
#include "core/entity.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include <string>
#include <vector>

namespace synclog::projections {

// Notes that the standing table of the entity does not follow the log any more; a rebuild ends it. Until then
// nothing else can write a row into it: who decides by what the table holds would decide wrongly. In the
// caller's transaction, under the head lock. Nothing happens when no table stands.
void leave_behind(eventstore::pg::plain_connection& db, const core::entity& definition);

// By what the database has recorded of a table, in hex. What its rows say is old then.
bool is_behind(const std::string& fingerprint);

struct import_tables {
  std::vector<std::string> done; // plain sentences of what was done
  // In the catalog that was prepared. To be rebuilt when the import has ended: tables that do not follow the
  // log until then, and tables that do, but were made for an earlier definition.
  std::vector<const core::entity*> behind, pending;
};

// prepare_serving() for an import, which may bring what a rebuild still lacks: makes and fits what can be at
// once, and leaves every rebuild for the end. Throws as prepare_serving() does.
import_tables prepare_import(const std::string& conninfo, const std::string& role,
                             const core::catalog& entities);

} // namespace synclog::projections
