// See post_load.hpp. Requests are patched in place in one text per connection, so that the generator takes
// little of the cores that it shares with the server.
#include "bench/post_load.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <charconv>
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <random>
#include <stdexcept>
#include <string_view>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace synclog::tests::bench {

namespace {

using clock = std::chrono::steady_clock;

constexpr int events_a_wait = 64;
constexpr int wait_ms = 1'000;
constexpr int max_silent_waits = 20;
constexpr std::size_t answer_bytes = 16u << 10;

// A fresh UUIDv7 in text: time, counter and random bits, as a client library makes it.
class id_source {
 public:
  void write(char* out) {
    const auto now = std::chrono::system_clock::now().time_since_epoch();
    const auto ms =
        static_cast<std::uint64_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
    const std::uint64_t high = (ms << 16) | 0x7000U | (counter_++ & 0xfffU);
    const std::uint64_t low = (random_() >> 2) | 0x8000000000000000ULL;
    std::array<char, 33> hex{};
    fmt::format_to(hex.data(), "{:016x}{:016x}", high, low);
    std::size_t from = 0;
    for (const std::size_t length : {8U, 4U, 4U, 4U, 12U}) {
      if (from > 0) *out++ = '-';
      std::memcpy(out, hex.data() + from, length);
      out += length;
      from += length;
    }
  }
  std::uint64_t number() { return random_(); }

