// Host and Origin checks.
#include "http/request_guard.hpp"
#include "http/ascii.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdexcept>

namespace synclog::http {
namespace {

bool all_digits(std::string_view text) {
  return std::all_of(text.begin(), text.end(), is_digit);
}

bool is_name_character(char c) {
  return is_alphanumeric(c) || c == '-' || c == '.' || c == '_';
}

bool is_address(const std::string& host) {
  in6_addr six{};
  in_addr four{};
  return inet_pton(AF_INET, host.c_str(), &four) == 1 || inet_pton(AF_INET6, host.c_str(), &six) == 1;
}

core::problem forbidden(std::string detail) {
  return core::make_problem(core::problem_code::forbidden, std::move(detail));
}

bool is_safe(method verb) {
  return verb == method::get || verb == method::head || verb == method::options;
}

} // namespace

std::optional<std::string> host_of_authority(std::string_view authority) {
  if (authority.empty()) return std::nullopt;
  std::string_view host, rest;
  if (authority.front() == '[') {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    host = authority.substr(1, end - 1);
    rest = authority.substr(end + 1);
    in6_addr six{};
    if (inet_pton(AF_INET6, std::string(host).c_str(), &six) != 1) return std::nullopt;
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    host = authority.substr(0, colon);
    rest = authority.substr(colon);
    if (host.empty() || !std::all_of(host.begin(), host.end(), is_name_character)) return std::nullopt;
  }
  if (!rest.empty() && (rest.front() != ':' || rest.size() > 6 || !all_digits(rest.substr(1))))
    return std::nullopt;
  return lower_case(host);
}

bool is_loopback_host(std::string_view host) {
  if (lower_case(host) == "localhost") return true;
  const std::string text(host);
  in_addr four{};
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  in6_addr six{};
  if (inet_pton(AF_INET6, text.c_str(), &six) != 1) return false;
  if (IN6_IS_ADDR_V4MAPPED(&six)) return six.s6_addr[12] == 127;
  return IN6_IS_ADDR_LOOPBACK(&six);
}

request_guard::request_guard(const guard_options& options)
    : cors_(options.cors_origins), auth_(options.auth), speaks_(options.speaks) {
  for (const std::string& host : options.listen_hosts) {
    if (host.empty() || host == "0.0.0.0" || host == "::" || host == "*")
      any_address_ = true;
    else
      hosts_.push_back(lower_case(host));
  }
  for (const std::string& url : options.public_urls) {
    const std::size_t scheme = url.find("://");
    const std::size_t path = scheme == std::string::npos ? scheme : url.find('/', scheme + 3);
    const auto origin = normalize_origin(url.substr(0, path));
    if (!origin) throw std::invalid_argument("--public-url: " + origin.error().detail);
    const auto host = host_of_authority(std::string_view(*origin).substr(origin->find("://") + 3));
    if (!host) throw std::invalid_argument("--public-url: '" + url + "' names no host");
    public_origins_.push_back(*origin);
    hosts_.push_back(*host);
  }
}

std::optional<core::problem> request_guard::check_host(std::string_view authority) const {
  const auto host = host_of_authority(authority);
  if (!host) return core::make_problem(core::problem_code::bad_request, "the Host header names no host");
  if (is_loopback_host(*host)) return std::nullopt;
  if (std::find(hosts_.begin(), hosts_.end(), *host) != hosts_.end()) return std::nullopt;
  // A name can be made to point here by anybody (DNS rebinding); an address cannot.
  if (any_address_ && is_address(*host)) return std::nullopt;
  return forbidden("this server does not answer to the host '" + *host +
                   "': start it with --public-url to name the hosts that it may be called by");
}

bool request_guard::is_own_origin(std::string_view origin, std::string_view host) const {
  const auto normal = normalize_origin(origin);
  if (!normal) return false;
  if (std::find(public_origins_.begin(), public_origins_.end(), *normal) != public_origins_.end())
    return true;
  const auto own = normalize_origin((speaks_ == scheme::https ? "https://" : "http://") + std::string(host));
  return own && *own == *normal;
}

bool request_guard::is_https(std::string_view host) const {
  return speaks_ == scheme::https || is_published_by_https(host);
}

bool request_guard::is_strict(std::string_view host) const {
  if (speaks_ != scheme::https || !is_published_by_https(host)) return false;
  const auto name = host_of_authority(host);
  return name && !is_loopback_host(*name);
}

bool request_guard::is_published_by_https(std::string_view host) const {
  if (public_origins_.empty()) return false;
  const auto origin = normalize_origin("https://" + std::string(host));
  return origin &&
         std::find(public_origins_.begin(), public_origins_.end(), *origin) != public_origins_.end();
}

std::optional<core::problem> request_guard::check_cookie_origin(const request& asked,
                                                                std::string_view host) const {
  if (is_safe(asked.method) && asked.path != "/ws") return std::nullopt;
  if (const auto origin = asked.header("origin"); !origin.empty() && is_own_origin(origin, host))
    return std::nullopt;
  return forbidden("a session's cookie is good for this server's own pages only: others send a bearer token");
}

std::optional<core::problem> request_guard::check_origin(const request& asked, std::string_view host) const {
  if (auth_ != auth_mode::none) return std::nullopt;
  const std::string_view origin = asked.header("origin");
  if (!origin.empty()) {
    if (cors_.find(origin) != nullptr || is_own_origin(origin, host)) return std::nullopt;
    return forbidden(
        "pages of this origin may not call the server: start it with --cors-origin to allow one");
  }
  const std::string_view site = asked.header("sec-fetch-site");
  if (site.empty() || site == "same-origin" || site == "none") return std::nullopt;
  // A browser on behalf of another site, without saying which: only following a link is fine.
  const bool link = is_safe(asked.method) && asked.header("sec-fetch-mode") == "navigate" &&
                    asked.header("sec-fetch-dest") == "document";
  if (link) return std::nullopt;
  return forbidden("pages of other sites may not call the server");
}

} // namespace synclog::http
