#include "core/adopted_definitions.hpp"

#include <algorithm>
#include <utility>

namespace synclog::core {

namespace {

result<void> take(std::vector<entity>& all, entity adopted) {
  const auto own =
      std::find_if(all.begin(), all.end(), [&](const entity& each) { return each.name == adopted.name; });
  if (own == all.end()) {
    all.push_back(std::move(adopted));
  } else if (adopted.revision > own->revision) {
    *own = std::move(adopted);
  } else if (adopted.revision == own->revision && adopted.fingerprint != own->fingerprint) {
    return make_problem(problem_code::invalid,
                        "entity " + own->name +
                            ": the database holds another definition of the same x-revision " +
                            std::to_string(own->revision) + ". Raise x-revision in the changed file.");
  }
  return {};
}

} // namespace

result<catalog> with_adopted(const catalog& own, std::span<const adopted_definition> adopted) {
  std::vector<entity> all;
  for (const auto& each : own.all())
    all.push_back(*each);
  for (const auto& [name, text] : adopted) {
    auto parsed = parse_entity(name, text);
    if (!parsed)
      return make_problem(problem_code::invalid,
                          "entity " + name +
                              ": this program cannot read the definition that the database has adopted (" +
                              parsed.error().detail + "). Use a newer one.");
    if (auto taken = take(all, std::move(*parsed)); !taken) return std::move(taken).error();
  }
  return catalog::from(std::move(all));
}

} // namespace synclog::core
