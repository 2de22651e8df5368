// The constraints and indexes of a standing read table beside those that its definition wants. Blocking.
#pragma once
#include "core/entity.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include <cstdint>
#include <string>
#include <vector>

namespace synclog::projections {

struct missing_object {
  std::string name;
  std::string description; // `its unique constraint clients_email_key on "email"`
};

enum class wanted_objects : std::uint8_t {
  all,
  constraints, // what serving relies on: the primary key and unique fields
};

// What the table lacks, or has in another form (not unique, not valid, over other columns, a unique field
// that is not checked as the append needs it), in the order of the definition. What somebody added is passed
// over.
std::vector<missing_object> missing_objects(eventstore::pg::plain_connection& db,
                                            const core::entity& definition, const std::string& table_name,
                                            wanted_objects wanted);

} // namespace synclog::projections
