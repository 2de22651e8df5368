// See checkpoint.hpp.
#include "core/checkpoint.hpp"
#include "core/chain.hpp"
#include "core/json.hpp"
#include "core/openssl_ptr.hpp"
#include <algorithm>
#include <charconv>
#include <fmt/format.h>
#include <memory>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

namespace synclog::core {

namespace {

constexpr std::string_view format_name = "synclog-checkpoint-1";
constexpr std::size_t signature_bytes = 64;
// What stands before the 32 bytes of an Ed25519 key in a SubjectPublicKeyInfo (RFC 8410).
constexpr std::string_view key_info_prefix("\x30\x2a\x30\x05\x06\x03\x2b\x65\x70\x03\x21\x00", 12);

using context_ptr = openssl_ptr<EVP_MD_CTX, EVP_MD_CTX_free>;

template <class Pointer>
Pointer made(Pointer from) {
  if (!from) invariant_broken("OpenSSL has no Ed25519, or no memory");
  return from;
}

bio_ptr reading(std::string_view text) {
  return made(bio_ptr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))));
}

std::string written(BIO* out) {
  char* data = nullptr;
  const long bytes = BIO_get_mem_data(out, &data);
  return {data, static_cast<std::size_t>(bytes)};
}

const unsigned char* unsigned_of(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

std::string to_base64(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0'); // OpenSSL ends it with a NUL
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), unsigned_of(bytes),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

// Exactly `size` bytes in their one canonical form.
std::optional<std::string> from_base64_text(std::string_view text, std::size_t size) {
  if (text.size() != 4 * ((size + 2) / 3)) return std::nullopt;
  std::string bytes(text.size(), '\0');
  if (EVP_DecodeBlock(reinterpret_cast<unsigned char*>(bytes.data()), unsigned_of(text),
                      static_cast<int>(text.size())) < 0) {
    ERR_clear_error();
    return std::nullopt;
  }
  bytes.resize(size);
  if (to_base64(bytes) != text) return std::nullopt;
  return bytes;
}

problem wrong_key(std::string why) {
  ERR_clear_error();
  return make_problem(problem_code::malformed, std::move(why));
}

bool mentions(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

// Nobody is asked for a passphrase.
int no_passphrase(char*, int, int, void*) {
  return -1;
}

std::string kind_of(const EVP_PKEY* key) {
  const char* name = EVP_PKEY_get0_type_name(key);
  return name == nullptr ? "another kind" : name;
}

std::optional<uuid> uuid_from(std::string_view text) {
  std::string digits(text);
  std::erase(digits, '-');
  const auto bytes = from_hex(digits);
  uuid id{};
  if (!bytes || bytes->size() != id.size()) return std::nullopt;
  std::copy(bytes->begin(), bytes->end(), id.begin());
  if (to_string(id) != text) return std::nullopt;
  return id;
}

// The members of a checkpoint's file, each asked for once; the first that is wrong stays.
class member_source {
 public:
  explicit member_source(const json::value& root) : root_(root) {}

  std::string_view text(const char* name) { return token(name, json::kind::string); }
  std::string_view number(const char* name) { return token(name, json::kind::number); }
  void require(const char* name, bool good) {
    if (!good && wrong_.empty()) wrong_ = name;
  }
  const std::string& wrong() const { return wrong_; }

 private:
  std::string_view token(const char* name, json::kind kind) {
    const json::value* found = root_.find(name);
    require(name, found != nullptr && found->kind == kind);
    return found != nullptr && found->kind == kind ? found->text : std::string_view();
  }

  const json::value& root_;
  std::string wrong_;
};

std::optional<timestamp> canonical_time(std::string_view text) {
  const auto moment = parse_rfc3339(text);
  if (!moment || to_rfc3339(*moment) != text) return std::nullopt;
  return moment;
}

problem no_checkpoint(std::string_view why) {
  return make_problem(problem_code::malformed, fmt::format("is no checkpoint of synclog: {}", why));
}

} // namespace

result<public_key> public_key::from_pem(std::string_view text) {
  const key_ptr found(PEM_read_bio_PUBKEY(reading(text).get(), nullptr, &no_passphrase, nullptr));
  if (!found)
    return wrong_key(mentions(text, "PRIVATE KEY")
                         ? "is a private key; its public one is given by `openssl pkey -in … -pubout`"
                         : "holds no public key in PEM form");
  if (EVP_PKEY_get_id(found.get()) != EVP_PKEY_ED25519)
    return wrong_key(fmt::format("is a key of {}, not Ed25519", kind_of(found.get())));
  raw_bytes raw{};
  std::size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(found.get(), raw.data(), &size) != 1 || size != raw.size())
    return wrong_key("holds no public key in PEM form");
  return public_key(raw);
}

std::string public_key::base64() const {
  std::string info(key_info_prefix);
  info.append(raw_.begin(), raw_.end());
  return to_base64(info);
}

result<public_key> public_key::from_base64(std::string_view text) {
  raw_bytes raw{};
  const auto info = from_base64_text(text, key_info_prefix.size() + raw.size());
  if (!info || !info->starts_with(key_info_prefix)) return wrong_key("is no Ed25519 key");
  std::copy(info->begin() + static_cast<std::ptrdiff_t>(key_info_prefix.size()), info->end(), raw.begin());
  return public_key(raw);
}

std::string public_key::pem() const {
  return "-----BEGIN PUBLIC KEY-----\n" + base64() + "\n-----END PUBLIC KEY-----\n";
}

std::string public_key::id() const {
  constexpr std::size_t digits = 16;
  return to_hex(sha256({reinterpret_cast<const char*>(raw_.data()), raw_.size()})).substr(0, digits);
}

