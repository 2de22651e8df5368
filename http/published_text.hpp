// A text that is made once and answered as it is, plain or compressed, with the tags by which clients
// revalidate it. Immutable.
#pragma once
#include <string>
#include <string_view>

namespace synclog::http {

struct published_text {
  struct form {
    std::string_view body;     // of the text it is a form of
    std::string_view encoding; // Content-Encoding; "" for the plain text
    std::string_view etag;     // strong, with its quotes; each form has its own: they are different bytes
  };

  std::string body, etag;
  std::string gzip, gzip_etag;

  static published_text of(std::string body);

  // The one that this Accept-Encoding allows.
  form for_client(std::string_view accept_encoding) const;
};

} // namespace synclog::http
