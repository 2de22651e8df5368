// nginx with nchan as a live server: channels in its shared memory, one message a POST, as many workers as
// there are cores. See live_servers.hpp.
#include "bench/cpu_time.hpp"
#include "bench/live_servers.hpp"
#include "support/process.hpp"
#include "support/wait.hpp"
#include <arpa/inet.h>
#include <csignal>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <netinet/in.h>
#include <stdexcept>
#include <sys/socket.h>
#include <unistd.h>

namespace synclog::tests::bench {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto start_patience = 20s;
constexpr auto stop_patience = 5s;
constexpr const char* nginx_path = SYNCLOG_BENCH_BUILT_PEERS "/nchan/usr/sbin/nginx";
constexpr const char* module_path =
    SYNCLOG_BENCH_BUILT_PEERS "/nchan/usr/lib/nginx/modules/ngx_nchan_module.so";

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(port);
  made.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return made;
}

// nginx wants a number: one that was free a moment ago.
std::uint16_t free_port() {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  auto address = loopback(0);
  socklen_t size = sizeof address;
  const bool bound = bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                     getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0;
  close(probe);
  if (!bound) throw std::runtime_error("no port for nginx");
  return ntohs(address.sin_port);
}

bool answers_at(std::uint16_t port) {
  const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = loopback(port);
  const bool connected = connect(probe, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
  close(probe);
  return connected;
}

std::string configuration(std::uint16_t port) {
  return fmt::format(R"(load_module {};
{}worker_processes auto;
daemon off;
pid nginx.pid;
error_log stderr error;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
  keepalive_timeout 600s; keepalive_requests 100000000;
  tcp_nodelay on;
  nchan_shared_memory_size 256M;
  server {{
    listen 127.0.0.1:{} backlog=4096;
    location = /publish {{ nchan_publisher; nchan_channel_id pulses; nchan_message_buffer_length 1000; nchan_message_timeout 10s; }}
    location = /stream {{ nchan_subscriber websocket; nchan_channel_id pulses; nchan_subscriber_first_message newest; }}
  }}
}}
)",
                     module_path, getuid() == 0 ? "user root;\n" : "", port);
}

class nchan_peer final : public live_server {
 public:
  nchan_peer()
      : folder_(fs::temp_directory_path() / fmt::format("peer-nchan-{}", getpid())), port_(free_port()) {
    fs::remove_all(folder_);
    fs::create_directories(folder_);
    std::ofstream(folder_ / "nginx.conf") << configuration(port_);
    spawn_options how;
    how.arguments = {nginx_path, "-p", folder_.string(), "-c", "nginx.conf", "-e", "stderr"};
    how.folder = folder_.string();
    how.log_path = (folder_ / "log").string();
    child_ = spawn(how);
    const auto settled = [this] { return answers_at(port_) || !is_alive(child_); };
    if (wait_until(settled, start_patience) && is_alive(child_)) return;
    std::ifstream in(folder_ / "log");
    const std::string words{std::istreambuf_iterator<char>(in), {}};
    end();
    throw std::runtime_error("nginx did not start: " + words);
  }
  ~nchan_peer() override { end(); }

  std::string name() const override { return "nchan-ws"; }
  std::string version() const override {
    std::string made;
    std::ifstream in(SYNCLOG_BENCH_BUILT_PEERS "/nchan/versions");
    for (std::string line; std::getline(in, line);)
      made += (made.empty() ? "" : ", ") + line;
    return made;
  }
  std::uint16_t port() const override { return port_; }
  subscriber_plan plan(std::size_t, branch_count) const override {
    return {subscriber_plan::wire::websocket, "/stream", "", ""};
  }
  // A message is a request of its own: sent one behind the other on the connection.
  std::string post(std::uint64_t first, std::size_t count, branch_count branches) const override {
    std::string requests;
    for (std::uint64_t number = first; number < first + count; ++number) {
      std::string envelope;
      append_envelope(envelope, number, branches);
      requests += post_head("/publish", "application/json", envelope.size()) + envelope;
    }
    return requests;
  }
  std::size_t answers(std::size_t count) const override { return count; }
  pid_t serving_pid() const override { return child_; }
  double serving_cpu_seconds() const override { return cpu_seconds_of_tree(child_); }

 private:
  void end() {
    if (child_ != 0) {
      kill(child_, SIGTERM);
      if (!wait_for_exit(child_, stop_patience)) {
        for (const pid_t worker : children_of(child_))
          kill(worker, SIGKILL);
        kill(child_, SIGKILL);
        wait_for_exit(child_, stop_patience);
      }
      child_ = 0;
    }
    std::error_code ignored;
    fs::remove_all(folder_, ignored);
  }

  fs::path folder_;
  std::uint16_t port_ = 0;
  pid_t child_ = 0;
};

} // namespace

std::unique_ptr<live_server> start_nchan_peer(std::string& missing) {
  if (fs::exists(nginx_path) && fs::exists(module_path)) return std::make_unique<nchan_peer>();
  missing = "nginx with nchan is not there (tools/bench --install)";
  return nullptr;
}

} // namespace synclog::tests::bench
