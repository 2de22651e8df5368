// See lab.hpp.
#include "lab.hpp"
#include "core/json.hpp"
#include "eventstore/head_lock.hpp"
#include "migrations/runner.hpp"
#include "projections/layout.hpp"
#include "projections/verify_tables.hpp"
#include <array>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <libpq-fe.h>

namespace synclog::tests {

namespace pg = eventstore::pg;

const char* const exotic_json = R"({
  "title": "Exotic", "type": "object", "additionalProperties": false, "x-revision": 3, "x-table": "select",
  "x-prefix": "EXO", "required": ["order"],
  "properties": {
    "order": {"type": "string"},
    "user": {"type": "string"},
    "table": {"type": "string"},
    "amount": {"type": "number", "multipleOf": 0.01},
    "ratio": {"type": "number"},
    "count": {"type": "integer"},
    "flag": {"type": "boolean"},
    "day": {"type": "string", "format": "date"},
    "clock": {"type": "string", "format": "time"},
    "moment": {"type": "string", "format": "date-time"},
    "where": {"type": "object"},
    "list": {"type": "array"}
  },
  "x-unique": ["user", "table"], "x-key": "user",
  "x-filters": {"group": "order", "count": "count", "flag": "flag", "day": "day", "clock": "clock", "amount": "amount",
                "moment": "moment"},
  "x-search": ["order", "user"],
  "x-order": ["-day", "count", "-amount"],
  "x-indexes": [["order"], ["order", "flag"], ["user"], ["order"]],
  "x-branch": "order", "x-rest": "where"
})";

core::entity parsed_entity(const std::string& name, const std::string& json_text) {
  auto parsed = core::parse_entity(name, json_text);
  REQUIRE_MESSAGE(parsed.has_value(), (parsed ? "" : parsed.error().detail));
  return *std::move(parsed);
}

const core::catalog& lab_entities() {
  static const core::catalog made = [] {
    std::vector<core::entity> all;
    for (const auto& [file, text] : core::embedded_entity_files())
      all.push_back(parsed_entity(std::string(file.substr(0, file.find('.'))), std::string(text)));
    all.push_back(parsed_entity("exotic", exotic_json));
    auto catalog = core::catalog::from(std::move(all));
    REQUIRE(catalog.has_value());
    return *std::move(catalog);
  }();
  return made;
}

std::string fresh_log_database() {
  static const std::string log_template = [] {
    std::string name = test_cluster::shared().fresh_database();
    const auto done = migrations::up(test_cluster::shared().conninfo(name));
    REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().detail));
    return name;
  }();
  return test_cluster::shared().fresh_database(log_template);
}

namespace {

pg::connect_options connect_to(const std::string& database) {
  pg::connect_options options;
  options.conninfo = test_cluster::shared().conninfo(database);
  options.role = "synclog_app";
  return options;
}

std::string prepared_database(const core::catalog& entities) {
  std::string database = fresh_log_database();
  projections::prepare_read_tables(test_cluster::shared().conninfo(database), "synclog_app", entities);
  return database;
}

std::shared_ptr<const pg::statement> insert_statement() {
  static const auto made = std::make_shared<const pg::statement>(pg::statement{
      "lab_insert_events",
      "INSERT INTO synclog.events (position, version, recorded_at, action, entity, record_id, hash, salt, "
      "meta, data, branch) "
      "SELECT p, v, now(), a, e, i, sha256(int8send(p)), '\\x00000000000000000000000000000000', '{}', d, "
      "nullif(b, '') FROM unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::json[], "
      "$7::text[]) AS u(p, v, a, e, i, d, b)"});
  return made;
}

// The events of some changes, and how the fold in memory stands afterwards.
struct lab_events {
  std::vector<std::int64_t> positions, versions;
  std::vector<std::string_view> actions, entities, ids;
  std::vector<std::string> docs, branches;
};

std::string doc_of(const lab_change& change, const lab_record* before, std::int64_t version,
                   std::int64_t position) {
  if (!change.fields) return before->doc;
  constexpr std::int64_t start = 1'795'000'000'000'000; // some day in 2026
  core::record_head head{
      change.id, version, {position}, {start + position * 1'000'001}, {start + position * 1'000'001}};
  if (before && before->live) {
    const auto old = core::decode_record(*change.definition, before->doc);
    REQUIRE(old.has_value());
    head.created_at = old->head.created_at;
  }
  return core::encode_record(*change.definition, head, *change.fields);
}

} // namespace

lab::lab(const core::catalog& all)
    : entities(all), database(prepared_database(all)),
      pool(threads.executor(), connect_to(database), {.connections = 2}), tables(all) {}

lab::~lab() {
  threads.run(pool.stop());
}

std::optional<pg::failure> lab::append(const std::vector<lab_change>& changes) {
  return write(changes, true);
}

void lab::append_to_log(const std::vector<lab_change>& changes) {
  REQUIRE(!write(changes, false));
}

