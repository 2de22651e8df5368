// The only place that includes RapidJSON's headers, so that every translation unit sees them under the same
// macros. Private to core/json*: its assertions throw instead of aborting, because input must never end the
// process.
#pragma once
#include <stdexcept>

namespace synclog::core::json {

struct rapidjson_assertion : std::logic_error {
  using std::logic_error::logic_error;
};

} // namespace synclog::core::json

#define RAPIDJSON_ASSERT(condition)                                                                          \
  ((condition) ? static_cast<void>(0) : throw ::synclog::core::json::rapidjson_assertion(#condition))

#include <rapidjson/error/en.h>
#include <rapidjson/reader.h>
