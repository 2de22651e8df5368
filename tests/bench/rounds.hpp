// Figures of interleaved rounds: the median and how far the rounds lie apart. Pure.
#pragma once
#include <string>
#include <vector>

namespace synclog::tests::bench {

struct spread {
  double median = 0;
  double lowest = 0;
  double highest = 0;
  std::vector<double> rounds; // in the order in which they were measured
};
spread spread_of(std::vector<double> values);

std::string json_of(const spread& values); // {"median":…,"lowest":…,"highest":…,"rounds":[…]}

} // namespace synclog::tests::bench
