// Every route of the server: one table.
#pragma once
#include "http/router.hpp"
#include <span>

namespace synclog::http {

std::span<const route> all_routes();

} // namespace synclog::http
