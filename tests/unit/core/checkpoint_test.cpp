// Checkpoints: the published vector, what a file may look like, and whose signature counts.
#include "core/chain.hpp"
#include "core/checkpoint.hpp"
#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string>

using namespace synclog::core;

namespace {

// The secret key of RFC 8032, 7.1, TEST 1, as `openssl pkey` writes it.
constexpr std::string_view known_key = "-----BEGIN PRIVATE KEY-----\n"
                                       "MC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n"
                                       "-----END PRIVATE KEY-----\n";

// The second event of docs/event-log.md's test vectors.
checkpoint known_checkpoint() {
  checkpoint about;
  for (std::size_t i = 0; i < about.log_id.size(); ++i)
    about.log_id[i] = static_cast<unsigned char>(i * 0x11);
  about.position = {2};
  const auto hash = from_hex("f0a4a2d8cf63b065eb71ed408ce65a51e7d44065fe080e403779896e4559364f");
  std::copy(hash->begin(), hash->end(), about.hash.begin());
  about.recorded_at = {1'795'406'707'000'000};
  about.signed_at = {1'795'406'710'000'000};
  return about;
}

private_key known() {
  const auto key = private_key::from_pem(known_key);
  REQUIRE(key.has_value());
  return *key;
}

// docs/event-log.md prints the same.
constexpr std::string_view known_file =
    R"({"format":"synclog-checkpoint-1","log_id":"00112233-4455-6677-8899-aabbccddeeff","position":2,)"
    R"("hash":"f0a4a2d8cf63b065eb71ed408ce65a51e7d44065fe080e403779896e4559364f",)"
    R"("recorded_at":"2026-11-23T04:05:07.000000Z","signed_at":"2026-11-23T04:05:10.000000Z",)"
    R"("public_key":"MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",)"
    R"("signature":"QKygYqxCgR8Q39Nsf2Ew3eV5Afo1FzE3hzfilicpfP7FJarQsI1haKX2IpJdbqMiS1PJTexltYeF67n0Uv5xCQ=="})"
    "\n";

std::string replaced(std::string text, std::string_view part, std::string_view by) {
  const auto at = text.find(part);
  REQUIRE(at != std::string::npos);
  return text.replace(at, part.size(), by);
}

std::string other_kind_of_key(bool is_private) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  BIO* out = BIO_new(BIO_s_mem());
  if (is_private)
    PEM_write_bio_PrivateKey(out, key, nullptr, nullptr, 0, nullptr, nullptr);
  else
    PEM_write_bio_PUBKEY(out, key);
  char* data = nullptr;
  const long size = BIO_get_mem_data(out, &data);
  std::string text(data, static_cast<std::size_t>(size));
  BIO_free_all(out);
  EVP_PKEY_free(key);
  return text;
}

template <class T>
std::string refusal(const result<T>& from) {
  return from ? std::string("taken") : from.error().detail;
}

bool contains(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

} // namespace

TEST_CASE("checkpoint: the published test vector is what is written and read") {
  const std::string written = write_checkpoint(known_checkpoint(), known());
  CHECK(written == known_file);
  const auto read = read_checkpoint(written);
  REQUIRE_MESSAGE(read.has_value(), refusal(read));
  CHECK(is_signed_by(*read, known().public_half()));
  CHECK(read->signer == known().public_half());
  CHECK(read->about.position.value == 2);
  CHECK(signed_bytes(read->about, read->signer) == signed_bytes(known_checkpoint(), known().public_half()));
}

TEST_CASE("checkpoint: every changed member breaks the signature, another form of the same JSON does not") {
  const std::string written = write_checkpoint(known_checkpoint(), known());
  for (const auto& [part, by] :
       std::vector<std::pair<std::string, std::string>>{{"00112233", "00112234"},
                                                        {"\"position\":2", "\"position\":3"},
                                                        {"f0a4a2d8", "f0a4a2d9"},
                                                        {"04:05:07", "04:05:08"},
                                                        {"04:05:10", "04:05:11"},
                                                        {"\"signature\":\"", "\"signature\":\"A"}}) {
    CAPTURE(part);
    auto changed = replaced(written, part, by);
    if (part == "\"signature\":\"") changed.erase(changed.find("signature\":\"A") + 13, 1);
    const auto read = read_checkpoint(changed);
    REQUIRE_MESSAGE(read.has_value(), refusal(read));
    CHECK_FALSE(is_signed_by(*read, known().public_half()));
  }
  const auto spaced = read_checkpoint(replaced(written, ",\"position\":2", "\n , \"position\" : 2"));
  REQUIRE(spaced.has_value());
  CHECK(is_signed_by(*spaced, known().public_half()));
  CHECK_FALSE(is_signed_by(*spaced, private_key::make().public_half()));
  // Who swaps the key inside must sign anew, and is then somebody else.
  const auto forged = read_checkpoint(
      replaced(written, known().public_half().base64(), private_key::make().public_half().base64()));
  REQUIRE(forged.has_value());
  CHECK_FALSE(is_signed_by(*forged, forged->signer));
}

TEST_CASE("checkpoint: what is no checkpoint is refused with the member that is wrong") {
  const std::string written = write_checkpoint(known_checkpoint(), known());
  for (const auto& [part, by, named] : std::vector<std::array<std::string, 3>>{
           {"-checkpoint-1", "-checkpoint-2", "format"},
           {"00112233-", "00112233", "log_id"},
           {"aabbccddeeff", "aabbccddeef", "log_id"},
           {"\"position\":2", "\"position\":0", "position"},
           {"\"position\":2", "\"position\":2.5", "position"},
           {"\"position\":2", "\"position\":\"2\"", "position"},
           {"\"position\":2", "\"position\":92233720368547758079", "position"},
           {"f0a4", "F0A4", "hash"},
           {"f0a4", "f0a", "hash"},
           {"04:05:07.000000Z", "04:05:07Z", "recorded_at"},
           {"2026-11-23T04:05:10", "2026-13-23T04:05:10", "signed_at"},
           {"MCowBQYDK2VwAyEA", "MCowBQYDK2VwAyEB", "public_key"},
           {"\"signature\":\"", "\"signature\":\"=", "signature"},
           {",\"signed_at\":\"2026-11-23T04:05:10.000000Z\"", "", "signed_at"},
           {"\"log_id\"", "\"more\":1,\"log_id\"", "members"},
           {"\"position\":2", "\"position\":2,\"position\":2", "JSON"},
           {"{\"format\"", "\"format\"", "no checkpoint"}}) {
    CAPTURE(by);
    const auto read = read_checkpoint(replaced(written, part, by));
    REQUIRE_FALSE(read.has_value());
    CHECK_MESSAGE(contains(read.error().detail, named), read.error().detail);
  }
  for (const char* text : {"", "null", "[]", "{}", "\xff"})
    CHECK_FALSE(read_checkpoint(text).has_value());
}

TEST_CASE("checkpoint: keys go through PEM and back, and other kinds of keys are named") {
  CHECK(known().pem() == known_key);
  CHECK(known().public_half().base64() == "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
  const auto made = private_key::make();
  const auto back = private_key::from_pem(made.pem());
  REQUIRE(back.has_value());
  CHECK(back->public_half() == made.public_half());
  const auto half = public_key::from_pem(made.public_half().pem());
  REQUIRE(half.has_value());
  CHECK(*half == made.public_half());
  CHECK(half->verifies("a", made.sign("a")));
  CHECK_FALSE(half->verifies("b", made.sign("a")));
  CHECK_FALSE(half->verifies("a", "short"));
  CHECK(half->id().size() == 16);

  CHECK(contains(refusal(private_key::from_pem(other_kind_of_key(true))), "EC, not Ed25519"));
  CHECK(contains(refusal(public_key::from_pem(other_kind_of_key(false))), "EC, not Ed25519"));
  CHECK(contains(refusal(private_key::from_pem(made.public_half().pem())), "is a public key"));
  CHECK(contains(refusal(public_key::from_pem(made.pem())), "is a private key"));
  CHECK(contains(
      refusal(private_key::from_pem("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED "
                                    "PRIVATE KEY-----\n")),
      "is encrypted"));
  CHECK(contains(refusal(private_key::from_pem("")), "no private key"));
  CHECK(contains(refusal(public_key::from_pem("nonsense")), "no public key"));
}
