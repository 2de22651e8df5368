// See publisher.hpp.
#include "bench/publisher.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cctype>
#include <charconv>
#include <cmath>
#include <exception>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <string_view>
#include <sys/socket.h>
#include <sys/time.h>
#include <thread>
#include <unistd.h>
#include <vector>

namespace synclog::tests::bench {

namespace {

using clock = std::chrono::steady_clock;

constexpr int answer_patience_s = 20;
constexpr std::size_t shown_bytes = 600;

// One keep-alive connection that posts and reads the whole answers.
class poster {
 public:
  explicit poster(std::uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (socket_ < 0 || connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      throw std::runtime_error("the publisher cannot connect");
    const int on = 1;
    setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    const timeval patience{answer_patience_s, 0};
    setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  ~poster() { close(socket_); }
  poster(const poster&) = delete;
  poster& operator=(const poster&) = delete;

  void post(std::string_view request, std::size_t answers) {
    while (!request.empty()) {
      const auto sent = send(socket_, request.data(), request.size(), MSG_NOSIGNAL);
      if (sent <= 0) throw std::runtime_error("the publisher cannot send");
      request.remove_prefix(static_cast<std::size_t>(sent));
    }
    answer_.clear();
    for (; answers > 0; --answers) {
      std::size_t whole = whole_bytes();
      while (whole == 0 || answer_.size() < whole) {
        std::array<char, 16u << 10> piece{};
        const auto got = recv(socket_, piece.data(), piece.size(), 0);
        if (got <= 0) throw std::runtime_error("the publisher got no answer");
        answer_.append(piece.data(), static_cast<std::size_t>(got));
        if (whole == 0) whole = whole_bytes();
      }
      if (answer_.substr(9, 1) != "2")
        throw std::runtime_error("a POST was refused: " + answer_.substr(0, shown_bytes));
      answer_.erase(0, whole);
    }
  }

 private:
  // 0 while the head is not complete.
  std::size_t whole_bytes() const {
    const auto end = answer_.find("\r\n\r\n");
    if (end == std::string::npos) return 0;
    std::string head = answer_.substr(0, end);
    std::ranges::transform(head, head.begin(), [](unsigned char c) { return std::tolower(c); });
    constexpr std::string_view name = "\r\ncontent-length: ";
    std::size_t length = 0;
    if (const auto at = head.find(name); at != std::string::npos)
      std::from_chars(head.data() + at + name.size(), head.data() + head.size(), length);
    return end + 4 + length;
  }

  int socket_;
  std::string answer_;
};

struct progress {
  std::atomic<std::uint64_t> next_post{0};
  std::mutex mutex;
  std::vector<double> answered_ms;
  double late_ms = 0;
  clock::time_point last_sent{};
  std::exception_ptr failed;
};

void post_at_pace(const publishing& how, std::uint64_t first, std::uint64_t posts, clock::time_point began,
                  send_log& log, progress& common) {
  const std::chrono::duration<double> apart(static_cast<double>(how.batch) / how.events_per_s);
  poster connection(how.port);
  for (;;) {
    const auto index = common.next_post.fetch_add(1);
    if (index >= posts) return;
    const auto number = first + index * how.batch;
    const auto request = how.request(number, how.batch);
    const auto due = began + std::chrono::duration_cast<clock::duration>(apart * static_cast<double>(index));
    std::this_thread::sleep_until(due);
    const auto sent = clock::now();
    for (std::size_t i = 0; i < how.batch; ++i)
      log.note_sent(number + i, sent);
    connection.post(request, how.answers);
    const auto answered = clock::now();
    for (std::size_t i = 0; i < how.batch; ++i)
      log.note_acknowledged(number + i, answered);
    const std::chrono::duration<double, std::milli> took = answered - sent, late = sent - due;
    const std::lock_guard guard(common.mutex);
    common.answered_ms.push_back(took.count());
    common.late_ms = std::max(common.late_ms, late.count());
    common.last_sent = std::max(common.last_sent, sent);
  }
}

double percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  return sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))];
}

} // namespace

published publish(const publishing& how, std::uint64_t first, send_log& log) {
  const double per_s = how.events_per_s / static_cast<double>(how.batch);
  const auto posts =
      std::max<std::uint64_t>(1, static_cast<std::uint64_t>(std::llround(per_s * how.seconds)));
  progress common;
  const auto began = clock::now();
  std::vector<std::thread> threads;
  for (int i = 0; i < how.connections; ++i) {
    threads.emplace_back([&] {
      try {
        post_at_pace(how, first, posts, began, log, common);
      } catch (...) {
        const std::lock_guard guard(common.mutex);
        common.next_post = posts;
        common.failed = std::current_exception();
      }
    });
  }
  for (auto& each : threads)
    each.join();
  if (common.failed) std::rethrow_exception(common.failed);
  std::ranges::sort(common.answered_ms);
  published made;
  made.first = first;
  made.behind_last = first + posts * how.batch;
  made.seconds = std::chrono::duration<double>(common.last_sent - began).count() + 1 / per_s;
  made.reached = static_cast<double>(posts * how.batch) / made.seconds;
  made.late_ms = common.late_ms;
  made.answered_ms_p50 = percentile(common.answered_ms, 0.5);
  made.answered_ms_p99 = percentile(common.answered_ms, 0.99);
  return made;
}

} // namespace synclog::tests::bench
