// An entity's record as JSON Schema (draft 7, the vocabulary of AsyncAPI, and 2020-12, that of OpenAPI,
// alike), made from its definition. Pure; any thread.
#pragma once
#include "core/entity.hpp"
#include <cstdint>
#include <string>

namespace synclog::http {

// The record as events, lists and answers carry it: bookkeeping, then every field. A field that the
// definition does not require may be null. Required are the members that no record is without: an event keeps
// the bytes of its day, so a field that came later may be absent in it.
void append_record_schema(std::string& out, const core::entity& definition);

// What a write may say of a record: every field of the definition, each optional (a save merges; the
// definition requires some only of a record that is created, `x-required-to-create`), the id, and the version
// that the caller expects. Other spellings of fields stand under `x-aliases`.
void append_input_schema(std::string& out, const core::entity& definition);

enum class nullable : std::uint8_t { no, yes };

// One value of a column, without title and description.
void append_value_schema(std::string& out, const core::field& field, nullable may_be_null);
// The same for a column that may be one of bookkeeping.
void append_column_schema(std::string& out, const core::entity& definition, const core::column_ref& column);

} // namespace synclog::http
