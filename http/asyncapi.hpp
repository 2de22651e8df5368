// What the server sends and takes as events, as an AsyncAPI 3.0 document: the stream of all events, a live
// query for each entity, and the socket. Made from the entity definitions, so a further entity appears by
// itself. Pure; any thread.
#pragma once
#include "core/entity.hpp"
#include <string>
#include <string_view>

namespace synclog::http {

std::string asyncapi_text(const core::catalog& entities, std::string_view server_version);

} // namespace synclog::http
