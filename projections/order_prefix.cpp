// Texts, dates and times of day are ordered by their bytes; moments by their microseconds; numbers as the
// nearest double, which never exchanges two of them.
#include "projections/order_prefix.hpp"
#include "core/clock.hpp"
#include "core/problem.hpp"
#include "projections/live_value.hpp"
#include <algorithm>
#include <bit>
#include <charconv>
#include <limits>
#include <string>

namespace synclog::projections {

namespace {

constexpr std::uint64_t top_bit = std::uint64_t{1} << 63U;
constexpr order_prefix behind_all{~std::uint64_t{0}, ~std::uint64_t{0}};

std::uint64_t eight_bytes(std::string_view text) {
  std::uint64_t packed = 0;
  for (std::size_t i = 0; i < 8; ++i)
    packed = (packed << 8U) | (i < text.size() ? static_cast<unsigned char>(text[i]) : 0U);
  return packed;
}

order_prefix prefix_of_bytes(std::string_view text) {
  return {eight_bytes(text), text.size() > 8 ? eight_bytes(text.substr(8)) : 0};
}

double nearest_double(std::string_view text) {
  double value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc::result_out_of_range) return value;
  const bool negative = text.starts_with('-');
  const std::string_view digits = text.substr(negative ? 1 : 0);
  if (digits.starts_with("0.")) return 0; // too small
  return negative ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity();
}

} // namespace

bool is_whole_value(core::field_type type) {
  return type == core::field_type::timestamp || type == core::field_type::date ||
         type == core::field_type::time || type == core::field_type::boolean;
}

order_prefix prefix_of_moment(std::int64_t micros_since_1970) {
  return {static_cast<std::uint64_t>(micros_since_1970) ^ top_bit, 0};
}

order_prefix prefix_of(core::field_type type, std::optional<std::string_view> plain) {
  std::string scratch;
  const auto canonical =
      !plain || type == core::field_type::text ? plain : column_value(type, *plain, scratch);
  if (!canonical) return behind_all;
  switch (type) {
  case core::field_type::text:
  case core::field_type::boolean:
  case core::field_type::date:
  case core::field_type::time:
    return prefix_of_bytes(*canonical);
  case core::field_type::timestamp: {
    const auto moment = core::parse_rfc3339(*canonical);
    return moment ? prefix_of_moment(moment->micros) : behind_all;
  }
  case core::field_type::number:
  case core::field_type::integer: {
    const auto bits = std::bit_cast<std::uint64_t>(nearest_double(*canonical));
    return {(bits & top_bit) != 0 ? ~bits : bits | top_bit, 0};
  }
  case core::field_type::object:
  case core::field_type::array:
    break;
  }
  core::invariant_broken("an order by a column that has none");
}

} // namespace synclog::projections
