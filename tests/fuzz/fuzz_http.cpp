// What an HTTP client sends on one connection: requests one after the other, read as a session reads them.
// What is taken has one Host and one framing, ends where a plain search finds its end, and all of it is the
// same however it is cut.
#include "core/utf8.hpp"
#include "fuzz/http_oracle.hpp"
#include "fuzz/targets.hpp"
#include "http/query_string.hpp"
#include "http/request_guard.hpp"
#include "http/request_parser.hpp"
#include <algorithm>

namespace synclog::fuzz {

namespace {

using http::head_scanner;
using http::request_parser;

constexpr std::size_t max_input_bytes =
    8u << 10; // less than the bound of a chunk's framing, which sees the buffer
constexpr std::size_t max_target_bytes = 1'024, max_header_bytes = 2'048, max_body_bytes = 4'096;

struct exchange {
  std::string head;
  http::request request;
  std::string target;
  bool chunked = false, is_1_1 = true, keeps_alive = false;
  std::size_t begins = 0, ends = 0; // in the bytes sent, the head and the body

  bool operator==(const exchange& other) const {
    return head == other.head && request.method == other.request.method &&
           request.headers == other.request.headers && request.body == other.request.body &&
           target == other.target && chunked == other.chunked && keeps_alive == other.keeps_alive &&
           begins == other.begins && ends == other.ends;
  }
};

struct conversation {
  std::vector<exchange> taken;
  std::optional<core::problem_code> refused;
};

// A session without a socket: as http/session.cpp reads, down to an empty line before a request.
class connection {
 public:
  explicit connection(std::string_view bytes, std::size_t step) : bytes_(bytes), step_(step) {
    budget_.max_bytes = 1u << 20;
  }

  conversation run() {
    while (read_request() && made_.taken.back().keeps_alive) {
    }
    require(budget_.used == 0, "http: bodies give their room back");
    return std::move(made_);
  }

 private:
  std::string_view unread() const { return std::string_view(input_).substr(used_); }

  bool receive() {
    if (fed_ == bytes_.size()) return false;
    const std::string_view piece = bytes_.substr(fed_, step_);
    input_ += piece;
    fed_ += piece.size();
    return true;
  }

  bool refuse(core::problem_code code) {
    made_.refused = code;
    return false;
  }

  bool read_request() {
    request_parser parser(max_body_bytes, budget_);
    head_scanner scanner(max_target_bytes, max_header_bytes);
    for (;;) {
      used_ += scanner.leading_blank_bytes(unread());
      const auto verdict = scanner.scan(unread());
      if (verdict == head_scanner::verdict::refused) return refuse(scanner.refusal().code);
      if (verdict == head_scanner::verdict::complete) break;
      if (!receive()) return false;
    }
    exchange one;
    one.begins = used_;
    one.head = unread().substr(0, scanner.head_bytes());
    if (const auto refused = parser.read_head(one.head)) return refuse(refused->code);
    used_ += scanner.head_bytes();
    while (!parser.done()) {
      const auto taken = parser.read_body(unread());
      if (!taken) return refuse(taken.error().code);
      require(*taken <= unread().size(), "http: no more of a body is taken than there is");
      used_ += *taken;
      if (!parser.done() && !receive()) return false;
    }
    one.request = parser.request();
    one.target = parser.target();
    one.chunked = parser.is_chunked();
    one.is_1_1 = parser.is_http_1_1();
    one.keeps_alive = parser.wants_keep_alive();
    one.ends = used_;
    made_.taken.push_back(std::move(one));
    return true;
  }

  std::string_view bytes_;
  std::size_t step_;
  http::body_budget budget_;
  std::string input_;
  std::size_t fed_ = 0, used_ = 0;
  conversation made_;
};

std::size_t count(const http::request& request, std::string_view name) {
  return static_cast<std::size_t>(std::count_if(request.headers.begin(), request.headers.end(),
                                                [name](const auto& header) { return header.first == name; }));
}

bool has_control(std::string_view text) {
  return std::any_of(text.begin(), text.end(),
                     [](char c) { return (static_cast<unsigned char>(c) < 0x20 && c != '\t') || c == 0x7f; });
}

void check_framing(const exchange& one, std::string_view bytes) {
  const plain_head seen = read_plain_head(one.head);
  const http::request& request = one.request;
  require(one.is_1_1 == seen.is_1_1, "http: the version is the request line's");
  require(seen.hosts == count(request, "host") && seen.hosts <= 1 && (seen.hosts == 1 || !one.is_1_1),
          "http: exactly one Host, none only in HTTP/1.0");
  require(seen.lengths + seen.codings <= 1, "http: one framing");
  require(seen.lengths == count(request, "content-length") &&
              seen.codings == count(request, "transfer-encoding"),
          "http: the headers of framing are those of the head");
  require(one.chunked == (seen.codings == 1), "http: chunked is what says so");
  const std::string_view rest = bytes.substr(one.begins + one.head.size());
  if (one.chunked) {
    const auto body = read_plain_chunks(rest);
    require(body && body->body == request.body, "http: chunks taken apart by hand are the same body");
    require(one.ends == one.begins + one.head.size() + body->bytes,
            "http: a chunked request ends behind its last chunk and trailers");
    return;
  }
  require(request.body == rest.substr(0, seen.length), "http: a body is the bytes behind the head");
  require(request.body.size() == seen.length, "http: a body is as long as it says");
  require(one.ends == one.begins + one.head.size() + seen.length, "http: a request ends behind its body");
}

void check_request(const exchange& one) {
  require(one.target.size() <= max_target_bytes + 64 &&
              one.head.size() <= max_target_bytes + 64 + max_header_bytes,
          "http: heads are within their bounds");
  require(one.request.body.size() <= max_body_bytes, "http: bodies are within their bound");
  require(!one.target.empty() && !has_control(one.target) && one.target.find(' ') == std::string::npos,
          "http: a target is one word");
  for (const auto& [name, value] : one.request.headers) {
    require(!name.empty() && name.find_first_of(" \t:\r\n") == std::string::npos && !has_control(name),
            "http: a header has a name");
    require(std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; }),
            "http: names are in lower case");
    require(!has_control(value), "http: a header's value has no control character");
  }
  // Whatever they say of it, they say something.
  http::parse_target(one.target);
  const auto host = http::host_of_authority(one.request.header("host"));
  if (host)
    require(!host->empty() && host->find_first_of("/@ ") == std::string::npos,
            "http: a host is a name or an address");
}

} // namespace

void http(std::string_view input) {
  if (input.size() > max_input_bytes) return;
  const conversation whole = connection(input, SIZE_MAX / 2).run();
  std::size_t behind = 0;
  for (const exchange& one : whole.taken) {
    require(one.begins >= behind && one.begins - behind <= 2,
            "http: a request begins where the one before ends");
    behind = one.ends;
    check_framing(one, input);
    check_request(one);
  }
  const std::size_t pivot = input.empty() ? 1 : 1 + static_cast<unsigned char>(input.back()) % 64;
  for (const std::size_t step : {std::size_t{1}, pivot}) {
    const conversation cut = connection(input, step).run();
    require(cut.taken == whole.taken, "http: however the bytes are cut, the requests are the same");
    // A chunk that is broken at the very end of what came may be refused only when the next bytes come.
    require(!cut.refused || !whole.refused || cut.refused == whole.refused,
            "http: however the bytes are cut, the same is refused");
  }
}

} // namespace synclog::fuzz
