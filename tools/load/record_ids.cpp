// See record_ids.hpp.
#include "tools/load/record_ids.hpp"

#include "core/json.hpp"
#include "tools/load/load_plan.hpp"
#include "tools/load/response_reader.hpp"
#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

namespace synclog::tools::load {

namespace {

using core::problem_code;

constexpr std::size_t max_list_bytes = 64u << 20;
constexpr std::size_t shown_bytes = 300;

class descriptor {
 public:
  explicit descriptor(int fd) : fd_(fd) {}
  ~descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  descriptor(const descriptor&) = delete;
  descriptor& operator=(const descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// Until the socket is ready for `what`; false when it is not by `until`.
bool ready(int socket, short what, std::int64_t until) {
  const auto left_ms = (until - now_ns()) / 1'000'000;
  pollfd wanted{socket, what, 0};
  return left_ms > 0 && poll(&wanted, 1, static_cast<int>(left_ms)) > 0;
}

core::problem silent(std::string_view how) {
  return core::make_problem(problem_code::database_unavailable,
                            fmt::format("asking for records to read: {}", how));
}

std::string path_segment(std::string_view id) {
  std::string out;
  for (const char c : id) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '_' || c == '.' || c == '~';
    if (plain)
      out.push_back(c);
    else
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

} // namespace

core::result<std::vector<std::string>> ids_in(std::string_view text) {
  const auto parsed = core::json::parse(text);
  if (!parsed) return parsed.error();
  const core::json::value* list = &parsed->root();
  if (list->kind == core::json::kind::object) {
    for (const auto& member : list->members()) {
      if (member.value.kind == core::json::kind::array) {
        list = &member.value;
        break;
      }
    }
  }
  if (list->kind != core::json::kind::array)
    return core::make_problem(problem_code::malformed, "the answer holds no JSON array");
  std::vector<std::string> ids;
  for (const auto& item : list->items()) {
    const auto* id = item.find("id");
    const bool usable = id != nullptr && !id->text.empty() &&
                        (id->kind == core::json::kind::string || id->kind == core::json::kind::number);
    if (usable) ids.push_back(path_segment(id->text));
  }
  return ids;
}

core::result<std::vector<std::string>> ask_ids(const id_question& question) {
  const auto until = now_ns() + question.timeout.count();
  const descriptor connection(
      socket(question.address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (connect(connection.get(), question.address.get(), question.address.length) != 0 && errno != EINPROGRESS)
    return silent(std::strerror(errno));
  std::string request = fmt::format("GET {}{} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n",
                                    question.url.prefix, question.path, question.url.authority());
  for (const auto& header : question.headers)
    request += header + "\r\n";
  request += "\r\n";
  if (!ready(connection.get(), POLLOUT, until)) return silent("cannot connect in time");
  const auto sent = ::send(connection.get(), request.data(), request.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(request.size())) return silent(std::strerror(errno));
  response_reader reader;
  std::string body;
  std::array<char, 64u << 10> piece{};
  while (!reader.done()) {
    if (!ready(connection.get(), POLLIN, until)) return silent("no answer in time");
    const auto got = recv(connection.get(), piece.data(), piece.size(), 0);
    if (got < 0) return silent(std::strerror(errno));
    if (got == 0) {
      reader.end_of_stream();
      if (!reader.done()) return silent("the server closed the connection");
    }
    std::string_view left(piece.data(), static_cast<std::size_t>(got));
    while (!left.empty() && !reader.done()) {
      const auto step = reader.take(left);
      if (reader.broken() || body.size() > max_list_bytes)
        return silent("the answer is no HTTP, or too long");
      body.append(step.body);
      left.remove_prefix(step.used);
    }
  }
  if (reader.status() != 200)
    return core::make_problem(problem_code::database_unavailable,
                              fmt::format("GET {} for records to read: {} {}", question.path, reader.status(),
                                          body.substr(0, shown_bytes)));
  auto ids = ids_in(body);
  if (!ids)
    return core::make_problem(problem_code::malformed, fmt::format("GET {} for records to read: {}",
                                                                   question.path, ids.error().detail));
  if (ids && ids->empty())
    return core::make_problem(
        problem_code::not_found,
        fmt::format("GET {} lists no record to read: run `synclog bench write` first", question.path));
  return ids;
}

} // namespace synclog::tools::load
