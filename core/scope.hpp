// Who asks, and what they may see: taken by every handler, command and query from the start.
#pragma once
#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::core {

enum class role : std::uint8_t { viewer, editor, auditor, admin };

struct scope {
  std::string actor = "anonymous";
  core::role role = core::role::admin;
  bool all_branches = true;
  std::vector<std::string> branches; // read only when !all_branches

  bool may_write() const { return role == core::role::editor || role == core::role::admin; }
  // A record without a branch ("" here) is for all-branch callers only.
  bool sees_branch(std::string_view branch) const {
    return all_branches ||
           (!branch.empty() && std::find(branches.begin(), branches.end(), branch) != branches.end());
  }
};

} // namespace synclog::core
