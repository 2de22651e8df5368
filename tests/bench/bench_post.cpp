// Acknowledged single POSTs a second against plain one-row inserts of pgbench, both on the same private
// PostgreSQL with the same settings, in interleaved rounds. Prints a table, and JSON with --json FILE. Run by
// tools/bench-post.
#include "bench/cpu_time.hpp"
#include "bench/durable_server.hpp"
#include "bench/options.hpp"
#include "bench/pgbench.hpp"
#include "bench/post_load.hpp"
#include "bench/rounds.hpp"
#include "fault/serving.hpp"
#include <algorithm>
#include <exception>
#include <fmt/format.h>
#include <fstream>
#include <stdexcept>
#include <vector>

namespace {

using namespace synclog::tests;
using namespace synclog::tests::bench;

constexpr double warm_seconds = 1;
constexpr double quiet_cores = 0.15;

struct round_figures {
  post_load_result posts;
  pgbench_result inserts;
  double generator_cores = 0, server_cores = 0, postgres_cores = 0; // while posting
  double others_cores = 0, others_cores_inserting = 0; // of processes that have nothing to do with this

  double ratio() const { return inserts.rate > 0 ? posts.rate() / inserts.rate : 0; }
};

round_figures measure_round(const fault::serving& server, const post_load_options& load,
                            const pgbench_options& inserts) {
  round_figures made;
  const pid_t postmaster = server.postmaster_pid();
  const double machine = machine_cpu_seconds();
  const double generator = own_cpu_seconds();
  const double serving_time = cpu_seconds(server.server_pid());
  const double postgres = cpu_seconds_of_tree(postmaster);
  made.posts = run_post_load(load);
  made.generator_cores = (own_cpu_seconds() - generator) / load.seconds;
  made.server_cores = (cpu_seconds(server.server_pid()) - serving_time) / load.seconds;
  made.postgres_cores = (cpu_seconds_of_tree(postmaster) - postgres) / load.seconds;
  made.others_cores = (machine_cpu_seconds() - machine) / load.seconds - made.generator_cores -
                      made.server_cores - made.postgres_cores;
  if (made.posts.refused > 0)
    throw std::runtime_error("a POST was not answered 201: " + made.posts.first_refusal);

  const double machine_again = machine_cpu_seconds();
  const double postgres_again = cpu_seconds_of_tree(postmaster);
  const double reaped = reaped_cpu_seconds();
  made.inserts = run_pgbench(inserts);
  const double measured = cpu_seconds_of_tree(postmaster) - postgres_again + reaped_cpu_seconds() - reaped;
  made.others_cores_inserting = (machine_cpu_seconds() - machine_again - measured) / inserts.seconds;
  return made;
}

template <class Figure>
spread over(const std::vector<round_figures>& rounds, Figure figure) {
  std::vector<double> values;
  for (const round_figures& one : rounds)
    values.push_back(figure(one));
  return spread_of(std::move(values));
}

void print_table(const std::vector<round_figures>& rounds) {
  fmt::print("{:>5} {:>10} {:>8} {:>8} {:>12} {:>7}   {}\n", "round", "POST/s", "p50 ms", "p99 ms",
             "pgbench tps", "ratio",
             "cores while posting: generator, server, PostgreSQL; others then and during pgbench");
  for (std::size_t index = 0; index < rounds.size(); ++index) {
    const auto& one = rounds[index];
    fmt::print(
        "{:>5} {:>10.0f} {:>8.2f} {:>8.2f} {:>12.0f} {:>7.3f}   {:.2f}, {:.2f}, {:.2f}; {:.2f}, {:.2f}\n",
        index + 1, one.posts.rate(), one.posts.percentile_ms(0.5), one.posts.percentile_ms(0.99),
        one.inserts.rate, one.ratio(), one.generator_cores, one.server_cores, one.postgres_cores,
        one.others_cores, one.others_cores_inserting);
  }
  const auto ratio = over(rounds, [](const auto& one) { return one.ratio(); });
  fmt::print("post_vs_pgbench_insert: median {:.3f} (lowest {:.3f}, highest {:.3f})\n", ratio.median,
             ratio.lowest, ratio.highest);
  const auto others =
      over(rounds, [](const auto& one) { return std::max(one.others_cores, one.others_cores_inserting); });
  // 64 backends get a larger part of a shared machine than one server: such a ratio is not a measurement.
  if (others.highest > quiet_cores)
    fmt::print("other processes took up to {:.2f} cores: repeat on a quiet machine\n", others.highest);
}

void write_json(const std::string& path, const std::vector<round_figures>& rounds,
                const std::string& version) {
  std::ofstream out(path);
  const auto figure = [&](const char* name, auto read) {
    out << ",\n \"" << name << "\":" << json_of(over(rounds, read));
  };
  out << "{\"postgresql\":\"" << version << "\",\"rounds\":" << rounds.size();
  figure("post_vs_pgbench_insert", [](const auto& one) { return one.ratio(); });
  figure("posts_per_s", [](const auto& one) { return one.posts.rate(); });
  figure("pgbench_tps", [](const auto& one) { return one.inserts.rate; });
  figure("p50_ms", [](const auto& one) { return one.posts.percentile_ms(0.5); });
  figure("p99_ms", [](const auto& one) { return one.posts.percentile_ms(0.99); });
  figure("generator_cores", [](const auto& one) { return one.generator_cores; });
  figure("server_cores", [](const auto& one) { return one.server_cores; });
  figure("postgres_cores", [](const auto& one) { return one.postgres_cores; });
  figure("others_cores",
         [](const auto& one) { return std::max(one.others_cores, one.others_cores_inserting); });
  out << "}\n";
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

int measure(const options& given) {
  fault::serving server({.program = given.text("synclog"), .arguments = {}});
  start_with_settings(server);
  make_bench_table(server.conninfo("postgres"));
  const auto version = run_sql(server.conninfo(), "SHOW server_version");

  post_load_options load;
  load.port = server.port();
  load.connections = given.number("connections");
  load.seconds = given.number("seconds");
  load.with_reference = given.flag("reference");
  load.with_key = given.flag("key");
  pgbench_options inserts;
  inserts.folder = server.data_dir() + "/..";
  inserts.host = server.data_dir() + "/run";
  inserts.user = "postgres";
  inserts.connections = load.connections;
  inserts.seconds = given.number("seconds");
  inserts.with_reference = load.with_reference;

  auto warm = load;
  warm.seconds = warm_seconds;
  const auto warmed = run_post_load(warm);
  fmt::print("{}; PostgreSQL {}, fsync {}, synchronous_commit {}, shared_buffers {}; {} connections, bodies "
             "of {} bytes\n",
             server.first_line(), version, run_sql(server.conninfo(), "SHOW fsync"),
             run_sql(server.conninfo(), "SHOW synchronous_commit"),
             run_sql(server.conninfo(), "SHOW shared_buffers"), load.connections, warmed.body_bytes);
  if (warmed.refused > 0) throw std::runtime_error("a POST was not answered 201: " + warmed.first_refusal);

  std::vector<round_figures> rounds;
  for (int round = 0; round < given.number("rounds"); ++round)
    rounds.push_back(measure_round(server, load, inserts));
  print_table(rounds);
  if (!given.text("json").empty()) write_json(given.text("json"), rounds, version);
  const int code = server.stop();
  if (code != 0)
    throw std::runtime_error(fmt::format("the server ended with {}: {}", code, server.output_tail()));
  return 0;
}

} // namespace

int main(int argc, char** argv) {
  const options given(argc, argv,
                      {{"synclog", SYNCLOG_BINARY},
                       {"rounds", "3"},
                       {"seconds", "5"},
                       {"connections", "64"},
                       {"json", ""},
                       {"reference", "no"},
                       {"key", "no"}});
  try {
    return measure(given);
  } catch (const std::exception& failed) {
    fmt::print(stderr, "bench_post: {}\n", failed.what());
    return 1;
  }
}
