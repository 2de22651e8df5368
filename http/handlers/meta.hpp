// What the server says about itself: the list at /, health, version, metrics and its event channels. Never
// waits for the database.
#pragma once
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::http::handlers {

// GET / for who takes no HTML: where to go from here, as text.
boost::asio::awaitable<void> index(const services& with, const request& asked, responder& answer);
// GET /livez: the process runs.
boost::asio::awaitable<void> livez(const services& with, const request& asked, responder& answer);
// GET /readyz: 200 when it can serve reads and writes, else 503; ?verbose says what is missing, as JSON.
boost::asio::awaitable<void> readyz(const services& with, const request& asked, responder& answer);
// GET /version
boost::asio::awaitable<void> version(const services& with, const request& asked, responder& answer);
// GET /asyncapi.json: the event channels (http/asyncapi.hpp), with a tag for revalidation.
boost::asio::awaitable<void> asyncapi(const services& with, const request& asked, responder& answer);
// GET /openapi.json: requests and answers (http/openapi.hpp), likewise.
boost::asio::awaitable<void> openapi(const services& with, const request& asked, responder& answer);
// GET /metrics: Prometheus text.
boost::asio::awaitable<void> metrics_text(const services& with, const request& asked, responder& answer);

} // namespace synclog::http::handlers
