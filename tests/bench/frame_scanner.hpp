// Finds events in what a live server sends, with as little work as counting allows: WebSocket frames are
// stepped over by their length, server-sent events by their lines. Pure.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace synclog::tests::bench {

// Every event of these measurements is an envelope whose data ends with its number: …,"n":"00000042"}}
inline constexpr std::string_view envelope_begin = R"({"type":"event")";
inline constexpr std::string_view envelope_end = R"("}})";
inline constexpr std::size_t number_digits = 8;

inline bool is_event(std::string_view text) {
  return text.size() > envelope_begin.size() + number_digits + envelope_end.size() &&
         text.starts_with(envelope_begin) && text.ends_with(envelope_end);
}
inline std::uint64_t number_of(std::string_view event) {
  std::uint64_t number = 0;
  const char* digit = event.data() + event.size() - envelope_end.size() - number_digits;
  for (std::size_t i = 0; i < number_digits; ++i)
    number = number * 10 + static_cast<std::uint64_t>(digit[i] - '0');
  return number;
}

// Calls `event(text)` for each whole event; how many bytes were used up. Lines of a chunked body's own
// framing are no events and pass unnoticed: servers begin a chunk where a frame begins.
template <class Event>
std::size_t scan_sse(std::string_view bytes, Event event) {
  constexpr std::string_view field = "data: ";
  std::size_t used = 0;
  while (used < bytes.size()) {
    const auto* found = std::memchr(bytes.data() + used, '\n', bytes.size() - used);
    if (found == nullptr) break;
    const auto end = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
    const auto line = bytes.substr(used, end - used);
    used = end + 1;
    if (line.starts_with(field) && is_event(line.substr(field.size()))) event(line.substr(field.size()));
  }
  return used;
}

// The same of a server's WebSocket frames; `other(opcode, payload)` for all that are no events.
template <class Event, class Other>
std::size_t scan_websocket(std::string_view bytes, Event event, Other other) {
  constexpr std::size_t short_head = 2, medium = 126, large = 127;
  std::size_t used = 0;
  while (bytes.size() - used >= short_head) {
    const auto byte = [&](std::size_t at) { return static_cast<unsigned char>(bytes[used + at]); };
    std::size_t length = byte(1) & 0x7f;
    const std::size_t length_bytes = length == medium ? 2 : length == large ? 8 : 0;
    const std::size_t head = short_head + length_bytes;
    if (bytes.size() - used < head) break;
    if (length_bytes > 0) length = 0;
    for (std::size_t i = 0; i < length_bytes; ++i)
      length = length << 8 | byte(short_head + i);
    if (bytes.size() - used - head < length) break;
    const auto payload = bytes.substr(used + head, length);
    const int opcode = byte(0) & 0x0f;
    used += head + length;
    if (opcode == 1 && is_event(payload))
      event(payload);
    else
      other(opcode, payload);
  }
  return used;
}

} // namespace synclog::tests::bench
