// The plans of the lists that matter: every page an index scan that stops at its limit, never a sort of the
// whole.
#include "eventstore/pg/plain_connection.hpp"
#include "lab.hpp"
#include "projections/layout.hpp"
#include "projections/read_statements.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog;
using namespace synclog::tests;

namespace {

using parameters = std::vector<std::pair<std::string, std::string>>;
using values = std::vector<std::optional<std::string>>;

constexpr int row_count = 60'000;

void fill_appointments(lab& log) {
  log.sql(fmt::format(
      "INSERT INTO appointments (id, version, position, created_at, updated_at, full_name, date, time, "
      "branch, status, doc) "
      "SELECT 'APT-' || lpad(i::text, 8, '0'), 1, i, now(), now(), 'name ' || i, CASE WHEN i % 50 > 0 THEN "
      "date '2026-01-01' + i % 700 END, time '08:00' + (i % 37) * interval '10 min', 'branch ' || i % 20, "
      "'pending', '{{}}' "
      "FROM generate_series(1, {}) i; "
      "INSERT INTO clients (id, version, position, created_at, updated_at, full_name, branch, doc) "
      "SELECT 'CLT-' || lpad(i::text, 8, '0'), 1, i, timestamptz '2026-01-01' + i * interval '1 s', now(), "
      "'name ' || i, "
      "CASE WHEN i % 20 > 0 THEN 'branch ' || i % 20 END, '{{}}' FROM generate_series(1, {}) i; "
      "ANALYZE appointments; ANALYZE clients",
      row_count, row_count));
}

std::string explain(eventstore::pg::plain_connection& db, const core::entity& definition,
                    const parameters& params, const values& after, const char* plan_mode) {
  auto query = projections::parse_list_query(definition, params, {});
  REQUIRE(query.has_value());
  query->after = after;
  const auto built = projections::build_page_rows(*query, 51);
  std::string arguments;
  for (std::size_t i = 0; i < built.values.size(); ++i)
    arguments += (i == 0 ? "(" : ", ") + projections::quote_literal(built.values.value(i));
  if (!arguments.empty()) arguments += ")";
  db.run(std::string("SET plan_cache_mode = ") + plan_mode);
  db.run("PREPARE asked AS " + built.sql);
  const auto lines =
      db.run("EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF, BUFFERS) EXECUTE asked" + arguments);
  db.run("DEALLOCATE asked");
  std::string plan = built.sql + "\n";
  for (int i = 0; i < lines.size(); ++i)
    plan += std::string(lines.text(i, 0)) + "\n";
  return plan;
}

// The buffers touched by the whole statement: the first number of hits in the plan.
long buffers_of(const std::string& plan) {
  const auto at = plan.find("Buffers: shared ");
  REQUIRE(at != std::string::npos);
  long total = 0;
  for (const char* word : {"hit=", "read="}) {
    const auto found = plan.find(word, at);
    if (found != std::string::npos && found < plan.find('\n', at))
      total += std::stol(plan.substr(found + std::string(word).size()));
  }
  return total;
}

} // namespace

TEST_CASE("plans: any page of the usual lists reads an index and stops, with generic and with custom plans") {
  lab log;
  fill_appointments(log);
  eventstore::pg::plain_connection db(log.conninfo(), "synclog_app", "plans");
  const core::entity& appointments = *log.entities.find("appointments");
  const core::entity& clients = *log.entities.find("clients");
  struct wanted {
    const core::entity* definition;
    parameters params;
    values after;
  };
  const std::vector<wanted> questions = {
      {&clients, {}, {}},
      {&clients, {}, {"2026-01-01T08:00:00.000000Z", "CLT-00028800"}},
      {&clients, {{"branch", "branch 7"}}, {}},
      {&clients, {{"branch", "branch 7"}}, {"2026-01-01T08:00:00.000000Z", "CLT-00028800"}},
      {&clients,
       {{"branch", "branch 7"}, {"sort", "created_at"}},
       {"2026-01-01T08:00:00.000000Z", "CLT-00028800"}},
      {&appointments, {}, {}},
      {&appointments, {}, {"2026-11-23", "10:00:00", "APT-00030000"}},
      {&appointments, {}, {std::nullopt, "10:00:00", "APT-00030000"}},
      {&appointments, {{"sort", "date,time"}}, {"2026-11-23", "10:00:00", "APT-00030000"}},
      {&appointments, {{"sort", "date,time"}}, {std::nullopt, "10:00:00", "APT-00030000"}},
      {&appointments, {{"branch", "branch 3"}}, {"2026-11-23", "10:00:00", "APT-00030000"}},
  };
  for (const wanted& question : questions) {
    for (const char* mode : {"force_custom_plan", "force_generic_plan"}) {
      const std::string plan = explain(db, *question.definition, question.params, question.after, mode);
      INFO(mode, ": ", plan);
      // Only the few rows that share all but the last keys of a composite order may be gathered and sorted.
      const bool one_stretch = question.after.size() < 3;
      if (one_stretch) CHECK(plan.find("Sort Key") == std::string::npos);
      CHECK(plan.find("Seq Scan") == std::string::npos);
      CHECK(plan.find("Index") != std::string::npos);
      CHECK(buffers_of(plan) < 200); // 51 rows and the way to them; the table has thousands of pages
    }
  }
}
