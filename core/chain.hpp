// The hash chain over the log. docs/event-log.md has the format with test vectors; synclog.event_hash() in
// migrations/ is the same function in SQL.
//   data_hash = SHA-256(salt || data)
//   hash(n)   = SHA-256(0x01 || hash(n-1) || SHA-256(envelope) || data_hash)
//   hash(0)   = SHA-256(0x00 || "synclog" || log id)
#pragma once
#include "core/event.hpp"
#include "core/ids.hpp"
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::core {

// What the hash of an event covers, as views of it: who walks the log copies nothing. Unlike in core::event,
// an empty branch and none are told apart, and the action is whatever the row says.
struct event_view {
  std::int64_t position = 0;
  std::string_view entity, record_id;
  std::int64_t version = 0;
  std::string_view action;
  std::optional<std::string_view> branch, previous_branch; // empty = SQL NULL
  std::int64_t recorded_at_micros = 0;
  std::string_view meta;
};

// Reuses one digest context; not shared between threads.
class chain_hasher {
 public:
  explicit chain_hasher(const uuid& log_id);
  ~chain_hasher();
  chain_hasher(chain_hasher&&) noexcept;
  chain_hasher& operator=(chain_hasher&&) noexcept;

  sha256_digest genesis();
  sha256_digest data_hash(std::string_view salt, std::string_view data);
  // Everything of `source` but its hash enters; `data_hash` is given so that an erased event still verifies.
  sha256_digest next(const sha256_digest& previous, const event& source, const sha256_digest& data_hash);
  sha256_digest next(const sha256_digest& previous, const event_view& source, const sha256_digest& data_hash);

 private:
  struct state;
  std::unique_ptr<state> state_;
};

sha256_digest sha256(std::string_view bytes);
std::string to_hex(std::string_view bytes);
std::string to_hex(const sha256_digest& digest);
std::optional<std::string> from_hex(std::string_view hex);
// From OpenSSL's generator, by the block; aborts when it fails. Not in a child of fork(): it would draw what
// its parent draws.
void fill_random(unsigned char* out, std::size_t bytes);

} // namespace synclog::core
