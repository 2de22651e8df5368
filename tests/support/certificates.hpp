// Throwaway certificates for tests: made in memory, signed by an authority that is made for the test process.
#pragma once
#include <cstdint>
#include <string>

namespace synclog::tests {

struct certificate_wish {
  std::string name = "localhost";                 // its CN; it is good for localhost, 127.0.0.1 and ::1 too
  std::int64_t from_s = -3'600, until_s = 86'400; // from now
  enum class kind : std::uint8_t { p256, rsa_2048, rsa_1024 } key = kind::p256;
};

struct certificate {
  std::string chain;         // PEM
  std::string key;           // PEM, plain
  std::string encrypted_key; // the same with a passphrase
};

certificate make_certificate(const certificate_wish& wish = {});
// PEM of the authority behind all of them.
const std::string& test_authority();

} // namespace synclog::tests