std::optional<pg::failure> lab::write(const std::vector<lab_change>& changes, bool with_tables) {
  auto after = records;
  std::int64_t position = head;
  lab_events events;
  std::map<std::pair<const core::entity*, std::string>, std::string> last; // doc, "" = gone
  for (const lab_change& change : changes) {
    lab_record& state = after[change.definition->name][change.id];
    const lab_record before = state;
    ++position;
    ++state.version;
    state.doc = doc_of(change, before.version == 0 ? nullptr : &before, state.version, position);
    state.live = change.fields.has_value();
    events.positions.push_back(position);
    events.versions.push_back(state.version);
    events.actions.push_back(!state.live ? "deleted" : before.live ? "updated" : "created");
    events.entities.push_back(change.definition->name);
    events.ids.push_back(change.id);
    events.docs.push_back(state.doc);
    const auto saved = core::decode_record(*change.definition, state.doc);
    events.branches.push_back(saved ? core::branch_of(*change.definition, saved->fields) : "");
    last[{change.definition, change.id}] = state.live ? state.doc : "";
  }
  const std::vector<std::string_view> docs(events.docs.begin(), events.docs.end()),
      branches(events.branches.begin(), events.branches.end());
  pg::params values;
  values.int8_array(events.positions).int8_array(events.versions).text_array(events.actions);
  values.text_array(events.entities).text_array(events.ids).text_array(docs, pg::oid_json);
  values.text_array(branches);
  pg::segment work; // one implicit transaction, under the lock that every append takes
  work.add_sql("SELECT pg_advisory_xact_lock($1::bigint)",
               std::move(pg::params().int8(eventstore::head_lock_key)));
  work.add(insert_statement(), std::move(values));
  std::vector<eventstore::record_change> changed;
  for (const auto& [key, doc] : last)
    changed.push_back({key.first, key.second, doc});
  if (with_tables) tables.add_writes(work, changed);
  const pg::segment_result done = threads.run(pool.run(std::move(work), soon()));
  if (done.failed) return done.failed;
  records = std::move(after);
  head = position;
  return std::nullopt;
}

void lab::check_table(const core::entity& definition) const {
  const std::string table = projections::qualified_table(definition.table);
  std::string expected;
  if (const auto known = records.find(definition.name); known != records.end())
    for (const auto& [id, state] : known->second)
      if (state.live) expected += state.doc + "\n";
  std::string stored =
      sql("SELECT coalesce(string_agg(doc::text, E'\\n' ORDER BY id) || E'\\n', '') FROM " + table);
  CHECK(stored == expected);
}

core::field_texts random_fields(const core::entity& definition, std::mt19937_64& random) {
  static const std::array<const char*, 14> words{
      "",       "north", "east", "Ärger",       "ärger",   "naïve résumé", "100%",
      "a_b\\c", "\"q\"", "日本", "😀 tab\there", "o'clock", "North",        "z\x7fz"};
  const auto below = [&](std::uint64_t bound) { return random() % bound; };
  core::field_texts fields(definition.fields.size());
  for (std::size_t i = 0; i < definition.fields.size(); ++i) {
    const core::field& field = definition.fields[i];
    if (!field.required && below(4) == 0) {
      fields.set(i, "null");
      continue;
    }
    switch (field.type) {
    case core::field_type::text:
      fields.set(i, field.unique ? core::json::quoted(fmt::format("U-{}-ß", random()))
                                 : core::json::quoted(words[below(words.size())]));
      break;
    case core::field_type::number:
      fields.set(i, std::array{"0", "-1.5", "12.25", "12345678901234567890", "0.01"}[below(5)]);
      break;
    case core::field_type::integer:
      fields.set(i, std::array{"0", "-7", "42", "9223372036854775807", "-9223372036854775808"}[below(5)]);
      break;
    case core::field_type::boolean:
      fields.set(i, below(2) == 0 ? "true" : "false");
      break;
    case core::field_type::date:
      fields.set(i, fmt::format("\"20{:02}-0{}-1{}\"", below(100), 1 + below(9), below(9)));
      break;
    case core::field_type::time:
      fields.set(i, fmt::format("\"1{}:0{}:00\"", below(9), below(3)));
      break;
    case core::field_type::timestamp:
      fields.set(i, fmt::format("\"2026-11-1{}T04:05:06.{:06}Z\"", below(9), below(2) * 123'456));
      break;
    case core::field_type::object:
      fields.set(i, R"({"a":1,"b c":["x\\y",null,"é"]})");
      break;
    case core::field_type::array:
      fields.set(i, below(2) == 0 ? "[]" : R"([{"sku":"A-1","qty":2.50}])");
      break;
    }
  }
  return fields;
}

std::string table_difference(const lab& where) {
  eventstore::verify_report report;
  projections::verify_tables(where.conninfo(), where.entities, report, {});
  return report.difference ? report.difference->kind + ": " + report.difference->detail : "";
}

} // namespace synclog::tests
