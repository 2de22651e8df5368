// A second opinion on where a request ends: what its head says about its body, and chunks taken apart, by
// plain search in the text. For requests that were taken only; it does not know what to refuse.
#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::fuzz {

struct plain_head {
  std::size_t hosts = 0, lengths = 0, codings = 0;
  std::size_t length = 0; // of the body, where `lengths` is 1
  bool is_1_1 = false;
};
plain_head read_plain_head(std::string_view head);

struct plain_body {
  std::string body;
  std::size_t bytes = 0; // of the chunks, their framing and the trailers
};
// Empty: not whole, or no chunks.
std::optional<plain_body> read_plain_chunks(std::string_view text);

} // namespace synclog::fuzz
