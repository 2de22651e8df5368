// See event_meta.hpp.
#include "core/event_meta.hpp"
#include "core/json.hpp"
#include <vector>

namespace synclog::core {

std::string_view actor_token(std::string_view meta) {
  thread_local std::vector<json::slice> members;
  if (json::split_object(meta, members))
    for (const json::slice& member : members)
      if (member.name == "actor") return member.value;
  return "null";
}

} // namespace synclog::core
