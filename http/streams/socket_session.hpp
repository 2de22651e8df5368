// One WebSocket: reads what the client asks, writes what its subscriptions show. Runs on the session's strand
// until either side ends it.
#pragma once
#include "http/message.hpp"
#include "http/services.hpp"
#include "http/taken_connection.hpp"
#include <boost/asio/awaitable.hpp>

namespace synclog::http::streams {

// The responder has become a stream. Returns when the socket is over; throws only system_error.
boost::asio::awaitable<void> run_socket(const services& with, const request& asked, responder& answer,
                                        taken_connection connection);

} // namespace synclog::http::streams
