// Tables are made, filled, rebuilt and refused at the start.
#include "lab.hpp"
#include "projections/layout.hpp"
#include "projections/rebuild.hpp"
#include "projections/rebuild_checks.hpp"
#include "projections/shadow_table.hpp"
#include "projections/verify_tables.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog;
using namespace synclog::tests;
using projections::prepare_read_tables;

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

std::string refusal(const std::string& conninfo, const core::catalog& entities) {
  try {
    prepare_read_tables(conninfo, "synclog_app", entities);
  } catch (const projections::preparation_refused& refused) {
    return refused.what();
  }
  return "";
}

constexpr const char* column_types = "SELECT string_agg(a.attname || ' ' || format_type(a.atttypid, "
                                     "a.atttypmod) || CASE WHEN a.attnotnull THEN '!' ELSE '' END, "
                                     "', ' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = "
                                     "'{}'::regclass AND a.attnum > 0 AND NOT a.attisdropped";

} // namespace

TEST_CASE("prepare: makes the tables of all definitions once, typed as they say, owned by the service role") {
  lab log;
  CHECK(prepare_read_tables(log.conninfo(), "synclog_app", log.entities).empty());
  CHECK(log.sql("SELECT count(*) FROM synclog.read_tables") == "9");
  CHECK(log.sql("SELECT count(*) FROM synclog.definitions") == "9");
  CHECK(log.sql("SELECT definition::text FROM synclog.definitions WHERE name = 'exotic'") == exotic_json);
  CHECK(log.sql("SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables WHERE schemaname = 'public'") ==
        "synclog_app");
  CHECK(log.sql(fmt::format(fmt::runtime(column_types), "public.\"select\"")) ==
        "id text!, version bigint!, position bigint!, created_at timestamp with time zone!, "
        "updated_at timestamp with time zone!, order text, user text, table text, amount numeric, ratio "
        "numeric, count bigint, "
        "flag boolean, day date, clock time without time zone, moment timestamp with time zone, where json, "
        "list json, "
        "search_text text, doc json!");
  CHECK(log.sql("SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename = "
                "'select'") == "select_order_idx select_order_order_flag_idx select_order_order_idx "
                               "select_pkey select_table_key select_user_key");
  CHECK(log.sql("SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE tablename = "
                "'clients'") == "clients_order_branch_idx clients_order_idx clients_order_phone_idx "
                                "clients_pkey clients_reference_number_key");
  CHECK(log.sql("SELECT bool_and(condeferrable AND NOT condeferred) FROM pg_constraint WHERE conname LIKE "
                "'%\\_key' AND "
                "connamespace = 'public'::regnamespace") == "t");
  CHECK(log.sql("SELECT attcompression = 'l' FROM pg_attribute WHERE attrelid = 'clients'::regclass AND "
                "attname = 'doc'") == "t");
}

TEST_CASE("prepare: a missing table is filled from the log exactly as the append would have") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  lab log;
  std::vector<lab_change> changes;
  for (int i = 0; i < 600; ++i) {
    const auto& definition = *log.entities.all()[random() % log.entities.all().size()];
    changes.push_back({&definition, fmt::format("r{}", i % 300), random_fields(definition, random)});
  }
  log.append_to_log(changes);
  std::vector<lab_change> deletes;
  for (const auto& [entity, records] : log.records)
    if (!records.empty())
      deletes.push_back({log.entities.find(entity), records.begin()->first, std::nullopt});
  log.append_to_log(deletes);
  CHECK(table_difference(log).starts_with("row_missing"));

  for (const auto& definition : log.entities.all())
    log.sql("DROP TABLE " + projections::qualified_table(definition->table));
  CHECK(table_difference(log).starts_with("table"));
  const auto done = prepare_read_tables(log.conninfo(), "synclog_app", log.entities);
  CHECK(done.size() == 9);
  CHECK(done.front().find("was missing: rebuilt from the log") != std::string::npos);
  for (const auto& definition : log.entities.all())
    log.check_table(*definition);
  CHECK(table_difference(log) == "");
}

