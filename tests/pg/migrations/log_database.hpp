// What the migration tests share: a migrated database, and SQL whose failure is looked at. Each call has a
// connection of its own, so any thread may use it.
#pragma once
#include "core/event.hpp"
#include "support/cluster.hpp"
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tests {

// A new database of the shared cluster with every migration applied.
std::string migrated_database();

// The URL of a login of the shared cluster: for whoever is to have no way back.
std::string as_login(const std::string& database, const std::string& user);

inline bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

// "" when every statement worked, else the SQLSTATE of the first that did not. One connection, no transaction
// around them.
std::string sqlstate_of(const std::string& database, const std::vector<std::string>& statements,
                        const std::string& user = "postgres");

// Inserts one event as it is; returns as sqlstate_of.
std::string insert_event(const std::string& database, const core::event& source,
                         const std::string& user = "postgres");

} // namespace synclog::tests
