// A handler that saves, in front of it the question whether the database keeps what it acknowledges: it costs
// a look at memory (log_watch), no query. The committer asks the same of each batch that a long request hands
// it. Removing a token or a session is not asked this.
#pragma once
#include "eventstore/committer.hpp"
#include "http/admin_services.hpp"
#include "http/log_watch.hpp"
#include "http/problem_response.hpp"
#include "http/router.hpp"
#include "http/services.hpp"

namespace synclog::http::handlers {

template <handler Run>
boost::asio::awaitable<void> when_durable(const services& with, const request& asked, responder& answer) {
  const bool looks = with.admin != nullptr && with.admin->watch != nullptr;
  if (looks && !with.admin->watch->is_durable()) {
    co_await answer.send(to_response(eventstore::not_durable_problem()));
    co_return;
  }
  co_await Run(with, asked, answer);
}

} // namespace synclog::http::handlers
