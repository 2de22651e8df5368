// See rounds.hpp.
#include "bench/rounds.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <utility>

namespace synclog::tests::bench {

spread spread_of(std::vector<double> values) {
  if (values.empty()) return {};
  auto in_order = values;
  std::ranges::sort(values);
  const auto middle = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back(), std::move(in_order)};
}

std::string json_of(const spread& values) {
  return fmt::format(R"({{"median":{:.4g},"lowest":{:.4g},"highest":{:.4g},"rounds":[{:.4g}]}})",
                     values.median, values.lowest, values.highest, fmt::join(values.rounds, ","));
}

} // namespace synclog::tests::bench
