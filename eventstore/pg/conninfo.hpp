// Connection strings of libpq, taken apart and put together. Any thread.
#pragma once
#include <string>
#include <string_view>

namespace synclog::eventstore::pg {

// A value behind `keyword=`.
std::string quoted_conninfo_value(std::string_view text);

// The same place and login as `conninfo` (a URL or key=value words), every session as `role` from its
// beginning on, also after RESET ROLE. The server refuses the login when it is no member of the role. Throws
// unavailable when `conninfo` cannot be read.
std::string conninfo_as_role(const std::string& conninfo, const std::string& role);

} // namespace synclog::eventstore::pg
