// See import_batch.hpp.
#include "eventstore/import_batch.hpp"
#include "eventstore/definition_guard.hpp"

#include "core/ids.hpp"
#include "core/token.hpp"
#include "eventstore/event_row.hpp"
#include "eventstore/head_lock.hpp"
#include "eventstore/identity_change.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "eventstore/statements.hpp"
#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <unordered_set>

namespace synclog::eventstore {

namespace {

// How long to wait for whoever holds the head lock, and how often to come back.
constexpr const char* lock_timeout = "10s";
constexpr int max_attempts = 5;

pg::query query_of(const statements::statement_ptr& statement, pg::params values = {}) {
  pg::query asked;
  asked.prepared = statement;
  asked.values = std::move(values);
  asked.format = pg::result_format::binary;
  return asked;
}

// Rolls back unless it was committed, however it is left.
class transaction {
 public:
  explicit transaction(pg::plain_connection& db) : db_(db) { db_.run("BEGIN"); }
  ~transaction() {
    if (open_) db_.abandon_transaction();
  }
  transaction(const transaction&) = delete;
  transaction& operator=(const transaction&) = delete;
  void commit() {
    const auto answer = db_.run("COMMIT");
    open_ = false;
    if (answer.command_tag() != "COMMIT") throw pg::unavailable("the transaction was not committed");
  }

