// See import_checks.hpp.
#include "eventstore/import_checks.hpp"

#include "core/clock.hpp"
#include "core/field_value.hpp"
#include "core/json.hpp"
#include "core/record.hpp"
#include <array>
#include <charconv>
#include <fmt/format.h>

namespace synclog::eventstore {

namespace json = core::json;

namespace {

// A stored record begins with these, in this order; a reader need not look further for them.
constexpr std::array<std::string_view, 5> head_names{"id", "version", "position", "created_at", "updated_at"};

// "" or the first thing that the API's door refuses.
std::string refuse_json(std::string_view name, std::string_view text, std::size_t max_bytes) {
  if (text.size() > max_bytes)
    return fmt::format("{} is {} bytes, the limit is {}", name, text.size(), max_bytes);
  const auto parsed = json::parse(text);
  if (!parsed) return fmt::format("{}: {}", name, parsed.error().detail);
  if (!parsed->defects().empty()) {
    const auto& first = parsed->defects().front();
    return fmt::format("{} at {}: {}", name, first.pointer.empty() ? "/" : first.pointer, first.detail);
  }
  if (parsed->root().kind != json::kind::object) return fmt::format("{} is no JSON object", name);
  return {};
}

// A value as a column would hold it and give it back: for all but texts, objects and arrays the very text
// that validation makes. `token` was parsed with its record.
std::string refuse_value(const core::field& type, std::string_view token) {
  if (token == "null") return {};
  switch (type.type) {
  case core::field_type::text:
    return token.front() == '"' ? "" : "is no text";
  case core::field_type::object:
    return token.front() == '{' ? "" : "is no object";
  case core::field_type::array:
    return token.front() == '[' ? "" : "is no array";
  default:
    break;
  }
  const auto parsed = json::parse(token);
  if (!parsed) return "cannot be read";
  std::string canonical;
  if (const auto wrong = core::append_canonical(canonical, type, parsed->root())) return wrong->detail;
  return canonical == token ? "" : fmt::format("is {}, which this program writes as {}", token, canonical);
}

} // namespace

import_checks::import_checks(const core::catalog& entities) : entities_(&entities) {
  for (const auto& definition : entities.all()) {
    auto& types = types_[definition.get()];
    for (const auto& field : definition->fields) {
      core::field type;
      type.name = field.name;
      type.type = field.type;
      types.push_back(std::move(type));
    }
  }
}

std::string import_checks::refuse(const exported_event& read) const {
  const auto& event = read.event;
  const auto* definition = entities_->find(event.entity);
  if (definition == nullptr)
    return fmt::format("entity \"{}\" is not defined here: name the folder of its definition with --entities "
                       "(the header of an export holds it)",
                       event.entity);
  if (!core::is_valid_record_id(event.record_id)) return "\"record_id\" cannot be the id of a record";
  if (auto wrong = refuse_json("meta", event.meta, max_meta_bytes); !wrong.empty()) return wrong;
  if (read.data_hash) return {};
  if (auto wrong = refuse_json("data", event.data, max_record_bytes); !wrong.empty()) return wrong;
  return refuse_data(*definition, event);
}

std::string import_checks::refuse_data(const core::entity& definition, const core::event& event) const {
  std::vector<json::slice> members;
  if (!json::split_object(event.data, members) || members.size() < head_names.size())
    return "data is no record";
  for (std::size_t index = 0; index < head_names.size(); ++index)
    if (members[index].name != head_names[index]) return "data does not begin as a record does";
  const auto decoded = core::decode_record(definition, event.data);
  if (!decoded) return "data: " + decoded.error().detail;
  const auto& head = decoded->head;
  // A delete keeps the last state: the record as it was one event before.
  const bool last_state = event.action == core::event_action::deleted;
  if (head.id != event.record_id) return fmt::format("data is of record {}", head.id);
  if (!last_state && (head.version != event.version || head.position != event.position))
    return fmt::format("data is of version {} at position {}", head.version, head.position.value);
  const auto& types = types_.at(&definition);
  for (std::size_t index = 0; index < types.size(); ++index)
    if (auto wrong = refuse_value(types[index], decoded->fields.get(index)); !wrong.empty())
      return fmt::format("data at /{}: {}", types[index].name, wrong);
  return {};
}

std::string refuse_version(const record_progress& before, const core::event& next) {
  if (next.version != before.version + 1)
    return fmt::format("version {} of {} {} follows version {}", next.version, next.entity, next.record_id,
                       before.version);
  const bool starts = before.version == 0 || before.deleted;
  const bool creates = next.action == core::event_action::created;
  const bool may_be_either = before.erased && !before.deleted;
  if (creates != starts && !may_be_either && next.action != core::event_action::reverted)
    return fmt::format("{} {} is {}, but {}", next.entity, next.record_id, core::to_string(next.action),
                       starts ? "does not exist then" : "exists then");
  return {};
}

} // namespace synclog::eventstore
