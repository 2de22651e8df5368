// GET /api/{entity}: the list as JSON array, NDJSON or CSV. Without limit all rows, page by page in constant
// memory; with a limit one page of answer and a link to the next. Runs on the session's strand.
#pragma once
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::http::handlers {

boost::asio::awaitable<void> answer_list(const services& with, const request& asked, responder& answer);

} // namespace synclog::http::handlers
