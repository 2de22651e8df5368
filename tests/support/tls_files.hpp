// A certificate and its key as files of a folder that goes with the object.
#pragma once
#include "tests/support/certificates.hpp"
#include "tests/support/temporary_folder.hpp"
#include <string>

namespace synclog::tests {

class tls_files {
 public:
  explicit tls_files(const certificate& pair = make_certificate()) {
    put(pair);
    write(authority(), test_authority());
  }
  std::string chain() const { return folder_.file("chain.pem"); }
  std::string key() const { return folder_.file("key.pem"); }
  std::string authority() const { return folder_.file("authority.pem"); }
  void put(const certificate& pair) const {
    write(chain(), pair.chain);
    write(key(), pair.key);
  }
  // For the owner alone.
  static void write(const std::string& path, const std::string& text);

 private:
  temporary_folder folder_;
};

} // namespace synclog::tests