TEST_CASE("prepare: a changed definition rebuilds its table and carries the names over") {
  const core::catalog before = only(parsed_entity("exotic", exotic_json));
  lab log(before);
  std::mt19937_64 random(7);
  std::vector<lab_change> changes;
  for (int i = 0; i < 50; ++i)
    changes.push_back(
        {before.find("exotic"), fmt::format("r{}", i), random_fields(*before.find("exotic"), random)});
  REQUIRE(!log.append(changes));

  std::string text = replaced(exotic_json, "\"x-revision\": 3", "\"x-revision\": 4");
  text = replaced(text, "\"flag\": {\"type\": \"boolean\"},",
                  "\"flag\": {\"type\": \"boolean\"}, \"added\": {\"type\": \"integer\"},");
  text = replaced(text, "\"x-search\": [\"order\", \"user\"]", "\"x-search\": [\"order\"]");
  const core::catalog after = only(parsed_entity("exotic", text));
  const auto done = prepare_read_tables(log.conninfo(), "synclog_app", after);
  REQUIRE(done.size() == 2);
  CHECK(done[0].find("adopted revision 4") != std::string::npos);
  CHECK(done[1].find("Rebuilt read table select") != std::string::npos);
  CHECK(log.sql("SELECT count(*) FROM \"select\" WHERE added IS NULL") == "50");
  CHECK(log.sql("SELECT string_agg(indexname, ' ' ORDER BY indexname) FROM pg_indexes WHERE schemaname = "
                "'public'") == "select_order_idx select_order_order_flag_idx select_order_order_idx "
                               "select_pkey select_table_key select_user_key");
  CHECK(log.sql("SELECT count(*) FROM pg_constraint WHERE conname = 'select_user_key'") == "1");
  CHECK(prepare_read_tables(log.conninfo(), "synclog_app", after).empty());

  // An older server must not take the definition back, nor one with other words under the same number.
  CHECK(refusal(log.conninfo(), before).find("holds revision 4") != std::string::npos);
  const core::catalog rival =
      only(parsed_entity("exotic", replaced(text, "\"title\": \"Exotic\"", "\"title\": \"Rival\"")));
  CHECK(refusal(log.conninfo(), rival).find("another definition of the same revision 4") !=
        std::string::npos);
  CHECK(log.sql("SELECT revision FROM synclog.definitions") == "4");
}

TEST_CASE(
    "prepare: a table serves a definition with other fields at once, and the rebuild finds nothing to mend") {
  const core::catalog before = only(parsed_entity("exotic", exotic_json));
  lab log(before);
  std::mt19937_64 random(17);
  std::vector<lab_change> changes;
  for (int i = 0; i < 40; ++i)
    changes.push_back(
        {before.find("exotic"), fmt::format("r{:02}", i), random_fields(*before.find("exotic"), random)});
  REQUIRE(!log.append(changes));
  const std::string oid = log.sql("SELECT 'public.\"select\"'::regclass::oid");

  std::string text = replaced(exotic_json, "\"x-revision\": 3", "\"x-revision\": 4");
  text = replaced(text, "\"ratio\": {\"type\": \"number\"},", "\"added\": {\"type\": \"integer\"},");
  text = replaced(text, "\"x-unique\": [\"user\", \"table\"]", "\"x-unique\": [\"user\"]");
  text = replaced(text, "\"x-indexes\": [", "\"x-indexes\": [[\"added\"], ");
  const core::catalog after = only(parsed_entity("exotic", text));
  // Twice: a server that is killed before the rebuild finds it pending again.
  for (int start = 0; start < 2; ++start) {
    const auto prepared = projections::prepare_serving(log.conninfo(), "synclog_app", after);
    CHECK(prepared.done.size() == (start == 0 ? 1 : 0));
    REQUIRE(prepared.pending.size() == 1);
    CHECK(prepared.pending.front() == after.find("exotic"));
  }
  CHECK(log.sql("SELECT 'public.\"select\"'::regclass::oid") == oid);
  CHECK(log.sql("SELECT revision FROM synclog.definitions") == "4");

  // Written by the new definition on the old table: the added field, and a value that may repeat now.
  const core::entity& next = *after.find("exotic");
  const projections::read_tables tables(after);
  std::vector<std::string> docs;
  for (int i = 0; i < 2; ++i) {
    auto fields = random_fields(next, random);
    fields.set(next.field_index("added").value(), "7");
    fields.set(next.field_index("table").value(), "\"twice\"");
    docs.push_back(
        core::encode_record(next, {fmt::format("s{}", i), 1, {41 + i}, {1'000'000}, {1'000'000}}, fields));
    log.sql(fmt::format(
        "INSERT INTO synclog.events (position, version, recorded_at, action, entity, record_id, hash, "
        "salt, meta, data) VALUES ({}, 1, now(), 'created', 'exotic', 's{}', sha256('x'), "
        "'\\x00112233445566778899aabbccddeeff', '{{}}', {})",
        41 + i, i, projections::quote_literal(docs.back())));
  }
  eventstore::pg::segment work;
  const std::vector<eventstore::record_change> written = {{&next, "s0", docs[0]}, {&next, "s1", docs[1]}};
  tables.add_writes(work, written);
  const auto saved = log.threads.run(log.pool.run(std::move(work), log.soon()));
  REQUIRE_MESSAGE(saved.ok(), (saved.failed ? saved.failed->message : ""));
  eventstore::verify_report report;
  projections::verify_tables(log.conninfo(), after, report, {});
  CHECK_MESSAGE(!report.difference, (report.difference ? report.difference->detail : ""));

  projections::rebuild_options options;
  options.conninfo = log.conninfo();
  options.role = "synclog_app";
  const auto differs = projections::rebuild_when::when_layout_differs;
  CHECK(projections::rebuild_table(options, next, differs).rows == 42);
  CHECK_FALSE(projections::rebuild_table(options, next, differs).rebuilt);
  CHECK(log.sql("SELECT count(*) FROM \"select\" WHERE added = 7") == "2");
  CHECK(log.sql("SELECT count(*) FROM pg_attribute WHERE attrelid = '\"select\"'::regclass AND attname = "
                "'ratio'") == "0");
  CHECK(projections::prepare_serving(log.conninfo(), "synclog_app", after).pending.empty());
}

