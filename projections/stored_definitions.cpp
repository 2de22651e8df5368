#include "projections/stored_definitions.hpp"

#include "eventstore/pg/plain_connection.hpp"

namespace synclog::projections {

std::vector<core::adopted_definition> stored_definitions(const std::string& conninfo,
                                                         const std::string& role) {
  eventstore::pg::plain_connection db(conninfo, role, "synclog definitions");
  const auto found = db.run("SELECT name, definition FROM synclog.definitions ORDER BY name");
  std::vector<core::adopted_definition> made;
  for (int row = 0; row < found.size(); ++row)
    made.push_back({std::string(found.text(row, 0)), std::string(found.text(row, 1))});
  return made;
}

} // namespace synclog::projections
