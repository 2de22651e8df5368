// See decide.hpp. The order of the checks is part of the contract: who may see it, conditions, content.
#include "core/decide.hpp"

#include "core/json.hpp"
#include "core/record.hpp"
#include "core/validate.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace synclog::core {

decision_state::key decision_state::record_key(const entity& definition, std::string_view id) {
  key made;
  made.reserve(definition.name.size() + 1 + id.size());
  made.append(definition.name).push_back('\0');
  return made.append(id);
}

decision_state::key decision_state::holder_key(const entity& definition, std::size_t field_index,
                                               std::string_view value) {
  key made;
  made.reserve(definition.name.size() + 8 + value.size());
  made.append(definition.name).push_back('\0');
  made.append(std::to_string(field_index)).push_back('\0');
  return made.append(value);
}

void decision_state::put(const entity& definition, record_state state) {
  auto where = record_key(definition, state.id);
  records_.insert_or_assign(std::move(where), std::move(state));
}

void decision_state::put_holder(const entity& definition, std::size_t field_index, std::string value,
                                std::string record_id) {
  holders_.insert_or_assign(holder_key(definition, field_index, value), std::move(record_id));
}

const record_state* decision_state::find(const entity& definition, std::string_view id) const {
  const auto found = records_.find(record_key(definition, id));
  return found == records_.end() ? nullptr : &found->second;
}

std::string_view decision_state::holder(const entity& definition, std::size_t field_index,
                                        std::string_view value) const {
  const auto found = holders_.find(holder_key(definition, field_index, value));
  return found == holders_.end() ? std::string_view{} : std::string_view{found->second};
}

void decision_state::change(const entity& definition, record_state next) {
  auto where = record_key(definition, next.id);
  const auto [found, fresh] = records_.try_emplace(where);
  auto& step = undo_.emplace_back();
  step.is_record = true;
  step.where = std::move(where);
  if (!fresh) step.state = std::move(found->second);
  found->second = std::move(next);
}

void decision_state::change_holder(const entity& definition, std::size_t field_index,
                                   const std::string& value, std::string record_id) {
  auto where = holder_key(definition, field_index, value);
  const auto [found, fresh] = holders_.try_emplace(where);
  auto& step = undo_.emplace_back();
  step.where = std::move(where);
  if (!fresh) step.holder = std::move(found->second);
  found->second = std::move(record_id);
}

bool decision_state::took_unproven_value() const {
  return std::any_of(undo_.begin(), undo_.end(), [this](const undo_step& step) {
    return !step.is_record && !step.holder && holders_.at(step.where).empty();
  });
}

void decision_state::roll_back(mark_type to) {
  while (undo_.size() > to) {
    auto& step = undo_.back();
    if (step.is_record) {
      if (step.state) {
        records_.insert_or_assign(std::move(step.where), std::move(*step.state));
      } else {
        records_.erase(step.where);
      }
    } else if (step.holder) {
      holders_.insert_or_assign(std::move(step.where), std::move(*step.holder));
    } else {
      holders_.erase(step.where);
    }
    undo_.pop_back();
  }
}

