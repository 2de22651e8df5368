// Finding embedded files, and which form of one to send. The files themselves are in a generated source.
#include "http/assets.hpp"
#include "http/content_coding.hpp"
#include <algorithm>

namespace synclog::http {

const asset* find_asset(std::string_view path) {
  const auto files = embedded_assets();
  const auto at =
      std::find_if(files.begin(), files.end(), [path](const asset& file) { return file.path == path; });
  return at == files.end() ? nullptr : &*at;
}

bool needs_policy(const asset& file) {
  return file.type.starts_with("text/html") || file.path == "/sw.js";
}

encoded_body body_for(const asset& file, std::string_view accept_encoding) {
  encoded_body best{file.plain, ""};
  // A very small file becomes larger by compression.
  const auto consider = [&](std::string_view bytes, std::string_view encoding) {
    if (bytes.size() < best.bytes.size() && allows_coding(accept_encoding, encoding))
      best = {bytes, encoding};
  };
  consider(file.gzip, "gzip");
  consider(file.brotli, "br");
  return best;
}

} // namespace synclog::http
