// The one place that maps problems to HTTP: status, title and the RFC 9457 body. Pure; any thread.
#pragma once
#include "core/problem.hpp"
#include "http/message.hpp"
#include <string>
#include <string_view>

namespace synclog::http {

unsigned status_of(core::problem_code code);
std::string_view title_of(core::problem_code code);

// {"type":"/problems/<code>","title":…,"status":…,"detail":…,"code":…} with `errors`, `current`, `line` and
// `column` where the problem has them.
std::string problem_body(const core::problem& problem);

// application/problem+json, with Retry-After on 429 and 503.
response to_response(const core::problem& problem);

} // namespace synclog::http
