// A text that is made once and answered as it is, with the tag by which clients revalidate it. Immutable.
#pragma once
#include <string>

namespace synclog::http {

struct published_text {
  std::string body;
  std::string etag; // strong, over the bytes, with its quotes

  static published_text of(std::string body);
};

} // namespace synclog::http
