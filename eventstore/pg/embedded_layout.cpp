// Resolves folders, system user and programs of the private PostgreSQL, and refuses what cannot work before
// it is tried.
#include "eventstore/pg/embedded_layout.hpp"
#include "eventstore/pg/embedded.hpp"
#include "eventstore/pg/embedded_process.hpp"
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <optional>
#include <pwd.h>
#include <sys/fsuid.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <vector>

namespace synclog::eventstore::pg::embedded {

namespace fs = std::filesystem;
using core::problem_code;

namespace {

constexpr std::string_view root_data_dir = "/var/lib/synclog";
constexpr std::string_view socket_name = "/.s.PGSQL.5432";
constexpr std::string_view versions_dir = "/usr/lib/postgresql";
constexpr std::size_t passwd_buffer_bytes = 16'384;
constexpr mode_t folder_mode = 0755;

core::problem refused(std::string words) {
  return core::make_problem(problem_code::precondition_failed, std::move(words));
}

std::optional<system_user> to_user(const passwd* entry) {
  if (entry == nullptr) return std::nullopt;
  return system_user{entry->pw_uid, entry->pw_gid, entry->pw_name};
}

std::optional<system_user> user_named(const char* name) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, passwd_buffer_bytes> buffer{};
  getpwnam_r(name, &entry, buffer.data(), buffer.size(), &found);
  return to_user(found);
}

std::optional<system_user> user_of(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::array<char, passwd_buffer_bytes> buffer{};
  getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  return to_user(found);
}

std::string name_of(uid_t uid) {
  const auto known = user_of(uid);
  return known ? known->name : std::to_string(uid);
}

// The version in <pg_dir>/PG_VERSION; 0 when there is no cluster.
int cluster_version(const std::string& pg_dir) {
  std::ifstream in(pg_dir + "/PG_VERSION");
  int version = 0;
  in >> version;
  return in ? version : 0;
}

bool has_programs(const fs::path& bin) {
  return access((bin / "postgres").c_str(), X_OK) == 0 && access((bin / "initdb").c_str(), X_OK) == 0;
}

struct installed_version {
  int major = 0;
  std::string bin_dir;
};

// Of /usr/lib/postgresql/*/bin, newest first.
std::vector<installed_version> installed_versions() {
  std::vector<installed_version> all;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(versions_dir, ignored)) {
    const std::string name = entry.path().filename();
    int major = 0;
    const auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), major);
    if (error == std::errc{} && end == name.data() + name.size() && has_programs(entry.path() / "bin")) {
      all.push_back({major, entry.path() / "bin"});
    }
  }
  std::ranges::sort(all, std::greater{}, &installed_version::major);
  return all;
}

// A folder named by the caller or found in PATH: asks the program itself.
int version_of_programs(const std::string& bin_dir, const system_user& runs_as) {
  const auto said = run_to_end(
      {.arguments = {bin_dir + "/postgres", "--version"}, .as = runs_as, .folder = "/", .log_path = {}},
      std::chrono::seconds(10));
  if (said.exit_code != 0) return 0;
  const auto digit = said.output.find_first_of("0123456789");
  int major = 0;
  if (digit != std::string::npos) {
    std::from_chars(said.output.data() + digit, said.output.data() + said.output.size(), major);
  }
  return major;
}

std::vector<installed_version> candidates(const std::string& bin_dir, const system_user& runs_as) {
  if (!bin_dir.empty()) {
    if (!has_programs(bin_dir)) return {};
    return {{version_of_programs(bin_dir, runs_as), bin_dir}};
  }
  std::vector<installed_version> all = installed_versions();
  if (!all.empty()) return all;
  const char* path = std::getenv("PATH");
  std::string_view rest = path == nullptr ? "" : path;
  while (!rest.empty()) {
    const std::string part(rest.substr(0, rest.find(':')));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
    if (part.starts_with('/') && has_programs(part)) return {{version_of_programs(part, runs_as), part}};
  }
  return {};
}

core::result<std::string> choose_programs(const std::string& bin_dir, const system_user& runs_as, int cluster,
                                          const std::string& data_dir) {
  const std::vector<installed_version> found = candidates(bin_dir, runs_as);
  if (found.empty()) {
    return refused(bin_dir.empty() ? "PostgreSQL is not installed: run apt-get install postgresql-15, or set "
                                     "DATABASE_URL to use a database elsewhere"
                                   : "there is no postgres and initdb in " + bin_dir);
  }
  if (cluster == 0) return found.front().bin_dir;
  for (const installed_version& one : found) {
    if (one.major == cluster) return one.bin_dir;
  }
  return refused(fmt::format(
      "the database in {} was made by PostgreSQL {}, but {} is installed: install postgresql-{}, or move "
      "the data with pg_dump",
      data_dir, cluster, found.front().major, cluster));
}

