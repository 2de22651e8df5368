// What a read table is to be compared with. A table is the fold of the log by the definition that the
// database has adopted, whatever newer one this program brings; and between the adoption and its rebuild it
// is that in all but what only the rebuild brings. Blocking.
#pragma once
#include "core/entity.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "eventstore/verify_log.hpp"
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace synclog::projections {

struct planned_table {
  std::shared_ptr<const core::entity> definition; // the one to compare by
  bool awaits_rebuild = false;                    // without search texts and plain indexes, then
  bool is_made = true;                            // false: there is nothing to compare
  std::int64_t revision = 0;                      // of the adopted definition; 0: none
  std::string adopted_at;                         // RFC 3339; "" = not adopted
  std::string fingerprint;                        // of the table, as recorded
  std::optional<eventstore::verify_note> note;

  bool operator==(const planned_table& other) const {
    return revision == other.revision && fingerprint == other.fingerprint && is_made == other.is_made;
  }
};

// In the order of the catalog. Throws pg::unavailable, pg::query_failed.
std::vector<planned_table> plan_verification(eventstore::pg::plain_connection& db,
                                             const core::catalog& entities);

// The first thing that the table lacks: itself, a column of the right type, a constraint, an index. Empty: it
// has everything that can be asked for.
std::optional<eventstore::difference> missing_part(eventstore::pg::plain_connection& db,
                                                   const planned_table& table);

} // namespace synclog::projections
