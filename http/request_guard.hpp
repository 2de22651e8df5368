// Keeps foreign web pages away from this server: which Host names it answers to (DNS rebinding), and whose
// Origin may call it (cross-site requests). Immutable after construction; any thread.
#pragma once
#include "core/problem.hpp"
#include "http/cors.hpp"
#include "http/message.hpp"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::http {

enum class auth_mode : std::uint8_t { none, token };
enum class scheme : std::uint8_t { http, https };

struct guard_options {
  std::vector<std::string> listen_hosts; // as given to --listen: "127.0.0.1", "::", "sync.lan"
  std::vector<std::string> public_urls;  // "https://sync.example.org": what a proxy in front may send
  std::vector<std::string> cors_origins;
  auth_mode auth = auth_mode::none;
  scheme speaks = scheme::http; // by itself, whatever a proxy in front does
};

// "example.org:8080" → host in lower case, without port and brackets; empty when it is no authority.
std::optional<std::string> host_of_authority(std::string_view authority);
// localhost, 127.0.0.0/8, ::1 and their IPv4-mapped forms.
bool is_loopback_host(std::string_view host);

class request_guard {
 public:
  // Throws std::invalid_argument naming a bad --public-url or --cors-origin.
  explicit request_guard(const guard_options& options);

  // `host` is the Host header, or the authority of an absolute-form target. Refusals are 403 `forbidden`: 421
  // would invite the browser to try again on another connection.
  std::optional<core::problem> check_host(std::string_view host) const;
  // Origin and Sec-Fetch-Site. Under auth none a foreign origin is refused on every method, because without
  // tokens the origin is all that tells a stranger's page from ours; `null` is always foreign.
  std::optional<core::problem> check_origin(const request& asked, std::string_view host) const;
  // For requests that are let in by a cookie: whatever changes something, and a WebSocket, must come from one
  // of our own pages, because browsers send cookies also for others.
  std::optional<core::problem> check_cookie_origin(const request& asked, std::string_view host) const;
  // Clients reach this host by https: the server speaks nothing else, or a proxy publishes it so.
  bool is_https(std::string_view host) const;
  // Browsers may be told to use https for this host alone from now on, on all its ports: the server speaks
  // it, and --public-url names the host so. Never a loopback name, which other programs share.
  bool is_strict(std::string_view host) const;
  // The allow-list entry for this Origin; nullptr when it gets no CORS headers.
  const std::string* cors_origin(std::string_view origin) const { return cors_.find(origin); }
  bool varies_by_origin() const { return !cors_.empty(); }

 private:
  bool is_published_by_https(std::string_view host) const;
  bool is_own_origin(std::string_view origin, std::string_view host) const;

  cors_policy cors_;
  std::vector<std::string> hosts_;          // lower case, beside the loopback ones
  std::vector<std::string> public_origins_; // normalized
  bool any_address_ = false;                // listens on a wildcard: every IP literal is one of ours
  auth_mode auth_;
  scheme speaks_;
};

} // namespace synclog::http
