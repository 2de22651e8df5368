// Strict reading of requests. Beast 1.81 by itself accepts folded headers, "Transfer-Encoding: gzip,
// chunked", repeated equal Content-Lengths, several Hosts and bare LF in chunk extensions: all refused here.
#include "http/request_parser.hpp"
#include "http/ascii.hpp"
#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

namespace synclog::http {
namespace {

namespace beast_http = boost::beast::http;
using beast_error = boost::beast::http::error;
using code = core::problem_code;

constexpr std::size_t max_request_line_extra = 64;    // method, version, spaces and CRLF
constexpr std::size_t body_reserve_step = 64u << 10;  // the budget is taken in steps of this
constexpr std::size_t first_body_capacity = 1u << 20; // a declared length is believed up to here
constexpr std::size_t shortest_chunked_end = 5;       // "0\r\n\r\n"; Beast asserts that it sees no less

core::problem malformed(std::string detail) {
  return core::make_problem(code::bad_request, std::move(detail));
}

constexpr std::array<bool, 256> token_bytes = [] {
  std::array<bool, 256> made{};
  for (const char c : std::string_view("!#$%&'*+-.^_`|~"))
    made[static_cast<unsigned char>(c)] = true;
  for (std::size_t byte = 0; byte < 128; ++byte)
    made[byte] = made[byte] || is_alphanumeric(static_cast<char>(byte));
  return made;
}();

bool is_token(char c) {
  return token_bytes[static_cast<unsigned char>(c)];
}

// One header line without its CRLF.
const char* line_defect(std::string_view line) {
  if (line.front() == ' ' || line.front() == '\t') return "a header is folded over two lines";
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return "a header has no name";
  const std::string_view name = line.substr(0, colon);
  if (name.back() == ' ' || name.back() == '\t') return "a header has a space before its colon";
  if (!std::all_of(name.begin(), name.end(), is_token))
    return "a header name has a character that names cannot have";
  return nullptr;
}

// `fields` is how many there are, when nothing is wrong.
std::optional<core::problem> check_lines(std::string_view head, std::size_t max_fields, std::size_t& fields) {
  fields = 0;
  head.remove_prefix(head.find('\n') + 1);
  for (;;) {
    const std::size_t end = head.find('\n');
    const std::string_view line = head.substr(0, end - 1);
    if (line.empty()) return std::nullopt;
    if (const char* defect = line_defect(line)) return malformed(defect);
    if (has_control(line)) return malformed("a header has a control character");
    if (++fields > max_fields) {
      return core::make_problem(code::header_too_large,
                                "there are more than " + std::to_string(max_fields) + " headers");
    }
    head.remove_prefix(end + 1);
  }
}

std::optional<method> method_of(beast_http::verb verb) {
  switch (verb) {
  case beast_http::verb::get:
    return method::get;
  case beast_http::verb::head:
    return method::head;
  case beast_http::verb::post:
    return method::post;
  case beast_http::verb::put:
    return method::put;
  case beast_http::verb::patch:
    return method::patch;
  case beast_http::verb::delete_:
    return method::delete_;
  case beast_http::verb::options:
    return method::options;
  default:
    return std::nullopt;
  }
}

} // namespace

head_scanner::verdict head_scanner::refuse(core::problem_code why, std::string detail) {
  refusal_ = core::make_problem(why, std::move(detail));
  return verdict::refused;
}

std::size_t head_scanner::leading_blank_bytes(std::string_view bytes) {
  if (blank_dropped_ || scanned_ > 0 || !bytes.starts_with("\r\n")) return 0;
  blank_dropped_ = true;
  return 2;
}

head_scanner::verdict head_scanner::scan(std::string_view bytes) {
  if (scanned_ == 0 && !blank_dropped_ && bytes == "\r")
    return verdict::incomplete; // of an empty line, it may be
  while (scanned_ < bytes.size()) {
    const void* found = std::memchr(bytes.data() + scanned_, '\n', bytes.size() - scanned_);
    if (found == nullptr) {
      scanned_ = bytes.size();
      break;
    }
    const auto at = static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data());
    // In the order of the bytes, so that it does not depend on how they came: what is before this line's end
    // first.
    if (exceeds(at)) return verdict::refused;
    scanned_ = at + 1;
    if (at == 0 || bytes[at - 1] != '\r')
      return refuse(code::bad_request, "a line ends with a bare line feed");
    const bool empty_line = at - line_begin_ == 1;
    if (lines_++ == 0) request_line_bytes_ = scanned_;
    line_begin_ = scanned_;
    if (empty_line) {
      head_bytes_ = scanned_;
      break;
    }
  }
  if (exceeds(head_bytes_ > 0 ? head_bytes_ : bytes.size())) return verdict::refused;
  return head_bytes_ > 0 ? verdict::complete : verdict::incomplete;
}

