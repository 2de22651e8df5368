// From what a request shows to who asks, and whether its role may ask this route. Any thread.
#pragma once
#include "http/auth/access_directory.hpp"
#include "http/session_context.hpp"

namespace synclog::http::auth {

// `directory` outlives it.
authenticator make_authenticator(access_directory& directory);

// forbidden, with what the role lacks.
std::optional<core::problem> refuse_role(const core::scope& caller, access wanted);

} // namespace synclog::http::auth
