// The beginning of a column's value as a number that keeps the column's order: enough to tell in memory which
// records a page of a list can begin with. Pure.
#pragma once
#include "core/entity.hpp"
#include <compare>
#include <cstdint>
#include <optional>
#include <string_view>

namespace synclog::projections {

struct order_prefix {
  std::uint64_t high = 0, low = 0;
  auto operator<=>(const order_prefix&) const = default;
};

// When a stands before b in ascending order (empty values last), then prefix(a) <= prefix(b); equal values
// have equal prefixes. `plain` is the value's plain text in any spelling that the column takes, nullopt =
// none. Only of types that are ordered.
order_prefix prefix_of(core::field_type type, std::optional<std::string_view> plain);
// Whether different values of the type always have different prefixes.
bool is_whole_value(core::field_type type);
order_prefix prefix_of_moment(std::int64_t micros_since_1970);

} // namespace synclog::projections