// Whether the first `seen` bytes are over a bound, which is then the refusal.
bool head_scanner::exceeds(std::size_t seen) {
  const std::size_t line_bytes = lines_ == 0 ? seen : request_line_bytes_;
  if (line_bytes > max_target_bytes_ + max_request_line_extra) {
    refuse(code::uri_too_long,
           "the request line is longer than " + std::to_string(max_target_bytes_) + " bytes");
    return true;
  }
  if (seen - line_bytes > max_header_bytes_) {
    refuse(code::header_too_large,
           "the headers are larger than " + std::to_string(max_header_bytes_) + " bytes");
    return true;
  }
  return false;
}

request_parser::request_parser(std::size_t max_body_bytes, body_budget& budget, std::size_t max_header_fields)
    : max_body_bytes_(max_body_bytes), max_header_fields_(max_header_fields), budget_(budget) {
  // Both are bounded by us, before and after: Beast's own bounds only have to stay out of the way.
  header_limit(1u << 30);
  body_limit(boost::none);
}

request_parser::~request_parser() {
  drop_body();
}

void request_parser::drop_body() {
  std::string().swap(request_.body);
  if (reserved_ > 0) budget_.used.fetch_sub(std::exchange(reserved_, 0), std::memory_order_relaxed);
}

std::optional<core::problem> request_parser::read_head(std::string_view head) {
  if (has_control(head.substr(0, head.find('\n') - 1)))
    return malformed("the request line has a control character");
  std::size_t fields = 0;
  if (auto defect = check_lines(head, max_header_fields_, fields)) return defect;
  request_.headers.reserve(fields);
  error_code ec;
  put(boost::asio::const_buffer(head.data(), head.size()), ec);
  if (ec || !is_header_done()) return problem_of(ec);
  head_read_ = true;
  eager(true);
  return check_framing();
}

std::optional<core::problem> request_parser::check_framing() const {
  if (hosts_ > 1) return malformed("there is more than one Host header");
  if (hosts_ == 0 && version_ == 11) return malformed("there is no Host header");
  if (content_lengths_ > 1) return malformed("there is more than one Content-Length header");
  if (transfer_encodings_ == 0) return std::nullopt;
  if (transfer_encodings_ > 1) return malformed("there is more than one Transfer-Encoding header");
  if (content_lengths_ > 0) return malformed("there are both Transfer-Encoding and Content-Length");
  if (version_ != 11) return malformed("Transfer-Encoding needs HTTP/1.1");
  if (!equals_ignoring_case(request_.header("transfer-encoding"), "chunked")) {
    return malformed("the only Transfer-Encoding taken is chunked");
  }
  return std::nullopt;
}

std::optional<std::uint64_t> request_parser::declared_bytes() const {
  const auto declared = content_length();
  return declared ? std::optional<std::uint64_t>(*declared) : std::nullopt;
}

core::problem request_parser::problem_of(const error_code& ec) const {
  if (!refusal_.empty()) return malformed(std::string(refusal_));
  if (ec == beast_error::body_limit) {
    return core::make_problem(code::too_large,
                              "the body is larger than " + std::to_string(max_body_bytes_) + " bytes");
  }
  if (ec == beast_error::buffer_overflow) {
    return core::make_problem(code::overloaded, "too many bodies are being received at once: try again");
  }
  if (ec == beast_error::bad_version) return malformed("only HTTP/1.0 and HTTP/1.1 are spoken here");
  if (ec == beast_error::bad_content_length || ec == beast_error::multiple_content_length) {
    return malformed("Content-Length is not a number of bytes");
  }
  if (ec == beast_error::bad_transfer_encoding) {
    return malformed("there are both Transfer-Encoding and Content-Length, or Transfer-Encoding twice");
  }
  if (head_read_) return malformed("the chunks of the body are not framed as HTTP/1.1 has it");
  return malformed("the request line or a header is not valid HTTP/1.1");
}

