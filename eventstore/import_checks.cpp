// See import_checks.hpp.
#include "eventstore/import_checks.hpp"

#include "core/clock.hpp"
#include "core/field_value.hpp"
#include "core/json.hpp"
#include "core/record.hpp"
#include "core/token.hpp"
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

// An earlier definition may have had another field for it, or none.
bool some_text_is(const std::vector<json::slice>& members, std::string_view branch) {
  for (const auto& member : members)
    if (member.value.starts_with('"') && core::field_plain_text(member.value) == branch) return true;
  return false;
}

bool has_changed(const core::entity& definition) {
  return definition.revision > 1;
}

std::string shown(std::string_view branch) {
  return branch.empty() ? "none" : fmt::format("\"{}\"", branch);
}

std::string refuse_branch(const core::entity& definition, const core::event& event,
                          const core::field_texts& fields, const std::vector<json::slice>& members) {
  const auto of_data = core::branch_of(definition, fields);
  if (event.branch == of_data) return {};
  if (has_changed(definition) && (event.branch.empty() || some_text_is(members, event.branch))) return {};
  return fmt::format("the branch is {}, that of the data {}", shown(event.branch), shown(of_data));
}

} // namespace

import_checks::import_checks(const core::catalog& entities) : entities_(&entities) {
  for (const auto& definition : entities.all()) {
    auto& types = rules_[definition.get()].types;
    for (const auto& field : definition->fields) {
      core::field type;
      type.name = field.name;
      type.type = field.type;
      types.push_back(std::move(type));
    }
  }
}

void import_checks::allow_outgrown(std::span<const exported_definition> exported) {
  for (auto& [definition, known] : rules_)
    for (const auto& each : exported)
      if (each.name == definition->name) known.exported_revision = each.revision;
}

bool import_checks::may_be_outgrown(const core::entity& definition) const {
  const auto& exported = rules_.at(&definition).exported_revision;
  return has_changed(definition) && exported && *exported >= definition.revision;
}

import_checks::verdict import_checks::check(const exported_event& read) const {
  const auto refuse = [](std::string why) { return verdict{std::move(why), false}; };
  const auto& event = read.event;
  const auto* definition = entities_->find(event.entity);
  const bool is_token = event.entity == core::token_entity; // what was said of tokens stays; it makes none
  if (definition == nullptr && !is_token)
    return refuse(fmt::format("entity \"{}\" is not defined here: name the folder of its definition with "
                              "--entities (the header of an export holds it)",
                              event.entity));
  if (!core::is_valid_record_id(event.record_id)) return refuse("\"record_id\" cannot be the id of a record");
  if (auto wrong = refuse_json("meta", event.meta, max_meta_bytes); !wrong.empty())
    return refuse(std::move(wrong));
  if (read.data_hash) return {};
  if (auto wrong = refuse_json("data", event.data, max_record_bytes); !wrong.empty())
    return refuse(std::move(wrong));
  if (is_token) return {};
  return check_data(*definition, event);
}

import_checks::verdict import_checks::check_data(const core::entity& definition,
                                                 const core::event& event) const {
  const auto refuse = [](std::string why) { return verdict{std::move(why), false}; };
  std::vector<json::slice> members;
  if (!json::split_object(event.data, members) || members.size() < head_names.size())
    return refuse("data is no record");
  for (std::size_t index = 0; index < head_names.size(); ++index)
    if (members[index].name != head_names[index]) return refuse("data does not begin as a record does");
  const auto decoded = core::decode_record(definition, event.data);
  if (!decoded) return refuse("data: " + decoded.error().detail);
  const auto& head = decoded->head;
  if (head.id != event.record_id) return refuse(fmt::format("data is of record {}", head.id));
  // A delete keeps the last state: the record as it was one event before.
  const bool last_state = event.action == core::event_action::deleted;
  const bool in_place = last_state ? head.version == event.version - 1 && head.position < event.position
                                   : head.version == event.version && head.position == event.position;
  if (!in_place)
    return refuse(fmt::format("data is of version {} at position {}", head.version, head.position.value));
  if (auto wrong = refuse_branch(definition, event, decoded->fields, members); !wrong.empty())
    return refuse(with_revisions(definition, std::move(wrong)));
  const auto& types = rules_.at(&definition).types;
  for (std::size_t index = 0; index < types.size(); ++index) {
    const auto wrong = refuse_value(types[index], decoded->fields.get(index));
    if (wrong.empty()) continue;
    if (may_be_outgrown(definition)) return verdict{{}, true};
    return refuse(with_revisions(definition, fmt::format("data at /{}: {}", types[index].name, wrong)));
  }
  return {};
}

// What may explain it: another definition.
std::string import_checks::with_revisions(const core::entity& definition, std::string wrong) const {
  const auto& exported = rules_.at(&definition).exported_revision;
  if (!exported || *exported == definition.revision) return wrong;
  return fmt::format(
      "{} (the export was made with revision {} of the definition, here is revision {}: import "
      "with that of the header, by --entities)",
      wrong, *exported, definition.revision);
}

std::string import_checks::refuse_step(const record_progress& before, const core::event& next) const {
  if (auto wrong = refuse_version(before, next); !wrong.empty()) return wrong;
  const auto* definition = entities_->find(next.entity);
  const bool strict = definition != nullptr && !has_changed(*definition);
  using action = core::event_action;
  const bool changes = next.action == action::updated || (next.action == action::reverted && !before.deleted);
  if (!next.previous_branch) {
    // Reverted once its data was erased, it had no branch before.
    const bool may_be_anew = before.erased && next.action == action::reverted;
    if (!strict || !changes || may_be_anew || before.branch == next.branch) return {};
    return fmt::format("{} {} has no previous branch, but was of {}", next.entity, next.record_id,
                       shown(before.branch));
  }
  const auto& previous = *next.previous_branch;
  if (changes && previous != next.branch && (!strict || previous == before.branch)) return {};
  return fmt::format("{} {} has the previous branch {}, but {}", next.entity, next.record_id, shown(previous),
                     !changes                  ? fmt::format("is {}", core::to_string(next.action))
                     : previous == next.branch ? "does not leave it"
                                               : "was of " + shown(before.branch));
}

std::string refuse_version(const record_progress& before, const core::event& next) {
  if (next.version != before.version + 1)
    return fmt::format("version {} of {} {} follows version {}", next.version, next.entity, next.record_id,
                       before.version);
  if (next.action == core::event_action::reverted)
    return before.version > 0
               ? ""
               : fmt::format("{} {} is reverted, but never existed", next.entity, next.record_id);
  const bool starts = before.version == 0 || before.deleted;
  const bool creates = next.action == core::event_action::created;
  const bool may_be_either = before.erased && !before.deleted;
  if (creates != starts && !may_be_either)
    return fmt::format("{} {} is {}, but {}", next.entity, next.record_id, core::to_string(next.action),
                       starts ? "does not exist then" : "exists then");
  return {};
}

} // namespace synclog::eventstore
