// What an Accept-Encoding allows (RFC 9110, 12.5.3). Pure.
#pragma once
#include <string_view>

namespace synclog::http {

// Whether `coding` ("gzip", "br") stands in the list by its own name and is not refused. An absent or empty
// list allows none, and `*` says nothing of one.
bool allows_coding(std::string_view accept_encoding, std::string_view coding);

} // namespace synclog::http
