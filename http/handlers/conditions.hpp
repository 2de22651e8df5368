// Conditional requests: If-Match and If-None-Match on writes, If-None-Match on reads (RFC 9110, 13). Pure;
// any thread.
#pragma once
#include "core/problem.hpp"
#include "http/message.hpp"
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace synclog::http::handlers {

struct write_conditions {
  std::optional<std::int64_t> expected_version; // If-Match: "3"; -1 for a tag that no record of ours ever has
  bool must_exist = false;                      // If-Match: *
  bool create_only = false;                     // If-None-Match: *

  bool any() const { return expected_version || must_exist || create_only; }
};

// bad_request: a weak tag (a proxy that compresses makes one: it cannot prove equality), several tags, or
// If-None-Match with anything but *.
core::result<write_conditions> read_write_conditions(const request& asked);

// True when If-None-Match names `etag` (weak comparison) or is *: answer 304.
bool not_modified(const request& asked, std::string_view etag);

// "7", with its quotes.
std::string version_etag(std::int64_t version);

} // namespace synclog::http::handlers