core::result<std::size_t> request_parser::read_body(std::string_view bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && !is_done()) {
    const std::size_t left = bytes.size() - used;
    if (chunked() && left < shortest_chunked_end) break;
    error_code ec;
    const std::size_t taken = put(boost::asio::const_buffer(bytes.data() + used, left), ec);
    used += taken;
    if (ec == beast_error::need_more) break;
    if (ec) return problem_of(ec);
    if (taken == 0) break;
  }
  if (!is_done() && bytes.size() - used > max_framing_bytes) {
    return malformed("the framing of a chunk is larger than 16 KiB");
  }
  return used;
}

void request_parser::on_request_impl(beast_http::verb verb, text method_text, text target, int version,
                                     error_code& ec) {
  ec = {};
  target_.assign(target.data(), target.size());
  version_ = version;
  if (const auto known = method_of(verb))
    request_.method = *known;
  else
    unknown_method_.assign(method_text.data(), method_text.size());
}

void request_parser::on_field_impl(beast_http::field known, text name, text value, error_code& ec) {
  ec = {};
  if (head_read_) return; // trailers change nothing
  if (known == beast_http::field::content_length) {
    ++content_lengths_;
    // Beast takes lists of equal numbers.
    if (!std::all_of(value.begin(), value.end(), http::is_digit)) {
      refusal_ = "Content-Length is not a number of bytes";
      ec = beast_error::bad_content_length;
      return;
    }
  }
  if (known == beast_http::field::upgrade && version_ < 11) return; // RFC 9110, 7.8: ignored
  if (known == beast_http::field::transfer_encoding) ++transfer_encodings_;
  if (known == beast_http::field::host) ++hosts_;
  request_.headers.emplace_back(lower_case(std::string_view(name.data(), name.size())),
                                std::string(value.data(), value.size()));
}

void request_parser::on_header_impl(error_code& ec) {
  ec = {};
}

void request_parser::on_body_init_impl(const boost::optional<std::uint64_t>& bytes, error_code& ec) {
  ec = {};
  if (!bytes) return;
  if (*bytes > max_body_bytes_) {
    ec = beast_error::body_limit;
    return;
  }
  request_.body.reserve(std::min<std::size_t>(static_cast<std::size_t>(*bytes), first_body_capacity));
}

// Takes budget for a body of this size; a slow sender holds only what it has sent.
bool request_parser::reserve(std::size_t total_bytes) {
  if (total_bytes <= reserved_) return true;
  const std::size_t step =
      (total_bytes - reserved_ + body_reserve_step - 1) / body_reserve_step * body_reserve_step;
  const std::size_t before = budget_.used.fetch_add(step, std::memory_order_relaxed);
  reserved_ += step; // given back by drop_body(), whatever comes
  return before + step <= budget_.max_bytes;
}

std::size_t request_parser::on_body_impl(text bytes, error_code& ec) {
  ec = {};
  if (!reserve(request_.body.size() + bytes.size())) {
    ec = beast_error::buffer_overflow;
    return 0;
  }
  request_.body.append(bytes.data(), bytes.size());
  return bytes.size();
}

void request_parser::on_chunk_header_impl(std::uint64_t bytes, text extension, error_code& ec) {
  ec = {};
  if (std::any_of(extension.begin(), extension.end(), is_control)) {
    refusal_ = "a chunk extension has a control character";
    ec = beast_error::bad_chunk_extension;
    return;
  }
  if (bytes > max_body_bytes_ || chunked_bytes_ + bytes > max_body_bytes_) {
    ec = beast_error::body_limit;
    return;
  }
  chunked_bytes_ += bytes;
}

std::size_t request_parser::on_chunk_body_impl(std::uint64_t, text bytes, error_code& ec) {
  return on_body_impl(bytes, ec);
}

void request_parser::on_finish_impl(error_code& ec) {
  ec = {};
}

} // namespace synclog::http
