// A signed checkpoint: what a log was at one position, kept elsewhere, so that a later look can prove that
// the log still extends it. Ed25519 (RFC 8032) through OpenSSL. docs/event-log.md has the format and a test
// vector. Pure; values may go between threads.
#pragma once
#include "core/clock.hpp"
#include "core/ids.hpp"
#include "core/problem.hpp"
#include <array>
#include <string>
#include <string_view>

namespace synclog::core {

struct checkpoint {
  uuid log_id{};
  core::position position; // of an event, so at least 1
  sha256_digest hash{};
  timestamp recorded_at; // the event's
  timestamp signed_at;   // by the clock of whoever signed
};

class public_key {
 public:
  using raw_bytes = std::array<unsigned char, 32>;

  explicit public_key(const raw_bytes& raw) : raw_(raw) {}
  // "-----BEGIN PUBLIC KEY-----"; the problem says what the text is instead.
  static result<public_key> from_pem(std::string_view text);
  std::string pem() const;
  std::string base64() const; // the PEM's one line
  static result<public_key> from_base64(std::string_view text);
  std::string id() const; // the first 16 hex digits of the SHA-256 of the raw key
  bool verifies(std::string_view message, std::string_view signature) const;
  bool operator==(const public_key&) const = default;

 private:
  raw_bytes raw_;
};

class private_key {
 public:
  static private_key make();
  // PKCS#8, not encrypted: "-----BEGIN PRIVATE KEY-----", as `openssl genpkey -algorithm ed25519` writes it.
  static result<private_key> from_pem(std::string_view text);
  private_key(const private_key&) = default;
  private_key& operator=(const private_key&) = default;
  ~private_key(); // wipes it
  std::string pem() const;
  public_key public_half() const;
  std::string sign(std::string_view message) const; // 64 bytes

 private:
  explicit private_key(const std::array<unsigned char, 32>& seed) : seed_(seed) {}
  std::array<unsigned char, 32> seed_;
};

// A checkpoint as its file has it.
struct signed_checkpoint {
  core::checkpoint about;
  public_key signer; // as the file says: who made the file chose it
  std::string signature;
};

// The bytes that are signed: canonical JSON without the signature.
std::string signed_bytes(const checkpoint& about, const public_key& signer);
// The file: one line of JSON.
std::string write_checkpoint(const checkpoint& about, const private_key& key);
// White space and the order of members may differ from what write_checkpoint gives, nothing else. The problem
// (malformed) says what is wrong. Says nothing about the signature.
result<signed_checkpoint> read_checkpoint(std::string_view text);
bool is_signed_by(const signed_checkpoint& given, const public_key& key);

} // namespace synclog::core
