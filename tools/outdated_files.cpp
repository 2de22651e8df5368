// See outdated_files.hpp.
#include "tools/outdated_files.hpp"

#include <fmt/format.h>

namespace synclog::tools {

std::vector<std::string> outdated_files(const std::string& entities_dir, const core::catalog& in_use) {
  std::vector<std::string> sentences;
  const auto own = core::catalog::load(entities_dir), embedded = core::catalog::load("");
  if (entities_dir.empty() || !own || !embedded) {
    return sentences;
  }
  for (const auto& definition : own->all()) {
    const auto* built_in = embedded->find(definition->name);
    const auto* used = in_use.find(definition->name);
    const bool is_of_folder = built_in == nullptr || built_in->fingerprint != definition->fingerprint;
    if (is_of_folder && used != nullptr && used->revision > definition->revision) {
      sentences.push_back(fmt::format("Entity {}: {} has x-revision {}, the database holds revision {} and "
                                      "goes by it; the file is passed over.",
                                      definition->name, entities_dir, definition->revision, used->revision));
    }
  }
  return sentences;
}

} // namespace synclog::tools
