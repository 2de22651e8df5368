// The postgres child is forked by a thread that lives as long as the cluster object, because the parent-death
// signal goes out when the forking thread ends, not the process.
#include "support/cluster.hpp"
#include "support/process.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <atomic>
#include <charconv>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <libpq-fe.h>
#include <mutex>
#include <netinet/in.h>
#include <optional>
#include <pwd.h>
#include <stdexcept>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <thread>
#include <unistd.h>

namespace synclog::tests {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

namespace {

constexpr auto start_timeout = 60s;
constexpr auto stop_timeout = 20s;
constexpr auto initdb_timeout = 120s;
constexpr auto poll_interval = 10ms;
constexpr std::string_view folder_prefix = "slc-";

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error("test cluster: " + what);
}

// The folder with the highest version that has initdb.
std::string find_bin_folder() {
  std::string best;
  int best_version = -1;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/usr/lib/postgresql", ignored)) {
    const std::string name = entry.path().filename();
    int version = 0;
    std::from_chars(name.data(), name.data() + name.size(), version);
    if (version > best_version && fs::exists(entry.path() / "bin/initdb")) {
      best_version = version;
      best = entry.path() / "bin";
    }
  }
  if (best.empty()) fail("no /usr/lib/postgresql/*/bin/initdb");
  return best;
}

int free_tcp_port() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  int port = 0;
  if (bind(probe, reinterpret_cast<sockaddr*>(&address), length) == 0 &&
      getsockname(probe, reinterpret_cast<sockaddr*>(&address), &length) == 0) {
    port = ntohs(address.sin_port);
  }
  close(probe);
  if (port == 0) fail("no free TCP port");
  return port;
}

// Folders whose test process is gone (nobody holds their lock) are left-overs of crashes: removed by the next
// test.
void sweep_left_overs() {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator("/tmp", ignored)) {
    if (!entry.path().filename().string().starts_with(folder_prefix)) continue;
    const int lock = open((entry.path() / "lock").c_str(), O_RDWR | O_CLOEXEC);
    if (lock < 0) continue;
    if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
      // The lock goes last, so that a server still writing while it ends leaves a folder that is swept next
      // time.
      fs::remove_all(entry.path() / "data", ignored);
      if (!ignored) fs::remove_all(entry.path(), ignored);
    }
    close(lock);
  }
}

