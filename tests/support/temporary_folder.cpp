// See temporary_folder.hpp.
#include "tests/support/temporary_folder.hpp"
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace synclog::tests {

namespace fs = std::filesystem;

temporary_folder::temporary_folder() : path_((fs::temp_directory_path() / "synclog-test-XXXXXX").string()) {
  if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary folder");
}

temporary_folder::~temporary_folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

bool temporary_folder::empty() const {
  return fs::is_empty(path_);
}

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

} // namespace synclog::tests
