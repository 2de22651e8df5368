// What the server answers to requests, as an OpenAPI 3.1 document: the routes of each entity, events, health.
// Made from the entity definitions, so a further entity appears by itself; /asyncapi.json describes the
// streams. Pure; any thread.
#pragma once
#include "core/entity.hpp"
#include <string>
#include <string_view>

namespace synclog::http {

std::string openapi_text(const core::catalog& entities, std::string_view server_version);

} // namespace synclog::http
