// See undo_plan.hpp.
#include "eventstore/undo_plan.hpp"

#include "core/record.hpp"
#include "core/revert.hpp"
#include "core/token.hpp"
#include "core/validate.hpp"
#include <fmt/format.h>

namespace synclog::eventstore {

namespace {

using statement_ptr = std::shared_ptr<const pg::statement>;

// $1 actor, $2 request, $3 entity, $4 from, $5 to: the selection. $6 and $7: the positions looked at. The
// look for an earlier selected event goes downwards and stops at the first: an EXISTS would lose the order.
const statement_ptr plan_statement = std::make_shared<const pg::statement>(pg::statement{"undo_plan", R"(
  WITH met AS (
    SELECT e.entity, e.record_id, min(e.position) AS position, min(e.version) AS version
    FROM synclog.events e
    WHERE e.position > $6::bigint AND e.position <= $7::bigint AND e.position BETWEEN $4::bigint AND $5::bigint
      AND ($3::text = '' OR e.entity = $3::text)
      AND ($1::text = '' OR coalesce(e.meta->>'actor', '') = $1::text)
      AND ($2::text = '' OR coalesce(e.meta->>'request_id', '') = $2::text)
    GROUP BY e.entity, e.record_id
  ), sided AS (
    SELECT m.position, m.entity, m.record_id, m.version,
           p.version AS old_version, p.action AS old_action,
           CASE WHEN p.action <> 'deleted' THEN p.data END AS old_data,
           l.version AS new_version, l.action AS new_action, CASE WHEN l.action <> 'deleted' THEN l.data END AS new_data,
           count(*) OVER () AS found,
           row_number() OVER (ORDER BY m.position DESC) AS ordinal,
           sum(coalesce(octet_length(p.data::text), 0) + coalesce(octet_length(l.data::text), 0))
             OVER (ORDER BY m.position DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
    FROM met m
    LEFT JOIN LATERAL (
      SELECT version, action, data FROM synclog.events b
      WHERE b.entity = m.entity AND b.record_id = m.record_id AND b.version = m.version - 1 LIMIT 1) p ON true
    CROSS JOIN LATERAL (
      SELECT version, action, data FROM synclog.events l
      WHERE l.entity = m.entity AND l.record_id = m.record_id ORDER BY l.version DESC LIMIT 1) l
    WHERE (SELECT x.version FROM synclog.events x
           WHERE x.entity = m.entity AND x.record_id = m.record_id AND x.version < m.version
             AND x.position >= $4::bigint
             AND ($1::text = '' OR coalesce(x.meta->>'actor', '') = $1::text)
             AND ($2::text = '' OR coalesce(x.meta->>'request_id', '') = $2::text)
           ORDER BY x.version DESC LIMIT 1) IS NULL
  )
  SELECT s.position, s.entity, s.record_id, s.old_version, s.old_action, s.old_data, s.new_version, s.new_action,
         s.new_data,
         EXISTS (
           SELECT FROM synclog.events x
           WHERE x.entity = s.entity AND x.record_id = s.record_id AND x.version > s.version
             AND NOT (x.position BETWEEN $4::bigint AND $5::bigint
               AND ($1::text = '' OR coalesce(x.meta->>'actor', '') = $1::text)
               AND ($2::text = '' OR coalesce(x.meta->>'request_id', '') = $2::text))) AS changed_again,
         s.found
  FROM sided s
  WHERE s.ordinal <= $8::bigint AND coalesce(s.bytes_before, 0) < $9::bigint
  ORDER BY s.position DESC)"});

const statement_ptr left_statement = std::make_shared<const pg::statement>(pg::statement{"undo_left", R"(
  SELECT count(*) FROM (
    SELECT DISTINCT e.entity, e.record_id FROM synclog.events e
    WHERE e.position BETWEEN $4::bigint AND $5::bigint
      AND ($3::text = '' OR e.entity = $3::text)
      AND ($1::text = '' OR coalesce(e.meta->>'actor', '') = $1::text)
      AND ($2::text = '' OR coalesce(e.meta->>'request_id', '') = $2::text)) AS d)"});

pg::query query_of(const statement_ptr& statement, pg::params values) {
  pg::query asked;
  asked.prepared = statement;
  asked.values = std::move(values);
  asked.format = pg::result_format::binary;
  return asked;
}

pg::params selected(const undo_selection& selection, core::position to) {
  pg::params values;
  values.text(selection.actor).text(selection.request_id).text(selection.entity);
  values.int8(selection.from.value).int8(to.value);
  return values;
}

bool are_equal(const core::field_texts& left, const core::field_texts& right) {
  for (std::size_t index = 0; index < left.size(); ++index)
    if (left.get(index) != right.get(index)) return false;
  return true;
}

std::string unique_value(const core::field_texts& fields, std::size_t index) {
  return fields.has(index) && !fields.is_null(index) ? core::field_plain_text(fields.get(index))
                                                     : std::string();
}

} // namespace

pg::query undo_plan_query(const undo_selection& selection, core::position below, core::position upto) {
  auto values = selected(selection, selection.to);
  values.int8(below.value).int8(upto.value).int8(max_undo_records).int8(max_undo_bytes);
  return query_of(plan_statement, std::move(values));
}

pg::query undo_left_query(const undo_selection& selection, core::position upto) {
  return query_of(left_statement, selected(selection, upto));
}

std::string undo_sentence(const core::problem& why) {
  std::string text = why.detail;
  for (const auto& error : why.errors)
    text += fmt::format("; {}: {}", error.pointer, error.detail);
  return text;
}

// A record before the selected events, or now.
struct undo_planner::side {
  std::int64_t version = 0; // 0 = no event
  bool live = false, erased = false;
  std::string doc;
};

undo_planner::side undo_planner::read_side(const pg::rows& rows, int row, int version_column) {
  side made;
  if (rows.is_null(row, version_column)) return made;
  made.version = rows.int8(row, version_column);
  if (rows.text(row, version_column + 1) == "deleted") return made;
  made.erased = rows.is_null(row, version_column + 2);
  made.live = !made.erased;
  if (made.live) made.doc = rows.text(row, version_column + 2);
  return made;
}

// What of the unique values changes hands when the record is restored.
void undo_planner::add_values(undo_plan& plan, const core::entity& definition,
                              const core::field_texts& present) {
  auto without = present;
  for (std::size_t index = 0; index < definition.fields.size(); ++index) {
    if (!definition.fields[index].unique) continue;
    const auto now = unique_value(present, index), then = unique_value(plan.wanted->fields, index);
    if (now == then) continue;
    const auto key = [&](const std::string& value) {
      return definition.name + '\0' + std::to_string(index) + '\0' + value;
    };
    if (!now.empty()) {
      plan.values.gives.push_back(key(now));
      plan.given_fields_.push_back(index);
      without.set(index, "null");
    }
    if (!then.empty()) plan.values.wants.push_back(key(then));
  }
  plan.clear_by_removal_ = !core::check_required(definition, without, "").empty();
}

// The command that brings `before` back, or why there is none.
void undo_planner::add_command(undo_plan& plan, const core::entity& definition, const side& before,
                               const side& now) {
  using verdict = undo_item::verdict;
  auto& item = plan.item;
  if (!before.live) {
    if (!now.live) return;
    core::command removal;
    removal.definition = &definition;
    removal.kind = core::command_kind::remove;
    removal.id = item.record_id;
    removal.fields = core::field_texts(definition.fields.size());
    removal.expected_version = now.version;
    plan.wanted = std::move(removal);
    item.what = verdict::undone;
    return;
  }
  auto restored = core::revert_command(definition, before.doc);
  if (!restored) {
    item.what = verdict::refused;
    item.detail = undo_sentence(restored.error());
    return;
  }
  core::field_texts present(definition.fields.size());
  if (now.live) {
    auto decoded = core::decode_record(definition, now.doc);
    if (decoded) present = std::move(decoded->fields);
    if (decoded && are_equal(restored->fields, present)) return;
  }
  restored->expected_version = now.live ? now.version : 0;
  plan.wanted = std::move(*restored);
  item.what = verdict::undone;
  add_values(plan, definition, present);
}

undo_plan undo_planner::plan(const pg::rows& rows, int row) const {
  using verdict = undo_item::verdict;
  undo_plan made;
  made.first_event = {rows.int8(row, 0)};
  auto& item = made.item;
  item.entity = rows.text(row, 1);
  item.record_id = rows.text(row, 2);
  const auto before = read_side(rows, row, 3), now = read_side(rows, row, 6);
  made.bytes = before.doc.size() + now.doc.size();
  item.version = now.version;
  item.restored_version = before.live ? before.version : 0;
  item.was_live = now.live;
  if (item.entity == core::token_entity) {
    item.what = verdict::nothing;
    item.detail = "a token is not a record: synclog token revoke ends one";
    return made;
  }
  const auto* definition = entities_.find(item.entity);
  if (definition == nullptr) {
    item.what = verdict::refused;
    item.detail = "this program has no definition of the entity: name it by --entities";
    return made;
  }
  if (before.erased) {
    item.what = verdict::refused;
    item.detail = fmt::format("what version {} said was erased", before.version);
    return made;
  }
  add_command(made, *definition, before, now);
  if (made.wanted) item.changes = core::differences(now.doc, before.doc);
  if (made.wanted && rows.boolean(row, 9) && !force_) {
    made.wanted.reset();
    item.what = verdict::conflict;
    item.detail = "changed again by events that are not selected";
  }
  return made;
}

core::command undo_plan::clear() {
  core::command made;
  made.definition = wanted->definition;
  made.id = wanted->id;
  made.fields = core::field_texts(made.definition->fields.size());
  made.expected_version = wanted->expected_version;
  if (clear_by_removal_) {
    made.kind = core::command_kind::remove;
    wanted->expected_version = 0;
    return made;
  }
  made.kind = core::command_kind::merge;
  for (const auto index : given_fields_)
    made.fields.set(index, "null");
  wanted->expected_version = *wanted->expected_version + 1;
  return made;
}

} // namespace synclog::eventstore
