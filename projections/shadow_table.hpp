// The table that a rebuild fills beside the one that serves, and the swap of the two. A shadow says in its
// comment whose it is, so that the next run finds what an interrupted one left. Blocking; every function is
// one step of one connection.
#pragma once
#include "core/entity.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include <string>
#include <vector>

namespace synclog::projections {

// Makes an empty one without indexes and returns its name: new each time, so that what an interrupted run may
// still send goes nowhere.
std::string create_shadow(eventstore::pg::plain_connection& db, const core::entity& definition);

// Whether there is any, of whichever entity, in work or left over.
bool any_shadow(eventstore::pg::plain_connection& db);

// Drops every shadow of the entity; returns how many there were. Only while holding the entity's rebuild
// lock.
int drop_shadows(eventstore::pg::plain_connection& db, const std::string& entity);

// What stands on a table and would be lost or left behind with it: views, foreign keys, functions. One
// description each.
std::vector<std::string> dependents_of(eventstore::pg::plain_connection& db, const std::string& table_name);

// Puts the shadow in the place of `old_name` ("" = none stands): drops the old one, carries its grants over
// and renames table and indexes. In the caller's transaction, which holds the head lock.
void put_shadow_in_place(eventstore::pg::plain_connection& db, const core::entity& definition,
                         const std::string& shadow_name, const std::string& old_name);

} // namespace synclog::projections
