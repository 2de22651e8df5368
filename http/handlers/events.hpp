// GET /api/events: a page of the log as JSON or as a CloudEvents batch, or the live stream as SSE, chosen by
// Accept. Runs on the session's strand; database errors and a lost client pass through as exceptions.
#pragma once
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::http::handlers {

boost::asio::awaitable<void> events(const services& with, const request& asked, responder& answer);

} // namespace synclog::http::handlers
