// See waiting.hpp.
#include "http/waiting.hpp"
#include <algorithm>
#include <tuple>

namespace synclog::http {

std::vector<std::size_t> choose_to_part_with(std::span<const waiting::state> all, std::size_t most,
                                             waiting::clock::time_point now) {
  using reason = waiting::reason;
  const auto latest = waiting::microseconds(now - unhurried);
  std::vector<std::size_t> chosen;
  for (std::size_t index = 0; index < all.size(); ++index) {
    const auto& one = all[index];
    if (one.why == reason::none) continue;
    if (one.why >= reason::body && one.since_us > latest) continue;
    chosen.push_back(index);
  }
  if (chosen.size() <= most) return chosen;
  const auto before = [&all](std::size_t left, std::size_t right) {
    return std::tie(all[left].why, all[left].since_us) < std::tie(all[right].why, all[right].since_us);
  };
  std::nth_element(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(most), chosen.end(), before);
  chosen.resize(most);
  return chosen;
}

} // namespace synclog::http
