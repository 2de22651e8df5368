// The embedded files for browsers. Never waits for the database.
#pragma once
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::http::handlers {

// GET /client.js: the client library, revalidated by its ETag. 404 in a build without it.
boost::asio::awaitable<void> client_script(const services& with, const request& asked, responder& answer);
// GET /assets/{name}: a file under its hashed name, which never changes: kept for a year without asking.
boost::asio::awaitable<void> hashed_asset(const services& with, const request& asked, responder& answer);

} // namespace synclog::http::handlers
