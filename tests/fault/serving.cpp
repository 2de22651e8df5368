// See serving.hpp.
#include "fault/serving.hpp"
#include "support/process.hpp"
#include "support/wait.hpp"
#include <array>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace synclog::tests::fault {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto start_timeout = 60s;
constexpr auto stop_timeout = 20s;
constexpr auto death_timeout = 10s;
constexpr std::size_t shown_bytes = 4'000;
constexpr std::string_view folder_prefix = "slf-";
constexpr const char* disk_folder = "disk"; // where a disk of its own is mounted
constexpr auto copy_timeout = 120s;

// What can be read of it. Under /proc a process may end meanwhile: a read error, which stream iterators
// throw.
std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::string text;
  std::array<char, 4'096> piece{};
  while (in.read(piece.data(), piece.size()) || in.gcount() > 0)
    text.append(piece.data(), static_cast<std::size_t>(in.gcount()));
  return text;
}

// The live postmaster of a data folder. The number in the file may belong to somebody else by now: it must
// work there.
pid_t find_postmaster(const fs::path& data_dir) {
  const fs::path cluster = data_dir / "pg";
  const std::string text = read_file(cluster / "postmaster.pid");
  pid_t pid = 0;
  std::from_chars(text.data(), text.data() + text.size(), pid);
  if (pid <= 1 || !is_alive(pid)) return 0;
  std::error_code ignored;
  return fs::read_symlink(fmt::format("/proc/{}/cwd", pid), ignored) == fs::canonical(cluster, ignored) ? pid
                                                                                                        : 0;
}

// SIGQUIT first: an immediate shutdown still removes the shared memory segment, SIGKILL would leave it to the
// machine.
void remove_folder(const fs::path& folder) {
  for (const auto& data_dir : {folder / "d", folder / disk_folder / "d"}) {
    if (const pid_t postmaster = find_postmaster(data_dir)) {
      kill(postmaster, SIGCONT);
      kill(postmaster, SIGQUIT);
      if (!wait_until([postmaster] { return !is_alive(postmaster); }, death_timeout))
        kill_postmaster(postmaster);
    }
  }
  unmount_left_over(folder / disk_folder);
  std::error_code ignored;
  fs::remove_all(folder, ignored);
}

// Folders whose test process is gone (nobody holds their lock), with the PostgreSQL that may still run in
// them.
void sweep_left_overs() {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/tmp", ignored)) {
    if (!entry.path().filename().string().starts_with(folder_prefix)) continue;
    const int lock = open((entry.path() / "owner").c_str(), O_RDWR | O_CLOEXEC);
    if (lock < 0) continue;
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) remove_folder(entry.path());
    close(lock);
  }
}

std::string tail_of(const std::string& text) {
  return text.size() > shown_bytes ? text.substr(text.size() - shown_bytes) : text;
}

std::optional<std::uint16_t> listening_port(std::string_view output) {
  constexpr std::string_view mark = "listening on http://127.0.0.1:";
  const auto place = output.find(mark);
  if (place == std::string_view::npos) return std::nullopt;
  const auto rest = output.substr(place + mark.size());
  if (rest.find('\n') == std::string_view::npos) return std::nullopt; // the rest of the line is still to come
  std::uint16_t port = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), port);
  return port;
}

// As `cp -a` does it: owners, times and all.
void copy_tree(const std::string& from, const std::string& to) {
  const pid_t child =
      spawn({.arguments = {"/usr/bin/cp", "-a", from, to}, .as = {}, .folder = "/", .log_path = ""});
  const auto status = wait_for_exit(child, copy_timeout);
  if (!status) kill(child, SIGKILL);
  if (!status || *status != 0) throw std::runtime_error("cannot copy " + from);
}

} // namespace

void kill_postmaster(pid_t postmaster) {
  // Stopped first, it cannot start a child that would be missed.
  kill(postmaster, SIGSTOP);
  const auto children = children_of(postmaster);
  kill(postmaster, SIGKILL);
  for (const pid_t child : children)
    kill(child, SIGKILL);
  const auto all_gone = [&] {
    for (const pid_t child : children) {
      if (is_alive(child)) return false;
    }
    return !is_alive(postmaster);
  };
  static_cast<void>(wait_until(all_gone, death_timeout));
}

bool kill_busiest_session(pid_t postmaster, std::string_view word) {
  pid_t busiest = 0;
  unsigned long most_ticks = 0;
  for (const pid_t child : children_of(postmaster)) {
    // Sessions show "postgres: <cluster>: <role> <database> …" as their command line.
    if (read_file(fmt::format("/proc/{}/cmdline", child)).find(word) == std::string::npos) continue;
    const std::string stat = read_file(fmt::format("/proc/{}/stat", child));
    const auto fields = stat.find(") ");
    unsigned long user = 0;
    unsigned long system = 0;
    if (fields == std::string::npos ||
        std::sscanf(stat.c_str() + fields, ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                    &system) != 2) {
      continue;
    }
    if (busiest == 0 || user + system > most_ticks) {
      busiest = child;
      most_ticks = user + system;
    }
  }
  return busiest != 0 && kill(busiest, SIGKILL) == 0;
}

