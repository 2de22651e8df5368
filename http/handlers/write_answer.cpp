// See write_answer.hpp.
#include "http/handlers/write_answer.hpp"
#include "http/handlers/records_common.hpp"
#include <fmt/format.h>

namespace synclog::http::handlers {

namespace {

response refusal(const core::problem& why, const eventstore::write_outcome& outcome) {
  auto made = problem_answer(why);
  add_outcome_headers(made, outcome);
  return made;
}

// Which of several refusals says most: its own reason, then absence, then having fallen with a neighbour.
int telling(const core::problem& why) {
  if (why.code == core::problem_code::aborted) return 0;
  return why.code == core::problem_code::not_found ? 1 : 2;
}

} // namespace

void add_outcome_headers(response& made, const eventstore::write_outcome& outcome) {
  made.headers.emplace_back("Sync-Position", core::to_string(outcome.at));
  if (outcome.replayed) made.headers.emplace_back("Idempotency-Replayed", "true");
}

response record_answer(const opened_write& opened, const eventstore::write_outcome& outcome) {
  const auto& item = outcome.items.front();
  if (item.error) return refusal(*item.error, outcome);
  const bool created = item.status == core::item_status::created;
  const bool minimal = opened.preferences.returned == return_preference::minimal;
  response made;
  constexpr std::size_t most_headers = 8;
  made.headers.reserve(most_headers);
  made.status = created ? 201 : minimal ? 204 : 200;
  if (!minimal) {
    made.headers.emplace_back("Content-Type", "application/json");
    made.body = item.doc;
  }
  made.headers.emplace_back("Location",
                            fmt::format("/api/{}/{}", opened.definition->name, percent_encoded(item.id)));
  made.headers.emplace_back("ETag", version_etag(item.version));
  if (const auto applied = opened.preferences.applied(false); !applied.empty())
    made.headers.emplace_back("Preference-Applied", applied);
  add_outcome_headers(made, outcome);
  add_common_headers(made);
  return made;
}

response removal_answer(const eventstore::write_outcome& outcome) {
  std::size_t count = 0;
  const core::problem* refused = nullptr;
  for (const auto& item : outcome.items) {
    if (!item.error) {
      ++count;
    } else if (refused == nullptr || telling(*item.error) > telling(*refused)) {
      refused = &*item.error;
    }
  }
  if (count == 0 && refused != nullptr) return refusal(*refused, outcome);
  auto made = json_response(
      200, fmt::format(R"({{"success":true,"count":{},"cursor":"{}"}})", count, core::to_string(outcome.at)));
  add_outcome_headers(made, outcome);
  return made;
}

} // namespace synclog::http::handlers
