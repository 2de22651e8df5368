// "Did you mean …?": the known name closest to a misspelt one. Pure.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace synclog::projections {

// By edit distance without regard to ASCII case; nullptr when none is close. O(names × length²), lengths
// bounded.
const std::string* nearest_name(std::string_view misspelt, const std::vector<std::string>& names);

} // namespace synclog::projections
