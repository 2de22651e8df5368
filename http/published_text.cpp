// See published_text.hpp.
#include "http/published_text.hpp"
#include "core/chain.hpp"

namespace synclog::http {

published_text published_text::of(std::string body) {
  constexpr std::size_t tag_digits = 16;
  published_text made;
  made.etag = '"' + core::to_hex(core::sha256(body)).substr(0, tag_digits) + '"';
  made.body = std::move(body);
  return made;
}

} // namespace synclog::http
