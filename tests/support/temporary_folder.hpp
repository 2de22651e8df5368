// A new, empty folder of a test, and what is in its files. Gone with the object, with everything in it.
#pragma once
#include <string>

namespace synclog::tests {

class temporary_folder {
 public:
  temporary_folder(); // throws std::runtime_error when none can be made
  ~temporary_folder();
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;

  const std::string& path() const { return path_; }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  bool empty() const;

 private:
  std::string path_;
};

// The bytes of a file; "" when it cannot be read.
std::string text_of(const std::string& path);

} // namespace synclog::tests