bool public_key::verifies(std::string_view message, std::string_view signature) const {
  const key_ptr key(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw_.data(), raw_.size()));
  const auto context = made(context_ptr(EVP_MD_CTX_new()));
  const bool good = key && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
                    EVP_DigestVerify(context.get(), unsigned_of(signature), signature.size(),
                                     unsigned_of(message), message.size()) == 1;
  ERR_clear_error();
  return good;
}

private_key private_key::make() {
  std::array<unsigned char, 32> seed{};
  fill_random(seed.data(), seed.size());
  const private_key key(seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  return key;
}

private_key::~private_key() {
  OPENSSL_cleanse(seed_.data(), seed_.size());
}

result<private_key> private_key::from_pem(std::string_view text) {
  const key_ptr found(PEM_read_bio_PrivateKey(reading(text).get(), nullptr, &no_passphrase, nullptr));
  if (!found) {
    if (mentions(text, "ENCRYPTED"))
      return wrong_key("is encrypted; `openssl pkey -in …` takes the passphrase off");
    return wrong_key(mentions(text, "PUBLIC KEY") ? "is a public key; the private one signs"
                                                  : "holds no private key in PEM form");
  }
  if (EVP_PKEY_get_id(found.get()) != EVP_PKEY_ED25519)
    return wrong_key(
        fmt::format("is a key of {}, not Ed25519 (`openssl genpkey -algorithm ed25519` makes one)",
                    kind_of(found.get())));
  std::array<unsigned char, 32> seed{};
  std::size_t size = seed.size();
  if (EVP_PKEY_get_raw_private_key(found.get(), seed.data(), &size) != 1 || size != seed.size())
    return wrong_key("holds no private key in PEM form");
  private_key key(seed);
  OPENSSL_cleanse(seed.data(), seed.size());
  return key;
}

std::string private_key::pem() const {
  const auto key =
      made(key_ptr(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed_.data(), seed_.size())));
  const auto out = made(bio_ptr(BIO_new(BIO_s_secmem())));
  if (PEM_write_bio_PrivateKey(out.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1)
    invariant_broken("OpenSSL does not write a private key");
  return written(out.get());
}

public_key private_key::public_half() const {
  const auto key =
      made(key_ptr(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed_.data(), seed_.size())));
  public_key::raw_bytes raw{};
  std::size_t size = raw.size();
  if (EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size) != 1 || size != raw.size())
    invariant_broken("OpenSSL does not give a public key");
  return public_key(raw);
}

std::string private_key::sign(std::string_view message) const {
  const auto key =
      made(key_ptr(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed_.data(), seed_.size())));
  const auto context = made(context_ptr(EVP_MD_CTX_new()));
  std::string signature(signature_bytes, '\0');
  std::size_t size = signature.size();
  if (EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()) != 1 ||
      EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                     unsigned_of(message), message.size()) != 1 ||
      size != signature.size())
    invariant_broken("OpenSSL does not sign");
  return signature;
}

std::string signed_bytes(const checkpoint& about, const public_key& signer) {
  return fmt::format(R"({{"format":"{}","log_id":"{}","position":{},"hash":"{}","recorded_at":"{}",)"
                     R"("signed_at":"{}","public_key":"{}"}})",
                     format_name, to_string(about.log_id), about.position.value, to_hex(about.hash),
                     to_rfc3339(about.recorded_at), to_rfc3339(about.signed_at), signer.base64());
}

std::string write_checkpoint(const checkpoint& about, const private_key& key) {
  std::string text = signed_bytes(about, key.public_half());
  const std::string signature = to_base64(key.sign(text));
  text.pop_back();
  return text + ",\"signature\":\"" + signature + "\"}\n";
}

result<signed_checkpoint> read_checkpoint(std::string_view text) {
  const auto parsed = json::parse(text);
  if (!parsed) return no_checkpoint(parsed.error().detail);
  const json::value& root = parsed->root();
  constexpr std::size_t members = 8;
  if (!parsed->defects().empty() || root.kind != json::kind::object)
    return no_checkpoint("it is no JSON object that can be taken");
  member_source from(root);
  from.require("format", from.text("format") == format_name);
  checkpoint about;
  const auto log_id = uuid_from(from.text("log_id"));
  from.require("log_id", log_id.has_value());
  const auto digits = from.number("position");
  const auto number = std::from_chars(digits.data(), digits.data() + digits.size(), about.position.value);
  from.require("position", number.ec == std::errc{} && number.ptr == digits.data() + digits.size() &&
                               about.position.value > 0);
  const auto hash = from_hex(from.text("hash"));
  from.require("hash", hash && hash->size() == about.hash.size() && to_hex(*hash) == from.text("hash"));
  const auto recorded_at = canonical_time(from.text("recorded_at"));
  from.require("recorded_at", recorded_at.has_value());
  const auto signed_at = canonical_time(from.text("signed_at"));
  from.require("signed_at", signed_at.has_value());
  const auto signer = public_key::from_base64(from.text("public_key"));
  from.require("public_key", signer.has_value());
  auto signature = from_base64_text(from.text("signature"), signature_bytes);
  from.require("signature", signature.has_value());
  if (!from.wrong().empty()) return no_checkpoint(fmt::format("\"{}\" is missing or wrong", from.wrong()));
  if (root.count != members) return no_checkpoint("it has members that nobody knows");
  about.log_id = *log_id;
  std::copy(hash->begin(), hash->end(), about.hash.begin());
  about.recorded_at = *recorded_at;
  about.signed_at = *signed_at;
  return signed_checkpoint{about, *signer, std::move(*signature)};
}

bool is_signed_by(const signed_checkpoint& given, const public_key& key) {
  return key.verifies(signed_bytes(given.about, given.signer), given.signature);
}

} // namespace synclog::core
