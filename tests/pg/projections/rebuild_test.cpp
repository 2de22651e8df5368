// A read table made anew beside writers and readers: the same rows as the append made, whatever happens in
// between; and the old table when it does not come to that.
#include "core/json.hpp"
#include "lab.hpp"
#include "nasty.hpp"
#include "projections/latest_events.hpp"
#include "projections/layout.hpp"
#include "projections/rebuild.hpp"
#include "projections/verify_tables.hpp"
#include <atomic>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>
#include <functional>
#include <limits>
#include <thread>

using namespace synclog;
using namespace synclog::tests;
namespace pg = eventstore::pg;

namespace {

projections::rebuild_options over(const lab& log, unsigned jobs = 3) {
  projections::rebuild_options options;
  options.conninfo = log.conninfo();
  options.role = "synclog_app";
  options.pace = {.jobs = jobs, .is_gentle = jobs == 1};
  return options;
}

// Every column of every row, in order.
std::string rows_of(const lab& log, const core::entity& definition) {
  return log.sql("SELECT md5(coalesce(string_agg(t::text, E'\\n' ORDER BY id), '')) FROM " +
                 projections::qualified_table(definition.table) + " AS t");
}

std::string oid_of(const lab& log, const core::entity& definition) {
  return log.sql("SELECT to_regclass('" + projections::qualified_table(definition.table) + "')::oid");
}

std::string objects_of(const lab& log, const core::entity& definition) {
  return log.sql("SELECT string_agg(indexdef, E'\\n' ORDER BY indexdef) FROM pg_indexes WHERE tablename = '" +
                 definition.table + "'") +
         log.sql("SELECT string_agg(conname || ' ' || pg_get_constraintdef(oid), ',' ORDER BY conname) FROM "
                 "pg_constraint WHERE conrelid = '" +
                 projections::qualified_table(definition.table) + "'::regclass") +
         log.sql("SELECT array_to_string(reloptions, ',') FROM pg_class WHERE oid = " +
                 oid_of(log, definition));
}

std::string shadows_of(const lab& log) {
  return log.sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'synclog\\_shadow\\_%' AND relkind = 'r'");
}

// Random changes of records; unique values never repeat.
class changes_made {
 public:
  explicit changes_made(std::mt19937_64& random) : random_(random), nasty_(random) {}
  lab_change of(const core::entity& definition, int id) {
    const auto fields = random_() % 2 == 0 ? nasty_.record(definition) : random_fields(definition, random_);
    return {&definition, fmt::format("r{:05}", id), fields};
  }

