// What must be inside the private cluster before anybody connects: the database and its two roles. Blocking,
// bounded.
#pragma once
#include "core/problem.hpp"
#include "eventstore/pg/embedded_layout.hpp"
#include <string>

namespace synclog::eventstore::pg::embedded {

// key=value conninfo for the socket folder.
std::string conninfo_for(const std::string& socket_dir, const std::string& database, const std::string& role);

// Makes what is missing; a check of two statements when nothing is.
core::result<void> ensure_database(const layout& where, const std::string& socket_dir);

} // namespace synclog::eventstore::pg::embedded
