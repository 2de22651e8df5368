// Where load is sent: an http URL taken apart, and the address behind its name. Called before a run,
// blocking.
#pragma once
#include "core/problem.hpp"
#include <cstdint>
#include <string>
#include <string_view>
#include <sys/socket.h>

namespace synclog::tools::load {

struct target_url {
  std::string host; // without brackets
  std::uint16_t port = 80;
  std::string prefix;            // "" or "/base", without a slash at the end
  std::string authority() const; // for the Host header
};

// "http://host[:port][/base]"; bad_request says what is wrong and what is right.
core::result<target_url> parse_url(std::string_view text);

struct socket_address {
  sockaddr_storage bytes{};
  socklen_t length = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&bytes); }
  bool is_loopback() const;
  std::string text() const; // "127.0.0.1"
};

// The first address that the name has; not_found with the resolver's words.
core::result<socket_address> resolve(const target_url& url);

} // namespace synclog::tools::load
