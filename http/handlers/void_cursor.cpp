// See void_cursor.hpp.
#include "http/handlers/void_cursor.hpp"
#include "http/handlers/records_common.hpp"
#include <fmt/format.h>

namespace synclog::http::handlers {

response void_cursor_answer(std::string_view parameter, streams::start_check check,
                            const core::cursor& head) {
  const auto text = core::to_string(head);
  const bool beyond = check == streams::start_check::beyond_head;
  const auto* why = beyond ? "the log does not reach this cursor" : "this cursor belongs to another history";
  auto made = problem_answer(core::make_problem(core::problem_code::bad_request, why));
  made.body = fmt::format(R"({{"type":"/problems/{0}","title":"The cursor is void","status":400,)"
                          R"("detail":"{1}: {2}: reload, and go on from {3}","code":"{0}"}})",
                          streams::to_string(check), parameter, why, text);
  made.headers.emplace_back("Sync-Position", text);
  return made;
}

} // namespace synclog::http::handlers
