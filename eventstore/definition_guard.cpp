// See definition_guard.hpp.
#include "eventstore/definition_guard.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace synclog::eventstore {

void definition_guard::load(const pg::rows& definitions) {
  by_name_.clear();
  known_good_.clear();
  sum_ = 0;
  for (int row = 0; row < definitions.size(); ++row) {
    adopted one{definitions.int8(row, 1), std::string(definitions.text(row, 2))};
    sum_ += one.revision;
    by_name_.emplace(definitions.text(row, 0), std::move(one));
  }
}

std::optional<core::problem> definition_guard::refusal(const core::entity& own) {
  if (std::find(known_good_.begin(), known_good_.end(), &own) != known_good_.end()) {
    return std::nullopt;
  }
  const auto found = by_name_.find(own.name);
  const bool is_good =
      found == by_name_.end() || found->second.revision < own.revision ||
      (found->second.revision == own.revision &&
       std::equal(own.fingerprint.begin(), own.fingerprint.end(), found->second.fingerprint.begin(),
                  found->second.fingerprint.end(),
                  [](unsigned char left, char right) { return left == static_cast<unsigned char>(right); }));
  if (is_good) {
    known_good_.push_back(&own);
    return std::nullopt;
  }
  return core::make_problem(
      core::problem_code::outdated_server,
      fmt::format(
          "the database holds revision {} of the definition of {}, this server has revision {} and does "
          "not write it; nothing was saved. Restart this server with the newer definition.",
          found->second.revision, own.name, own.revision));
}

void definition_guard::refuse_outdated(std::vector<core::command>& commands) {
  for (auto& wanted : commands) {
    if (!wanted.rejected && wanted.definition != nullptr) {
      wanted.rejected = refusal(*wanted.definition);
    }
  }
}

} // namespace synclog::eventstore