// Runs tasks on one thread until destroyed.
class long_lived_thread {
 public:
  long_lived_thread() : thread_([this] { work(); }) {}
  ~long_lived_thread() {
    {
      const std::lock_guard guard(mutex_);
      ended_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  pid_t run(std::function<pid_t()> task) {
    std::unique_lock guard(mutex_);
    task_ = std::move(task);
    changed_.notify_all();
    changed_.wait(guard, [this] { return !task_; });
    return answer_;
  }

 private:
  void work() {
    std::unique_lock guard(mutex_);
    for (;;) {
      changed_.wait(guard, [this] { return ended_ || task_; });
      if (!task_) return;
      try {
        answer_ = task_();
      } catch (const std::exception&) {
        answer_ = -1;
      }
      task_ = nullptr;
      changed_.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable changed_;
  std::function<pid_t()> task_;
  pid_t answer_ = -1;
  bool ended_ = false;
  std::thread thread_;
};

std::string quoted_identifier(const std::string& name) {
  std::string out = "\"";
  for (const char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + '"';
}

} // namespace

struct test_cluster::impl {
  cluster_options options;
  std::string bin = find_bin_folder();
  std::string folder;
  std::string user;
  std::optional<run_as> as;
  int lock = -1;
  int port = 5432;
  pid_t postmaster = 0;
  std::atomic<int> databases{0};
  long_lived_thread spawner;

  void choose_user();
  void make_folder();
  void initdb();
  void launch();
  void wait_until_ready();
  void run_to_end(std::vector<std::string> arguments, std::chrono::milliseconds timeout);
  void kill_all();
  std::string log_tail(std::size_t max_bytes) const;
  std::string conninfo(const std::string& database, const std::string& user_name,
                       const std::string& host) const;
};

void test_cluster::impl::choose_user() {
  const bool is_root = geteuid() == 0;
  const passwd* entry = is_root ? getpwnam("postgres") : getpwuid(geteuid());
  if (entry == nullptr) fail("no system user to run PostgreSQL as");
  user = entry->pw_name;
  if (is_root) as = run_as{entry->pw_uid, entry->pw_gid};
}

void test_cluster::impl::make_folder() {
  sweep_left_overs();
  std::string pattern = "/tmp/" + std::string(folder_prefix) + "XXXXXX";
  if (mkdtemp(pattern.data()) == nullptr) fail("mkdtemp failed");
  folder = pattern;
  lock = open((folder + "/lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock < 0 || flock(lock, LOCK_EX | LOCK_NB) != 0) fail("cannot lock " + folder);
  if (as && chown(folder.c_str(), as->uid, as->gid) != 0) fail("chown failed");
  // Others may connect to the socket in it, so that a server under test may run as any user.
  if (chmod(folder.c_str(), 0755) != 0) fail("chmod failed");
}

void test_cluster::impl::run_to_end(std::vector<std::string> arguments, std::chrono::milliseconds timeout) {
  const spawn_options how{std::move(arguments), as, folder, folder + "/log"};
  const pid_t child = spawner.run([&how] { return spawn(how); });
  if (child <= 0) fail("cannot fork");
  const auto status = wait_for_exit(child, timeout);
  if (!status) {
    kill(child, SIGKILL);
    wait_for_exit(child, stop_timeout);
    fail(how.arguments[0] + " hangs");
  }
  if (*status != 0) fail(how.arguments[0] + " failed:\n" + log_tail(4'000));
}

void test_cluster::impl::initdb() {
  run_to_end({bin + "/initdb", "-D", folder + "/data", "-A", "trust", "-U", "postgres", "--no-sync", "-E",
              "UTF8", "--locale=C.UTF-8", "--no-instructions"},
             initdb_timeout);
}

void test_cluster::impl::launch() {
  std::vector<std::string> arguments{bin + "/postgres", "-D", folder + "/data"};
  const auto set = [&arguments](const std::string& setting) {
    arguments.push_back("-c");
    arguments.push_back(setting);
  };
  set("unix_socket_directories=" + folder);
  set("unix_socket_permissions=0777");
  set("port=" + std::to_string(port));
  set(options.tcp ? "listen_addresses=127.0.0.1" : "listen_addresses=");
  set("max_connections=200");
  set("shared_buffers=64MB");
  set("max_wal_size=1GB");
  set("log_line_prefix=%m [%p] ");
  if (!options.durable) {
    set("fsync=off");
    set("full_page_writes=off");
  }
  for (const std::string& setting : options.settings)
    set(setting);
  const spawn_options how{std::move(arguments), as, folder, folder + "/log"};
  postmaster = spawner.run([&how] { return spawn(how); });
  if (postmaster <= 0) fail("cannot fork");
}

std::string test_cluster::impl::conninfo(const std::string& database, const std::string& user_name,
                                         const std::string& host) const {
  return "host=" + host + " port=" + std::to_string(port) + " dbname=" + database + " user=" + user_name +
         " sslmode=disable gssencmode=disable";
}

void test_cluster::impl::wait_until_ready() {
  const auto until = std::chrono::steady_clock::now() + start_timeout;
  const std::string target = conninfo("postgres", "postgres", folder) + " connect_timeout=5";
  for (;;) {
    if (PQping(target.c_str()) == PQPING_OK) return;
    if (wait_for_exit(postmaster, 0ms)) {
      postmaster = 0;
      fail("postgres ended at once:\n" + log_tail(4'000));
    }
    if (std::chrono::steady_clock::now() >= until) fail("postgres does not answer:\n" + log_tail(4'000));
    std::this_thread::sleep_for(poll_interval);
  }
}

// Stopped first, the postmaster cannot start a child that we would miss. A restart needs all of them gone, or
// it finds the shared memory in use.
void test_cluster::impl::kill_all() {
  if (postmaster == 0) return;
  kill(postmaster, SIGSTOP);
  const std::vector<pid_t> children = children_of(postmaster);
  kill(postmaster, SIGKILL);
  for (const pid_t child : children)
    kill(child, SIGKILL);
  wait_for_exit(postmaster, stop_timeout);
  const auto until = std::chrono::steady_clock::now() + stop_timeout;
  while (std::any_of(children.begin(), children.end(), is_alive) &&
         std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(1ms);
  }
  postmaster = 0;
}

std::string test_cluster::impl::log_tail(std::size_t max_bytes) const {
  std::ifstream in(folder + "/log", std::ios::binary);
  std::string all((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  return all.size() > max_bytes ? all.substr(all.size() - max_bytes) : all;
}

test_cluster::test_cluster(cluster_options options) : impl_(std::make_unique<impl>()) {
  impl_->options = std::move(options);
  impl_->choose_user();
  impl_->make_folder();
  try {
    if (impl_->options.tcp) impl_->port = free_tcp_port();
    impl_->initdb();
    start();
  } catch (...) {
    impl_->kill_all();
    std::error_code ignored;
    fs::remove_all(impl_->folder, ignored);
    close(impl_->lock);
    throw;
  }
}

test_cluster::~test_cluster() {
  impl_->kill_all();
  std::error_code ignored;
  fs::remove_all(impl_->folder, ignored);
  close(impl_->lock);
}

test_cluster& test_cluster::shared() {
  static test_cluster one;
  return one;
}

void test_cluster::start() {
  if (impl_->postmaster != 0) return;
  impl_->launch();
  impl_->wait_until_ready();
}

void test_cluster::stop() {
  if (impl_->postmaster == 0) return;
  kill(impl_->postmaster, SIGINT);
  if (!wait_for_exit(impl_->postmaster, stop_timeout)) {
    impl_->kill_all();
    return;
  }
  impl_->postmaster = 0;
}

void test_cluster::kill9() {
  impl_->kill_all();
}

void test_cluster::restart() {
  stop();
  start();
}

bool test_cluster::running() const {
  return impl_->postmaster != 0;
}
pid_t test_cluster::postmaster_pid() const {
  return impl_->postmaster;
}
int test_cluster::tcp_port() const {
  return impl_->options.tcp ? impl_->port : 0;
}
const std::string& test_cluster::folder() const {
  return impl_->folder;
}
const std::string& test_cluster::user_name() const {
  return impl_->user;
}
std::string test_cluster::log_tail(std::size_t max_bytes) const {
  return impl_->log_tail(max_bytes);
}

std::string test_cluster::conninfo(const std::string& database, const std::string& user) const {
  return impl_->conninfo(database, user, impl_->folder);
}

std::string test_cluster::tcp_conninfo(const std::string& database, const std::string& user) const {
  if (!impl_->options.tcp) fail("made without tcp");
  return impl_->conninfo(database, user, "127.0.0.1");
}

std::string test_cluster::url(const std::string& database, const std::string& user) const {
  return "postgresql:///" + database + "?host=" + impl_->folder + "&port=" + std::to_string(impl_->port) +
         "&user=" + user;
}

void test_cluster::create_database(const std::string& name, const std::string& template_name) {
  drop_database(name);
  sql("postgres",
      "CREATE DATABASE " + quoted_identifier(name) + " TEMPLATE " + quoted_identifier(template_name));
}

std::string test_cluster::fresh_database(const std::string& template_name) {
  const std::string name = "test_" + std::to_string(++impl_->databases);
  create_database(name, template_name);
  return name;
}

void test_cluster::drop_database(const std::string& name) {
  sql("postgres", "DROP DATABASE IF EXISTS " + quoted_identifier(name) + " WITH (FORCE)");
}

std::string test_cluster::sql(const std::string& database, const std::string& statements) const {
  const std::string target =
      conninfo(database) + " connect_timeout=10 options='-c client_min_messages=warning'";
  const std::unique_ptr<PGconn, decltype(&PQfinish)> session(PQconnectdb(target.c_str()), &PQfinish);
  if (PQstatus(session.get()) != CONNECTION_OK) fail(PQerrorMessage(session.get()));
  const std::unique_ptr<PGresult, decltype(&PQclear)> answer(PQexec(session.get(), statements.c_str()),
                                                             &PQclear);
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK) fail(PQerrorMessage(session.get()));
  if (PQntuples(answer.get()) == 0 || PQnfields(answer.get()) == 0) return {};
  return PQgetvalue(answer.get(), 0, 0);
}

} // namespace synclog::tests