namespace {

decision refuse(const command& wanted, problem why) {
  for (auto& error : why.errors) {
    error.pointer.insert(0, wanted.error_pointer);
  }
  decision made;
  made.outcome.status = item_status::rejected;
  made.outcome.id = wanted.id;
  made.outcome.error = std::move(why);
  return made;
}

problem not_found(const command& wanted) {
  return make_problem(problem_code::not_found,
                      fmt::format("no record of {} has this id", wanted.definition->name));
}

// An id or a unique value belongs to a record: named by its field; the record itself is shown only to who may
// see it.
problem taken(std::string_view field_name, std::string_view detail) {
  auto why = make_problem(problem_code::taken, std::string(detail));
  why.errors.push_back({"/" + std::string(field_name), std::string(detail)});
  return why;
}

std::string unique_text(const field_texts& fields, std::size_t index) {
  return fields.has(index) && !fields.is_null(index) ? field_plain_text(fields.get(index)) : std::string{};
}

// The record that the command is about: its id, or the holder of its natural key.
std::string resolve_id(const decision_state& state, const command& wanted) {
  if (!wanted.id.empty()) {
    return wanted.id;
  }
  if (const auto key = wanted.definition->natural_key) {
    const auto value = unique_text(wanted.fields, *key);
    if (!value.empty()) {
      return std::string(state.holder(*wanted.definition, *key, value));
    }
  }
  return {};
}

std::optional<problem> check_conditions(const command& wanted, const record_state* current) {
  const bool live = current != nullptr && current->live;
  if (wanted.create_only && live) {
    auto why = make_problem(problem_code::precondition_failed, "the record exists already");
    why.current = current->doc;
    return why;
  }
  if (wanted.expected_version) {
    const auto stands = live ? current->version : 0;
    if (*wanted.expected_version != stands) {
      const auto code = wanted.expected_from == version_source::header ? problem_code::precondition_failed
                                                                       : problem_code::stale_version;
      auto why = make_problem(code, live ? fmt::format("version {} was expected, the record is at version {}",
                                                       *wanted.expected_version, stands)
                                         : fmt::format("version {} was expected, the record does not exist",
                                                       *wanted.expected_version));
      if (live) {
        why.current = current->doc;
      }
      return why;
    }
  }
  return std::nullopt;
}

// Another live record holds a unique value that `fields` would give to `id`.
std::optional<problem> check_unique(const decision_state& state, const entity& definition,
                                    const field_texts& fields, std::string_view id) {
  std::optional<problem> why;
  for (std::size_t index = 0; index < definition.fields.size(); ++index) {
    if (!definition.fields[index].unique) {
      continue;
    }
    const auto value = unique_text(fields, index);
    if (value.empty()) {
      continue;
    }
    const auto holder = state.holder(definition, index, value);
    if (!holder.empty() && holder != id) {
      const auto detail = fmt::format("{} is taken by another record", definition.fields[index].name);
      if (!why) {
        why = taken(definition.fields[index].name, detail);
      } else {
        why->errors.push_back({"/" + definition.fields[index].name, detail});
      }
    }
  }
  return why;
}

void move_holders(decision_state& state, const entity& definition, const field_texts* before,
                  const field_texts* after, const std::string& id) {
  for (std::size_t index = 0; index < definition.fields.size(); ++index) {
    if (!definition.fields[index].unique) {
      continue;
    }
    const auto old_value = before != nullptr ? unique_text(*before, index) : std::string{};
    const auto new_value = after != nullptr ? unique_text(*after, index) : std::string{};
    if (old_value == new_value) {
      continue;
    }
    // Only if it is still ours: an exchange within the batch may have given it away already.
    if (!old_value.empty() && state.holder(definition, index, old_value) == id) {
      state.change_holder(definition, index, old_value, {});
    }
    if (!new_value.empty()) {
      state.change_holder(definition, index, new_value, id);
    }
  }
}

// The first few, as a person would read them out.
std::string some_of(const std::vector<std::string>& names) {
  constexpr std::size_t most_named = 8;
  std::string made;
  for (std::size_t index = 0; index < std::min(names.size(), most_named); ++index)
    made += (made.empty() ? "" : ", ") + names[index];
  return names.size() > most_named ? made + " …" : made;
}

// The caller must see where the record goes to as well.
std::optional<problem> check_branch(const entity& definition, const field_texts& fields,
                                    const scope& caller) {
  if (caller.all_branches || caller.sees_branch(branch_of(definition, fields))) {
    return std::nullopt;
  }
  if (!definition.branch_field)
    return make_problem(problem_code::forbidden,
                        "this belongs to no branch: who is for some branches cannot write it");
  const bool names_none = branch_of(definition, fields).empty();
  auto why = make_problem(problem_code::forbidden,
                          names_none ? "name one of your branches: " + some_of(caller.branches)
                                     : "this branch is not yours");
  why.errors.push_back({"/" + definition.fields[*definition.branch_field].name, why.detail});
  return why;
}

struct written {
  event_action action;
  item_status status;
};

decision emit(decision_state& state, const entity& definition, record next, const field_texts* before,
              written kind, const decision_context& context) {
  decision made;
  auto doc = encode_record(definition, next.head, next.fields);
  auto& event = made.event.emplace();
  event.position = next.head.position;
  event.entity = definition.name;
  event.record_id = next.head.id;
  event.version = next.head.version;
  event.action = kind.action;
  event.branch = branch_of(definition, next.fields);
  if (before != nullptr) {
    auto old_branch = branch_of(definition, *before);
    if (old_branch != event.branch) {
      event.previous_branch = std::move(old_branch);
    }
  }
  event.data = doc;
  event.recorded_at = context.recorded_at;
  move_holders(state, definition, before, &next.fields, next.head.id);
  state.change(definition, {next.head.id, next.head.version, next.head.position, true, doc});
  made.outcome = {kind.status,        next.head.id,   next.head.version,
                  next.head.position, std::move(doc), std::nullopt};
  return made;
}

decision create(decision_state& state, const command& wanted, std::string id, const record_state* former,
                const decision_context& context) {
  const auto& definition = *wanted.definition;
  record next;
  next.fields = wanted.fields;
  // A one-branch caller's record belongs to that branch unless it says otherwise.
  if (definition.branch_field && context.caller.branches.size() == 1 && !context.caller.all_branches &&
      (!next.fields.has(*definition.branch_field) || next.fields.is_null(*definition.branch_field))) {
    next.fields.set(*definition.branch_field, json::quoted(context.caller.branches.front()));
  }
  auto missing = check_required(definition, next.fields, "");
  if (!missing.empty()) {
    auto why = make_problem(problem_code::invalid, "fields are missing");
    why.errors = std::move(missing);
    return refuse(wanted, std::move(why));
  }
  fill_defaults(definition, next.fields);
  if (auto why = check_branch(definition, next.fields, context.caller)) {
    return refuse(wanted, std::move(*why));
  }
  if (id.empty()) {
    id = make_record_id(definition.prefix);
  }
  if (auto why = check_unique(state, definition, next.fields, id)) {
    return refuse(wanted, std::move(*why));
  }
  next.head = {std::move(id), former != nullptr ? former->version + 1 : 1, context.next, context.recorded_at,
               context.recorded_at};
  return emit(state, definition, std::move(next), nullptr, {event_action::created, item_status::created},
              context);
}

// The given fields over the current ones. Deep: objects merge by RFC 7396.
result<field_texts> merged_fields(const command& wanted, const field_texts& current) {
  field_texts merged(current.size());
  for (std::size_t index = 0; index < current.size(); ++index) {
    if (!wanted.fields.has(index)) {
      merged.set(index, current.get(index));
      continue;
    }
    const auto given = wanted.fields.get(index);
    const bool deep = wanted.kind == command_kind::merge &&
                      wanted.definition->fields[index].type == field_type::object && given.starts_with('{');
    if (!deep) {
      merged.set(index, given);
      continue;
    }
    const auto base = current.is_null(index) ? std::string_view("{}") : current.get(index);
    auto patched = json::merge_patch(base, given);
    if (!patched) {
      return patched.error();
    }
    merged.set(index, *patched);
  }
  return merged;
}

bool same_fields(const field_texts& left, const field_texts& right) {
  for (std::size_t index = 0; index < left.size(); ++index) {
    if (left.get(index) != right.get(index)) {
      return false;
    }
  }
  return true;
}

decision update(decision_state& state, const command& wanted, const record_state& current,
                const decision_context& context) {
  const auto& definition = *wanted.definition;
  auto decoded = decode_record(definition, current.doc);
  if (!decoded) {
    invariant_broken(fmt::format("event {} holds no record", current.position.value));
  }
  auto merged = merged_fields(wanted, decoded->fields);
  if (!merged) {
    return refuse(wanted, merged.error());
  }
  auto missing = check_required(definition, *merged, "");
  if (!missing.empty()) {
    auto why = make_problem(problem_code::invalid, "required fields cannot be cleared");
    why.errors = std::move(missing);
    return refuse(wanted, std::move(why));
  }
  if (same_fields(*merged, decoded->fields)) {
    decision made;
    made.outcome = {item_status::unchanged, current.id,  current.version,
                    current.position,       current.doc, std::nullopt};
    return made;
  }
  if (auto why = check_branch(definition, *merged, context.caller)) {
    return refuse(wanted, std::move(*why));
  }
  if (auto why = check_unique(state, definition, *merged, current.id)) {
    return refuse(wanted, std::move(*why));
  }
  record next;
  next.fields = std::move(*merged);
  next.head = {current.id, current.version + 1, context.next, decoded->head.created_at, context.recorded_at};
  return emit(state, definition, std::move(next), &decoded->fields,
              {event_action::updated, item_status::updated}, context);
}

decision remove(decision_state& state, const command& wanted, const record_state& current,
                const decision_context& context) {
  const auto& definition = *wanted.definition;
  auto decoded = decode_record(definition, current.doc);
  if (!decoded) {
    invariant_broken(fmt::format("event {} holds no record", current.position.value));
  }
  decision made;
  auto& event = made.event.emplace();
  event.position = context.next;
  event.entity = definition.name;
  event.record_id = current.id;
  event.version = current.version + 1;
  event.action = event_action::deleted;
  event.branch = branch_of(definition, decoded->fields);
  event.data = current.doc;
  event.recorded_at = context.recorded_at;
  move_holders(state, definition, &decoded->fields, nullptr, current.id);
  made.outcome = {item_status::deleted, current.id, event.version, context.next, current.doc, std::nullopt};
  state.change(definition, {made.outcome.id, event.version, context.next, false, event.data});
  return made;
}

// All fields become those given; `live` tells whether the record stands or was deleted.
decision revert(decision_state& state, const command& wanted, const record_state& current,
                const decision_context& context) {
  const auto& definition = *wanted.definition;
  std::optional<field_texts> before;
  if (current.live) {
    auto decoded = decode_record(definition, current.doc);
    if (!decoded) {
      invariant_broken(fmt::format("event {} holds no record", current.position.value));
    }
    before = std::move(decoded->fields);
  }
  if (before && same_fields(*before, wanted.fields)) {
    decision made;
    made.outcome = {item_status::unchanged, current.id,  current.version,
                    current.position,       current.doc, std::nullopt};
    return made;
  }
  auto missing = check_required(definition, wanted.fields, "");
  if (!missing.empty()) {
    auto why = make_problem(problem_code::invalid, "that version lacks fields that are required today");
    why.errors = std::move(missing);
    return refuse(wanted, std::move(why));
  }
  if (auto why = check_branch(definition, wanted.fields, context.caller)) {
    return refuse(wanted, std::move(*why));
  }
  if (auto why = check_unique(state, definition, wanted.fields, current.id)) {
    return refuse(wanted, std::move(*why));
  }
  record next;
  next.fields = wanted.fields;
  next.head = {current.id, current.version + 1, context.next, wanted.created_at, context.recorded_at};
  return emit(state, definition, std::move(next), before ? &*before : nullptr,
              {event_action::reverted, item_status::reverted}, context);
}

// Another branch's record looks exactly like one that does not exist, except that its id cannot be used.
bool visible(const entity& definition, const record_state& current, const scope& caller) {
  if (caller.all_branches) {
    return true;
  }
  const auto decoded = decode_record(definition, current.doc);
  return decoded && caller.sees_branch(branch_of(definition, decoded->fields));
}

} // namespace

