// See rounds.hpp.
#include "bench/rounds.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace synclog::tests::bench {

spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  std::ranges::sort(values);
  const auto middle = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

std::string json_of(const spread& values) {
  return fmt::format(R"({{"median":{:.4g},"lowest":{:.4g},"highest":{:.4g}}})", values.median, values.lowest,
                     values.highest);
}

} // namespace synclog::tests::bench
