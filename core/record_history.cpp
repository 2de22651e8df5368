// See record_history.hpp.
#include "core/record_history.hpp"
#include "core/event_meta.hpp"
#include "core/json.hpp"
#include <fmt/format.h>
#include <iterator>
#include <utility>

namespace synclog::core {

namespace {

void append_branch(std::string& out, std::string_view name, std::string_view branch) {
  out += name;
  if (branch.empty())
    out += "null";
  else
    json::append_string(out, branch);
}

} // namespace

void append_history_item(std::string& out, const history_item& item) {
  fmt::format_to(std::back_inserter(out), R"({{"version":{},"position":{},"action":"{}")", item.version,
                 item.position.value, to_string(item.action));
  if (!item.actor.empty()) out.append(R"(,"actor":)").append(item.actor);
  out += R"(,"recorded_at":")";
  append_rfc3339(out, item.recorded_at);
  append_branch(out, R"(","branch":)", item.branch);
  if (item.previous_branch) append_branch(out, R"(,"previous_branch":)", *item.previous_branch);
  if (item.erased) out += R"(,"erased":true)";
  out += R"(,"changes":)";
  append_changes(out, item.changes);
  out.push_back('}');
}

std::optional<history_item> record_history::take(const event& next) {
  const std::string_view before = next.previous_branch ? std::string_view(*next.previous_branch) : "";
  const event_keys keys{next.entity, next.record_id, next.action,
                        next.branch, before,         next.previous_branch.has_value()};
  const auto verdict = apply(filter_, keys);
  const std::string former = std::exchange(doc_, {});
  if (verdict == filter_verdict::hide) return std::nullopt;
  history_item item;
  item.version = next.version;
  item.position = next.position;
  item.recorded_at = next.recorded_at;
  if (verdict == filter_verdict::show_as_left) {
    item.action = event_action::deleted;
    item.branch = *next.previous_branch;
    return item;
  }
  item.action = next.action;
  item.actor = actor_token(next.meta);
  item.branch = next.branch;
  if (verdict == filter_verdict::show) item.previous_branch = next.previous_branch;
  item.erased = next.data == "null";
  if (item.erased || next.action == event_action::deleted) return item;
  item.changes = differences(former, next.data);
  doc_ = next.data;
  return item;
}

} // namespace synclog::core