TEST_CASE("prepare: back to the earlier fields before the rebuild has come is a change as well") {
  const core::catalog before = only(parsed_entity("exotic", exotic_json));
  lab log(before);
  std::mt19937_64 random(18);
  std::vector<lab_change> changes;
  for (int i = 0; i < 20; ++i)
    changes.push_back(
        {before.find("exotic"), fmt::format("r{:02}", i), random_fields(*before.find("exotic"), random)});
  REQUIRE(!log.append(changes));
  std::string text = replaced(exotic_json, "\"x-revision\": 3", "\"x-revision\": 4");
  text = replaced(text, "\"ratio\": {\"type\": \"number\"},", "");
  const core::catalog without = only(parsed_entity("exotic", text));
  REQUIRE(projections::prepare_serving(log.conninfo(), "synclog_app", without).pending.size() == 1);
  // Nobody writes the column now; its old value stays in the table.
  log.sql("UPDATE \"select\" SET ratio = 99 WHERE id = 'r00'");
  const core::catalog again =
      only(parsed_entity("exotic", replaced(exotic_json, "\"x-revision\": 3", "\"x-revision\": 5")));
  const auto prepared = projections::prepare_serving(log.conninfo(), "synclog_app", again);
  CHECK(prepared.pending.empty());
  CHECK(prepared.done.size() == 2);
  eventstore::verify_report report;
  projections::verify_tables(log.conninfo(), again, report, {});
  CHECK_MESSAGE(!report.difference, (report.difference ? report.difference->detail : ""));
}

TEST_CASE("prepare: a field that comes back after its removal is served with its old values, or with none") {
  const core::catalog before = only(parsed_entity("exotic", exotic_json));
  lab log(before);
  const core::entity& exotic = *before.find("exotic");
  std::vector<lab_change> changes;
  for (int i = 0; i < 5'000; ++i) {
    core::field_texts fields(exotic.fields.size());
    fields.set(exotic.field_index("order").value(), "\"a\"");
    // A name inside of another value is no field.
    fields.set(exotic.field_index("where").value(), R"({"count":1,"ratio":"\"ratio\":2"})");
    if (i == 4'321) fields.set(exotic.field_index("ratio").value(), "0.5");
    changes.push_back({&exotic, fmt::format("r{:04}", i), fields});
  }
  REQUIRE(!log.append(changes));
  const auto revision = [](int number, bool with_ratio, bool with_count) {
    std::string text = replaced(exotic_json, "\"x-revision\": 3", fmt::format("\"x-revision\": {}", number));
    if (!with_ratio) text = replaced(text, "\"ratio\": {\"type\": \"number\"},", "");
    if (!with_count) {
      text = replaced(text, "\"count\": {\"type\": \"integer\"},", "");
      text = replaced(text, "\"count\": \"count\", ", "");
      text = replaced(text, "\"count\", ", "");
    }
    return only(parsed_entity("exotic", text));
  };
  CHECK(prepare_read_tables(log.conninfo(), "synclog_app", revision(4, false, false)).size() == 2);
  CHECK(log.sql("SELECT count(*) FROM pg_attribute WHERE attrelid = '\"select\"'::regclass AND attname IN "
                "('ratio', 'count')") == "0");
  // Nobody ever had a count: it can be served at once.
  const auto counted = revision(5, false, true);
  CHECK(projections::prepare_serving(log.conninfo(), "synclog_app", counted).pending.size() == 1);
  const auto again = revision(6, true, true);
  const auto prepared = projections::prepare_serving(log.conninfo(), "synclog_app", again);
  CHECK(prepared.pending.empty());
  CHECK(log.sql("SELECT string_agg(id, ',') FROM \"select\" WHERE ratio = 0.5") == "r4321");
  eventstore::verify_report report;
  projections::verify_tables(log.conninfo(), again, report, {});
  CHECK_MESSAGE(!report.difference, (report.difference ? report.difference->detail : ""));
}