 private:
  std::mt19937_64& random_;
  nasty_values nasty_;
};

void append(lab& log, const std::vector<lab_change>& changes) {
  const auto failed = log.append(changes);
  REQUIRE_MESSAGE(!failed, (failed ? failed->message + " " + failed->detail : ""));
}

void fill(lab& log, const core::entity& definition, int records, std::mt19937_64& random) {
  std::vector<lab_change> changes;
  for (int i = 0; i < records; ++i)
    changes.push_back({&definition, fmt::format("r{:05}", i), random_fields(definition, random)});
  append(log, changes);
}

// Ends every session of the rebuild, as an administrator or a crash would.
void end_sessions(const lab& log) {
  log.sql(
      "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database() AND "
      "application_name LIKE 'synclog rebuild%'");
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

core::entity next_exotic(const std::string& from, const std::string& to) {
  return parsed_entity("exotic",
                       replaced(replaced(exotic_json, "\"x-revision\": 3", "\"x-revision\": 4"), from, to));
}

std::string refusal(const projections::rebuild_options& options, const core::entity& definition) {
  try {
    projections::rebuild_table(options, definition);
  } catch (const projections::preparation_refused& refused) {
    return refused.what();
  }
  return "";
}

// Rebuilds while `write` goes on, three times at least, and checks the table.
void rebuild_beside(lab& log, const core::entity& definition, unsigned jobs,
                    const std::function<void()>& write) {
  std::atomic<bool> over_now{false};
  std::exception_ptr failed;
  std::jthread rebuilding([&] {
    try {
      projections::rebuild_table(over(log, jobs), definition);
    } catch (...) {
      failed = std::current_exception();
    }
    over_now = true;
  });
  for (int written = 0; !over_now || written < 3; ++written)
    write();
  rebuilding.join();
  if (failed) CHECK_NOTHROW(std::rethrow_exception(failed));
  log.check_table(definition);
}

} // namespace

TEST_CASE("rebuild: it is gentle while a server works on this database, and takes all cores otherwise") {
  lab log;
  const auto pace = [&log] { return projections::default_rebuild_pace(log.conninfo(), "synclog_app"); };
  CHECK_FALSE(pace().is_gentle);
  CHECK(pace().jobs >= 1);
  {
    const pg::plain_connection server(log.conninfo(), "synclog_app", "synclog serve");
    CHECK(pace().is_gentle);
    CHECK(pace().jobs == 1);
  }
  CHECK(wait_until([&] { return !pace().is_gentle; }));
}

TEST_CASE("rebuild: after any history the rebuilt table equals the one that the append kept") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  changes_made made(random);
  lab log;
  for (int batch = 0; batch < 30; ++batch) {
    std::vector<lab_change> changes;
    for (int i = 0; i < 40; ++i) {
      const auto& definition = *log.entities.all()[random() % log.entities.all().size()];
      lab_change change = made.of(definition, static_cast<int>(random() % 150));
      const auto& known = log.records[definition.name];
      const auto before = known.find(change.id);
      if (before != known.end() && before->second.live && random() % 5 == 0) change.fields.reset();
      const bool twice = std::any_of(changes.begin(), changes.end(), [&](const lab_change& one) {
        return one.definition == change.definition && one.id == change.id;
      });
      if (!twice) changes.push_back(std::move(change));
    }
    append(log, changes);
  }
  for (const auto& definition : log.entities.all()) {
    INFO(definition->name);
    const std::string rows = rows_of(log, *definition), oid = oid_of(log, *definition),
                      objects = objects_of(log, *definition);
    const auto built =
        projections::rebuild_table(over(log, 1 + static_cast<unsigned>(random() % 4)), *definition);
    CHECK(built.rebuilt);
    CHECK_FALSE(built.adopted);
    CHECK(rows_of(log, *definition) == rows);
    CHECK(objects_of(log, *definition) == objects);
    CHECK(oid_of(log, *definition) != oid);
    log.check_table(*definition);
    CHECK(log.sql(fmt::format("SELECT count(*) FROM {}", projections::qualified_table(definition->table))) ==
          std::to_string(built.rows));
    append(log, {made.of(*definition, 7)});
  }
  CHECK(table_difference(log) == "");
  CHECK(shadows_of(log) == "0");
}

