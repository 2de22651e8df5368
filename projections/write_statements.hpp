// The SQL that the append runs on a read table. Built once from a definition; every value is a parameter.
#pragma once
#include "core/entity.hpp"
#include <string>

namespace synclog::projections {

// $1 an array of synclog.record_row, of whose fields each is text that casts to its column. At most one row
// an id; insert_sql is for records that never existed: it does not look.
std::string insert_sql(const core::entity& definition, std::string_view table_name);
std::string upsert_sql(const core::entity& definition, std::string_view table_name);
// The same for one row: the parameters are its values: $1 id, $2 version, $3 position, $4 created_at, $5
// updated_at, then the fields, search_text when there are search fields, doc.
std::string insert_one_sql(const core::entity& definition, std::string_view table_name);
std::string upsert_one_sql(const core::entity& definition, std::string_view table_name);

// $1 ids.
std::string delete_sql(std::string_view table_name);

// $1 values as text[] -> ordinal (from 1), id, and the latest event of that record: version, position,
// action, data.
std::string probe_sql(const core::entity& definition, const core::field& field);

} // namespace synclog::projections
