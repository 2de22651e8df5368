// Rows of a read table as the binary form of COPY: what the columns hold goes to PostgreSQL without being
// spelled out and read again. Pure; not shared between threads.
#pragma once
#include "core/entity.hpp"
#include "projections/column_block.hpp"
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::projections {

// A value that a column of its field's type cannot hold.
struct misfit {
  std::size_t row = 0;         // of the block
  std::size_t field_index = 0; // of the definition
};

// Appends one value, its length before it. False, and nothing appended, when the canonical text is none of
// that type: the field had another type when the value was written.
bool append_binary_value(std::string& out, core::field_type type, std::string_view canonical_text);

// COPY's whole input: the rows of the block, in the order of the table's columns. Rows with a value that does
// not fit are left out, and each such value is added to `misfits`.
void write_binary_rows(std::string& out, const core::entity& definition, const column_block& block,
                       std::vector<misfit>& misfits);

// "COPY … FROM STDIN" of what write_binary_rows makes.
std::string binary_copy_sql(std::string_view table_name);

} // namespace synclog::projections
