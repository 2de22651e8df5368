// See tls_files.hpp.
#include "tests/support/tls_files.hpp"
#include <filesystem>
#include <fstream>
#include <stdexcept>

namespace synclog::tests {

void tls_files::write(const std::string& path, const std::string& text) {
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file << text;
  file.close();
  if (!file) throw std::runtime_error("cannot write " + path);
  std::filesystem::permissions(path,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

} // namespace synclog::tests
