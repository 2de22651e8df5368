// One immutable event of the log, and its envelope on the wire.
#pragma once
#include "core/clock.hpp"
#include "core/ids.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::core {

enum class event_action : std::uint8_t { created, updated, deleted, reverted };

std::string_view to_string(event_action action);
std::optional<event_action> event_action_from(std::string_view text);

// Everything that synclog.events stores in a row. Empty branch = SQL NULL.
struct event {
  core::position position;
  std::string entity;
  std::string record_id;
  std::int64_t version = 0;
  event_action action = event_action::created;
  std::string branch;
  std::optional<std::string> previous_branch; // only when the branch changed; "" = it had none
  std::string data;                           // JSON, the whole record after the change
  std::array<unsigned char, 16> salt{};
  std::string meta; // JSON: actor, request_id, idempotency_key, origin, user_agent
  timestamp recorded_at;
  sha256_digest hash{};
};

// "1042-9f3a6c1e": the place and the history it belongs to.
struct cursor {
  core::position position;
  std::uint32_t fingerprint = 0; // first four bytes of the chain hash, big-endian

  static cursor of(core::position position, const sha256_digest& hash);
  bool operator==(const cursor&) const = default;
};
std::string to_string(const cursor& at);
// Also accepts a bare position ("0", "1042"): then `fingerprint` is empty.
struct cursor_text {
  core::position position;
  std::optional<std::uint32_t> fingerprint;
};
std::optional<cursor_text> parse_cursor(std::string_view text);

// The envelope in two parts, because `previous` belongs to the subscriber and not to the event:
//   head  {"type":"event","position":1042,"cursor":"1042-9f3a6c1e","previous":
//   tail  ,"resource":"clients","action":…,"data":{…}}
struct encoded_event {
  std::string head;
  std::string tail;
  std::size_t data_begin = 0; // in the tail

  std::string_view data() const { // without the brace that closes the envelope
    return std::string_view(tail).substr(data_begin, tail.size() - data_begin - 1);
  }
};
encoded_event encode_event(const event& source);

} // namespace synclog::core
