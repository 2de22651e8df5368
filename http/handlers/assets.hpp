// The embedded files for browsers. Never waits for the database.
#pragma once
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::http::handlers {

// GET of a path that an embedded file is served at: /client.js, /docs, /sw.js, /assets/{name}. Pages and the
// worker come with a policy that lets them load from this server alone. 404 in a build without the file.
boost::asio::awaitable<void> embedded_file(const services& with, const request& asked, responder& answer);
// GET /: the console. Who accepts text/plain and names no HTML, and everybody in a build without it, gets
// a list of what there is.
boost::asio::awaitable<void> front_page(const services& with, const request& asked, responder& answer);

} // namespace synclog::http::handlers
