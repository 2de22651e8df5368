// The rows that say which definitions a database has adopted and which read tables stand:
// synclog.definitions and synclog.read_tables. Written under the head lock only, so that whoever holds it
// knows what an append must fit. Blocking.
#pragma once
#include "core/entity.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include <cstdint>
#include <optional>
#include <string>

namespace synclog::projections {

struct stored_definition {
  std::int64_t revision = 0;
  std::string fingerprint; // hex
  std::string text;        // the file as it was loaded
  std::string adopted_at;  // RFC 3339
};
std::optional<stored_definition> find_definition(eventstore::pg::plain_connection& db,
                                                 const std::string& entity);
void store_definition(eventstore::pg::plain_connection& db, const core::entity& definition);

struct standing_table {
  std::string name;
  std::string fingerprint; // hex, of the layout
  bool exists = false;
};
std::optional<standing_table> find_table(eventstore::pg::plain_connection& db, const std::string& entity);
// That the definition's table stands and was made of it.
void record_table(eventstore::pg::plain_connection& db, const core::entity& definition);
// Notes that the standing table has been fitted to a definition and not rebuilt: whichever definition comes
// next, also the one that it was built for, finds that it differs.
void record_fitted(eventstore::pg::plain_connection& db, const core::entity& definition);
// Whether that was noted last.
bool is_fitted(const standing_table& table, std::int64_t revision);

// A plain sentence for a relation of the wanted name that was not made by this log.
std::string not_ours_sentence(const core::entity& definition);

// "" when the role of this connection owns the table, or may act as its owner; else a plain sentence with the
// fix: nobody else can change or replace it.
std::string not_owned_sentence(eventstore::pg::plain_connection& db, const core::entity& definition,
                               const std::string& table_name);

// Whether public.<name> is taken by any relation.
bool relation_exists(eventstore::pg::plain_connection& db, const std::string& name);

// How a server's definition stands to the adopted one.
enum class adoption : std::uint8_t {
  none,      // the database has none yet
  same,      // the same one
  newer,     // the server's is newer: to be adopted
  older,     // the database's is newer
  contested, // the same revision, other contents
};
adoption compare_definitions(const std::optional<stored_definition>& stored, const core::entity& own);
// A plain sentence for `older` and `contested`.
std::string adoption_refusal(adoption how, const stored_definition& stored, const core::entity& own);

} // namespace synclog::projections