core::result<system_user> choose_user(const std::string& pg_dir) {
  if (geteuid() != 0) {
    auto self = user_of(geteuid());
    if (!self)
      return refused(fmt::format(
          "user id {} has no name in /etc/passwd, which PostgreSQL needs to know its clients", geteuid()));
    return *self;
  }
  // A folder that an ordinary user made stays that user's.
  struct stat info {};
  if (stat(pg_dir.c_str(), &info) == 0 && info.st_uid != 0) {
    if (auto owner = user_of(info.st_uid)) return *owner;
  }
  auto postgres = user_named("postgres");
  if (!postgres) {
    return refused("PostgreSQL refuses to run as root, and there is no system user postgres: run apt-get "
                   "install postgresql-15, or run synclog as an ordinary user");
  }
  return *postgres;
}

core::result<void> make_data_dir(const std::string& data_dir, const system_user& runs_as) {
  std::error_code error;
  fs::create_directories(data_dir, error);
  struct stat info {};
  if (error || stat(data_dir.c_str(), &info) != 0)
    return io_problem("cannot make the data folder", data_dir, error ? error.value() : errno);
  if (!S_ISDIR(info.st_mode)) return io_problem("the data folder is not a folder:", data_dir, ENOTDIR);
  if (info.st_uid == runs_as.uid) return {};
  const bool is_empty = fs::is_empty(data_dir, error) && !error;
  if (geteuid() == 0 && is_empty) {
    if (chown(data_dir.c_str(), runs_as.uid, runs_as.gid) != 0)
      return io_problem("cannot give away the data folder", data_dir, errno);
    if (chmod(data_dir.c_str(), folder_mode) != 0)
      return io_problem("cannot open the data folder", data_dir, errno);
    return {};
  }
  const std::string owner = name_of(info.st_uid);
  if (geteuid() == 0) {
    return refused(fmt::format(
        "the data folder {} belongs to {} and is not empty, but PostgreSQL runs as {}: name an empty folder "
        "with --data-dir, or run chown {} {}",
        data_dir, owner, runs_as.name, runs_as.name, data_dir));
  }
  return refused(fmt::format(
      "the data folder {} belongs to {}: run synclog as {} or as root, or name another one with --data-dir",
      data_dir, owner, owner));
}

// The first folder on the way to `path` that `user` may not enter; empty = reachable.
std::string first_closed_folder(const std::string& path, const system_user& user) {
  std::vector<std::string> steps;
  fs::path walked;
  for (const fs::path& part : fs::path(path)) {
    walked /= part;
    steps.push_back(walked);
  }
  const int closed = first_inaccessible(steps, user);
  return closed < 0 ? std::string() : steps[static_cast<std::size_t>(closed)];
}

core::result<void> check_reachable(const std::string& data_dir, const system_user& runs_as) {
  const std::string closed = first_closed_folder(data_dir, runs_as);
  if (closed.empty()) return {};
  return refused(fmt::format(
      "PostgreSQL runs as user {0}, who may not enter {1}, which is on the way to the data folder {2}: "
      "name a folder elsewhere with --data-dir (the default for root is {3}), or run chmod o+x {1}",
      runs_as.name, closed, data_dir, root_data_dir));
}

// FNV-1a: the same folder gets the same short name in every process.
std::string short_name_of(const std::string& path) {
  std::uint64_t hash = 14'695'981'039'346'656'037ULL;
  for (const char c : path) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
  }
  return fmt::format("{:016x}", hash);
}

// libpq and postgresql.conf read commas as separators and a leading @ as an abstract socket.
bool fits_a_socket(const std::string& folder) {
  return folder.size() + socket_name.size() < sizeof(sockaddr_un::sun_path) &&
         folder.find_first_of(",\"'\\\n") == std::string::npos;
}

