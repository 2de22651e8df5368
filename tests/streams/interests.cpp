// See interests.hpp.
#include "tests/streams/interests.hpp"
#include "tests/streams/load.hpp"
#include <algorithm>
#include <array>

namespace synclog::tests::streams {

namespace {

constexpr std::array<std::string_view, 3> actions{"created", "updated", "deleted"};

template <std::size_t Size>
std::vector<std::string> some_of(const std::array<std::string_view, Size>& words, std::mt19937_64& random) {
  std::vector<std::string> chosen;
  const auto count = 1 + random() % 2;
  while (chosen.size() < count) {
    const std::string word(words[random() % Size]);
    if (std::find(chosen.begin(), chosen.end(), word) == chosen.end()) chosen.push_back(word);
  }
  return chosen;
}

} // namespace

interest random_interest(std::mt19937_64& random) {
  interest made;
  const auto kind = random() % 10;
  if (kind < 2) return made; // everything
  if (kind == 2 || kind >= 6) made.resources = some_of(load_resources, random);
  if (kind == 3 || kind == 7 || kind == 9) made.branches = some_of(load_branches, random);
  if (kind == 4 || kind == 9) made.actions = some_of(actions, random);
  if (kind == 5 || kind == 8) {
    const auto resource = made.resources.empty() ? load_resources[random() % load_resources.size()]
                                                 : std::string_view(made.resources[0]);
    for (auto count = 1 + random() % 3; count > 0; --count)
      made.ids.push_back(hot_id(resource, random() % hot_ids));
  }
  return made;
}

} // namespace synclog::tests::streams
