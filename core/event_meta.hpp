// What an event's meta says. Pure; any thread.
#pragma once
#include <string_view>

namespace synclog::core {

// The actor's JSON token as it stands in the meta, a view into it; "null" when there is none.
std::string_view actor_token(std::string_view meta);

} // namespace synclog::core
