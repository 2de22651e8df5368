// Which other web origins may call this server, and the headers that tell browsers so. The list is exact and
// never reflected: what is answered is the entry of our own list. Immutable after construction; any thread.
#pragma once
#include "core/problem.hpp"
#include <string>
#include <string_view>
#include <vector>

namespace synclog::http {

// "HTTPS://App.Example.org:443" → "https://app.example.org". bad_request unless it is scheme://host[:port] of
// http or https and nothing more.
core::result<std::string> normalize_origin(std::string_view origin);

class cors_policy {
 public:
  cors_policy() = default;
  // `origins` as given by --cors-origin. Throws std::invalid_argument naming a bad one.
  explicit cors_policy(const std::vector<std::string>& origins);

  bool empty() const { return origins_.empty(); }
  // The entry that equals `origin`; nullptr when it is not allowed. Lives as long as the policy.
  const std::string* find(std::string_view origin) const;

 private:
  std::vector<std::string> origins_;
};

// Appended to every answer that goes to an allowed origin.
void append_cors_headers(std::string& head, std::string_view allowed_origin);
// And these when it is a preflight.
void append_preflight_headers(std::string& head);

} // namespace synclog::http