TEST_CASE(
    "prepare: what an interrupted rebuild left is dropped at the start, what another one works on is not") {
  lab log;
  const auto shadows = [&log] {
    return log.sql(
        "SELECT count(*) FROM pg_class WHERE relname LIKE 'synclog\\_shadow\\_%' AND relkind = 'r'");
  };
  eventstore::pg::plain_connection rebuilding(log.conninfo(), "synclog_app", "rebuild");
  const core::entity& visits = *log.entities.find("visits");
  projections::lock_entity(rebuilding, "visits");
  projections::create_shadow(rebuilding, visits);
  log.sql("CREATE TABLE synclog_shadow_of_somebody (mine text)");
  CHECK(prepare_read_tables(log.conninfo(), "synclog_app", log.entities).empty());
  CHECK(shadows() == "2");
  projections::unlock_entity(rebuilding, "visits");
  CHECK(prepare_read_tables(log.conninfo(), "synclog_app", log.entities) ==
        std::vector<std::string>{"Dropped what an interrupted rebuild of read table visits had left."});
  CHECK(shadows() == "1");

  // A session of that run that still reads or writes its shadow keeps it until the next time.
  const std::string busy = projections::create_shadow(rebuilding, visits);
  rebuilding.run("BEGIN");
  rebuilding.run("SELECT count(*) FROM " + projections::qualified_table(busy));
  CHECK(prepare_read_tables(log.conninfo(), "synclog_app", log.entities).empty());
  rebuilding.run("COMMIT");
  CHECK(prepare_read_tables(log.conninfo(), "synclog_app", log.entities).size() == 1);
  CHECK(shadows() == "1");
}

TEST_CASE("prepare: a new title adopts the definition and keeps the table") {
  const core::catalog before = only(parsed_entity("exotic", exotic_json));
  lab log(before);
  const std::string oid = log.sql("SELECT 'public.\"select\"'::regclass::oid");
  std::string text = replaced(exotic_json, "\"x-revision\": 3", "\"x-revision\": 5");
  const core::catalog after =
      only(parsed_entity("exotic", replaced(text, "\"title\": \"Exotic\"", "\"title\": \"Other\"")));
  CHECK(prepare_read_tables(log.conninfo(), "synclog_app", after).size() == 1);
  CHECK(log.sql("SELECT 'public.\"select\"'::regclass::oid") == oid);
}

TEST_CASE("prepare: somebody else's table is never touched") {
  const std::string database = fresh_log_database();
  test_cluster& cluster = test_cluster::shared();
  cluster.sql(database, "CREATE TABLE clients (mine text); INSERT INTO clients VALUES ('precious')");
  const std::string said = refusal(cluster.conninfo(database), lab_entities());
  CHECK(said.find("public.clients that this log has not made") != std::string::npos);
  CHECK(cluster.sql(database, "SELECT mine FROM clients") == "precious");
  CHECK(cluster.sql(database, "SELECT count(*) FROM synclog.definitions WHERE name = 'clients'") == "0");
  // What came before it in the alphabet stands, what comes after waits for the next start.
  cluster.sql(database, "DROP TABLE clients");
  CHECK_FALSE(prepare_read_tables(cluster.conninfo(database), "synclog_app", lab_entities()).empty());
}

TEST_CASE("prepare: an unreachable database is unavailable, not a crash") {
  CHECK_THROWS_AS(prepare_read_tables("host=/nonexistent dbname=x", "", lab_entities()),
                  eventstore::pg::unavailable);
}
