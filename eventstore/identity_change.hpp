// The identity that an empty log takes over from an exported one: a step that only the log's owner may take,
// and so in a session of his own. In the session that writes, code of the service role may run (triggers of
// the read tables, functions on its search_path), and no way must lead from there to the owner. Blocking; one
// thread.
#pragma once
#include "core/ids.hpp"
#include "core/problem.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include <optional>
#include <string>

namespace synclog::eventstore {

class identity_change {
 public:
  // `owner` logged in as the owner, or as a member of it. The change is seen by everybody at once; the caller
  // has the head lock. forbidden: the login may not. Throws pg::query_failed (a lock that was not had within
  // ten seconds) and pg::unavailable.
  static core::result<identity_change> make(pg::plain_connection owner, const core::uuid& id);
  // Unless it was kept, the log, when it is still empty, gets its old identity back, under the head lock: the
  // caller's transaction has ended by then.
  ~identity_change();
  identity_change(identity_change&& other) noexcept;
  identity_change& operator=(identity_change&&) = delete;

  void keep() { before_.reset(); }

 private:
  identity_change(pg::plain_connection owner, std::string before)
      : owner_(std::move(owner)), before_(std::move(before)) {}
  pg::plain_connection owner_;
  std::optional<std::string> before_; // none: nothing is to be given back
};

} // namespace synclog::eventstore