decision decide(decision_state& state, const command& wanted, const decision_context& context) {
  if (wanted.rejected) {
    decision made;
    made.outcome.id = wanted.id;
    made.outcome.error = wanted.rejected;
    return made;
  }
  const auto& definition = *wanted.definition;
  auto id = resolve_id(state, wanted);
  const auto* current = id.empty() ? nullptr : state.find(definition, id);
  const bool live = current != nullptr && current->live;
  // Only a revert finds a deleted record: whoever could see it last may bring it back.
  const bool reachable = live || (current != nullptr && wanted.kind == command_kind::revert);
  const bool shown = reachable && visible(definition, *current, context.caller);

  if (wanted.kind != command_kind::save && !shown) {
    return refuse(wanted, not_found(wanted));
  }
  // Its id stays taken when another branch deleted it: a version that goes on counting would tell of it.
  const bool was_others =
      current != nullptr && !live && !current->doc.empty() && !visible(definition, *current, context.caller);
  if (wanted.kind == command_kind::save && ((live && !shown) || was_others)) {
    const bool by_id = !wanted.id.empty();
    const std::string field = by_id ? "id" : definition.fields[*definition.natural_key].name;
    return refuse(wanted, taken(field, field + " is taken by another record"));
  }
  if (auto why = check_conditions(wanted, current)) {
    return refuse(wanted, std::move(*why));
  }
  auto made = wanted.kind == command_kind::remove   ? remove(state, wanted, *current, context)
              : wanted.kind == command_kind::revert ? revert(state, wanted, record_state(*current), context)
              : live                                ? update(state, wanted, record_state(*current), context)
                                                    : create(state, wanted, std::move(id), current, context);
  if (made.event && made.event->data.size() > context.max_record_bytes) {
    // The state already shows the effect; the caller rolls back to its mark on every refusal.
    auto why =
        make_problem(problem_code::too_large, fmt::format("the record would be {} bytes, the limit is {}",
                                                          made.event->data.size(), context.max_record_bytes));
    return refuse(wanted, std::move(why));
  }
  return made;
}

} // namespace synclog::core
