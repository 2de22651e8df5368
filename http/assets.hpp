// The files for browsers that travel inside the binary, compressed when it was built. Immutable; any thread.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

namespace synclog::http {

enum class asset_caching : std::uint8_t {
  revalidated, // asked for each time, by its tag
  immutable,   // its path names its content: kept for a year without asking
};

struct asset {
  std::string_view path{}; // where it is served: "/", "/client.js", "/assets/client.<hash>.js"
  std::string_view type{}; // Content-Type
  std::string_view hash{}; // hex digits of SHA-256 over the plain bytes
  asset_caching caching = asset_caching::revalidated;
  std::string_view plain{}, gzip{}, brotli{};
};

// What the build put in: none when it was made without the parts for browsers.
std::span<const asset> embedded_assets();
// The one that is served at this path, or null.
const asset* find_asset(std::string_view path);

// A page or a worker: what it may load and do is its policy's to say. Scripts and styles follow the page
// that loads them.
bool needs_policy(const asset& file);

struct encoded_body {
  std::string_view bytes;
  std::string_view encoding; // Content-Encoding; "" for the plain bytes
};

// The smallest form that this Accept-Encoding allows (RFC 9110, 12.5.3); an absent or empty one allows the
// plain bytes only.
encoded_body body_for(const asset& file, std::string_view accept_encoding);

} // namespace synclog::http
