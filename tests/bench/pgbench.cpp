// See pgbench.hpp.
#include "bench/pgbench.hpp"
#include "support/wait.hpp"
#include <array>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <fstream>
#include <libpq-fe.h>
#include <memory>
#include <stdexcept>

namespace synclog::tests::bench {

namespace {

// The values of the load generator's record, with time-ordered ids as there: the best case of the primary
// key's index.
std::string insert_script(bool with_reference) {
  const std::string doc =
      R"({"id":"CLT-019ab000-0000-7000-8000-000000000000","full_name":"Client ' || :n || '","phone":"+43 660 ' || :n || ')"
      R"(","email":"c' || :n || '@example.com","gender":"f","date_of_birth":"1985-07-14","address":"Long Street 17",)"
      R"("city":"Graz","branch":"north","data":{"height":172,"weight":64,"notes":"first visit, came by herself"},)"
      R"("version":1,"position":1000000,"created_at":"2026-11-23T04:05:06.123456Z","updated_at":"2026-11-23T04:05:06.123456Z"})";
  return fmt::format(
      "\\set n random(1000000000, 9999999999)\n"
      "INSERT INTO bench.clients (id, version, position, created_at, updated_at, {}full_name, phone, email, "
      "gender, date_of_birth, "
      "address, city, branch, data, search_text, doc) VALUES ('CLT-' || to_hex((extract(epoch FROM "
      "clock_timestamp()) * "
      "1000000)::bigint) || '-7000-8000-' || to_hex(:n::bigint), 1, :n::bigint, now(), now(), {}'Client ' || "
      ":n, '+43 660 ' || :n, "
      "'c' || :n || '@example.com', 'f', '1985-07-14', 'Long Street 17', 'Graz', 'north', "
      "'{{\"height\":172,\"weight\":64,\"notes\":\"first visit, came by herself\"}}', 'client ' || :n || ' "
      "+43 660 ' || :n, ('{}')::json);\n",
      with_reference ? "reference_number, " : "",
      with_reference
          ? "'R-' || to_hex((extract(epoch FROM clock_timestamp()) * 1000000)::bigint) || '-' || :n, "
          : "",
      doc);
}

double number_after(const std::string& text, const std::string& mark) {
  const auto place = text.find(mark);
  return place == std::string::npos ? 0 : std::strtod(text.c_str() + place + mark.size(), nullptr);
}

} // namespace

std::string run_sql(const std::string& conninfo, const std::string& statements) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> session(PQconnectdb(conninfo.c_str()), &PQfinish);
  if (PQstatus(session.get()) != CONNECTION_OK) throw std::runtime_error(PQerrorMessage(session.get()));
  const std::unique_ptr<PGresult, decltype(&PQclear)> answer(PQexec(session.get(), statements.c_str()),
                                                             &PQclear);
  const auto status = PQresultStatus(answer.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
    throw std::runtime_error(PQerrorMessage(session.get()));
  return PQntuples(answer.get()) > 0 ? PQgetvalue(answer.get(), 0, 0) : "";
}

void make_bench_table(const std::string& conninfo) {
  run_sql(conninfo, "SET client_min_messages = warning; CREATE SCHEMA IF NOT EXISTS bench; DROP TABLE IF "
                    "EXISTS bench.clients; "
                    "CREATE TABLE bench.clients (LIKE public.clients INCLUDING ALL)");
}

pgbench_result run_pgbench(const pgbench_options& options) {
  const std::string script = options.folder + "/insert.sql";
  std::ofstream(script) << insert_script(options.with_reference);
  const std::string command =
      fmt::format("pgbench -n -c {} -j {} -T {} -M prepared -f '{}' -h '{}' -p 5432 -U {} synclog 2>&1",
                  options.connections, options.threads, options.seconds, script, options.host, options.user);
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) throw std::runtime_error("cannot run pgbench");
  std::string output;
  std::array<char, 4'096> piece{};
  while (const std::size_t got = std::fread(piece.data(), 1, piece.size(), pipe))
    output.append(piece.data(), got);
  if (pclose(pipe) != 0) throw std::runtime_error("pgbench: " + output);
  // Its sessions end a little later, and their processor time belongs to this measurement, not to the next.
  const auto conninfo = fmt::format("host='{}' port=5432 dbname=synclog user={}", options.host, options.user);
  const auto sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'";
  static_cast<void>(wait_until([&] { return run_sql(conninfo, sessions) == "0"; }));
  return {number_after(output, "\ntps = "), number_after(output, "latency average = ")};
}

} // namespace synclog::tests::bench
