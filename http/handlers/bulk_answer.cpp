// See bulk_answer.hpp.
#include "http/handlers/bulk_answer.hpp"
#include "core/json.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/write_answer.hpp"
#include <fmt/format.h>
#include <iterator>

namespace synclog::http::handlers {

namespace {

struct tally {
  std::size_t created = 0, updated = 0, unchanged = 0, rejected = 0, aborted = 0;

  std::size_t accepted() const { return created + updated + unchanged; }
};

bool fell_with_neighbours(const core::item_outcome& item) {
  return item.error && item.error->code == core::problem_code::aborted;
}

tally count_items(const eventstore::write_outcome& outcome) {
  tally made;
  for (const auto& item : outcome.items) {
    if (fell_with_neighbours(item)) {
      ++made.aborted;
    } else if (item.error) {
      ++made.rejected;
    } else if (item.status == core::item_status::created) {
      ++made.created;
    } else if (item.status == core::item_status::unchanged) {
      ++made.unchanged;
    } else {
      ++made.updated;
    }
  }
  return made;
}

unsigned status_of(const tally& counted) {
  if (counted.rejected == 0 && counted.aborted == 0) return 200;
  return counted.accepted() == 0 ? 422 : 207;
}

void append_errors(std::string& out, const core::problem& why) {
  out += R"(,"errors":[)";
  const core::field_error whole{"", why.detail};
  const std::span<const core::field_error> errors =
      why.errors.empty() ? std::span(&whole, 1) : std::span<const core::field_error>(why.errors);
  for (std::size_t index = 0; index < errors.size(); ++index) {
    out += index == 0 ? R"({"pointer":)" : R"(,{"pointer":)";
    core::json::append_string(out, errors[index].pointer);
    out += R"(,"detail":)";
    core::json::append_string(out, errors[index].detail);
    out.push_back('}');
  }
  out.push_back(']');
}

void append_refusal(std::string& out, const core::problem& why, std::uint64_t line) {
  if (line != 0) fmt::format_to(std::back_inserter(out), R"(,"line":{})", line);
  if (why.place && why.place->column != 0)
    fmt::format_to(std::back_inserter(out), R"(,"column":{})", why.place->column);
  fmt::format_to(std::back_inserter(out), R"(,"code":"{}")", core::to_string(why.code));
  append_errors(out, why);
  if (!why.current.empty()) {
    out += R"(,"current":)";
    out += why.current;
  }
}

void append_item(std::string& out, const core::item_outcome& item, std::size_t index, std::uint64_t line,
                 bool with_record) {
  fmt::format_to(std::back_inserter(out), R"({{"index":{})", index);
  if (!item.id.empty()) {
    out += R"(,"id":)";
    core::json::append_string(out, item.id);
  }
  const auto status = fell_with_neighbours(item) ? "aborted"
                      : item.error               ? "rejected"
                                                 : core::to_string(item.status);
  fmt::format_to(std::back_inserter(out), R"(,"status":"{}")", status);
  if (item.error) {
    append_refusal(out, *item.error, line);
  } else {
    fmt::format_to(std::back_inserter(out), R"(,"version":{})", item.version);
    if (with_record) {
      out += R"(,"record":)";
      out += item.doc;
    }
  }
  out.push_back('}');
}

} // namespace

response bulk_answer(const opened_write& opened, const eventstore::write_outcome& outcome,
                     std::span<const std::uint64_t> lines) {
  constexpr std::size_t usual_result_bytes = 96;
  const auto counted = count_items(outcome);
  const auto status = status_of(counted);
  std::string body;
  body.reserve(256 + outcome.items.size() * usual_result_bytes);
  fmt::format_to(std::back_inserter(body),
                 R"({{"success":{},"count":{},"created":{},"updated":{},"unchanged":{},"rejected":{})",
                 status != 422, counted.accepted(), counted.created, counted.updated, counted.unchanged,
                 counted.rejected);
  if (counted.aborted != 0) fmt::format_to(std::back_inserter(body), R"(,"aborted":{})", counted.aborted);
  if (opened.dry_run) body += R"(,"dry_run":true)";
  fmt::format_to(std::back_inserter(body), R"(,"cursor":"{}","results":[)", core::to_string(outcome.at));
  const bool with_record = opened.preferences.returned == return_preference::representation;
  for (std::size_t index = 0; index < outcome.items.size(); ++index) {
    if (index != 0) body.push_back(',');
    append_item(body, outcome.items[index], index, index < lines.size() ? lines[index] : 0, with_record);
  }
  body += "]}";
  auto made = json_response(status, std::move(body));
  if (const auto applied = opened.preferences.applied(true); !applied.empty())
    made.headers.emplace_back("Preference-Applied", applied);
  add_outcome_headers(made, outcome);
  return made;
}

} // namespace synclog::http::handlers
