// Finds the handler of a request. The table itself is data (http/routes.cpp); this is the matching.
// Immutable after construction; any thread.
#pragma once
#include "http/message.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::http {

struct services;

using handler = boost::asio::awaitable<void> (*)(const services&, const request&, responder&);

// Who may: everybody, whoever has a token, those of all branches, who writes, who audits (or administers),
// who administers; the last two of all branches.
enum class access : std::uint8_t { none, read, read_whole, write, audit, admin };

// Whether a handler waits for something (the database, a stream). Answers of quick ones may share a system
// call with their pipelined neighbours.
enum class pace : std::uint8_t { waits, quick };

// Bit n = the n-th value of http::method.
using method_set = std::uint8_t;
constexpr method_set only(method verb) {
  return static_cast<method_set>(1u << static_cast<unsigned>(verb));
}
template <class... Methods>
constexpr method_set any_of(Methods... verbs) {
  return static_cast<method_set>((only(verbs) | ...));
}

// GET routes answer HEAD too. Several rows may share a pattern with different methods.
struct route {
  method_set methods = 0;
  std::string_view pattern; // "/api/{entity}/{id}": {…} matches one non-empty segment
  handler run = nullptr;
  http::access access = http::access::read;
  http::pace pace = http::pace::waits;
};

std::string_view to_string(method verb);

class router {
 public:
  // `table` must outlive the router (it is static data).
  explicit router(std::span<const route> table);

  struct match {
    const route* found = nullptr;
    std::size_t index = 0;  // into the table
    method_set allowed = 0; // of all rows whose pattern fits: empty = unknown path
  };
  // {entity} never matches a reserved name (events, session, tickets, admin): those have rows of their own or
  // do not exist.
  match find(const std::vector<std::string>& segments, method verb) const;

  std::span<const route> table() const { return table_; }

 private:
  struct compiled {
    std::vector<std::string_view> parts;
  };
  bool fits(const compiled& pattern, const std::vector<std::string>& segments) const;

  std::span<const route> table_;
  std::vector<compiled> compiled_;
};

// "GET, HEAD, OPTIONS": the Allow header of a path.
std::string allow_header(method_set allowed);

} // namespace synclog::http
