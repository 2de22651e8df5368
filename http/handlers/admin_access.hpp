// /api/admin/tokens and /api/admin/sessions, for admins.
#pragma once
#include "http/router.hpp"

namespace synclog::http::handlers {

boost::asio::awaitable<void> list_tokens(const services& with, const request& asked, responder& answer);
boost::asio::awaitable<void> create_token(const services& with, const request& asked, responder& answer);
boost::asio::awaitable<void> revoke_token(const services& with, const request& asked, responder& answer);
boost::asio::awaitable<void> list_sessions(const services& with, const request& asked, responder& answer);
boost::asio::awaitable<void> end_session(const services& with, const request& asked, responder& answer);

} // namespace synclog::http::handlers
