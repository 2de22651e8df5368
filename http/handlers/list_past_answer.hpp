// GET /api/{entity}?at=…: a list as it was. On the session's strand.
#pragma once
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::http::handlers {

// All that a list takes and gives. Sync-Position is the moment asked for; a link to the next page names it by
// its cursor, so that all pages are of one moment. Precondition: `at` is given. Answers the request.
boost::asio::awaitable<void> answer_past_list(const services& with, const request& asked, responder& answer);

} // namespace synclog::http::handlers
