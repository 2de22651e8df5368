// How a definition becomes a table: names, column types, indexes, and the fingerprint that tells when a table
// must be rebuilt. Pure text; shared by the append, the lists, the rebuild and the proof.
#pragma once
#include "core/entity.hpp"
#include <string>
#include <string_view>
#include <vector>

namespace synclog::projections {

std::string quote_identifier(std::string_view name);
std::string quote_literal(std::string_view text);
// public."clients"
std::string qualified_table(std::string_view table_name);

// The bare type a value is cast to: text, numeric, bigint, boolean, date, time, timestamptz, json.
std::string_view type_name(core::field_type type);
// Objects and arrays are kept, but nothing compares or sorts by them.
bool is_ordered(core::field_type type);
// A field may always be empty (an older event may lack it); bookkeeping columns never are.
bool is_nullable(const core::column_ref& column);

// The whole order of a list: `keys` and, unless it is among them, id as the tie-break in the direction of the
// last key, so that an order of one direction is one row comparison and one index serves it from either end.
//
// Where empty values stand: last when ascending, first when descending, as a B-tree has them by itself. ORDER
// BY, the indexes and the page predicates all keep to that, so none of them spells NULLS FIRST or NULLS LAST.
std::vector<core::order_key> complete_order(const std::vector<core::order_key>& keys);

// "clients_reference_number_key": at most 63 bytes, the rest hashed away.
std::string object_name(std::string_view table_name, std::string_view middle, std::string_view ending);

// CREATE TABLE apart from what is cheaper to add once the rows are in.
struct table_ddl {
  std::vector<std::string> table;
  std::vector<std::string> settings; // of the table, no part of its fingerprint
  std::vector<std::string> constraints_and_indexes;
  std::vector<std::string> object_names; // what the second part names, in its order
  // The second part in two steps: indexes that can be built beside one another, unique ones marked, and then
  // the constraints that take them over ("" where there is none).
  struct index {
    std::string build;
    std::string adoption;
    bool is_unique_field = false; // a unique value, not the primary key
    std::string columns;          // quoted, in order: "branch", "created_at" DESC
  };
  std::vector<index> indexes; // beside object_names
};
table_ddl make_table_ddl(const core::entity& definition, std::string_view table_name);

// Over everything that decides what the table holds: its DDL and the search fields. A definition that changes
// elsewhere (titles, CSV columns) keeps its table.
core::sha256_digest table_fingerprint(const core::entity& definition);

} // namespace synclog::projections