 private:
  pg::plain_connection& db_;
  bool open_ = true;
};

bool is_worth_another_try(const pg::query_failed& error) {
  return pg::classify(error.info().sqlstate) == pg::meaning::retry;
}

// Failures that no other row would cure.
bool is_about_the_rows(const pg::failure& why) {
  switch (pg::classify(why.sqlstate)) {
  case pg::meaning::retry:
  case pg::meaning::stale_plan:
  case pg::meaning::shutting_down:
  case pg::meaning::out_of_resources:
  case pg::meaning::timed_out:
  case pg::meaning::not_allowed:
    return false;
  default:
    return true;
  }
}

// What became of tokens is in the log alone.
bool has_read_table(const numbered_event& each) {
  return each.read.event.entity != core::token_entity;
}

core::problem grown_by_others(core::position now) {
  return core::make_problem(
      core::problem_code::stale_version,
      fmt::format("somebody else writes to this log: it ends at {} now; an import must be "
                  "the only one to write",
                  now.value));
}

} // namespace

log_end read_end(pg::plain_connection& db) {
  const auto found = db.run(query_of(statements::read_head));
  log_end end;
  if (found.size() == 0) return end;
  end.position = {found.int8(0, 0)};
  std::memcpy(end.hash.data(), found.text(0, 1).data(), std::min(end.hash.size(), found.text(0, 1).size()));
  end.recorded_at = {found.timestamptz(0, 2)};
  return end;
}

core::problem refuse_line(std::uint64_t line, const std::string& what) {
  auto why = core::make_problem(core::problem_code::malformed, fmt::format("line {}: {}", line, what));
  why.place = core::text_place{line, 0};
  return why;
}

void record_histories::load(pg::plain_connection& db, std::span<const numbered_event> events) {
  std::vector<key> fresh;
  for (const auto& each : events) {
    auto wanted = key_of(each.read.event);
    if (known_.try_emplace(wanted).second) fresh.push_back(std::move(wanted));
  }
  if (fresh.empty()) return;
  std::vector<std::string_view> entities, ids;
  for (const auto& [entity, id] : fresh) {
    entities.push_back(entity);
    ids.push_back(id);
  }
  pg::params values;
  values.text_array(entities).text_array(ids);
  const auto rows = db.run(query_of(statements::versions_of_records, std::move(values)));
  for (int row = 0; row < rows.size(); ++row) {
    auto& progress = known_[fresh.at(static_cast<std::size_t>(rows.int8(row, 0)) - 1)];
    progress = {rows.int8(row, 1), rows.text(row, 2) == core::to_string(core::event_action::deleted),
                rows.int8(row, 3) != 0,
                rows.is_null(row, 4) ? std::string() : std::string(rows.text(row, 4))};
  }
}

std::optional<core::problem> record_histories::follow(std::span<const numbered_event> events,
                                                      const import_checks& checks) {
  for (const auto& each : events) {
    const auto& event = each.read.event;
    auto& progress = known_[key_of(event)];
    if (const auto wrong = checks.refuse_step(progress, event); !wrong.empty())
      return refuse_line(each.line, wrong);
    progress = {event.version, event.action == core::event_action::deleted, each.read.data_hash.has_value(),
                event.branch};
  }
  return std::nullopt;
}

std::optional<core::problem> import_batch::save(std::span<const numbered_event> events, const log_end& before,
                                                const std::optional<core::uuid>& adopt) {
  for (int attempt = 1;; ++attempt) {
    try {
      return write(events, before, adopt);
    } catch (const pg::query_failed& error) {
      if (attempt == max_attempts || !is_worth_another_try(error)) throw;
    }
  }
}

std::optional<core::problem> import_batch::write(std::span<const numbered_event> events,
                                                 const log_end& before,
                                                 const std::optional<core::uuid>& adopt) {
  std::optional<identity_change> identity; // outlives the transaction: see its destructor
  transaction saving(db_);
  db_.run("SELECT set_config('lock_timeout', $1, true)", {std::string(lock_timeout)});
  db_.run(query_of(statements::lock_head, std::move(pg::params().int8(head_lock_key))));
  const auto end = read_end(db_);
  if (end.position != before.position || (end.position.value > 0 && end.hash != before.hash))
    return grown_by_others(end.position);
  if (auto why = refuse_outdated(events)) return why;
  if (events.front().read.event.recorded_at < end.recorded_at)
    return refuse_line(events.front().line, "is recorded before the last event of this log");
  if (adopt) {
    auto owner = target_.owner();
    if (!owner) return owner.error();
    auto changed = identity_change::make(*std::move(owner), *adopt);
    if (!changed) return changed.error();
    identity.emplace(*std::move(changed));
  }
  record_histories histories;
  histories.load(db_, events);
  if (auto wrong = histories.follow(events, checks_)) return wrong;
  insert(events);
  find_behind(events);
  const auto told = leave_behind(events);
  project(events);
  db_.run(query_of(statements::notify_head));
  saving.commit();
  if (identity) identity->keep();
  told_.insert(told.begin(), told.end());
  return std::nullopt;
}

// A server beside may have adopted a newer definition since this import began: its read table is another one.
std::optional<core::problem> import_batch::refuse_outdated(std::span<const numbered_event> events) {
  definition_guard guard;
  guard.load(db_.run(query_of(statements::read_definitions)));
  for (const auto& each : events) {
    if (!has_read_table(each)) continue;
    const auto& definition = definition_of(each);
    if (auto why = guard.refusal(definition)) {
      why->detail = fmt::format("the definition of {} has changed since this import began: run it again",
                                definition.name);
      return why;
    }
  }
  return std::nullopt;
}

void import_batch::insert(std::span<const numbered_event> events) {
  pg::row_array rows(event_row_attributes);
  for (const auto& each : events)
    add_event_row(rows, each.read.event, each.read.data_hash);
  db_.run(query_of(statements::insert_events, std::move(rows).as_parameter()));
}

const core::entity& import_batch::definition_of(const numbered_event& event) const {
  const auto* definition = target_.entities.find(event.read.event.entity);
  if (definition == nullptr) core::invariant_broken("an event of an unknown entity passed the checks");
  return *definition;
}

std::vector<const numbered_event*> import_batch::last_states(std::span<const numbered_event> events) const {
  std::vector<const numbered_event*> last;
  std::map<std::string_view, std::unordered_set<std::string_view>> seen;
  for (auto index = events.size(); index-- > 0;) {
    if (!has_read_table(events[index])) continue;
    const auto& event = events[index].read.event;
    if (seen[event.entity].insert(event.record_id).second) last.push_back(&events[index]);
  }
  std::reverse(last.begin(), last.end());
  return last;
}

// An outgrown state that is left again within the batch hinders nobody.
void import_batch::find_behind(std::span<const numbered_event> events) {
  for (const auto* each : last_states(events))
    if (each->outgrown && each->read.event.action != core::event_action::deleted)
      behind_.insert(&definition_of(*each));
}

std::vector<const core::entity*> import_batch::leave_behind(std::span<const numbered_event> events) {
  std::vector<const core::entity*> told;
  if (behind_.size() == told_.size()) return told;
  for (const auto& each : events) {
    if (!has_read_table(each)) continue;
    const auto* definition = &definition_of(each);
    if (!behind_.contains(definition) || told_.contains(definition)) continue;
    if (std::find(told.begin(), told.end(), definition) != told.end()) continue;
    target_.fall_behind(db_, *definition);
    told.push_back(definition);
  }
  return told;
}

// Only the last state of each record. An event whose data was erased leaves no row, as a delete does.
void import_batch::project(std::span<const numbered_event> events) {
  std::vector<record_change> changes;
  for (const auto* each : last_states(events)) {
    const auto& definition = definition_of(*each);
    if (behind_.contains(&definition)) continue;
    const auto& event = each->read.event;
    const bool gone = event.action == core::event_action::deleted || each->read.data_hash;
    changes.push_back({&definition, event.record_id, gone ? std::string_view{} : event.data});
  }
  pg::segment work;
  target_.projection.add_writes(work, changes);
  for (const auto& one : work.queries())
    db_.run(one);
}

const core::entity* import_batch::may_fall_behind(const pg::failure& why) const {
  if (!is_about_the_rows(why) || why.table.empty()) return nullptr;
  for (const auto& definition : target_.entities.all())
    if (definition->table == why.table && checks_.may_be_outgrown(*definition) &&
        !behind_.contains(definition.get()))
      return definition.get();
  return nullptr;
}

core::problem import_batch::refused_by_database(const numbered_event& culprit, const pg::failure& why) const {
  if (!is_about_the_rows(why))
    return core::make_problem(core::problem_code::internal, "PostgreSQL: " + why.message);
  const auto field = target_.projection.field_of_constraint(why.table, why.constraint);
  return refuse_line(culprit.line, field.empty() ? "PostgreSQL refuses the event: " + why.message
                                                 : fmt::format("{} is taken by another record of {}", field,
                                                               culprit.read.event.entity));
}

std::optional<core::problem> import_batch::save_to_culprit(std::span<const numbered_event> events,
                                                           log_end before, std::optional<core::uuid> adopt,
                                                           std::size_t& saved) {
  while (true) { // each time one entity more is behind
    try {
      auto wrong = save(events, before, adopt);
      if (!wrong) saved += events.size();
      return wrong;
    } catch (const pg::query_failed& error) {
      if (const auto* behind = may_fall_behind(error.info())) {
        behind_.insert(behind);
        continue;
      }
      if (events.size() == 1 || !is_about_the_rows(error.info()))
        return refused_by_database(events.front(), error.info());
      break;
    }
  }
  for (std::size_t index = 0; index < events.size(); ++index) {
    if (auto wrong = save_to_culprit(events.subspan(index, 1), before, adopt, saved)) return wrong;
    const auto& event = events[index].read.event;
    before = {event.position, event.hash, event.recorded_at};
    adopt.reset();
  }
  return std::nullopt;
}

} // namespace synclog::eventstore
