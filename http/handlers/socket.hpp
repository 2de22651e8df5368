// GET /ws: the upgrade to a WebSocket. Runs on the session's strand until the socket is over.
#pragma once
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::http::handlers {

// 426 when the request is no upgrade to WebSocket 13, 400 when its key is none, 503 over the bound on
// streams.
boost::asio::awaitable<void> socket(const services& with, const request& asked, responder& answer);

} // namespace synclog::http::handlers
