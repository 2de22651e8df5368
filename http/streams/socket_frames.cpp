// See socket_frames.hpp.
#include "http/streams/socket_frames.hpp"
#include "core/json.hpp"
#include <algorithm>
#include <array>
#include <fmt/format.h>
#include <fmt/ranges.h>

namespace synclog::http::streams {

namespace json = core::json;

namespace {

constexpr std::size_t max_values = 1'000; // in one list of a frame
constexpr std::size_t max_value_bytes = 1'020;
constexpr std::size_t max_name_bytes = 64;

core::problem refuse(std::string detail) {
  return core::make_problem(core::problem_code::bad_request, std::move(detail));
}

using text_list = std::optional<std::vector<std::string>>;

// A string, or an array of strings; null and absent are no value.
core::result<text_list> read_list(const json::value& frame, std::string_view name) {
  const auto* found = frame.find(name);
  if (found == nullptr || found->kind == json::kind::null) return text_list();
  std::vector<std::string> values;
  const auto add = [&values](const json::value& one) {
    if (one.kind != json::kind::string || one.text.size() > max_value_bytes) return false;
    values.emplace_back(one.text);
    return true;
  };
  bool good = true;
  if (found->kind == json::kind::array) {
    good = found->count <= max_values;
    for (const auto& item : found->items())
      good = good && add(item);
  } else {
    good = add(*found);
  }
  if (!good)
    return refuse(fmt::format("{} is a string or a list of at most {} strings of at most {} bytes", name,
                              max_values, max_value_bytes));
  return text_list(std::move(values));
}

core::result<std::string> read_name(const json::value& frame) {
  const auto* found = frame.find("subscription");
  if (found == nullptr || found->kind == json::kind::null) return std::string();
  if (found->kind != json::kind::string || found->text.size() > max_name_bytes)
    return refuse(fmt::format("subscription is a name of at most {} bytes", max_name_bytes));
  return std::string(found->text);
}

// A typo must not give everything: members that nobody knows are refused.
std::optional<core::problem> refuse_unknown_members(const json::value& frame,
                                                    std::span<const std::string_view> known) {
  for (const auto& member : frame.members())
    if (std::find(known.begin(), known.end(), member.name) == known.end())
      return refuse(fmt::format("unknown member '{}'; known: {}", member.name, fmt::join(known, ", ")));
  return std::nullopt;
}

// A filter of no values: a page whose list of branches is empty must not be shown all of them.
core::result<text_list> read_filter(const json::value& frame, std::string_view name) {
  auto read = read_list(frame, name);
  if (read && *read && (*read)->empty())
    return refuse(fmt::format("{} is an empty list: leave it out for everything", name));
  return read;
}

core::result<std::optional<std::string>> read_after(const json::value& frame) {
  const auto* found = frame.find("after");
  if (found == nullptr || found->kind == json::kind::null) return std::optional<std::string>();
  const bool has_text = found->kind == json::kind::string || found->kind == json::kind::number;
  if (!has_text || !core::parse_cursor(found->text))
    return refuse("after is a cursor like \"1042-9f3a6c1e\", or a position");
  return std::optional<std::string>(found->text);
}

core::result<client_frame> read_subscribe(const json::value& frame, const core::catalog& entities) {
  constexpr std::array<std::string_view, 7> known{"type", "channels", "after",       "branch",
                                                  "id",   "action",   "subscription"};
  if (auto why = refuse_unknown_members(frame, known)) return *why;
  subscribe_frame made;
  auto name = read_name(frame);
  auto channels = read_list(frame, "channels");
  auto branches = read_filter(frame, "branch");
  auto ids = read_filter(frame, "id");
  auto actions = read_filter(frame, "action");
  auto after = read_after(frame);
  if (!name) return name.error();
  for (const auto* list : {&channels, &branches, &ids, &actions})
    if (!*list) return list->error();
  if (!after) return after.error();
  if (*actions)
    for (const auto& word : **actions)
      if (!core::event_action_from(word))
        return refuse(fmt::format("unknown action '{}'; known: created, updated, deleted, reverted", word));
  if (*channels) {
    made.channels.emplace();
    for (auto& one : **channels) {
      auto& list = entities.find(one) != nullptr ? *made.channels : made.unknown;
      if (std::find(list.begin(), list.end(), one) == list.end()) list.push_back(std::move(one));
    }
  }
  made.subscription = std::move(*name);
  made.branches = std::move(*branches);
  made.ids = std::move(*ids);
  made.actions = std::move(*actions);
  made.after = std::move(*after);
  return client_frame(std::move(made));
}

core::result<client_frame> read_unsubscribe(const json::value& frame) {
  constexpr std::array<std::string_view, 3> known{"type", "channels", "subscription"};
  if (auto why = refuse_unknown_members(frame, known)) return *why;
  auto name = read_name(frame);
  if (!name) return name.error();
  auto channels = read_list(frame, "channels");
  if (!channels) return channels.error();
  return client_frame(unsubscribe_frame{std::move(*name), std::move(*channels)});
}

void append_list(std::string& out, const std::vector<std::string>& values) {
  out.push_back('[');
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out.push_back(',');
    json::append_string(out, values[i]);
  }
  out.push_back(']');
}

void append_channels(std::string& out, const std::optional<std::vector<std::string>>& channels,
                     const core::catalog& entities) {
  if (channels) {
    append_list(out, *channels);
    return;
  }
  std::vector<std::string> all;
  for (const auto& definition : entities.all())
    all.push_back(definition->name);
  append_list(out, all);
}

void append_name(std::string& out, const std::string& subscription) {
  if (subscription.empty()) return;
  out += R"(,"subscription":)";
  json::append_string(out, subscription);
}

} // namespace

