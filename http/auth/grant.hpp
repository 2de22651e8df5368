// What a caller was let in with. Shared by the directory that watches it, the request, and the stream that
// the request became. Any thread.
#pragma once
#include "core/clock.hpp"
#include "core/scope.hpp"
#include <atomic>
#include <limits>
#include <memory>
#include <string>

namespace synclog::http::auth {

struct grant {
  core::scope caller;
  std::string token_id;
  std::string session_id; // "" = the token itself was shown
  core::timestamp expires_at{std::numeric_limits<std::int64_t>::max()};
  mutable std::atomic<bool> revoked{false};

  bool ended() const { return revoked.load(std::memory_order_relaxed) || core::now() >= expires_at; }
  bool never_expires() const { return expires_at.micros == std::numeric_limits<std::int64_t>::max(); }
};
using grant_ptr = std::shared_ptr<const grant>;

} // namespace synclog::http::auth
