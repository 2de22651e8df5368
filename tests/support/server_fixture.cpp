// See server_fixture.hpp.
#include "tests/support/server_fixture.hpp"
#include "migrations/runner.hpp"
#include "tests/support/process.hpp"
#include "tests/support/wait.hpp"
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

namespace synclog::tests {

using namespace std::chrono_literals;

namespace {

constexpr auto start_patience = 30s;
constexpr auto stop_patience = 30s;

std::string server_binary() {
  const auto self = std::filesystem::read_symlink("/proc/self/exe");
  return (self.parent_path() / "synclog").string();
}

std::string make_log_file() {
  auto name = (std::filesystem::temp_directory_path() / "synclog-server-XXXXXX").string();
  const int fd = ::mkstemp(name.data());
  if (fd < 0) throw std::runtime_error("no temporary file for the server's output");
  ::close(fd);
  return name;
}

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

} // namespace

test_cluster& durable_cluster() {
  static test_cluster cluster({.durable = true});
  return cluster;
}

std::string migrated_database(test_cluster& cluster) {
  const auto name = cluster.fresh_database();
  const auto done = migrations::up(cluster.conninfo(name));
  if (!done) throw std::runtime_error("the database could not be migrated: " + done.error().detail);
  return name;
}

server_fixture::server_fixture(server_options options)
    : options_(std::move(options)), log_path_(make_log_file()) {
  if (options_.cluster == nullptr) options_.cluster = &durable_cluster();
  if (options_.database.empty()) options_.database = migrated_database(*options_.cluster);
  if (options_.binary.empty()) options_.binary = server_binary();
  try {
    start();
  } catch (...) {
    if (running()) kill9();
    std::filesystem::remove(log_path_);
    throw;
  }
}

server_fixture::~server_fixture() {
  if (running()) kill9();
  std::error_code ignored;
  std::filesystem::remove(log_path_, ignored);
}

server_fixture& server_fixture::shared() {
  durable_cluster(); // made first, so that it goes last
  static server_fixture server;
  return server;
}

std::string server_fixture::database_url() const {
  return options_.cluster->url(options_.database);
}

std::string server_fixture::output() const {
  return file_text(log_path_).substr(log_start_);
}

void server_fixture::start() {
  log_start_ = file_text(log_path_).size();
  spawn_options how;
  how.arguments = {options_.binary, "serve", "--listen", "127.0.0.1:0", "--database-url", database_url()};
  how.arguments.insert(how.arguments.end(), options_.arguments.begin(), options_.arguments.end());
  how.folder = "/";
  how.log_path = log_path_;
  pid_ = spawn(how);
  read_port();
}

// The server prints "listening on http://127.0.0.1:PORT", or https when it listens.
void server_fixture::read_port() {
  constexpr std::string_view mark = "://127.0.0.1:"; // of the line "listening on …"
  bool gone = false;
  const bool listens = wait_until(
      [&] {
        const auto text = output();
        const auto found = text.find(mark, std::min(text.find("listening on http"), text.size()));
        if (found != std::string::npos && text.find('\n', found) != std::string::npos) {
          port_ = static_cast<std::uint16_t>(std::stoi(text.substr(found + mark.size())));
          return true;
        }
        gone = !is_alive(pid_);
        return gone;
      },
      start_patience);
  if (listens && !gone) return;
  const auto printed = output();
  if (gone) {
    wait_for_exit(pid_, stop_patience);
    pid_ = 0;
  }
  throw std::runtime_error("the server does not listen; it printed:\n" + printed);
}

void server_fixture::terminate() {
  ::kill(pid_, SIGTERM);
}

int server_fixture::wait_stopped() {
  const auto status = wait_for_exit(pid_, stop_patience);
  if (!status) throw std::runtime_error("the server does not stop; it printed:\n" + output());
  pid_ = 0;
  return WIFEXITED(*status) ? WEXITSTATUS(*status) : 128 + WTERMSIG(*status);
}

void server_fixture::kill9() {
  ::kill(pid_, SIGKILL);
  wait_for_exit(pid_, stop_patience);
  pid_ = 0;
}

http_reply server_fixture::request(std::string_view method, std::string_view target,
                                   const http_headers& headers, std::string_view body) const {
  return connect().request(method, target, headers, body);
}

http_reply server_fixture::get(std::string_view target, const http_headers& headers) const {
  return request("GET", target, headers);
}

http_reply server_fixture::post(std::string_view target, std::string_view body, http_headers headers) const {
  headers.emplace_back("Content-Type", "application/json");
  return request("POST", target, headers, body);
}

std::string server_fixture::sql(const std::string& statement) const {
  return options_.cluster->sql(options_.database, statement);
}

std::int64_t server_fixture::event_count() const {
  return std::stoll(sql("SELECT coalesce(max(position), 0) FROM synclog.events"));
}

} // namespace synclog::tests
