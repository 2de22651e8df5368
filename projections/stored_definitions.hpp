// The entity definitions that a database has adopted (synclog.definitions).
#pragma once
#include "core/adopted_definitions.hpp"
#include <string>
#include <vector>

namespace synclog::projections {

// Blocking. The log's schema must be there. `role` empty = as logged in. Throws eventstore::pg's exceptions.
std::vector<core::adopted_definition> stored_definitions(const std::string& conninfo,
                                                         const std::string& role);

} // namespace synclog::projections
