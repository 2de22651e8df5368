// /api/session: who am I, signing in and out by cookie; POST /api/tickets: a way into /ws without a header.
#pragma once
#include "http/router.hpp"

namespace synclog::http::handlers {

boost::asio::awaitable<void> show_session(const services& with, const request& asked, responder& answer);
boost::asio::awaitable<void> open_session(const services& with, const request& asked, responder& answer);
boost::asio::awaitable<void> close_session(const services& with, const request& asked, responder& answer);
boost::asio::awaitable<void> issue_ticket(const services& with, const request& asked, responder& answer);

} // namespace synclog::http::handlers
