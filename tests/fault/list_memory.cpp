// See list_memory.hpp.
#include "fault/list_memory.hpp"
#include "fault/wire.hpp"
#include "tests/support/process.hpp"
#include <algorithm>
#include <atomic>
#include <chrono>
#include <fmt/format.h>
#include <stdexcept>
#include <string>
#include <thread>

namespace synclog::tests::fault {

using namespace std::chrono_literals;

namespace {

constexpr auto bulk_timeout = 120s;
constexpr auto list_timeout = 600s;
constexpr auto sample_interval = 5ms;

double seconds_since(std::chrono::steady_clock::time_point began) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

// Counts the objects of a JSON array as its bytes come by.
class object_counter {
 public:
  void take(std::string_view piece) {
    for (const char c : piece) {
      if (escaped_) {
        escaped_ = false;
      } else if (in_string_) {
        escaped_ = c == '\\';
        in_string_ = c != '"';
      } else if (c == '"') {
        in_string_ = true;
      } else if (c == '{' || c == '[') {
        objects_ += depth_++ == 1 && c == '{' ? 1 : 0;
      } else if (c == '}' || c == ']') {
        --depth_;
      }
    }
    bytes_ += piece.size();
  }
  bool complete() const { return depth_ == 0 && bytes_ > 0 && !in_string_; }
  std::uint64_t objects() const { return objects_; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  int depth_ = 0;
  bool in_string_ = false;
  bool escaped_ = false;
  std::uint64_t objects_ = 0;
  std::uint64_t bytes_ = 0;
};

// The highest resident memory of a process while the object lives.
class memory_watch {
 public:
  explicit memory_watch(pid_t pid) : pid_(pid), thread_([this] { watch(); }) {}
  ~memory_watch() {
    ended_ = true;
    thread_.join();
  }
  std::int64_t peak_kb() const { return peak_kb_; }

 private:
  void watch() {
    while (!ended_) {
      peak_kb_ = std::max(peak_kb_.load(), resident_kb(pid_));
      std::this_thread::sleep_for(sample_interval);
    }
  }
  pid_t pid_;
  std::atomic<bool> ended_{false};
  std::atomic<std::int64_t> peak_kb_{0};
  std::thread thread_;
};

std::string bulk_body(std::uint64_t first, std::uint64_t count) {
  std::string body;
  for (std::uint64_t number = first; number < first + count; ++number) {
    body += fmt::format(
        R"({{"distributor_code":"C{:08}","distributor_name":"Name {:08}","mobile_no":"+43 660 {:07}",)"
        R"("email":"d{}@example.com","branch":"branch-{}","location":"Town {}","agreement_data":{{"SEX":"F",)"
        R"("BIRTH_DATE":"1985/07/14","STREET":"Long Street {}"}}}})",
        number, number * 7'919 % 100'000'000, number, number, number % 20, number % 300, number % 1'000);
    body += '\n';
  }
  return body;
}

void load(const serving& server, const list_memory_options& options) {
  wire client;
  wire_answer answer;
  for (std::uint64_t done = 0; done < options.rows;) {
    const auto count = std::min(options.rows_a_bulk, options.rows - done);
    const auto request = make_request("POST", "/api/distributors", "Content-Type: application/x-ndjson\r\n",
                                      bulk_body(done, count));
    const auto came = client.send(server.port(), request, wire::clock::now() + bulk_timeout, answer);
    if (came != exchange::answered || answer.status != 200) {
      throw std::runtime_error(
          fmt::format("a bulk was answered {}: {}", answer.status, answer.body.substr(0, 300)));
    }
    done += count;
    if (options.on_progress) options.on_progress(done);
  }
}

// The server reads what searches look at into memory when it starts; that is not what a list takes.
void wait_for_search_texts(const serving& server, std::uint64_t rows) {
  constexpr std::string_view name = "\nsynclog_search_records ";
  wire client;
  wire_answer answer;
  const auto until = wire::clock::now() + bulk_timeout;
  while (wire::clock::now() < until) {
    const auto asked = make_request("GET", "/metrics", "", "");
    if (client.send(server.port(), asked, until, answer) != exchange::answered)
      throw std::runtime_error("the metrics were not answered");
    const auto at = answer.body.find(name);
    if (at != std::string::npos &&
        std::stod(answer.body.substr(at + name.size(), 32)) >= static_cast<double>(rows))
      return;
    std::this_thread::sleep_for(sample_interval);
  }
  throw std::runtime_error("the search texts were not loaded in time");
}

} // namespace

list_memory_report measure_list_memory(serving& server, const list_memory_options& options) {
  list_memory_report report;
  const auto began_load = std::chrono::steady_clock::now();
  load(server, options);
  report.load_seconds = seconds_since(began_load);
  if (const int code = server.stop(); code != 0)
    throw std::runtime_error(fmt::format("the server ended with {}", code));
  server.start();

  wire client;
  wire_answer answer;
  const auto small = make_request("GET", "/api/distributors?limit=100", "", "");
  if (client.send(server.port(), small, wire::clock::now() + bulk_timeout, answer) != exchange::answered ||
      answer.status != 200) {
    throw std::runtime_error(
        fmt::format("a short list was answered {}: {}", answer.status, answer.body.substr(0, 300)));
  }
  wait_for_search_texts(server, options.rows);
  report.before_kb = resident_kb(server.server_pid());

  object_counter counter;
  const auto began_read = std::chrono::steady_clock::now();
  {
    const memory_watch watch(server.server_pid());
    const auto whole = make_request("GET", "/api/distributors", "", "");
    const auto came = client.stream(server.port(), whole, wire::clock::now() + list_timeout, answer,
                                    [&counter](std::string_view piece) { counter.take(piece); });
    report.peak_kb = watch.peak_kb();
    if (came != exchange::answered || answer.status != 200 || !counter.complete()) {
      throw std::runtime_error(
          fmt::format("the list broke off after {} records (status {})", counter.objects(), answer.status));
    }
  }
  report.read_seconds = seconds_since(began_read);
  report.rows_read = counter.objects();
  report.bytes_read = counter.bytes();
  return report;
}

} // namespace synclog::tests::fault
