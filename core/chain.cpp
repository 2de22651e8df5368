// SHA-256 through OpenSSL's EVP. The digest is fetched once a process, because an implicit fetch on every
// call costs more than hashing an event. Each chain_hasher owns one context and one envelope buffer.
#include "core/chain.hpp"
#include "core/bytes.hpp"
#include "core/problem.hpp"
#include <algorithm>
#include <array>
#include <openssl/evp.h>
#include <openssl/rand.h>

namespace synclog::core {

namespace {

struct context_deleter {
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
using context_ptr = std::unique_ptr<EVP_MD_CTX, context_deleter>;

const EVP_MD* digest_algorithm() {
  static const EVP_MD* const fetched = [] {
    const EVP_MD* found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    if (found == nullptr) invariant_broken("OpenSSL has no SHA-256");
    return found;
  }();
  return fetched;
}

context_ptr make_context() {
  context_ptr made(EVP_MD_CTX_new());
  if (!made) invariant_broken("out of memory for a digest context");
  return made;
}

void begin(EVP_MD_CTX* context) {
  if (EVP_DigestInit_ex2(context, digest_algorithm(), nullptr) != 1)
    invariant_broken("SHA-256 does not start");
}

void feed(EVP_MD_CTX* context, const void* bytes, std::size_t count) {
  if (EVP_DigestUpdate(context, bytes, count) != 1) invariant_broken("SHA-256 does not update");
}

sha256_digest finish(EVP_MD_CTX* context) {
  sha256_digest digest{};
  if (EVP_DigestFinal_ex(context, digest.data(), nullptr) != 1) invariant_broken("SHA-256 does not finish");
  return digest;
}

template <class Unsigned>
void append_big_endian(std::string& out, Unsigned number) {
  std::array<char, sizeof number> bytes;
  for (auto byte = bytes.rbegin(); byte != bytes.rend(); ++byte, number >>= 8)
    *byte = static_cast<char>(number & 0xFF);
  out.append(bytes.data(), bytes.size());
}

// A field of the envelope: four bytes of length, big-endian, then the bytes.
void append_field(std::string& out, std::string_view bytes) {
  append_big_endian(out, static_cast<std::uint32_t>(bytes.size()));
  out.append(bytes);
}

void append_field(std::string& out, std::int64_t number) {
  append_big_endian(out, std::uint32_t{sizeof number});
  append_big_endian(out, static_cast<std::uint64_t>(number));
}

void append_field(std::string& out, std::optional<std::string_view> bytes) {
  if (bytes)
    append_field(out, *bytes);
  else
    append_big_endian(out, std::uint32_t{0xFFFFFFFF});
}

void append_envelope(std::string& out, const uuid& log_id, const event_view& source) {
  append_field(out, bytes_of(log_id));
  append_field(out, source.position);
  append_field(out, source.entity);
  append_field(out, source.record_id);
  append_field(out, source.version);
  append_field(out, source.action);
  append_field(out, source.branch);
  append_field(out, source.previous_branch);
  append_field(out, source.recorded_at_micros);
  append_field(out, source.meta);
}

event_view view_of(const event& source) {
  event_view seen{source.position.value,
                  source.entity,
                  source.record_id,
                  source.version,
                  to_string(source.action),
                  std::nullopt,
                  std::nullopt,
                  source.recorded_at.micros,
                  source.meta};
  if (!source.branch.empty()) seen.branch = source.branch;
  if (source.previous_branch) seen.previous_branch = *source.previous_branch;
  return seen;
}

void draw_random(unsigned char* out, std::size_t bytes) {
  if (RAND_bytes(out, static_cast<int>(bytes)) != 1) invariant_broken("OpenSSL's random generator failed");
}

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
  return -1;
}

} // namespace

struct chain_hasher::state {
  uuid log_id;
  context_ptr context;
  std::string envelope;
};

chain_hasher::chain_hasher(const uuid& log_id)
    : state_(std::make_unique<state>(state{log_id, make_context(), {}})) {}
chain_hasher::~chain_hasher() = default;
chain_hasher::chain_hasher(chain_hasher&&) noexcept = default;
chain_hasher& chain_hasher::operator=(chain_hasher&&) noexcept = default;

sha256_digest chain_hasher::genesis() {
  EVP_MD_CTX* context = state_->context.get();
  begin(context);
  constexpr std::string_view domain("\0synclog", 8);
  feed(context, domain.data(), domain.size());
  feed(context, state_->log_id.data(), state_->log_id.size());
  return finish(context);
}

sha256_digest chain_hasher::data_hash(std::string_view salt, std::string_view data) {
  EVP_MD_CTX* context = state_->context.get();
  begin(context);
  feed(context, salt.data(), salt.size());
  feed(context, data.data(), data.size());
  return finish(context);
}

sha256_digest chain_hasher::next(const sha256_digest& previous, const event& source,
                                 const sha256_digest& data_hash) {
  return next(previous, view_of(source), data_hash);
}

sha256_digest chain_hasher::next(const sha256_digest& previous, const event_view& source,
                                 const sha256_digest& data_hash) {
  state_->envelope.clear();
  append_envelope(state_->envelope, state_->log_id, source);
  EVP_MD_CTX* context = state_->context.get();
  begin(context);
  feed(context, state_->envelope.data(), state_->envelope.size());
  const sha256_digest envelope_hash = finish(context);
  // In one piece: each piece costs the digest a call and a copy.
  std::array<unsigned char, 1 + 3 * sizeof(sha256_digest)> link;
  link[0] = 0x01;
  auto* at = link.data() + 1;
  for (const auto* part : {&previous, &envelope_hash, &data_hash})
    at = std::copy(part->begin(), part->end(), at);
  begin(context);
  feed(context, link.data(), link.size());
  return finish(context);
}

sha256_digest sha256(std::string_view bytes) {
  thread_local const context_ptr context = make_context();
  begin(context.get());
  feed(context.get(), bytes.data(), bytes.size());
  return finish(context.get());
}

std::string to_hex(std::string_view bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string hex;
  hex.reserve(bytes.size() * 2);
  for (const char raw : bytes) {
    const auto byte = static_cast<unsigned char>(raw);
    hex.push_back(digits[byte >> 4]);
    hex.push_back(digits[byte & 15]);
  }
  return hex;
}

std::string to_hex(const sha256_digest& digest) {
  return to_hex(bytes_of(digest));
}

std::optional<std::string> from_hex(std::string_view hex) {
  if (hex.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(hex.size() / 2);
  for (std::size_t at = 0; at < hex.size(); at += 2) {
    const int high = hex_value(hex[at]);
    const int low = hex_value(hex[at + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

// A call of the generator costs as much as hashing an event, whatever it is asked for: small amounts come
// from a block of each thread. What was given away is wiped from it. No process that forks goes on in the
// child.
void fill_random(unsigned char* out, std::size_t bytes) {
  struct block {
    std::array<unsigned char, 4096> drawn{};
    std::size_t used = sizeof drawn;
  };
  constexpr std::size_t large = 256;
  if (bytes > large) return draw_random(out, bytes);
  thread_local block kept;
  if (kept.drawn.size() - kept.used < bytes) {
    draw_random(kept.drawn.data(), kept.drawn.size());
    kept.used = 0;
  }
  auto* const from = kept.drawn.data() + kept.used;
  std::copy(from, from + bytes, out);
  std::fill(from, from + bytes, static_cast<unsigned char>(0));
  kept.used += bytes;
}

} // namespace synclog::core
