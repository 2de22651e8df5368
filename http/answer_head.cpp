// Heads of answers.
#include "http/answer_head.hpp"
#include "http/ascii.hpp"
#include "http/cors.hpp"
#include <array>
#include <charconv>
#include <ctime>

namespace synclog::http {
namespace {

struct cached_date {
  std::time_t second = 0;
  std::array<char, 48> text{};
  std::size_t size = 0;
};

// "Date: Sun, 06 Nov 1994 08:49:37 GMT\r\n", written once a second and thread.
std::string_view date_line() {
  static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  thread_local cached_date cache;
  timespec now{};
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  if (now.tv_sec != cache.second) {
    std::tm utc{};
    gmtime_r(&now.tv_sec, &utc);
    // strftime would follow the locale.
    const int size =
        std::snprintf(cache.text.data(), cache.text.size(), "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
                      days[static_cast<std::size_t>(utc.tm_wday)], utc.tm_mday,
                      months[static_cast<std::size_t>(utc.tm_mon)], utc.tm_year + 1900, utc.tm_hour,
                      utc.tm_min, utc.tm_sec);
    cache.size = static_cast<std::size_t>(size);
    cache.second = now.tv_sec;
  }
  return {cache.text.data(), cache.size};
}

void append_number(std::string& out, std::size_t value) {
  std::array<char, 24> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  static_cast<void>(error);
  out.append(digits.data(), end);
}

// A handler's value can never end its line: control characters are left out.
void append_value(std::string& out, std::string_view value) {
  if (!has_control(value)) {
    out += value;
    return;
  }
  for (const char c : value) {
    if (!is_control(c)) out += c;
  }
}

void append_framing(std::string& out, const answer_frame& frame) {
  switch (frame.framing) {
  case body_framing::sized:
    out += "Content-Length: ";
    append_number(out, frame.body_bytes);
    out += "\r\n";
    break;
  case body_framing::chunked:
    out += "Transfer-Encoding: chunked\r\n";
    break;
  case body_framing::until_close:
  case body_framing::none:
    break;
  }
}

} // namespace

std::string_view reason_of(unsigned status) {
  switch (status) {
  case 200:
    return "OK";
  case 201:
    return "Created";
  case 202:
    return "Accepted";
  case 204:
    return "No Content";
  case 206:
    return "Partial Content";
  case 207:
    return "Multi-Status";
  case 301:
    return "Moved Permanently";
  case 302:
    return "Found";
  case 303:
    return "See Other";
  case 304:
    return "Not Modified";
  case 307:
    return "Temporary Redirect";
  case 308:
    return "Permanent Redirect";
  case 400:
    return "Bad Request";
  case 401:
    return "Unauthorized";
  case 403:
    return "Forbidden";
  case 404:
    return "Not Found";
  case 405:
    return "Method Not Allowed";
  case 406:
    return "Not Acceptable";
  case 409:
    return "Conflict";
  case 410:
    return "Gone";
  case 411:
    return "Length Required";
  case 412:
    return "Precondition Failed";
  case 413:
    return "Content Too Large";
  case 414:
    return "URI Too Long";
  case 415:
    return "Unsupported Media Type";
  case 422:
    return "Unprocessable Content";
  case 424:
    return "Failed Dependency";
  case 426:
    return "Upgrade Required";
  case 428:
    return "Precondition Required";
  case 429:
    return "Too Many Requests";
  case 431:
    return "Request Header Fields Too Large";
  case 500:
    return "Internal Server Error";
  case 503:
    return "Service Unavailable";
  default:
    return "Status";
  }
}

void append_answer_head(std::string& out, const response& answer, const answer_frame& frame) {
  out += "HTTP/1.1 ";
  append_number(out, answer.status);
  out += ' ';
  out += reason_of(answer.status);
  out += "\r\nServer: synclog\r\n";
  out += date_line();
  for (const auto& [name, value] : answer.headers) {
    out += name;
    out += ": ";
    append_value(out, value);
    out += "\r\n";
  }
  append_framing(out, frame);
  if (!frame.request_id.empty()) {
    out += "X-Request-Id: ";
    out += frame.request_id;
    out += "\r\n";
  }
  out += "X-Content-Type-Options: nosniff\r\n";
  if (frame.strict_transport) out += "Strict-Transport-Security: max-age=31536000\r\n";
  if (frame.closes)
    out += "Connection: close\r\n";
  else if (frame.says_keep_alive)
    out += "Connection: keep-alive\r\n";
  if (frame.varies_by_origin) out += "Vary: Origin\r\n";
  if (!frame.cors_origin.empty()) append_cors_headers(out, frame.cors_origin);
  if (frame.is_preflight) append_preflight_headers(out);
  out += "\r\n";
}

} // namespace synclog::http
