// Levenshtein distance over two rows of the table.
#include "projections/nearest_name.hpp"
#include <algorithm>
#include <numeric>

namespace synclog::projections {

namespace {

constexpr std::size_t max_name_bytes = 64;

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> above(b.size() + 1), here(b.size() + 1);
  std::iota(above.begin(), above.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    here[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j)
      here[j + 1] =
          std::min({above[j + 1] + 1, here[j] + 1, above[j] + (lower(a[i]) == lower(b[j]) ? 0U : 1U)});
    std::swap(above, here);
  }
  return above[b.size()];
}

} // namespace

const std::string* nearest_name(std::string_view misspelt, const std::vector<std::string>& names) {
  if (misspelt.empty() || misspelt.size() > max_name_bytes) return nullptr;
  const std::string* nearest = nullptr;
  std::size_t least = misspelt.size() / 3 + 2; // a short word has fewer letters to get wrong
  for (const std::string& name : names) {
    const std::size_t distance = edit_distance(misspelt, name);
    if (distance >= least) continue;
    least = distance;
    nearest = &name;
  }
  return nearest;
}

} // namespace synclog::projections
