// Reads one HTTP/1.x request from bytes: Beast's parser, fed by hand, behind a stricter look at the raw head.
// What two readers could understand differently is refused (request smuggling). No I/O; used on its session's
// strand.
#pragma once
#include "core/problem.hpp"
#include "http/limits.hpp"
#include "http/message.hpp"
#include <atomic>
#include <boost/beast/http/basic_parser.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::http {

// Looks for the end of a request's head as bytes arrive; each byte is looked at once.
class head_scanner {
 public:
  head_scanner(std::size_t max_target_bytes, std::size_t max_header_bytes)
      : max_target_bytes_(max_target_bytes), max_header_bytes_(max_header_bytes) {}

  enum class verdict : std::uint8_t { incomplete, complete, refused };
  // `bytes` begins where the request does and only grows between calls.
  verdict scan(std::string_view bytes);
  // Where the head ends, its empty line included. After `complete`.
  std::size_t head_bytes() const { return head_bytes_; }
  // After `refused`: malformed (bare LF or CR, NUL), uri_too_long or header_too_large.
  const core::problem& refusal() const { return *refusal_; }
  // Some clients send an empty line before a request: how many bytes to drop before the next scan(). One line
  // is dropped, in however many pieces it comes.
  std::size_t leading_blank_bytes(std::string_view bytes);

 private:
  verdict refuse(core::problem_code code, std::string detail);
  bool exceeds(std::size_t seen);

  std::size_t max_target_bytes_, max_header_bytes_;
  std::size_t scanned_ = 0, line_begin_ = 0, lines_ = 0, request_line_bytes_ = 0, head_bytes_ = 0;
  bool blank_dropped_ = false;
  std::optional<core::problem> refusal_;
};

// What all requests of the process may hold in bodies together. Thread-safe.
struct body_budget {
  std::atomic<std::size_t> used{0};
  std::size_t max_bytes = 0;
};

class request_parser final : private boost::beast::http::basic_parser<true> {
 public:
  request_parser(std::size_t max_body_bytes, body_budget& budget,
                 std::size_t max_header_fields = limits{}.max_header_fields);
  ~request_parser();
  request_parser(const request_parser&) = delete;
  request_parser& operator=(const request_parser&) = delete;

  // `head` as head_scanner found it. Empty = fine; afterwards request() has method name, target and headers.
  std::optional<core::problem> read_head(std::string_view head);

  // The body, as bytes come. Returns how many were used; what is left belongs to the next request when
  // done(). too_large, overloaded (no room for it now) or malformed.
  core::result<std::size_t> read_body(std::string_view bytes);
  bool done() const { return is_done(); }
  // Nobody needs the body any more: it is gone, and its room given back.
  void drop_body();
  // Bytes that may rightly stay unused in the buffer while the body is not done (chunk framing and trailers).
  static constexpr std::size_t max_framing_bytes = 16u << 10;

  http::request& request() { return request_; }
  const http::request& request() const { return request_; }
  // The name of a method that we do not know; empty when request().method says it.
  const std::string& unknown_method() const { return unknown_method_; }
  const std::string& target() const { return target_; }
  bool is_http_1_1() const { return version_ == 11; }
  bool wants_keep_alive() const { return keep_alive(); }
  bool is_chunked() const { return chunked(); }
  // Known before the body comes; empty for chunked bodies and for none.
  std::optional<std::uint64_t> declared_bytes() const;

 private:
  using error_code = boost::beast::error_code;
  using text = boost::beast::string_view;

  void on_request_impl(boost::beast::http::verb verb, text method_text, text target, int version,
                       error_code& ec) override;
  void on_response_impl(int, text, int, error_code&) override {}
  void on_field_impl(boost::beast::http::field known, text name, text value, error_code& ec) override;
  void on_header_impl(error_code& ec) override;
  void on_body_init_impl(const boost::optional<std::uint64_t>& bytes, error_code& ec) override;
  std::size_t on_body_impl(text bytes, error_code& ec) override;
  void on_chunk_header_impl(std::uint64_t bytes, text extension, error_code& ec) override;
  std::size_t on_chunk_body_impl(std::uint64_t remaining, text bytes, error_code& ec) override;
  void on_finish_impl(error_code& ec) override;

  bool reserve(std::size_t total_bytes);
  core::problem problem_of(const error_code& ec) const;
  std::optional<core::problem> check_framing() const;

  http::request request_;
  std::string unknown_method_, target_;
  std::size_t max_body_bytes_, max_header_fields_;
  body_budget& budget_;
  std::size_t reserved_ = 0;
  std::uint64_t chunked_bytes_ = 0;
  int version_ = 11;
  bool head_read_ = false;
  unsigned content_lengths_ = 0, transfer_encodings_ = 0, hosts_ = 0;
  std::string_view refusal_; // what our own checks found, while Beast reports an error code
};

} // namespace synclog::http
