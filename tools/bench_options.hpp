// The options of `synclog bench`, and the run of load that they mean. Used before a run, by one thread.
#pragma once
#include "core/problem.hpp"
#include "tools/load/load_plan.hpp"
#include "tools/load/report.hpp"
#include <cstddef>
#include <string>
#include <vector>

namespace CLI {
class App;
class Validator;
} // namespace CLI

namespace synclog::tools {

enum class bench_mode : std::uint8_t { write, bulk, read, list, mixed };
std::string_view to_string(bench_mode mode);

struct bench_options {
  bench_mode mode = bench_mode::write;
  std::string url = "http://127.0.0.1:8080";
  std::string entity = "clients";
  std::string path;          // "" = what the mode has for the entity
  std::string body_template; // "" = a client's record; "@FILE" reads one
  std::vector<std::string> headers;
  std::string format = "ndjson"; // of a bulk's body: ndjson, array
  std::string ids_from;          // "" = the entity's list
  std::string mix = "write=20,read=60,list=20";
  std::size_t size = 256; // records of a bulk
  std::size_t limit = 50; // records of a list
  std::size_t branches = 20;
  std::size_t connections = 64, threads = 1, pipeline = 1;
  double rate = 0; // 0 = closed loop
  double duration_s = 10, warmup_s = 1, timeout_s = 10;
  bool own_server = false; // a host that is not loopback may be loaded
  bool json = false;
  std::string json_file; // "" = stdout
};

// For an option that takes a number; "nan" and "inf" are none.
CLI::Validator number_between(double lowest, double highest);

// What every mode has, then what this mode has.
void add_common_bench_options(CLI::App& mode, bench_options& options);
void add_request_options(CLI::App& mode, bench_options& options);

// Resolves the host and reads files; asks the server for ids when something is to be read. Problems say what
// is right: bad_request and forbidden (not loopback) for the command line, others for the server.
core::result<load::load_plan> make_plan(const bench_options& options);
load::report_context context_of(const bench_options& options);

// The host's address; forbidden when it is not loopback and nobody said whose server it is.
core::result<load::socket_address> allowed_address(const bench_options& options, const load::target_url& url);
// The text, or what is in the file behind '@'.
core::result<std::string> template_text(const bench_options& options);

} // namespace synclog::tools
