// See published_text.hpp.
#include "http/published_text.hpp"
#include "core/chain.hpp"
#include "core/gzip.hpp"
#include "http/content_coding.hpp"

namespace synclog::http {

published_text published_text::of(std::string body) {
  constexpr std::size_t tag_digits = 16;
  const auto tag = core::to_hex(core::sha256(body)).substr(0, tag_digits);
  published_text made;
  made.etag = '"' + tag + '"';
  made.gzip_etag = '"' + tag + "-gzip\"";
  core::gzip_encoder encoder;
  encoder.encode(body, made.gzip);
  encoder.finish(made.gzip);
  made.body = std::move(body);
  return made;
}

published_text::form published_text::for_client(std::string_view accept_encoding) const {
  if (gzip.size() < body.size() && allows_coding(accept_encoding, "gzip")) return {gzip, "gzip", gzip_etag};
  return {body, "", etag};
}

} // namespace synclog::http
