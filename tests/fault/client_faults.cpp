// Faults that come from outside: clients that hold the server up, and a wall clock that jumps.
#include "fault/fault.hpp"
#include "streams/stuck_readers.hpp"
#include "support/http_client.hpp"
#include <array>
#include <fmt/format.h>
#include <optional>
#include <stdexcept>

namespace synclog::tests::fault {

using namespace std::chrono_literals;

namespace {

constexpr std::size_t lists = 12;
constexpr std::size_t half_requests = 40;
constexpr std::size_t unread_streams = 20;
constexpr int small_buffer_bytes = 4'096;
constexpr auto short_list_patience = 5s;

// The run has saved enough records for a list that no socket holds.
class slow_lists : public injected_fault {
 public:
  void inject(site& at) override {
    for (std::size_t i = 0; i < lists; ++i) {
      auto& made =
          clients_.emplace_back(at.port(), http_client_options{.receive_buffer_bytes = small_buffer_bytes});
      made.send_request("GET", "/api/clients");
    }
    // Short lists have other connections.
    http_client short_list(at.port(), {.patience = short_list_patience});
    const auto answer = short_list.request("GET", "/api/visits?limit=3");
    if (answer.status != 200)
      note(fmt::format("a short list was answered {} beside whole ones: {}", answer.status, answer.body));
  }
  void heal(site&) override { clients_.clear(); }
  std::chrono::milliseconds lasts() const override { return 1s; }
  bool keeps_serving() const override { return true; }

 private:
  std::vector<http_client> clients_;
};

class stuck_clients : public injected_fault {
 public:
  void inject(site& at) override {
    for (std::size_t i = 0; i < half_requests; ++i) {
      auto& made = clients_.emplace_back(at.port());
      made.send(i % 2 == 0 ? "POST /api/clients HTTP/1.1\r\nHost: 127.0"
                           : "POST /api/clients HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                             "application/json\r\nContent-Length: 900\r\n\r\n{\"full_name\":\"hal");
    }
    readers_.emplace();
    readers_->add(at.port(), unread_streams, "0");
  }
  void heal(site&) override {
    readers_.reset();
    clients_.clear();
  }
  std::chrono::milliseconds lasts() const override { return 1s; }
  bool keeps_serving() const override { return true; }

 private:
  std::vector<http_client> clients_;
  std::optional<streams::stuck_readers> readers_;
};

class clock_jump : public injected_fault {
 public:
  explicit clock_jump(std::mt19937_64& random) : by_(jumps[random() % jumps.size()]) {}
  void inject(site& at) override { at.shift_clock(by_); }
  void heal(site& at) override { at.shift_clock(0s); }
  std::chrono::milliseconds lasts() const override { return 1s; }
  bool keeps_serving() const override { return true; }

 private:
  static constexpr std::array<std::chrono::seconds, 6> jumps{30s,     -30s,          3'600s,
                                                             -3'600s, 400 * 86'400s, -400 * 86'400s};
  std::chrono::seconds by_;
};

} // namespace

std::unique_ptr<injected_fault> make_client_fault(fault_kind kind, std::mt19937_64& random) {
  switch (kind) {
  case fault_kind::slow_lists:
    return std::make_unique<slow_lists>();
  case fault_kind::stuck_clients:
    return std::make_unique<stuck_clients>();
  case fault_kind::clock_jump:
    return std::make_unique<clock_jump>(random);
  default:
    throw std::logic_error("no fault of clients");
  }
}

} // namespace synclog::tests::fault