serving::serving(serving_options options) : options_(std::move(options)) {
  // The private PostgreSQL of our folder, whatever the caller's shell points at.
  unsetenv("DATABASE_URL");
  unsetenv("SYNCLOG_OWNER_URL");
  unsetenv("SYNCLOG_DATA_DIR");
  sweep_left_overs();
  std::string made = "/tmp/" + std::string(folder_prefix) + "XXXXXX";
  if (mkdtemp(made.data()) == nullptr) throw std::runtime_error("cannot make a folder under /tmp");
  folder_ = made;
  chmod(folder_.c_str(), 0755); // as root PostgreSQL runs as another user
  data_dir_ = folder_ + "/d";
  lock_ = open((folder_ + "/owner").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ >= 0) flock(lock_, LOCK_EX | LOCK_NB);
  if (options_.disk_megabytes == 0) return;
  const std::string mounted = folder_ + "/" + disk_folder;
  fs::create_directory(mounted);
  disk_ = std::make_unique<small_disk>(folder_ + "/image", mounted, options_.disk_megabytes);
  chmod(mounted.c_str(), 0755);
  data_dir_ = mounted + "/d";
}

serving::~serving() {
  kill_server();
  remove_folder(folder_);
  if (lock_ >= 0) close(lock_);
}

std::string serving::read_output() const {
  return read_file(fmt::format("{}/server-{}.log", folder_, starts_));
}
std::string serving::output_tail() const {
  return tail_of(read_output());
}

void serving::start(const std::vector<std::string>& more_arguments) {
  if (server_ != 0) return;
  ++starts_;
  spawn_options how;
  how.arguments = options_.through;
  how.arguments.insert(how.arguments.end(), {options_.program, "serve", "--listen", "127.0.0.1:0"});
  if (options_.database_url.empty())
    how.arguments.insert(how.arguments.end(), {"--data-dir", data_dir_});
  else
    how.arguments.insert(how.arguments.end(), {"--database-url", options_.database_url});
  for (const auto& more : {options_.arguments, more_arguments})
    how.arguments.insert(how.arguments.end(), more.begin(), more.end());
  how.log_path = fmt::format("{}/server-{}.log", folder_, starts_);
  server_ = spawn(how);
  std::optional<std::uint16_t> port;
  const auto listens = [&] {
    port = listening_port(read_output());
    return port.has_value() || !is_alive(server_);
  };
  const bool in_time = wait_until(listens, start_timeout);
  if (!port) {
    const std::string words = output_tail();
    kill_server();
    throw std::runtime_error(
        fmt::format("synclog serve {}:\n{}", in_time ? "ended" : "did not start in time", words));
  }
  const std::string output = read_output();
  const auto line = output.find("synclog ");
  first_line_ = line == std::string::npos ? "" : output.substr(line, output.find('\n', line) - line);
  port_ = *port;
}

void serving::forget_server() {
  server_ = 0;
  port_ = 0;
}

int serving::stop() {
  if (server_ == 0) return 0;
  kill(server_, SIGTERM);
  const auto status = wait_for_exit(server_, stop_timeout);
  if (!status) {
    kill_server();
    return -1;
  }
  forget_server();
  return WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
}

void serving::kill_server() {
  if (server_ == 0) return;
  kill(server_, SIGKILL);
  wait_for_exit(server_, death_timeout);
  forget_server();
}

pid_t serving::postmaster_pid() const {
  return find_postmaster(data_dir_);
}

void serving::kill_database() {
  if (const pid_t postmaster = postmaster_pid()) kill_postmaster(postmaster);
}

bool serving::kill_backend() {
  const pid_t postmaster = postmaster_pid();
  return postmaster != 0 && kill_busiest_session(postmaster, "synclog_app");
}

void serving::keep_backup() {
  copy_tree(data_dir_ + "/pg", folder_ + "/backup");
}

void serving::restore_backup() {
  fs::remove_all(data_dir_ + "/pg");
  copy_tree(folder_ + "/backup", data_dir_ + "/pg");
}

std::string serving::conninfo(const std::string& role) const {
  return fmt::format("host='{}/run' port=5432 dbname=synclog user={} connect_timeout=10", data_dir_, role);
}

serving::finished serving::run(const std::vector<std::string>& arguments,
                               std::chrono::seconds patience) const {
  spawn_options how;
  how.arguments = {options_.program};
  how.arguments.insert(how.arguments.end(), arguments.begin(), arguments.end());
  if (options_.direct_url.empty())
    how.arguments.insert(how.arguments.end(), {"--data-dir", data_dir_});
  else
    how.arguments.insert(how.arguments.end(), {"--database-url", options_.direct_url});
  how.log_path = fmt::format("{}/run-{}.log", folder_, ++runs_);
  const pid_t child = spawn(how);
  finished done;
  const auto status = wait_for_exit(child, patience);
  if (!status) {
    kill(child, SIGKILL);
    wait_for_exit(child, death_timeout);
  } else if (WIFEXITED(*status)) {
    done.exit_code = WEXITSTATUS(*status);
  }
  done.output = tail_of(read_file(how.log_path));
  return done;
}

} // namespace synclog::tests::fault
