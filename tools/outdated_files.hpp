// Definition files that a server was given and does not go by. Pure but for reading them.
#pragma once
#include "core/entity.hpp"
#include <string>
#include <vector>

namespace synclog::tools {

// Plain sentences: files of the folder ("" = none) of an older revision than `in_use`, which has the
// database's.
std::vector<std::string> outdated_files(const std::string& entities_dir, const core::catalog& in_use);

} // namespace synclog::tools
