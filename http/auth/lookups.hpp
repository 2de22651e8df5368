// The credentials that the database is being asked about: each of them once, however many requests show it,
// and not too many at a time. Any thread.
#pragma once
#include "core/problem.hpp"
#include "http/auth/grant.hpp"
#include <boost/asio/awaitable.hpp>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

namespace synclog::http::auth {

class lookups {
 public:
  // `most` at once; a quarter of them is kept for those who are likely to be let in.
  explicit lookups(std::size_t most) : most_(most) {}

  struct outcome {
    std::exception_ptr failed; // thrown by the look-up
    std::optional<core::result<grant_ptr>> found;
  };
  class lookup;
  struct turn {
    std::shared_ptr<lookup> of; // null: there are too many
    bool asks = false;          // the caller asks, and must tell what came of it; otherwise it waits for that
  };
  // `key` "" = shared with nobody, as a ticket is, which is good for one. `likely`: it was known before, or
  // is a ticket.
  turn begin(const std::string& key, bool likely);
  void end(const std::string& key, lookup& one, const outcome& came);
  // As long as the one who asks waits for the database, which is bounded.
  boost::asio::awaitable<outcome> wait(std::shared_ptr<lookup> one);

 private:
  const std::size_t most_;
  std::mutex mutex_; // guards what follows, and the look-ups
  std::unordered_map<std::string, std::shared_ptr<lookup>> by_key_;
  std::size_t unshared_ = 0;
};

} // namespace synclog::http::auth
