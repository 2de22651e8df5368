// One property of a definition file, read into a field. Private to core/entity*.
#pragma once
#include "core/entity.hpp"
#include "core/json.hpp"
#include <string>
#include <vector>

namespace synclog::core {

// lower_snake_case of at most `max_length` characters: names that become SQL identifiers.
bool is_plain_name(std::string_view name, std::size_t max_length = 48);

// Reads what can be read and appends an error for everything that is wrong.
field read_field(const json::member& property, const std::string& pointer, std::vector<field_error>& errors);

// The default is checked last, when unique and the length bound of the field are known.
void read_default(const json::value& property, const std::string& pointer, field& target,
                  std::vector<field_error>& errors);

} // namespace synclog::core
