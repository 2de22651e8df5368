// initdb and the settings files of the private PostgreSQL.
#include "eventstore/pg/embedded_config.hpp"
#include "eventstore/pg/embedded_process.hpp"
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <set>
#include <unistd.h>

namespace synclog::eventstore::pg::embedded {

namespace fs = std::filesystem;

namespace {

constexpr std::chrono::seconds initdb_timeout{120};
constexpr std::size_t shown_bytes = 2'000;

// Only who the kernel says they are, and only through the socket: pg_ident.conf says who may be which role.
constexpr std::string_view access_rules =
    "# Written by synclog when this cluster was made; yours to change.\n"
    "# type  database     user  method\n"
    "local   all          all   peer map=synclog\n"
    "local   replication  all   peer map=synclog\n";

constexpr std::string_view unfinished_prefix = "pg.part-";
constexpr std::string_view include_line = "include = 'synclog.conf'";

std::string quoted_setting(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') out += c;
    out += c;
  }
  return out + "'";
}

std::string read_all(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

// Beside its place and renamed over it, so that a crash leaves the old or the new file.
core::result<void> replace_file(const std::string& path, std::string_view text) {
  const std::string part = path + ".part";
  std::FILE* file = std::fopen(part.c_str(), "we");
  if (file == nullptr) return io_problem("cannot write", part, errno);
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size() &&
                       std::fflush(file) == 0 && fdatasync(fileno(file)) == 0;
  const int error = errno;
  std::fclose(file);
  if (!written) return io_problem("cannot write", part, error);
  if (std::rename(part.c_str(), path.c_str()) != 0) return io_problem("cannot replace", path, errno);
  return {};
}

std::string settings_text(const layout& where, const std::vector<std::string>& extra) {
  std::string text = "# Written by synclog at each start; change settings with ALTER SYSTEM.\n"
                     "listen_addresses = ''\n"
                     "port = 5432\n"
                     "unix_socket_permissions = 0777  # pg_hba.conf and pg_ident.conf decide who may enter\n"
                     "cluster_name = 'synclog'\n"
                     "fsync = on\n"
                     "full_page_writes = on\n"
                     "synchronous_commit = on\n"
                     "max_wal_size = '1GB'\n"
                     "jit = off\n"
                     "timezone = 'UTC'\n"
                     "log_timezone = 'UTC'\n"
                     "logging_collector = off\n"
                     "log_destination = 'stderr'\n"
                     "log_line_prefix = '%m [%p] '\n"
                     "log_checkpoints = off\n"
                     "log_error_verbosity = terse  # no record's values in the log\n"
                     "log_min_error_statement = panic\n";
  text += "unix_socket_directories = " + quoted_setting("\"" + where.socket_dir + "\"") + "\n";
  for (const std::string& line : extra)
    text += line + "\n";
  return text;
}

core::result<void> ensure_mapping(const layout& where) {
  const std::string path = where.pg_dir + "/pg_ident.conf";
  const std::string before = read_all(path);
  std::string text = before;
  const std::set<std::string> people{where.runs_as.name, where.invoker.name, "root"};
  for (const std::string& person : people) {
    for (const std::string_view role : {"postgres", "synclog_owner", "synclog_app"}) {
      const std::string line = fmt::format("synclog \"{}\" {}\n", person, role);
      if (text.find(line) == std::string::npos) text += line;
    }
  }
  if (text == before) return {};
  return replace_file(path, text);
}

core::result<void> remove_unfinished(const std::string& data_dir) {
  std::error_code error;
  std::vector<fs::path> unfinished;
  for (const auto& entry : fs::directory_iterator(data_dir, error)) {
    if (entry.path().filename().string().starts_with(unfinished_prefix)) unfinished.push_back(entry.path());
  }
  for (const fs::path& path : unfinished) {
    fs::remove_all(path, error);
    if (error) return io_problem("cannot remove the remains of an interrupted start in", path, error.value());
  }
  return {};
}

std::string last_lines(const std::string& output) {
  return output.size() > shown_bytes ? "…" + output.substr(output.size() - shown_bytes) : output;
}

} // namespace

core::result<void> make_cluster(const layout& where) {
  const acting_as user(where.runs_as);
  if (const auto removed = remove_unfinished(where.data_dir); !removed) return removed.error();
  // A name of its own: an initdb whose starter was killed this moment may still be cleaning up.
  const std::string part = where.data_dir + "/" + std::string(unfinished_prefix) + std::to_string(getpid());
  const finished made =
      run_to_end({.arguments = {where.bin_dir + "/initdb", "-D", part, "-U", "postgres", "-E", "UTF8",
                                "--locale=C.UTF-8", "--auth-local=peer", "--auth-host=reject",
                                "--data-checksums", "--no-instructions"},
                  .as = where.runs_as,
                  .folder = where.data_dir,
                  .log_path = {}},
                 initdb_timeout);
  if (made.exit_code != 0) {
    return core::make_problem(
        core::problem_code::precondition_failed,
        fmt::format("initdb could not make a database in {}{}:\n{}", where.data_dir,
                    made.timed_out ? fmt::format(" within {} s", initdb_timeout.count()) : "",
                    last_lines(made.output)));
  }
  if (const auto rules = replace_file(part + "/pg_hba.conf", access_rules); !rules) return rules.error();
  const std::string main_file = part + "/postgresql.conf";
  const auto included =
      replace_file(main_file, read_all(main_file) + "\n# Last, so that it wins over the lines above.\n" +
                                  std::string(include_line) + "\n");
  if (!included) return included.error();
  if (std::rename(part.c_str(), where.pg_dir.c_str()) != 0) return io_problem("cannot rename", part, errno);
  return {};
}

core::result<void> write_settings(const layout& where, const std::vector<std::string>& extra) {
  const acting_as user(where.runs_as);
  if (const auto ours = replace_file(where.pg_dir + "/synclog.conf", settings_text(where, extra)); !ours)
    return ours.error();
  return ensure_mapping(where);
}

} // namespace synclog::eventstore::pg::embedded
