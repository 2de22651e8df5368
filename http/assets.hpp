// The files for browsers that travel inside the binary, compressed when it was built. Immutable; any thread.
#pragma once
#include <span>
#include <string_view>

namespace synclog::http {

struct asset {
  std::string_view name;        // "client.js"
  std::string_view hashed_name; // "client.<hash>.js": another content has another name
  std::string_view type;        // Content-Type
  std::string_view hash;        // hex digits of SHA-256 over the plain bytes
  std::string_view plain, gzip, brotli;
};

// What the build put in: none when it was made without the browser client.
std::span<const asset> embedded_assets();

struct encoded_body {
  std::string_view bytes;
  std::string_view encoding; // Content-Encoding; "" for the plain bytes
};

// The smallest form that this Accept-Encoding allows (RFC 9110, 12.5.3); an absent or empty one allows the
// plain bytes only.
encoded_body body_for(const asset& file, std::string_view accept_encoding);

} // namespace synclog::http