core::result<std::string> make_socket_dir(const std::string& data_dir, const system_user& runs_as) {
  const std::string own = data_dir + "/run";
  const std::string chosen = fits_a_socket(own) ? own : "/tmp/synclog-" + short_name_of(data_dir);
  const acting_as user(runs_as);
  if (mkdir(chosen.c_str(), folder_mode) != 0 && errno != EEXIST)
    return io_problem("cannot make the socket folder", chosen, errno);
  struct stat info {};
  if (lstat(chosen.c_str(), &info) != 0) return io_problem("cannot look at the socket folder", chosen, errno);
  // Under /tmp anybody could have been first.
  if (!S_ISDIR(info.st_mode) || info.st_uid != runs_as.uid) {
    return refused(fmt::format("{} is not a folder of user {}: remove it", chosen, runs_as.name));
  }
  if (chmod(chosen.c_str(), folder_mode) != 0)
    return io_problem("cannot open the socket folder", chosen, errno);
  return chosen;
}

core::result<std::string> resolve_data_dir(const std::string& data_dir) {
  std::error_code error;
  const fs::path given = data_dir.empty() ? default_data_dir() : data_dir;
  std::string made = fs::weakly_canonical(fs::absolute(given, error), error).lexically_normal();
  if (made.empty()) return io_problem("cannot resolve the data folder", given, error.value());
  if (made.size() > 1 && made.ends_with('/')) made.pop_back();
  if (made == "/") return refused("the data folder cannot be /");
  return made;
}

} // namespace

core::problem io_problem(const std::string& what, const std::string& path, int error) {
  return refused(fmt::format("{} {}: {}", what, path, std::strerror(error)));
}

acting_as::acting_as(const system_user& user) {
  if (geteuid() != 0 || user.uid == 0) return;
  setfsgid(user.gid);
  setfsuid(user.uid); // also puts CAP_DAC_OVERRIDE and its like to sleep
  changed_ = true;
}

acting_as::~acting_as() {
  if (!changed_) return;
  setfsuid(0);
  setfsgid(0);
}

core::result<void> require_cluster(const std::string& data_dir) {
  const auto resolved = resolve_data_dir(data_dir);
  if (!resolved) return resolved.error();
  struct stat info {};
  // Whatever else is wrong with the folder is said when it is used.
  if (stat((*resolved + "/pg/PG_VERSION").c_str(), &info) == 0 || (errno != ENOENT && errno != ENOTDIR))
    return {};
  return core::make_problem(
      core::problem_code::database_unavailable,
      fmt::format("there is no database in {}: name its folder with --data-dir, or a database with "
                  "--database-url; synclog serve or synclog migrate up makes a new one",
                  *resolved));
}

core::result<layout> prepare_layout(const std::string& data_dir, const std::string& bin_dir) {
  layout made;
  std::error_code error;
  auto resolved = resolve_data_dir(data_dir);
  if (!resolved) return resolved.error();
  made.data_dir = std::move(*resolved);
  made.pg_dir = made.data_dir + "/pg";
  made.log_path = made.data_dir + "/postgres.log";

  const auto user = choose_user(made.pg_dir);
  if (!user) return user.error();
  made.runs_as = *user;
  made.invoker = user_of(getuid()).value_or(*user);
  if (const auto folder = make_data_dir(made.data_dir, made.runs_as); !folder) return folder.error();
  if (const auto reachable = check_reachable(made.data_dir, made.runs_as); !reachable)
    return reachable.error();

  const int version = cluster_version(made.pg_dir);
  made.has_cluster = version != 0;
  if (!made.has_cluster && fs::exists(made.pg_dir, error)) {
    return refused(fmt::format(
        "{} exists but holds no PostgreSQL cluster: move it away, or name another folder with --data-dir",
        made.pg_dir));
  }
  // It may be a link to another disk; a process names the real folder.
  if (made.has_cluster) made.pg_dir = fs::canonical(made.pg_dir, error);
  const auto programs = choose_programs(bin_dir, made.runs_as, version, made.data_dir);
  if (!programs) return programs.error();
  made.bin_dir = *programs;
  const auto socket_dir = make_socket_dir(made.data_dir, made.runs_as);
  if (!socket_dir) return socket_dir.error();
  made.socket_dir = *socket_dir;
  return made;
}

} // namespace synclog::eventstore::pg::embedded

namespace synclog::eventstore::pg {

std::string default_data_dir() {
  if (geteuid() == 0) return std::string(embedded::root_data_dir);
  std::error_code ignored;
  return std::filesystem::absolute("synclog-data", ignored);
}

} // namespace synclog::eventstore::pg
