// The X-Request-Id of a request: the client's own when it is sane, otherwise one that is unique across
// servers. Any thread.
#pragma once
#include <string>
#include <string_view>

namespace synclog::http {

// Sane = 1 to 128 visible ASCII characters: what goes to logs and headers as it is.
std::string choose_request_id(std::string_view from_client);

} // namespace synclog::http
