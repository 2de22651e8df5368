// See live_servers.hpp.
#include "bench/live_servers.hpp"
#include "bench/cpu_time.hpp"
#include "support/process.hpp"
#include "support/wait.hpp"
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>
#include <unistd.h>

namespace synclog::tests::bench {

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto start_patience = 20s;
constexpr auto stop_patience = 5s;

std::string branch_of(std::uint64_t number, branch_count branches) {
  return branches == 0 ? "north" : fmt::format("b{:02}", number % branches);
}

class synclog_server final : public live_server {
 public:
  synclog_server(const fault::serving& server, subscriber_plan::wire speaks)
      : server_(server), speaks_(speaks) {}

  std::string name() const override {
    return speaks_ == subscriber_plan::wire::sse ? "synclog-sse" : "synclog-ws";
  }
  std::string version() const override { return server_.first_line(); }
  std::uint16_t port() const override { return server_.port(); }
  subscriber_plan plan(std::size_t index, branch_count branches) const override {
    if (speaks_ == subscriber_plan::wire::sse) {
      const auto filter = branches == 0 ? "" : "?branch=" + branch_of(index, branches);
      return {speaks_, "/api/events" + filter, "", "event: caught_up"};
    }
    const auto filter = branches == 0 ? "" : fmt::format(R"(,"branch":"{}")", branch_of(index, branches));
    return {speaks_, "/ws", fmt::format(R"({{"type":"subscribe"{}}})", filter), R"("type":"caught_up")"};
  }
  std::string post(std::uint64_t first, std::size_t count, branch_count branches) const override {
    std::string body = "[";
    for (std::uint64_t number = first; number < first + count; ++number) {
      if (number > first) body.push_back(',');
      fmt::format_to(std::back_inserter(body), R"({{"id":"P{0:08}","branch":"{1}","n":"{0:08}"}})", number,
                     branch_of(number, branches));
    }
    body.push_back(']');
    return post_head("/api/pulses", "application/json", body.size()) + body;
  }
  pid_t serving_pid() const override { return server_.server_pid(); }
  double database_cpu_seconds() const override { return cpu_seconds_of_tree(server_.postmaster_pid()); }

 private:
  const fault::serving& server_;
  subscriber_plan::wire speaks_;
};

std::string find_program(std::string_view name) {
  const char* path = std::getenv("PATH");
  std::istringstream folders(path == nullptr ? "" : path);
  for (std::string folder; std::getline(folders, folder, ':');) {
    const auto file = folder + "/" + std::string(name);
    if (access(file.c_str(), X_OK) == 0) return file;
  }
  return "";
}

std::string read_file(const std::string& path) {
  std::ifstream in(path);
  return {std::istreambuf_iterator<char>(in), {}};
}

class node_peer final : public live_server {
 public:
  node_peer(const std::string& node, const std::string& folder, std::string mode,
            subscriber_plan::wire speaks)
      : mode_(std::move(mode)), speaks_(speaks),
        log_(fs::temp_directory_path() / fmt::format("peer-{}-{}", mode_, getpid())) {
    fs::remove(log_);
    spawn_options how;
    how.arguments = {node, folder + "/broadcast.mjs", mode_};
    how.folder = folder;
    how.log_path = log_;
    child_ = spawn(how);
    const auto listens = [this] {
      return read_file(log_).find('\n') != std::string::npos || !is_alive(child_);
    };
    static_cast<void>(wait_until(listens, start_patience));
    // "node v20.20.2, ws 8.18.0 on 40123"
    const auto line = read_file(log_);
    const auto on = line.find(" on ");
    if (on == std::string::npos) {
      end();
      throw std::runtime_error(fmt::format("the peer {} did not start: {}", mode_, line));
    }
    version_ = line.substr(0, on);
    port_ = static_cast<std::uint16_t>(std::strtoul(line.c_str() + on + 4, nullptr, 10));
  }
  ~node_peer() override { end(); }

  std::string name() const override { return "node-" + mode_; }
  std::string version() const override { return version_; }
  std::uint16_t port() const override { return port_; }
  subscriber_plan plan(std::size_t index, branch_count branches) const override {
    const auto filter = branches == 0 ? "" : "?branch=" + branch_of(index, branches);
    return {speaks_, "/stream" + filter, "", ""};
  }
  // Envelopes made here, one a line: the peer does nothing but broadcast.
  std::string post(std::uint64_t first, std::size_t count, branch_count branches) const override {
    std::string body;
    for (std::uint64_t number = first; number < first + count; ++number) {
      append_envelope(body, number, branches);
      body.push_back('\n');
    }
    return post_head("/publish", "application/x-ndjson", body.size()) + body;
  }
  pid_t serving_pid() const override { return child_; }

 private:
  void end() {
    if (child_ == 0) return;
    kill(child_, SIGTERM);
    if (!wait_for_exit(child_, stop_patience)) {
      kill(child_, SIGKILL);
      wait_for_exit(child_, stop_patience);
    }
    child_ = 0;
    std::error_code ignored;
    fs::remove(log_, ignored);
  }

  std::string mode_;
  subscriber_plan::wire speaks_;
  std::string log_, version_;
  pid_t child_ = 0;
  std::uint16_t port_ = 0;
};

} // namespace

std::string post_head(std::string_view target, std::string_view type, std::size_t bytes) {
  return fmt::format("POST {} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {}\r\nContent-Length: {}\r\n\r\n",
                     target, type, bytes);
}

void append_envelope(std::string& out, std::uint64_t number, branch_count branches) {
  fmt::format_to(
      std::back_inserter(out),
      R"({{"type":"event","position":{0},"cursor":"{0}-9f3a6c1e","previous":{1},"resource":"pulses",)"
      R"("action":"created","id":"P{0:08}","version":1,"branch":"{2}","actor":"anonymous",)"
      R"("recorded_at":"2026-11-23T04:05:06.123456Z","data":{{"id":"P{0:08}","version":1,"position":{0},)"
      R"("created_at":"2026-11-23T04:05:06.123456Z","updated_at":"2026-11-23T04:05:06.123456Z",)"
      R"("branch":"{2}","n":"{0:08}"}}}})",
      number, number - 1, branch_of(number, branches));
}

double live_server::serving_cpu_seconds() const {
  return cpu_seconds(serving_pid());
}

std::unique_ptr<live_server> make_synclog(const fault::serving& server, subscriber_plan::wire speaks) {
  return std::make_unique<synclog_server>(server, speaks);
}

std::unique_ptr<live_server> start_node_peer(const std::string& mode, subscriber_plan::wire speaks,
                                             std::string& missing) {
  const std::string folder = SYNCLOG_BENCH_DIR "/peers/live";
  const auto node = find_program("node");
  if (node.empty()) {
    missing = "no node in PATH";
  } else if (!fs::exists(folder + "/node_modules/ws/package.json")) {
    missing = "run `npm ci` in " + folder;
  } else {
    return std::make_unique<node_peer>(node, folder, mode, speaks);
  }
  return nullptr;
}

} // namespace synclog::tests::bench