TEST_CASE("rebuild: what was tampered with is listed before, field by field, and mended") {
  lab log;
  std::mt19937_64 random(3);
  const core::entity& exotic = *log.entities.find("exotic");
  fill(log, exotic, 3'000, random);
  append(log, {{&exotic, "r00011", std::nullopt}});
  CHECK_FALSE(projections::preview_rebuild(over(log), exotic).any());
  log.sql("CREATE TABLE kept AS SELECT * FROM \"select\" WHERE id = 'r00500'; "
          "UPDATE \"select\" SET amount = 99.5, \"user\" = NULL WHERE id = 'r00100'; "
          "DELETE FROM \"select\" WHERE id = 'r02999'; "
          "UPDATE kept SET id = 'r00011', \"user\" = NULL, \"table\" = NULL; INSERT INTO \"select\" SELECT * "
          "FROM kept; "
          "UPDATE kept SET id = 'nobody'; INSERT INTO \"select\" SELECT * FROM kept; DROP TABLE kept");
  const std::string tampered = rows_of(log, exotic);
  const auto preview = projections::preview_rebuild(over(log), exotic);
  CHECK(rows_of(log, exotic) == tampered);
  CHECK(preview.layout.empty());
  CHECK(preview.obstacles.empty());
  CHECK(preview.rows.rows_differing == 4);
  using kind = projections::row_difference::kind;
  const auto found = [&](kind what, const std::string& id, const std::string& field) {
    return std::count_if(preview.rows.first.begin(), preview.rows.first.end(), [&](const auto& one) {
      return one.what == what && one.record_id == id && one.field == field;
    });
  };
  CHECK(found(kind::field, "r00100", "amount") == 1);
  CHECK(found(kind::missing, "r02999", "") == 1);
  CHECK(found(kind::extra, "r00011", "") == 1);
  CHECK(found(kind::extra, "nobody", "") == 1);
  projections::rebuild_table(over(log), exotic);
  log.check_table(exotic);
  CHECK(table_difference(log) == "");
  CHECK_FALSE(projections::preview_rebuild(over(log), exotic).any());
}

TEST_CASE("rebuild: writers go on all the while, and every write is in the new table") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  changes_made made(random);
  lab log;
  const core::entity& exotic = *log.entities.find("exotic");
  fill(log, exotic, 4'000, random);
  for (const unsigned jobs : {1U, 2U, 3U}) { // a single one takes another way
    INFO(jobs);
    rebuild_beside(log, exotic, jobs, [&] {
      std::vector<lab_change> changes;
      for (int i = 0; i < 5; ++i) {
        lab_change change = made.of(exotic, static_cast<int>(random() % 5'000) / 5 * 5 + i);
        const auto before = log.records["exotic"].find(change.id);
        if (before != log.records["exotic"].end() && before->second.live && random() % 4 == 0)
          change.fields.reset();
        changes.push_back(std::move(change));
      }
      append(log, changes);
    });
  }
  CHECK(table_difference(log) == "");
}

TEST_CASE("rebuild: a unique value that goes from record to record meanwhile never stands twice") {
  std::mt19937_64 random(11);
  lab log;
  const core::entity& exotic = *log.entities.find("exotic");
  fill(log, exotic, 4'000, random);
  const std::size_t user = exotic.field_index("user").value();
  for (const unsigned jobs : {1U, 3U}) {
    INFO(jobs);
    // As pages go, from the end to the beginning: a page could meet the value that an earlier one had met.
    int holder = 0, given = 0;
    rebuild_beside(log, exotic, jobs, [&] {
      const int next = (holder + 4'000 - 397) % 4'000;
      lab_change leaves{&exotic, fmt::format("r{:05}", holder), random_fields(exotic, random)};
      lab_change takes{&exotic, fmt::format("r{:05}", next), random_fields(exotic, random)};
      leaves.fields->set(user, core::json::quoted(fmt::format("free {} {}", jobs, given)));
      takes.fields->set(user, core::json::quoted("the one"));
      append(log, {leaves, takes});
      holder = next;
      ++given;
    });
    append(log, {{&exotic, fmt::format("r{:05}", holder), random_fields(exotic, random)}});
  }
}

TEST_CASE("rebuild: ended in any stage it leaves the old table serving, and the next run clears up") {
  lab log;
  std::mt19937_64 random(5);
  changes_made made(random);
  const core::entity& exotic = *log.entities.find("exotic");
  fill(log, exotic, 2'000, random);
  for (const std::string stage : {"folding", "indexing", "catching up", "comparing", "swapping"}) {
    INFO(stage);
    const std::string oid = oid_of(log, exotic);
    bool wrote = false, ended = false;
    auto options = over(log, 2);
    options.progress = [&](const eventstore::verify_progress& at) {
      if (!wrote && at.stage == "exotic: folding") { // something to catch up with
        wrote = true;
        append(log, {made.of(exotic, 1), made.of(exotic, 3'000)});
      }
      if (!ended && at.stage == "exotic: " + stage) {
        ended = true;
        end_sessions(log);
      }
    };
    CHECK_THROWS_AS(projections::rebuild_table(options, exotic), pg::unavailable);
    CHECK(ended);
    CHECK(oid_of(log, exotic) == oid);
    append(log, {made.of(exotic, 2)});
    log.check_table(exotic);
    CHECK(shadows_of(log) == "1");
    const auto built = projections::rebuild_table(over(log, 1), exotic);
    CHECK(built.left_overs == 1);
    CHECK(shadows_of(log) == "0");
    log.check_table(exotic);
  }
}

TEST_CASE(
    "rebuild: a reader that holds the table keeps it, the swap waits its turn and is ended without harm") {
  lab log;
  std::mt19937_64 random(6);
  changes_made made(random);
  const core::entity& exotic = *log.entities.find("exotic");
  fill(log, exotic, 200, random);
  pg::plain_connection reader(log.conninfo(), "synclog_app", "reader");
  const std::string oid = oid_of(log, exotic);
  reader.run("BEGIN");
  CHECK(reader.run("SELECT count(*) FROM \"select\"").int8(0, 0) == 200);
  auto options = over(log, 2);
  int attempts = 0;
  options.progress = [&](const eventstore::verify_progress& at) {
    if (at.stage != "exotic: swapping" || ++attempts < 3) return;
    CHECK(oid_of(log, exotic) == oid);
    append(log, {made.of(exotic, 300 + attempts)});
    if (attempts == 3) reader.run("COMMIT");
  };
  const auto built = projections::rebuild_table(options, exotic);
  CHECK(built.rebuilt);
  CHECK(attempts >= 3);
  // With those that came while it waited.
  CHECK(log.sql("SELECT count(*) FROM \"select\"") == std::to_string(built.rows));
  CHECK(built.rows > 200);
  log.check_table(exotic);

  // Ended while it waits for the table, inside the swap's transaction.
  const std::string second = oid_of(log, exotic);
  reader.run("BEGIN");
  reader.run("SELECT count(*) FROM \"select\"");
  std::exception_ptr failed;
  std::jthread rebuilding([&] {
    try {
      projections::rebuild_table(over(log, 2), exotic);
    } catch (...) {
      failed = std::current_exception();
    }
  });
  CHECK(wait_until([&] {
    return log.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name "
                   "LIKE 'synclog "
                   "rebuild%' AND wait_event_type = 'Lock' AND query LIKE 'LOCK TABLE%' AND datname = "
                   "current_database()") != "0";
  }));
  rebuilding.join();
  REQUIRE(failed);
  CHECK_THROWS_AS(std::rethrow_exception(failed), pg::unavailable);
  reader.run("COMMIT");
  CHECK(oid_of(log, exotic) == second);
  log.check_table(exotic);
  CHECK(projections::rebuild_table(over(log), exotic).left_overs == 1);
}

TEST_CASE("rebuild: a disk that is full ends it, what was built is dropped, and the old table serves on") {
  lab log;
  std::mt19937_64 random(14);
  const core::entity& exotic = *log.entities.find("exotic");
  fill(log, exotic, 300, random);
  const std::string oid = oid_of(log, exotic);
  log.sql("CREATE FUNCTION no_room() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no "
          "space left' "
          "USING ERRCODE = 'disk_full'; END $$; CREATE EVENT TRIGGER full_disk ON ddl_command_end WHEN TAG "
          "IN ('CREATE "
          "INDEX') EXECUTE FUNCTION no_room()");
  std::string state;
  try {
    projections::rebuild_table(over(log), exotic);
  } catch (const pg::query_failed& failed) {
    state = failed.info().sqlstate;
  }
  CHECK(state == "53100");
  CHECK(shadows_of(log) == "0");
  CHECK(oid_of(log, exotic) == oid);
  log.check_table(exotic);
  log.sql("DROP EVENT TRIGGER full_disk");
  CHECK(projections::rebuild_table(over(log), exotic).rows == 300);
}

TEST_CASE("rebuild: one at a time, a stop ends it at once, and both leave nothing behind") {
  lab log;
  std::mt19937_64 random(8);
  const core::entity& exotic = *log.entities.find("exotic");
  fill(log, exotic, 500, random);
  const std::string oid = oid_of(log, exotic);
  std::string said;
  projections::rebuild_stop stop;
  auto options = over(log);
  options.stop = &stop;
  options.progress = [&](const eventstore::verify_progress&) {
    if (!said.empty()) return;
    try {
      projections::rebuild_table(over(log), exotic);
    } catch (const projections::rebuild_busy& busy) {
      said = busy.what();
    }
    stop.request();
  };
  CHECK_THROWS_AS(projections::rebuild_table(options, exotic), projections::rebuild_stopped);
  CHECK(said.starts_with("Entity exotic: another rebuild of its read table is under way (database session "));
  CHECK(oid_of(log, exotic) == oid);
  CHECK(shadows_of(log) == "0");
}

TEST_CASE("rebuild: grants are carried over, and a view on the table is named instead of left behind") {
  lab log;
  std::mt19937_64 random(9);
  const core::entity& visits = *log.entities.find("visits");
  fill(log, visits, 50, random);
  log.sql("DO $$ BEGIN CREATE ROLE lab_reader; EXCEPTION WHEN duplicate_object THEN NULL; END $$; "
          "GRANT SELECT ON visits TO lab_reader; GRANT UPDATE (id) ON visits TO lab_reader; GRANT SELECT ON "
          "visits TO "
          "PUBLIC");
  projections::rebuild_table(over(log), visits);
  CHECK(log.sql("SELECT has_table_privilege('lab_reader', 'visits', 'SELECT') AND "
                "has_column_privilege('lab_reader', "
                "'visits', 'id', 'UPDATE') AND NOT has_column_privilege('lab_reader', 'visits', 'version', "
                "'UPDATE')") == "t");
  log.sql("CREATE VIEW busy_visits AS SELECT id FROM visits");
  const std::string oid = oid_of(log, visits);
  CHECK(refusal(over(log), visits).find("view busy_visits") != std::string::npos);
  CHECK(projections::preview_rebuild(over(log), visits).obstacles.size() == 1);
  CHECK(oid_of(log, visits) == oid);
  CHECK(shadows_of(log) == "0");
  log.sql("DROP VIEW busy_visits; DROP OWNED BY lab_reader");
}

TEST_CASE(
    "rebuild: a definition that old events cannot satisfy is refused with counts, and nothing changes") {
  lab log;
  std::mt19937_64 random(10);
  const core::entity& exotic = *log.entities.find("exotic");
  std::vector<lab_change> changes;
  for (int i = 0; i < 40; ++i) {
    auto fields = random_fields(exotic, random);
    fields.set(exotic.field_index("ratio").value(), i < 7 ? "12.5" : i < 20 ? "12" : "null");
    fields.set(exotic.field_index("order").value(), i < 6 ? fmt::format("\"same {}\"", i / 3) : "null");
    changes.push_back({&exotic, fmt::format("r{:02}", i), fields});
  }
  append(log, changes);
  const std::string oid = oid_of(log, exotic);

  const core::entity numbered =
      next_exotic("\"ratio\": {\"type\": \"number\"", "\"ratio\": {\"type\": \"integer\"");
  const std::string said = refusal(over(log), numbered);
  CHECK(said.find("7 records hold a value of \"ratio\" that is no bigint (r0") != std::string::npos);
  CHECK(projections::preview_rebuild(over(log), numbered).obstacles == std::vector<std::string>{said});

  const core::entity unique = next_exotic("\"x-unique\": [", "\"x-unique\": [\"order\", ");
  const std::string twice = refusal(over(log), unique);
  CHECK(twice.find("2 values of \"order\" stand more than once (\"same 0\" 3 times, \"same 1\" 3 times)") !=
        std::string::npos);
  CHECK(refusal(over(log, 1), unique) == twice);
  CHECK(projections::preview_rebuild(over(log), unique).obstacles == std::vector<std::string>{twice});

  CHECK(oid_of(log, exotic) == oid);
  CHECK(shadows_of(log) == "0");
  CHECK(log.sql("SELECT revision FROM synclog.definitions WHERE name = 'exotic'") == "3");
  log.check_table(exotic);
}

TEST_CASE("rebuild: a preview names the columns that come, go and change their type") {
  lab log;
  std::mt19937_64 random(12);
  const core::entity& exotic = *log.entities.find("exotic");
  fill(log, exotic, 10, random);
  const core::entity next =
      next_exotic("\"ratio\": {\"type\": \"number\"}", "\"banner\": {\"type\": \"boolean\"}");
  const auto preview = projections::preview_rebuild(over(log), next);
  CHECK(preview.layout ==
        std::vector<std::string>{"column banner (boolean) is added", "column ratio (numeric) is removed"});
  CHECK(preview.rows.rows_differing == 0);
  const auto built = projections::rebuild_table(over(log), next);
  CHECK(built.adopted);
  CHECK(log.sql("SELECT revision FROM synclog.definitions WHERE name = 'exotic'") == "4");
  CHECK(log.sql("SELECT count(*) FROM \"select\" WHERE banner IS NULL") == "10");
  CHECK_FALSE(projections::preview_rebuild(over(log), next).any());
}

TEST_CASE("rebuild: pages go over every record once, also record by record") {
  lab log;
  std::mt19937_64 random(13);
  const core::entity& visits = *log.entities.find("visits");
  fill(log, visits, 2'500, random);
  for (int i = 0; i < 5; ++i)
    fill(log, visits, 30, random);
  pg::plain_connection db(log.conninfo(), "synclog_app", "pages");
  projections::prepare_page_session(db);
  const auto ranges = projections::split_ids(db, "visits", 7);
  CHECK(ranges.size() == 7);
  for (const bool one_by_one : {false, true}) {
    std::string seen;
    int records = 0;
    for (auto range = ranges.rbegin(); range != ranges.rend(); ++range) {
      projections::latest_pages pages("visits", *range);
      if (one_by_one) pages.go_record_by_record();
      while (!pages.is_done()) {
        const pg::rows page =
            projections::run_page(db, pages, "", [](const std::string& sql) { return sql; });
        pages.saw(page);
        for (int row = 0; row < page.size(); ++row) {
          const std::string id(page.text(row, projections::latest_id));
          CHECK((seen.empty() || id < seen));
          seen = id;
          ++records;
          const auto& known = log.records["visits"][id];
          CHECK(page.int8(row, projections::latest_version) == known.version);
          CHECK(page.text(row, projections::latest_data) == known.doc);
        }
      }
    }
    CHECK(records == 2'500);
  }
  const std::string plan =
      log.sql("SET enable_seqscan = off; SET enable_bitmapscan = off; SET enable_hashagg = off; "
              "EXPLAIN (FORMAT json) " +
              [&] {
                std::string sql = projections::latest_pages("visits", ranges[3]).query().sql;
                for (const auto& [from, to] : std::vector<std::pair<std::string, std::string>>{
                         {"$1", "'visits'"}, {"$2", "'r00100'"}, {"$3", "'r02000'"}})
                  sql = replaced(sql, from, to);
                return sql;
              }());
  CHECK(plan.find("Backward") != std::string::npos);
  CHECK(plan.find("Sort\"") == std::string::npos);
}

namespace {

// Most resident memory since the last call of start(), in bytes above what it was then.
class memory_peak {
 public:
  void start() {
    std::ofstream("/proc/self/clear_refs") << "5";
    before_ = kilobytes("VmRSS:");
  }
  std::int64_t megabytes() const { return (kilobytes("VmHWM:") - before_) / 1024; }

 private:
  static std::int64_t kilobytes(const std::string& name) {
    std::ifstream status("/proc/self/status");
    std::string word;
    std::int64_t value = 0;
    while (status >> word)
      if (word == name && status >> value) return value;
    return 0;
  }
  std::int64_t before_ = 0;
};

// The thread sanitizer keeps several bytes for each one that was ever touched: what it has in memory says
// nothing.
#ifdef __SANITIZE_THREAD__
constexpr std::int64_t most_megabytes = std::numeric_limits<std::int64_t>::max();
constexpr int large_records = 30; // for the races, in bounded time
#else
constexpr std::int64_t most_megabytes = 200;
constexpr int large_records = 300;
#endif

} // namespace

TEST_CASE("rebuild: a page ends at its bytes, whatever the records before it were like") {
  lab log;
  const core::entity& visits = *log.entities.find("visits");
  std::mt19937_64 random(15);
  constexpr int records_in_all = 3'000, a_batch = 100;
  for (int first = 0; first < records_in_all; first += a_batch) {
    std::vector<lab_change> changes;
    for (int i = first; i < first + a_batch; ++i) { // small ones, then large ones, seen from the end
      auto fields = random_fields(visits, random);
      const std::string notes(i < 300 ? 100'000 : 10, 'x');
      fields.set(visits.field_index("notes").value(), core::json::quoted(notes));
      changes.push_back({&visits, fmt::format("r{:05}", i), fields});
    }
    append(log, changes);
  }
  pg::plain_connection db(log.conninfo(), "synclog_app", "pages");
  projections::prepare_page_session(db);
  constexpr std::size_t most = 1u << 20, a_record = 110'000;
  for (const bool one_by_one : {false, true}) {
    projections::latest_pages pages("visits", {"", false, std::nullopt, true}, std::nullopt, most);
    if (one_by_one) pages.go_record_by_record();
    std::size_t records = 0, largest = 0;
    while (!pages.is_done()) {
      const pg::rows page = projections::run_page(db, pages, "", [](const std::string& sql) { return sql; });
      pages.saw(page);
      std::size_t bytes = 0;
      for (int row = 0; row < page.size(); ++row)
        bytes += page.text(row, projections::latest_data).size();
      largest = std::max(largest, bytes);
      records += static_cast<std::size_t>(page.size());
    }
    CHECK(records == records_in_all);
    CHECK(largest > most / 2);
    CHECK(largest < most + a_record);
  }
}

TEST_CASE("rebuild: with records of a megabyte it and verify take the memory of a page, not of the table") {
  lab log;
  const core::entity& visits = *log.entities.find("visits");
  std::mt19937_64 random(16);
  constexpr int records = large_records, meanwhile = records / 2, a_batch = 3;
  const auto append_large = [&](const char* prefix, int count) {
    for (int first = 0; first < count; first += a_batch) {
      std::vector<lab_change> changes;
      for (int i = first; i < first + a_batch; ++i) {
        auto fields = random_fields(visits, random);
        fields.set(visits.field_index("notes").value(), core::json::quoted(std::string(1u << 20, 'x')));
        changes.push_back({&visits, fmt::format("{}{:05}", prefix, i), fields});
      }
      append(log, changes);
      for (const lab_change& change : changes) // the fold in memory is not asked for it
        std::string().swap(log.records["visits"][change.id].doc);
    }
  };
  append_large("r", records);
  memory_peak memory;
  memory.start();
  auto alone = over(log, 1);
  alone.pace.is_gentle = false; // with pages of the usual size
  CHECK(projections::rebuild_table(alone, visits).rows == records);
  MESSAGE("rebuild: " << memory.megabytes() << " MB");
  CHECK(memory.megabytes() < most_megabytes);
  memory.start();
  eventstore::verify_report report;
  projections::verify_tables(log.conninfo(), log.entities, report, {}, 1);
  CHECK_FALSE(report.difference);
  CHECK(report.rows == records);
  MESSAGE("verify: " << memory.megabytes() << " MB");
  CHECK(memory.megabytes() < most_megabytes);

  // What was written meanwhile is taken in spans that are bounded as well.
  bool written = false;
  auto beside = alone;
  beside.progress = [&](const eventstore::verify_progress& at) {
    if (at.stage != "visits: folding" || written) return;
    written = true;
    append_large("s", meanwhile);
    memory.start();
  };
  CHECK(projections::rebuild_table(beside, visits).rows == records + meanwhile);
  MESSAGE("rebuild beside writes: " << memory.megabytes() << " MB");
  CHECK(memory.megabytes() < most_megabytes);
  CHECK(table_difference(log) == "");
}
