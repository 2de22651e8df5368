// Writes the head of an answer by hand into a reused buffer: status line, our own headers, the handler's.
// Pure but for the clock; any thread.
#pragma once
#include "http/message.hpp"
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::http {

enum class body_framing : std::uint8_t {
  sized,       // Content-Length
  chunked,     // Transfer-Encoding: chunked
  until_close, // HTTP/1.0 streams
  none,        // 204 and 304
};

struct answer_frame {
  body_framing framing = body_framing::sized;
  std::size_t body_bytes = 0;
  bool closes = false;          // Connection: close
  bool says_keep_alive = false; // HTTP/1.0 clients must be told
  bool varies_by_origin = false;
  bool is_preflight = false;
  bool strict_transport = false;  // Strict-Transport-Security
  std::string_view request_id{};  // "" = none
  std::string_view cors_origin{}; // the allowed one; "" = no CORS headers
};

void append_answer_head(std::string& out, const response& answer, const answer_frame& frame);

std::string_view reason_of(unsigned status);

} // namespace synclog::http
