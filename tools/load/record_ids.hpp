// Which records there are to read: asked of the server before a run, blocking. One GET of a list.
#pragma once
#include "core/problem.hpp"
#include "tools/load/target_url.hpp"
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tools::load {

struct id_question {
  const target_url& url;
  const socket_address& address;
  std::string path;
  std::vector<std::string> headers;
  std::chrono::nanoseconds timeout;
};

// The ids of the list behind `path`. not_found when there is none, bad_request when the answer is no 200 with
// a list, database_unavailable when the server does not answer in time.
core::result<std::vector<std::string>> ask_ids(const id_question& question);

// The "id" of every object of a JSON array, or of the first array among an object's members ({"items":[…]});
// malformed when the text is neither. What may not stand in a path is escaped.
core::result<std::vector<std::string>> ids_in(std::string_view json);

} // namespace synclog::tools::load
