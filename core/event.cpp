// The words for actions, cursors as text, and the envelope that every stream shares.
#include "core/event.hpp"
#include "core/event_meta.hpp"
#include "core/json.hpp"
#include "core/problem.hpp"
#include <array>
#include <charconv>
#include <utility>

namespace synclog::core {

namespace {

constexpr std::array<std::pair<event_action, std::string_view>, 4> action_words{{
    {event_action::created, "created"},
    {event_action::updated, "updated"},
    {event_action::deleted, "deleted"},
    {event_action::reverted, "reverted"},
}};

void append_number(std::string& out, std::int64_t number) {
  std::array<char, 24> digits{};
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  out.append(digits.data(), end);
}

void append_cursor(std::string& out, const cursor& at) {
  constexpr char digits[] = "0123456789abcdef";
  append_number(out, at.position.value);
  out.push_back('-');
  for (int shift = 28; shift >= 0; shift -= 4)
    out.push_back(digits[at.fingerprint >> shift & 15]);
}

void append_branch(std::string& out, std::string_view branch) {
  if (branch.empty())
    out += "null";
  else
    json::append_string(out, branch);
}

} // namespace

std::string_view to_string(event_action action) {
  for (const auto& [known, word] : action_words)
    if (known == action) return word;
  invariant_broken("event_action out of range");
}

std::optional<event_action> event_action_from(std::string_view text) {
  for (const auto& [known, word] : action_words)
    if (word == text) return known;
  return std::nullopt;
}

cursor cursor::of(core::position position, const sha256_digest& hash) {
  cursor at;
  at.position = position;
  for (std::size_t byte = 0; byte < 4; ++byte)
    at.fingerprint = at.fingerprint << 8 | hash[byte];
  return at;
}

std::string to_string(const cursor& at) {
  std::string text;
  append_cursor(text, at);
  return text;
}

std::optional<cursor_text> parse_cursor(std::string_view text) {
  cursor_text parsed;
  const char* const end = text.data() + text.size();
  if (text.empty() || text[0] < '0' || text[0] > '9') return std::nullopt; // from_chars would take a minus
  const auto number = std::from_chars(text.data(), end, parsed.position.value);
  if (number.ec != std::errc{}) return std::nullopt;
  if (number.ptr == end) return parsed;
  constexpr std::size_t fingerprint_digits = 8;
  const std::string_view rest(number.ptr + 1, static_cast<std::size_t>(end - number.ptr - 1));
  if (*number.ptr != '-' || rest.size() != fingerprint_digits) return std::nullopt;
  std::uint32_t fingerprint = 0;
  const auto hex = std::from_chars(rest.data(), end, fingerprint, 16);
  if (hex.ec != std::errc{} || hex.ptr != end) return std::nullopt;
  parsed.fingerprint = fingerprint;
  return parsed;
}

encoded_event encode_event(const event& source) {
  encoded_event encoded;
  constexpr std::size_t usual_head_bytes = 80;
  encoded.head.reserve(usual_head_bytes);
  encoded.head = R"({"type":"event","position":)";
  append_number(encoded.head, source.position.value);
  encoded.head += R"(,"cursor":")";
  append_cursor(encoded.head, cursor::of(source.position, source.hash));
  encoded.head += R"(","previous":)";

  std::string& tail = encoded.tail;
  tail.reserve(source.data.size() + source.entity.size() + source.record_id.size() + 256);
  tail += R"(,"resource":)";
  json::append_string(tail, source.entity);
  tail += R"(,"action":")";
  tail += to_string(source.action);
  tail += R"(","id":)";
  json::append_string(tail, source.record_id);
  tail += R"(,"version":)";
  append_number(tail, source.version);
  tail += R"(,"branch":)";
  append_branch(tail, source.branch);
  if (source.previous_branch) {
    tail += R"(,"previous_branch":)";
    append_branch(tail, *source.previous_branch);
  }
  tail += R"(,"actor":)";
  tail += actor_token(source.meta);
  tail += R"(,"recorded_at":")";
  append_rfc3339(tail, source.recorded_at);
  tail += R"(","data":)";
  encoded.data_begin = tail.size();
  tail += source.data;
  tail.push_back('}');
  return encoded;
}

} // namespace synclog::core
