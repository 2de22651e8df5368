// One WebSocket after its upgrade: reads what the client asks, writes what its subscriptions show. A stream
// that rests; see resting_stream for who calls it where.
#pragma once
#include "http/message.hpp"
#include "http/services.hpp"
#include "http/taken_connection.hpp"
#include <memory>

namespace synclog::http::streams {

// `answer` has been taken over, and the 101 has gone out. `asked` is not needed afterwards.
std::unique_ptr<resting_stream> make_socket(const services& with, const request& asked, responder& answer,
                                            taken_connection connection);

} // namespace synclog::http::streams