 private:
  std::mt19937_64 random_{std::random_device{}()};
  std::uint64_t counter_ = 0;
};

constexpr std::size_t uuid_chars = 36;
constexpr std::string_view uuid_place = "00000000-0000-7000-8000-000000000000";
constexpr std::string_view number_place = "##########";

struct client {
  int socket = -1;
  std::string request;
  std::vector<std::size_t> id_places;
  std::vector<std::size_t> number_places;
  std::string answer;
  std::size_t filled = 0;
  clock::time_point sent;
};

std::vector<std::size_t> places_of(std::string_view text, std::string_view mark) {
  std::vector<std::size_t> found;
  for (auto at = text.find(mark); at != std::string_view::npos; at = text.find(mark, at + mark.size()))
    found.push_back(at);
  return found;
}

std::string make_body(const post_load_options& options) {
  std::string body = fmt::format(
      R"({{"id":"CLT-{0}","full_name":"Client {1}","phone":"+43 660 {1}","email":"c{1}@example.com",)"
      R"("gender":"f","date_of_birth":"1985-07-14","address":"Long Street 17","city":"Graz","branch":"north",)"
      R"("data":{{"height":172,"weight":64,"notes":"first visit, came by herself"}})",
      uuid_place, number_place);
  if (options.with_reference) body += fmt::format(R"(,"reference_number":"R-{}")", uuid_place);
  return body + "}";
}

int connect_to(std::uint16_t port) {
  const int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (made < 0 || connect(made, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    throw std::runtime_error("the load generator cannot connect");
  }
  const int on = 1;
  setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  return made;
}

class generator {
 public:
  explicit generator(const post_load_options& options)
      : options_(options), epoll_(epoll_create1(EPOLL_CLOEXEC)) {
    const std::string body = make_body(options);
    result_.body_bytes = body.size();
    std::string head = "POST /api/clients HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n";
    if (options.with_key) head += fmt::format("Idempotency-Key: {}\r\n", uuid_place);
    head += fmt::format("Content-Length: {}\r\n\r\n", body.size());
    clients_.resize(static_cast<std::size_t>(options.connections));
    for (std::size_t index = 0; index < clients_.size(); ++index) {
      client& one = clients_[index];
      one.socket = connect_to(options.port);
      one.request = head + body;
      one.id_places = places_of(one.request, uuid_place);
      one.number_places = places_of(one.request, number_place);
      one.answer.resize(answer_bytes);
      epoll_event wanted{};
      wanted.events = EPOLLIN;
      wanted.data.u64 = index;
      epoll_ctl(epoll_, EPOLL_CTL_ADD, one.socket, &wanted);
    }
  }
  ~generator() {
    for (const client& one : clients_)
      close(one.socket);
    close(epoll_);
  }
  generator(const generator&) = delete;
  generator& operator=(const generator&) = delete;

  post_load_result run();

 private:
  void send_next(client& one);
  void receive(client& one);
  void take_answer(client& one, std::string_view answer);

  const post_load_options& options_;
  int epoll_;
  std::vector<client> clients_;
  id_source ids_;
  post_load_result result_;
  clock::time_point end_;
  int under_way_ = 0;
};

void generator::send_next(client& one) {
  for (const std::size_t at : one.id_places)
    ids_.write(one.request.data() + at);
  const std::uint64_t number = ids_.number() % 10'000'000'000ULL;
  for (const std::size_t at : one.number_places)
    fmt::format_to(one.request.data() + at, "{:010}", number);
  one.filled = 0;
  one.sent = clock::now();
  const auto sent = send(one.socket, one.request.data(), one.request.size(), MSG_NOSIGNAL);
  if (sent != static_cast<ssize_t>(one.request.size()))
    throw std::runtime_error("a request could not be sent whole");
  ++under_way_;
}

void generator::take_answer(client& one, std::string_view answer) {
  const auto now = clock::now();
  --under_way_;
  if (answer.substr(9, 3) == "201") {
    // What is answered after the end was still under way then: not counted.
    if (now <= end_) {
      ++result_.acknowledged;
      const auto took = std::chrono::duration_cast<std::chrono::microseconds>(now - one.sent).count();
      result_.latencies_us.push_back(static_cast<std::uint32_t>(took));
    }
  } else {
    ++result_.refused;
    if (result_.first_refusal.empty()) result_.first_refusal = answer.substr(0, 600);
  }
  if (now < end_) send_next(one);
}

void generator::receive(client& one) {
  const auto got =
      recv(one.socket, one.answer.data() + one.filled, one.answer.size() - one.filled, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) throw std::runtime_error("the server closed a connection");
  one.filled += static_cast<std::size_t>(got);
  const std::string_view text(one.answer.data(), one.filled);
  const auto head_end = text.find("\r\n\r\n");
  if (head_end == std::string_view::npos) return;
  constexpr std::string_view length_name = "Content-Length: ";
  const auto length_at = text.find(length_name);
  if (length_at == std::string_view::npos || length_at > head_end)
    throw std::runtime_error("an answer without Content-Length");
  std::size_t length = 0;
  std::from_chars(text.data() + length_at + length_name.size(), text.data() + head_end, length);
  const auto whole = head_end + 4 + length;
  if (whole > answer_bytes) throw std::runtime_error("an answer is too long");
  if (text.size() >= whole) take_answer(one, text.substr(0, whole));
}

post_load_result generator::run() {
  const auto began = clock::now();
  end_ = began + std::chrono::microseconds(static_cast<std::int64_t>(options_.seconds * 1e6));
  for (client& one : clients_)
    send_next(one);
  std::array<epoll_event, events_a_wait> ready{};
  int silent = 0;
  while (under_way_ > 0) {
    const int count = epoll_wait(epoll_, ready.data(), events_a_wait, wait_ms);
    silent = count == 0 ? silent + 1 : 0;
    if (silent > max_silent_waits) throw std::runtime_error("the server does not answer");
    for (int index = 0; index < count; ++index)
      receive(clients_[ready[static_cast<std::size_t>(index)].data.u64]);
  }
  result_.seconds = options_.seconds;
  std::ranges::sort(result_.latencies_us);
  return std::move(result_);
}

} // namespace

double post_load_result::percentile_ms(double share) const {
  if (latencies_us.empty()) return 0;
  const auto index = static_cast<std::size_t>(share * static_cast<double>(latencies_us.size() - 1));
  return latencies_us[index] / 1e3;
}

post_load_result run_post_load(const post_load_options& options) {
  generator one(options);
  return one.run();
}

} // namespace synclog::tests::bench
