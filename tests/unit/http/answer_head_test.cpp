// Heads of answers, as bytes.
#include "http/answer_head.hpp"
#include <doctest/doctest.h>

using namespace synclog::http;

TEST_CASE("answer head: a value can never end its line, whichever byte it holds") {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool control = (byte < 0x20 && c != '\t') || byte == 0x7f;
    for (const std::size_t at : {0u, 1u, 15u, 16u, 17u, 39u}) {
      std::string value(40, 'v');
      value[at] = c;
      response answer;
      answer.headers.emplace_back("X-Any", value);
      std::string out;
      append_answer_head(out, answer, {});
      if (control) value.erase(at, 1);
      CAPTURE(byte);
      CAPTURE(at);
      CHECK(out.find("\r\nX-Any: " + value + "\r\nContent-Length: 0\r\n") != std::string::npos);
    }
  }
}
