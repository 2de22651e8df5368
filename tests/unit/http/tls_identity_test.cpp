// Certificates and keys as they may lie on a disk: what is taken, what is refused, and in which words.
#include "http/tls_identity.hpp"
#include "tests/support/tls_files.hpp"
#include <doctest/doctest.h>
#include <filesystem>

using namespace synclog;
using http::tls_identity;
using tests::certificate_wish;
using tests::make_certificate;

namespace {

core::result<std::shared_ptr<tls_identity>> load(const tests::tls_files& files) {
  return tls_identity::load({.certificate = files.chain(), .key = files.key()});
}

std::string refusal(const tests::tls_files& files) {
  const auto loaded = load(files);
  return loaded ? "" : loaded.error().detail;
}

} // namespace

TEST_CASE("tls identity: a pair is taken, with intermediates behind it, and says how long it is good") {
  const auto own = make_certificate({.name = "sync.example.org"});
  tests::tls_files files({own.chain + tests::test_authority(), own.key, ""});
  const auto loaded = load(files);
  REQUIRE(loaded.has_value());
  CHECK((*loaded)->description().starts_with("CN=sync.example.org, valid until 20"));
  CHECK((*loaded)->doubts().empty());
  CHECK((*loaded)->not_after_s() > std::time(nullptr) + 80'000);
  CHECK(load(tests::tls_files(make_certificate({.key = certificate_wish::kind::rsa_2048}))).has_value());
}

TEST_CASE("tls identity: a file that is missing, no PEM or too large is named") {
  tests::tls_files files;
  std::filesystem::remove(files.key());
  CHECK(refusal(files) == files.key() + " cannot be read: No such file or directory");
  std::filesystem::create_directory(files.key());
  CHECK(refusal(files) == files.key() + " cannot be read: Is a directory");
  tests::tls_files other;
  tests::tls_files::write(other.key(), "no key at all");
  CHECK(refusal(other) == other.key() + " holds no private key in PEM (-----BEGIN PRIVATE KEY-----)");
  tests::tls_files::write(other.chain(), "\x30\x82 no certificate at all");
  CHECK(refusal(other) == other.chain() + " holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
  tests::tls_files::write(other.chain(), "");
  CHECK(refusal(other).ends_with("holds no certificate in PEM (-----BEGIN CERTIFICATE-----)"));
  tests::tls_files::write(other.chain(), std::string(2u << 20, 'x'));
  CHECK(refusal(other).find("has more than 1048576 bytes") != std::string::npos);
  const auto broken = make_certificate().chain;
  tests::tls_files::write(other.chain(), broken.substr(0, 60) + "!!!!" + broken.substr(64));
  CHECK(refusal(other).find("holds a certificate that cannot be read") != std::string::npos);
}

TEST_CASE("tls identity: an encrypted key is refused with the way out") {
  const auto own = make_certificate();
  tests::tls_files files({own.chain, own.encrypted_key, ""});
  const auto why = refusal(files);
  CHECK(why.starts_with(files.key() + " is encrypted"));
  CHECK(why.find("openssl pkey") != std::string::npos);
}

TEST_CASE("tls identity: a key of another certificate is refused, and so is a chain the wrong way round") {
  const auto own = make_certificate(), other = make_certificate();
  tests::tls_files files({own.chain, other.key, ""});
  CHECK(refusal(files) == files.key() + " is not the key of the certificate in " + files.chain());
  tests::tls_files turned({tests::test_authority() + own.chain, own.key, ""});
  CHECK(refusal(turned).starts_with(turned.chain() + " does not begin with the server's own certificate"));
}

TEST_CASE("tls identity: a key too weak for clients is refused") {
  tests::tls_files files(make_certificate({.key = certificate_wish::kind::rsa_1024}));
  CHECK(refusal(files) == files.chain() + " is not good enough for OpenSSL: ee key too small");
}

TEST_CASE("tls identity: what is expired, not yet valid or readable by others is used, with doubts") {
  const auto doubt_of = [](const tests::tls_files& files) {
    const auto loaded = load(files);
    REQUIRE(loaded.has_value());
    REQUIRE((*loaded)->doubts().size() == 1);
    return (*loaded)->doubts().front();
  };
  CHECK(doubt_of(tests::tls_files(make_certificate({.from_s = -7'200, .until_s = -3'600})))
            .find("has expired at 20") != std::string::npos);
  CHECK(doubt_of(tests::tls_files(make_certificate({.from_s = 3'600}))).find("is not valid before 20") !=
        std::string::npos);
  tests::tls_files open;
  std::filesystem::permissions(open.key(), std::filesystem::perms::others_read,
                               std::filesystem::perm_options::add);
  CHECK(doubt_of(open).find("every user of this machine may use this file") != std::string::npos);
}

TEST_CASE("tls identity: a reload takes what is there now, and nothing when that is no pair") {
  tests::tls_files files(make_certificate({.name = "first"}));
  const auto loaded = load(files);
  REQUIRE(loaded.has_value());
  const auto& identity = *loaded;
  files.put(make_certificate({.name = "second"}));
  REQUIRE(identity->reload().has_value());
  CHECK(identity->description().starts_with("CN=second,"));
  tests::tls_files::write(files.key(), make_certificate().key);
  const auto failed = identity->reload();
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().detail.find("is not the key of the certificate") != std::string::npos);
  CHECK(identity->description().starts_with("CN=second,"));
}

TEST_CASE("tls identity: a reload gives nothing good away for what clients would refuse today") {
  tests::tls_files files(make_certificate({.name = "first"}));
  const auto loaded = load(files);
  REQUIRE(loaded.has_value());
  const auto& identity = *loaded;
  for (const auto& wish : {certificate_wish{.name = "stale", .from_s = -7'200, .until_s = -3'600},
                           certificate_wish{.name = "early", .from_s = 3'600}}) {
    files.put(make_certificate(wish));
    const auto failed = identity->reload();
    REQUIRE_FALSE(failed.has_value());
    CHECK(failed.error().detail.find("which is not now, and the certificate in use is") != std::string::npos);
    CHECK(identity->description().starts_with("CN=first,"));
  }
  tests::tls_files old(make_certificate({.name = "expired", .from_s = -7'200, .until_s = -3'600}));
  const auto expired = load(old);
  REQUIRE(expired.has_value());
  old.put(make_certificate({.name = "stale too", .from_s = -7'200, .until_s = -3'500}));
  CHECK((*expired)->reload().has_value()); // it is no worse
}
