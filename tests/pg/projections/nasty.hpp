// Values that tell a careless comparison from a right one, and records made of them by the way every write
// takes: JSON through core::validate_object. Deterministic in the random source that is given.
#pragma once
#include "core/entity.hpp"
#include "core/field_texts.hpp"
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tests {

class nasty_values {
 public:
  explicit nasty_values(std::mt19937_64& random) : random_(random) {}

  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  template <typename Value>
  const Value& one_of(const std::vector<Value>& values) {
    return values[below(values.size())];
  }

  // A piece of text: wildcards, escapes, accents, marks, letters of the Turkish, the separator of search
  // fields, emoji, the same letters in both cases; also "".
  std::string fragment();
  // Often one of a few words, so that equal values are common; else pieces one behind the other.
  std::string text();
  // As a client may spell a value of a type: several spellings of one value, the ends of the type's range.
  // For objects and arrays JSON.
  std::string spelled(core::field_type type, int max_decimals = -1);
  // Something that is nearly `text`: other case, a character more or less, a wildcard instead of one.
  std::string near(const std::string& text);
  // A random stretch of characters of a text.
  std::string stretch(std::string_view text);

  // A whole record of a definition as validation leaves it; unique fields are null or never met before.
  core::field_texts record(const core::entity& definition);

 private:
  std::string field_json(const core::field& field);

  std::mt19937_64& random_;
  std::uint64_t made_ = 0; // of unique values
};

} // namespace synclog::tests
