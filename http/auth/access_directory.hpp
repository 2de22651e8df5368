// Whom this server knows: tokens and sessions that were shown lately, held by the hash of their secret, and
// asked for again each second and whenever somebody lost access (NOTIFY), so that a revoked or expired one
// ends on every server of the database within seconds, with its streams. Bounded; any thread.
#pragma once
#include "core/token.hpp"
#include "eventstore/pg/pool.hpp"
#include "http/auth/credentials.hpp"
#include "http/auth/grant.hpp"
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

namespace synclog::http::auth {

struct directory_options {
  std::chrono::milliseconds poll_interval{1'000};
  // Somebody who was not confirmed for so long is looked up anew, so when the database is away nobody is let
  // in.
  std::chrono::milliseconds trusted_for{4'000};
  std::chrono::milliseconds lookup_patience{3'000};
  std::chrono::seconds kept_idle{60};
  std::size_t max_known = 20'000; // beyond it, when all of them are in use: overloaded
  // Credentials looked up at once, a quarter of them kept for tickets and for those known before: strangers
  // must not keep the database busy, nor those who may come in outside.
  std::size_t max_lookups = 64;
};

class access_directory {
 public:
  // `reads`: whom it does not know. `writes`: tickets are used up, and those it knows are confirmed, which
  // must not wait behind long reads.
  access_directory(boost::asio::any_io_executor executor, eventstore::pg::pool& reads,
                   eventstore::pg::pool& writes, directory_options options = {});
  ~access_directory();
  access_directory(const access_directory&) = delete;
  access_directory& operator=(const access_directory&) = delete;

  // `on_ended`: some grants have ended; called on any thread, until stop() is done.
  void start(std::function<void()> on_ended);
  boost::asio::awaitable<void> stop();
  // "Somebody lost access."
  void hint();

  // Whose secret this is. A ticket is used up. unauthorized; overloaded. Throws pg::unavailable.
  boost::asio::awaitable<core::result<grant_ptr>> find(credential shown);
  // Here and now; other servers hear of it by themselves.
  void end_session(std::string_view session_id);
  void end_token(std::string_view token_id);

  struct statistics {
    std::size_t known = 0;
    std::uint64_t lookups = 0, ended = 0, failed_polls = 0;
  };
  statistics stats() const;

 private:
  struct impl;
  std::shared_ptr<impl> impl_;
};

} // namespace synclog::http::auth
