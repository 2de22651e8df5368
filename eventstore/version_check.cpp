// See version_check.hpp.
#include "eventstore/version_check.hpp"

#include "core/event.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <utility>

namespace synclog::eventstore {

namespace {

// Predecessors asked for at once: few enough to come within the statement's limit from a slow disk.
constexpr std::size_t most_looked_up = 512;

// One descent of the unique index for each. LATERAL with LIMIT, because a join could be made by reading the
// whole log.
const std::string predecessors_sql = R"(
  SELECT before.position, before.action, before.erased
  FROM unnest($1::text[], $2::text[], $3::bigint[]) WITH ORDINALITY AS asked(entity, id, version, place)
  LEFT JOIN LATERAL (
    SELECT e.position, e.action, (e.data IS NULL)::int::bigint AS erased FROM synclog.events AS e
    WHERE e.entity = asked.entity AND e.record_id = asked.id AND e.version = asked.version
    LIMIT 1) AS before ON true
  ORDER BY asked.place)";

bool is(std::string_view action, core::event_action wanted) {
  return action == core::to_string(wanted);
}

std::size_t slot_of(std::string_view entity, std::string_view id, std::size_t slots) {
  const std::hash<std::string_view> hash;
  return (hash(id) ^ hash(entity) * 31) % slots;
}

} // namespace

version_check::version_check(pg::plain_connection& db) : db_(db), records_(remembered) {}

bool version_check::seen_record::holds(const core::event_view& event) const {
  return version != 0 && entity_bytes == event.entity.size() &&
         name_bytes == event.entity.size() + event.record_id.size() &&
         std::string_view(name.data(), entity_bytes) == event.entity &&
         std::string_view(name.data() + entity_bytes, event.record_id.size()) == event.record_id;
}

void version_check::seen_record::hold(const core::event_view& event) {
  if (event.entity.size() + event.record_id.size() > name.size()) {
    return; // looked up each time
  }
  version = event.version;
  entity_bytes = static_cast<std::uint8_t>(event.entity.size());
  name_bytes = static_cast<std::uint8_t>(event.entity.size() + event.record_id.size());
  const auto end = std::copy(event.entity.begin(), event.entity.end(), name.begin());
  std::copy(event.record_id.begin(), event.record_id.end(), end);
  deleted = is(event.action, core::event_action::deleted);
}

void version_check::see(const core::event_view& event) {
  auto& slot = records_[slot_of(event.entity, event.record_id, remembered)];
  if (event.version < 1) {
    fails(event, "version", "is no version", std::to_string(event.version), "1");
  } else if (event.version == 1 && is(event.action, core::event_action::reverted)) {
    fails(event, "action", "is reverted, and there is no version to go back to", std::string(event.action),
          "created");
  } else if (event.version == 1) {
    follows(event, true); // as after a delete: nothing is there
  } else if (slot.version == event.version - 1 && slot.holds(event) &&
             (slot.deleted || !is(event.action, core::event_action::created))) {
    follows(event, slot.deleted);
  } else {
    keep_open(event);
  }
  slot.hold(event);
}

std::optional<difference> version_check::settle() {
  for (std::size_t first = 0; first < open_.size(); first += most_looked_up) {
    look_up(std::span(open_).subspan(first, std::min(most_looked_up, open_.size() - first)));
  }
  open_.clear();
  names_.clear();
  return std::exchange(first_, std::nullopt);
}

void version_check::keep_open(const core::event_view& event) {
  open_event kept{event.position, event.version, event.action, names_.size(), 0, 0};
  for (const auto action : {core::event_action::created, core::event_action::updated,
                            core::event_action::deleted, core::event_action::reverted}) {
    if (is(event.action, action)) {
      kept.action = core::to_string(action); // outlives the row
    }
  }
  names_ += event.entity;
  kept.id_at = names_.size();
  names_ += event.record_id;
  kept.end_at = names_.size();
  open_.push_back(kept);
}

core::event_view version_check::view_of(const open_event& event) const {
  const std::string_view names = names_;
  core::event_view seen;
  seen.position = event.position;
  seen.version = event.version;
  seen.action = event.action;
  seen.entity = names.substr(event.entity_at, event.id_at - event.entity_at);
  seen.record_id = names.substr(event.id_at, event.end_at - event.id_at);
  return seen;
}

// Halves what takes longer than the statement's limit: a cold disk answers few questions a second.
void version_check::look_up(std::span<const open_event> asked) {
  std::vector<std::string_view> entities, ids;
  std::vector<std::int64_t> versions;
  for (const auto& event : asked) {
    const auto seen = view_of(event);
    entities.push_back(seen.entity);
    ids.push_back(seen.record_id);
    versions.push_back(seen.version - 1);
  }
  pg::params values;
  values.text_array(entities).text_array(ids).int8_array(versions);
  pg::rows found;
  try {
    found = db_.run(predecessors_sql, values, pg::result_format::binary);
  } catch (const pg::query_failed& failed) {
    if (pg::classify(failed.info().sqlstate) != pg::meaning::timed_out || asked.size() == 1) {
      throw;
    }
    look_up(asked.first(asked.size() / 2));
    look_up(asked.subspan(asked.size() / 2));
    return;
  }
  for (std::size_t i = 0; i < asked.size(); ++i) {
    const auto seen = view_of(asked[i]);
    const int row = static_cast<int>(i);
    if (found.is_null(row, 0)) {
      fails(seen, "version", fmt::format("has no version {} before it", seen.version - 1),
            std::to_string(seen.version), {});
    } else if (found.int8(row, 0) >= seen.position) {
      fails(seen, "version",
            fmt::format("comes before version {}, which is at position {}", seen.version - 1,
                        found.int8(row, 0)),
            std::to_string(seen.version), {});
    } else if (found.int8(row, 2) == 0 || !is(seen.action, core::event_action::created)) {
      follows(seen, is(found.text(row, 1), core::event_action::deleted));
    } // else its data was erased, the record was gone with it, and saving it again creates it
  }
}

// What is there is changed, what is not there is created, and either may be reverted to.
void version_check::follows(const core::event_view& event, bool after_deleted) {
  if (is(event.action, core::event_action::reverted) ||
      is(event.action, core::event_action::created) == after_deleted) {
    return;
  }
  fails(event, "action",
        after_deleted ? fmt::format("is {}, and nothing is there", event.action)
                      : std::string("is created, and the record is there"),
        std::string(event.action), after_deleted ? "created" : "updated");
}

void version_check::fails(const core::event_view& event, const char* kind, std::string why,
                          std::string stored, std::string computed) {
  if (first_ && first_->position.value <= event.position) {
    return;
  }
  first_ = difference{{event.position},
                      kind,
                      fmt::format("position {}: version {} of {} {} {}", event.position, event.version,
                                  event.entity, event.record_id, why),
                      std::string(event.entity),
                      std::string(event.record_id),
                      kind,
                      std::move(stored),
                      std::move(computed)};
}

} // namespace synclog::eventstore
