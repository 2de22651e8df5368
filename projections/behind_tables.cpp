// See behind_tables.hpp. prepare_import() stands beside the other preparations.
#include "projections/behind_tables.hpp"
#include "core/chain.hpp"
#include "projections/layout.hpp"
#include "projections/table_records.hpp"

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

constexpr const char* closing_constraint = "synclog_behind_the_log";

// No layout has this one.
const std::string& behind_fingerprint() {
  static const std::string made = core::to_hex(core::sha256("behind the log"));
  return made;
}

} // namespace

bool is_behind(const std::string& fingerprint) {
  return fingerprint == behind_fingerprint();
}

void leave_behind(pg::plain_connection& db, const core::entity& definition) {
  const auto table = find_table(db, definition.name);
  if (!table || !table->exists) return;
  const std::string name = qualified_table(table->name);
  const bool closed = db.run("SELECT EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass($1) AND "
                             "conname = $2)",
                             {name, std::string(closing_constraint)})
                          .boolean(0, 0);
  if (!closed)
    db.run("ALTER TABLE " + name + " ADD CONSTRAINT " + closing_constraint + " CHECK (false) NOT VALID");
  db.run("UPDATE synclog.read_tables SET fingerprint = decode($2, 'hex') WHERE entity = $1",
         {definition.name, behind_fingerprint()});
}

} // namespace synclog::projections
