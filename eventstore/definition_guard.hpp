// Which definitions the database has adopted, as far as one committer knows: a server must not write records
// of an entity by an older definition than the others do, because it would drop the fields that it does not
// know. On the committer's strand.
#pragma once
#include "core/command.hpp"
#include "core/entity.hpp"
#include "eventstore/pg/types.hpp"
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace synclog::eventstore {

class definition_guard {
 public:
  // Of statements::read_definitions, in binary.
  void load(const pg::rows& definitions);
  // Whether nothing was adopted since: revisions only rise, so their sum tells.
  bool are_current(std::int64_t sum_of_revisions) const { return sum_ == sum_of_revisions; }
  std::int64_t sum_of_revisions() const { return sum_; }
  // What a write of that entity is refused with, if it must be: outdated_server.
  std::optional<core::problem> refusal(const core::entity& own);
  // Refuses the commands of entities that must not be written.
  void refuse_outdated(std::vector<core::command>& commands);

 private:
  struct adopted {
    std::int64_t revision = 0;
    std::string fingerprint; // 32 bytes
  };
  std::map<std::string, adopted, std::less<>> by_name_;
  std::int64_t sum_ = -1;                       // never loaded
  std::vector<const core::entity*> known_good_; // since the last load
};

} // namespace synclog::eventstore
