// What verify says of tables that are not what a definition asks for: yet, any more, or not at all.
#include "lab.hpp"
#include "projections/layout.hpp"
#include "projections/rebuild.hpp"
#include "projections/verify_tables.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog;
using namespace synclog::tests;

namespace {

core::catalog only(core::entity definition) {
  std::vector<core::entity> all;
  all.push_back(std::move(definition));
  auto made = core::catalog::from(std::move(all));
  REQUIRE(made.has_value());
  return *std::move(made);
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

core::catalog next_exotic(const std::string& from, const std::string& to) {
  return only(parsed_entity(
      "exotic", replaced(replaced(exotic_json, "\"x-revision\": 3", "\"x-revision\": 4"), from, to)));
}

eventstore::verify_report verified(const lab& log, const core::catalog& entities) {
  eventstore::verify_report report;
  projections::verify_tables(log.conninfo(), entities, report, {});
  return report;
}

std::string difference(const eventstore::verify_report& report) {
  return report.difference ? report.difference->kind + ": " + report.difference->detail : "";
}

void fill(lab& log, const core::entity& definition, int records) {
  std::mt19937_64 random(7);
  std::vector<lab_change> changes;
  for (int i = 0; i < records; ++i)
    changes.push_back({&definition, fmt::format("r{:03}", i), random_fields(definition, random)});
  const auto failed = log.append(changes);
  REQUIRE_MESSAGE(!failed, (failed ? failed->message : ""));
}

void rebuild(const lab& log, const core::entity& definition) {
  projections::rebuild_options options;
  options.conninfo = log.conninfo();
  options.role = "synclog_app";
  REQUIRE(projections::rebuild_table(options, definition).rebuilt);
}

} // namespace

TEST_CASE("verify: a table that awaits its rebuild is said to, and is compared in all that is the same") {
  const core::catalog before = only(parsed_entity("exotic", exotic_json));
  lab log(before);
  fill(log, *before.find("exotic"), 60);
  const core::catalog after = next_exotic("\"x-search\": [\"order\", \"user\"]", "\"x-search\": [\"order\"]");
  REQUIRE(projections::prepare_serving(log.conninfo(), "synclog_app", after).pending.size() == 1);
  log.sql("CREATE VIEW seen AS SELECT id FROM \"select\"");

  const auto awaiting = verified(log, after);
  CHECK(difference(awaiting) == "");
  CHECK(awaiting.rows == 60);
  REQUIRE(awaiting.notes.size() == 1);
  const auto& note = awaiting.notes.front();
  CHECK(note.kind == "awaits_rebuild");
  CHECK(note.entity == "exotic");
  CHECK(note.table == "select");
  CHECK(note.since.size() == std::string("2026-11-23T04:05:06Z").size());
  CHECK_MESSAGE(note.detail.starts_with("exotic awaits its rebuild (since " + note.since +
                                        ", revision 4 of its definition was adopted)"),
                note.detail);
  CHECK_MESSAGE(note.detail.find("view seen stands on the table and keeps it") != std::string::npos,
                note.detail);
  // A program that has only the earlier file goes by the database's definition as well.
  CHECK(difference(verified(log, before)) == "");
  CHECK(verified(log, before).notes.size() == 1);

  log.sql("UPDATE \"select\" SET version = version + 1 WHERE id = 'r007'");
  CHECK(difference(verified(log, after)).starts_with("field: position 8: "));
  log.sql(
      "UPDATE \"select\" SET version = version - 1 WHERE id = 'r007'; UPDATE \"select\" SET \"user\" = 'x' "
      "WHERE id = 'r008'");
  CHECK(verified(log, after).difference->field == "user");
  log.sql("DELETE FROM \"select\" WHERE id = 'r008'");
  CHECK(difference(verified(log, after)).starts_with("row_missing: "));
  log.sql("ALTER TABLE \"select\" DROP CONSTRAINT select_user_key");
  CHECK(difference(verified(log, after)).starts_with("table: "));

  log.sql("DROP VIEW seen");
  rebuild(log, *after.find("exotic"));
  const auto rebuilt = verified(log, after);
  CHECK(difference(rebuilt) == "");
  CHECK(rebuilt.notes.empty());
  log.sql("UPDATE \"select\" SET search_text = 'x' WHERE id = 'r009'");
  CHECK(verified(log, after).difference->field == "search_text");
}

TEST_CASE("verify: a definition that the database has not adopted is named, and its own one compared by") {
  const core::catalog before = only(parsed_entity("exotic", exotic_json));
  lab log(before);
  fill(log, *before.find("exotic"), 20);
  const core::catalog after =
      next_exotic("\"flag\": {\"type\": \"boolean\"},",
                  "\"flag\": {\"type\": \"string\"}, \"more\": {\"type\": \"integer\"},");
  const auto report = verified(log, after);
  CHECK(difference(report) == "");
  CHECK(report.rows == 20);
  REQUIRE(report.notes.size() == 1);
  CHECK(report.notes.front().kind == "not_adopted");
  CHECK(report.notes.front().detail.find("revision 4") != std::string::npos);
}

TEST_CASE(
    "verify: before a server has made the tables there is nothing to compare, unless there are events") {
  const std::string database = fresh_log_database();
  const std::string conninfo = test_cluster::shared().conninfo(database);
  eventstore::verify_report report;
  projections::verify_tables(conninfo, lab_entities(), report, {});
  CHECK(difference(report) == "");
  CHECK(report.notes.size() == lab_entities().all().size());
  CHECK(report.notes.front().kind == "no_table");
  CHECK(report.notes.front().detail ==
        "appointments has no read table yet, and no events: `synclog serve` makes it");

  lab log;
  fill(log, *log.entities.find("visits"), 3);
  log.sql("DROP TABLE visits; DELETE FROM synclog.read_tables WHERE entity = 'visits'");
  CHECK(difference(verified(log, log.entities)) == "table: read table public.visits does not exist");
  // What was made once, and is empty, is missed as well.
  log.sql("DROP TABLE campaigns");
  CHECK(difference(verified(log, log.entities)) == "table: read table public.campaigns does not exist");
}

TEST_CASE("verify: a lost or changed constraint, index or column of a read table is named") {
  lab log;
  fill(log, *log.entities.find("exotic"), 10);
  const auto& exotic = *log.entities.find("exotic");
  const auto lost = [&](const std::string& statement, const std::string& field, const std::string& said) {
    CAPTURE(statement);
    log.sql(statement);
    const auto report = verified(log, log.entities);
    REQUIRE(report.difference.has_value());
    CHECK(report.difference->kind == "table");
    CHECK(report.difference->entity == "exotic");
    CHECK(report.difference->field == field);
    CHECK_MESSAGE(report.difference->detail == "read table public.select " + said, report.difference->detail);
    projections::rebuild_options options;
    options.conninfo = log.conninfo();
    options.role = "synclog_app";
    if (said.starts_with("lacks ")) CHECK(projections::preview_rebuild(options, exotic).any());
    rebuild(log, exotic);
    CHECK(difference(verified(log, log.entities)) == "");
  };
  lost("ALTER TABLE \"select\" DROP CONSTRAINT select_pkey", "select_pkey",
       "lacks its primary key select_pkey on \"id\"");
  lost("ALTER TABLE \"select\" DROP CONSTRAINT select_user_key", "select_user_key",
       "lacks its unique constraint select_user_key on \"user\"");
  // Checked row by row, it would refuse a batch that exchanges two values.
  lost("ALTER TABLE \"select\" DROP CONSTRAINT select_user_key; ALTER TABLE \"select\" ADD CONSTRAINT "
       "select_user_key UNIQUE (\"user\")",
       "select_user_key", "lacks its unique constraint select_user_key on \"user\"");
  const std::string order = log.sql("SELECT indexdef FROM pg_indexes WHERE indexname = 'select_order_idx'");
  log.sql("DROP INDEX select_order_idx");
  CHECK(verified(log, log.entities).difference->field == "select_order_idx");
  log.sql(replaced(order, "select_order_idx", "another_name"));
  CHECK(difference(verified(log, log.entities)) == "");
  log.sql("DROP INDEX another_name; CREATE INDEX select_order_idx ON \"select\" (version)");
  CHECK(verified(log, log.entities).difference->field == "select_order_idx");
  rebuild(log, exotic);
  lost("ALTER TABLE \"select\" ALTER COLUMN updated_at DROP NOT NULL", "updated_at",
       "lets column updated_at be NULL");
  lost("ALTER TABLE \"select\" ALTER COLUMN day TYPE text", "day",
       "has column day as text, its definition says date");
  lost("ALTER TABLE \"select\" DROP COLUMN ratio", "ratio", "has no column ratio");
  // What somebody adds is his own.
  log.sql("CREATE INDEX mine ON \"select\" (amount); ALTER TABLE \"select\" ADD COLUMN mine text");
  CHECK(difference(verified(log, log.entities)) == "");
}

TEST_CASE("verify: a branch that is not the data's is found in what the present definition wrote") {
  lab log;
  const core::entity& visits = *log.entities.find("visits");
  fill(log, visits, 30);
  CHECK(difference(verified(log, log.entities)) == "");
  const auto as_owner = [&log](const std::string& change) {
    log.sql("ALTER TABLE synclog.events DISABLE TRIGGER append_only; " + change +
            "; ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only");
  };
  as_owner("UPDATE synclog.events SET branch = 'elsewhere' WHERE position = 12");
  const auto found = verified(log, log.entities);
  REQUIRE(found.difference.has_value());
  CHECK(found.difference->kind == "branch");
  CHECK(found.difference->position.value == 12);
  CHECK(found.difference->record_id == "r011");
  CHECK(found.difference->stored == "elsewhere");
  // A later revision says nothing of what was written before it.
  log.sql("UPDATE synclog.definitions SET adopted_at = now() - interval '1 hour' WHERE name = 'exotic'");
  const core::entity& exotic = *log.entities.find("exotic");
  as_owner("UPDATE synclog.events SET branch = (SELECT nullif(data ->> 'branch', '')) WHERE position = 12");
  fill(log, exotic, 3);
  CHECK(difference(verified(log, log.entities)) == "");
  as_owner("UPDATE synclog.events SET branch = 'elsewhere' WHERE position = 32");
  CHECK(difference(verified(log, log.entities)).starts_with("branch: position 32: exotic r001 has branch "));
  log.sql("UPDATE synclog.definitions SET adopted_at = now() WHERE name = 'exotic'");
  CHECK(difference(verified(log, log.entities)) == "");
}
