// The proof finds each kind of tampering, and nothing where nothing is.
#include "lab.hpp"
#include "projections/layout.hpp"
#include "projections/verify_tables.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog;
using namespace synclog::tests;

namespace {

eventstore::verify_report verified(const lab& log) {
  eventstore::verify_report report;
  projections::verify_tables(log.conninfo(), log.entities, report, {});
  return report;
}

} // namespace

TEST_CASE("verify: every column of every type is compared, and the first difference is named") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  lab log;
  const core::entity& exotic = *log.entities.find("exotic");
  std::vector<lab_change> changes;
  for (int i = 0; i < 40; ++i) {
    auto fields = random_fields(exotic, random);
    if (i == 20) {
      for (const auto& [name, text] :
           std::vector<std::pair<const char*, const char*>>{{"order", "\"north\""},
                                                            {"user", "\"u\""},
                                                            {"table", "\"t\""},
                                                            {"amount", "12.25"},
                                                            {"ratio", "0.5"},
                                                            {"count", "42"},
                                                            {"flag", "true"},
                                                            {"day", "\"2026-11-23\""},
                                                            {"clock", "\"10:00:00\""},
                                                            {"moment", "\"2026-11-23T04:05:06.123456Z\""},
                                                            {"where", "{\"a\":1}"},
                                                            {"list", "[1,2]"}})
        fields.set(exotic.field_index(name).value(), text);
    }
    changes.push_back({&exotic, fmt::format("r{:02}", i), fields});
  }
  REQUIRE(!log.append(changes));
  const auto clean = verified(log);
  REQUIRE_MESSAGE(!clean.difference, (clean.difference ? clean.difference->detail : ""));
  CHECK(clean.rows == 40);

  const std::vector<std::pair<std::string, std::string>> tampered = {
      {"version", "7"},
      {"position", "99"},
      {"created_at", "created_at + interval '1 microsecond'"},
      {"updated_at", "now()"},
      {"order", "'North'"},
      {"user", "NULL"},
      {"table", "'t '"},
      {"amount", "12.250"},
      {"ratio", "0.5000001"},
      {"count", "43"},
      {"flag", "false"},
      {"day", "'2026-11-24'"},
      {"clock", "'10:00:00.000001'"},
      {"moment", "moment + interval '1 microsecond'"},
      {"where", "'{\"a\": 1}'"},
      {"list", "NULL"},
      {"search_text", "'x'"},
      {"doc", "(doc::text || ' ')::json"}};
  for (const auto& [column, value] : tampered) {
    INFO(column);
    log.sql(fmt::format("CREATE TABLE kept AS SELECT * FROM \"select\" WHERE id = 'r20'; "
                        "UPDATE \"select\" SET \"{}\" = {} WHERE id = 'r20'",
                        column, value));
    const auto report = verified(log);
    REQUIRE(report.difference.has_value());
    CHECK(report.difference->kind == "field");
    CHECK(report.difference->entity == "exotic");
    CHECK(report.difference->record_id == "r20");
    CHECK(report.difference->field == column);
    CHECK(report.difference->position.value == 21);
    CHECK(report.difference->stored != report.difference->computed);
    log.sql("DELETE FROM \"select\" WHERE id = 'r20'; INSERT INTO \"select\" SELECT * FROM kept; DROP TABLE "
            "kept");
  }
  CHECK(!verified(log).difference);
}

TEST_CASE("verify: missing rows, rows of nobody and rows of deleted records are found, on any page") {
  lab log;
  std::mt19937_64 random(11);
  const core::entity& visits = *log.entities.find("visits");
  std::vector<lab_change> changes;
  for (int i = 0; i < 12'000; ++i)
    changes.push_back({&visits, fmt::format("v{:05}", i), random_fields(visits, random)});
  for (int i = 0; i < 300; ++i)
    changes.push_back({&visits, "v06000", random_fields(visits, random)});
  REQUIRE(!log.append(changes));
  REQUIRE(!log.append({{&visits, "v00007", std::nullopt}}));
  const auto clean = verified(log);
  REQUIRE_MESSAGE(!clean.difference, (clean.difference ? clean.difference->detail : ""));
  CHECK(clean.rows == 11'999);

  const auto check = [&](const std::string& tamper, const std::string& undo, const char* kind,
                         const std::string& id, std::int64_t position) {
    log.sql(tamper);
    const auto report = verified(log);
    REQUIRE(report.difference.has_value());
    CHECK(report.difference->kind == kind);
    CHECK(report.difference->record_id == id);
    CHECK(report.difference->position.value == position);
    log.sql(undo);
  };
  const std::string copy =
      "INSERT INTO visits SELECT '{}', version, position, created_at, updated_at, client_reference, "
      "distributor_code, visit_date, branch, visit_type, notes, created_by, data, search_text, doc FROM "
      "visits WHERE id = '{}'";
  const auto copied = [&](const char* to, const char* from) {
    return fmt::format(fmt::runtime(copy), to, from);
  };
  check(
      "CREATE TABLE kept AS SELECT * FROM visits WHERE id = 'v11000'; DELETE FROM visits WHERE id = 'v11000'",
      "INSERT INTO visits SELECT * FROM kept; DROP TABLE kept", "row_missing", "v11000", 11'001);
  check(copied("v11000x", "v11000"), "DELETE FROM visits WHERE id = 'v11000x'", "row_extra", "v11000x", 0);
  check(copied("zzz", "v11000"), "DELETE FROM visits WHERE id = 'zzz'", "row_extra", "zzz", 0);
  check(copied("v00007", "v00008"), "DELETE FROM visits WHERE id = 'v00007'", "row_extra", "v00007", 12'301);
  CHECK(!verified(log).difference);

  // Of several, the first in the order of ids, whatever the threads did.
  log.sql("CREATE TABLE kept AS SELECT * FROM visits WHERE id IN ('v02500', 'v06500', 'v11500'); DELETE FROM "
          "visits WHERE id IN ('v02500', 'v06500', 'v11500')");
  for (const unsigned jobs : {1u, 2u, 2u, 2u, 8u, 8u, 8u}) {
    eventstore::verify_report report;
    projections::verify_tables(log.conninfo(), log.entities, report, {}, jobs);
    REQUIRE(report.difference.has_value());
    CHECK(report.difference->record_id == "v02500");
  }
  log.sql("INSERT INTO visits SELECT * FROM kept; DROP TABLE kept");
  for (const unsigned jobs : {1u, 8u}) {
    eventstore::verify_report report;
    projections::verify_tables(log.conninfo(), log.entities, report, {}, jobs);
    CHECK(!report.difference);
    CHECK(report.rows == 11'999);
  }

  log.sql("ALTER TABLE visits DROP COLUMN notes");
  CHECK(verified(log).difference->field == "notes");
  CHECK_THROWS_AS(([&] {
                    eventstore::verify_report report;
                    projections::verify_tables("host=/nonexistent", log.entities, report, {});
                  }()),
                  eventstore::pg::unavailable);
}
