// Small words for tests of the record routes: looking into answers by JSON pointer.
#pragma once
#include "tests/support/http_client.hpp"
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tests {

// The value at an RFC 6901 pointer of a JSON text: a string's content, anything else as JSON; "(absent)" when
// nothing is there,
// "(not JSON)" when the text is none.
std::string at(std::string_view json, std::string_view pointer);
// Items of the array (members of the object) at the pointer.
std::size_t size_at(std::string_view json, std::string_view pointer = "");
// The `name` of each object in a top-level array.
std::vector<std::string> column(std::string_view json, std::string_view name);

// A prefix for ids, references and branches that no other test of this process uses.
std::string unique_word(std::string_view stem);

} // namespace synclog::tests