core::result<client_frame> parse_client_frame(std::string_view text, const core::catalog& entities) {
  const auto parsed = json::parse(text);
  if (!parsed) return parsed.error();
  if (!parsed->defects().empty()) return refuse(parsed->defects().front().detail);
  const auto& frame = parsed->root();
  const auto* type = frame.find("type");
  if (type == nullptr || type->kind != json::kind::string)
    return refuse(R"(a frame is an object with a "type": subscribe, unsubscribe or ping)");
  if (type->text == "ping") return client_frame(ping_frame{});
  if (type->text == "subscribe") return read_subscribe(frame, entities);
  if (type->text == "unsubscribe") return read_unsubscribe(frame);
  return refuse(fmt::format("unknown type '{}'; known: subscribe, unsubscribe, ping", type->text));
}

std::string subscribed_text(const std::string& subscription,
                            const std::optional<std::vector<std::string>>& channels,
                            const std::vector<std::string>& unknown, const core::cursor& at,
                            const core::catalog& entities) {
  std::string text = R"({"type":"subscribed","channels":)";
  append_channels(text, channels, entities);
  text += R"(,"unknown":)";
  append_list(text, unknown);
  text += fmt::format(R"(,"cursor":"{}")", core::to_string(at));
  append_name(text, subscription);
  text.push_back('}');
  return text;
}

std::string unsubscribed_text(const std::string& subscription, const std::vector<std::string>& left,
                              const core::cursor& at) {
  std::string text = R"({"type":"unsubscribed","channels":)";
  append_list(text, left);
  // What is left counts `previous` from here, which may be beyond what the client has been told so far.
  if (!left.empty()) text += fmt::format(R"(,"cursor":"{}")", core::to_string(at));
  append_name(text, subscription);
  text.push_back('}');
  return text;
}

std::string error_text(const core::problem& why) {
  std::string text = fmt::format(R"({{"type":"error","code":"{}","detail":)", core::to_string(why.code));
  json::append_string(text, why.detail);
  text.push_back('}');
  return text;
}

} // namespace synclog::http::streams
