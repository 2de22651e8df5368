// Entity definitions that a database has adopted, beside those that a program brings. Pure.
#pragma once
#include "core/entity.hpp"
#include <span>
#include <string>

namespace synclog::core {

struct adopted_definition {
  std::string name; // the entity's
  std::string text; // the definition file, as it was adopted
};

// `own` with what the database knows beyond it: entities that it lacks, and definitions of a higher
// x-revision. So a program without the file works with the entity all the same. Problems (invalid, each names
// the entity): another definition of the same revision; a text that this program cannot read.
result<catalog> with_adopted(const catalog& own, std::span<const adopted_definition> adopted);

} // namespace synclog::core
