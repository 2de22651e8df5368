// See targets.hpp.
#include "fuzz/targets.hpp"
#include <array>

namespace synclog::fuzz {

std::span<const target> all_targets() {
  static constexpr std::array<target, 7> all{{{"json", json},
                                              {"csv", csv},
                                              {"query", query},
                                              {"cursor", cursor},
                                              {"socket", socket},
                                              {"http", http},
                                              {"pipeline", pipeline}}};
  return all;
}

} // namespace synclog::fuzz
