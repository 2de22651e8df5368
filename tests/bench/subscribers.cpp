// See subscribers.hpp.
#include "bench/subscribers.hpp"
#include "bench/frame_scanner.hpp"
#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <mutex>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdexcept>
#include <string_view>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

namespace synclog::tests::bench {

namespace {

using clock = std::chrono::steady_clock;

constexpr std::size_t opening_at_once = 64;
constexpr std::size_t read_bytes = 1u << 20;
constexpr int events_a_wait = 256;
constexpr int look_ms = 50;
constexpr std::chrono::seconds opening_patience{60}; // without any progress
constexpr std::size_t shown_bytes = 300;

enum class stage : std::uint8_t { unopened, answering, subscribing, ready };

struct subscriber {
  int socket = -1;
  stage at = stage::unopened;
  bool is_websocket = false;
  bool broken = false;
  std::string rest; // the beginning of a frame
  received got;
};

std::string request_of(const subscriber_plan& plan) {
  if (plan.speaks == subscriber_plan::wire::sse)
    return fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n",
                       plan.target);
  return fmt::format("GET {} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                     "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
                     plan.target);
}

// A client's frame; the mask is all zeros, which is one.
std::string client_frame(unsigned char opcode, std::string_view payload) {
  constexpr std::size_t longest_short = 125;
  std::string out(1, static_cast<char>(0x80 | opcode));
  if (payload.size() <= longest_short) {
    out.push_back(static_cast<char>(0x80 | payload.size()));
  } else {
    out.push_back(static_cast<char>(0x80 | 126));
    out.push_back(static_cast<char>(payload.size() >> 8));
    out.push_back(static_cast<char>(payload.size() & 0xff));
  }
  out.append(4, '\0');
  return out.append(payload);
}

bool send_whole(int socket, std::string_view bytes) {
  return send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

} // namespace

struct subscribers::impl {
  explicit impl(const send_log& log) : sent(log), epoll(epoll_create1(EPOLL_CLOEXEC)), buffer(read_bytes) {}
  ~impl() {
    ending = true;
    if (reader.joinable()) reader.join();
    for (const auto& one : all)
      if (one.socket >= 0) close(one.socket);
    close(epoll);
  }

  void begin(std::size_t index, const subscriber_plan& plan);
  void greet(subscriber& one, const subscriber_plan& plan);
  void read_all();
  void read(subscriber& one);
  std::size_t scan(subscriber& one, std::string_view bytes, std::int64_t now);
  void lose(subscriber& one, const std::string& how);

  const send_log& sent;
  int epoll;
  std::vector<char> buffer; // the reader's
  std::vector<subscriber> all;
  std::uint16_t port = 0;
  std::size_t ready = 0;

  std::atomic<bool> ending{false};
  std::atomic<std::uint64_t> delivered{0}, event_bytes{0};
  mutable std::mutex mutex; // of what follows and the tallies, while the reader runs
  std::uint64_t first_kept = 0, behind_kept = 0;
  delays kept;
  std::string failure;
  std::thread reader;
};

void subscribers::impl::begin(std::size_t index, const subscriber_plan& plan) {
  subscriber& one = all[index];
  one.socket = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (one.socket < 0 || connect(one.socket, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
    throw std::runtime_error(fmt::format("subscriber {} cannot connect: {}", index, std::strerror(errno)));
  one.is_websocket = plan.speaks == subscriber_plan::wire::websocket;
  one.at = stage::answering;
  if (!send_whole(one.socket, request_of(plan))) throw std::runtime_error("a subscriber cannot ask");
  epoll_event wanted{};
  wanted.events = EPOLLIN;
  wanted.data.u64 = index;
  epoll_ctl(epoll, EPOLL_CTL_ADD, one.socket, &wanted);
}

// What comes before the first event: the answer's head, and the words that say the subscription stands.
void subscribers::impl::greet(subscriber& one, const subscriber_plan& plan) {
  std::array<char, 4'096> piece{};
  const auto got = recv(one.socket, piece.data(), piece.size(), MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) throw std::runtime_error("the server closed a subscriber: " + one.rest);
  one.rest.append(piece.data(), static_cast<std::size_t>(got));
  if (one.at == stage::answering) {
    const auto end = one.rest.find("\r\n\r\n");
    if (end == std::string::npos) return;
    const std::string_view status = one.is_websocket ? "HTTP/1.1 101" : "HTTP/1.1 200";
    if (!one.rest.starts_with(status))
      throw std::runtime_error("a subscriber was refused: " + one.rest.substr(0, shown_bytes));
    one.rest.erase(0, end + 4);
    one.at = stage::subscribing;
    if (!plan.first_frame.empty() && !send_whole(one.socket, client_frame(1, plan.first_frame)))
      throw std::runtime_error("a subscriber cannot subscribe");
  }
  if (one.rest.find(plan.ready_mark) == std::string::npos) return;
  one.at = stage::ready;
  ++ready;
  const auto now = clock::now().time_since_epoch().count();
  one.rest.erase(0, scan(one, one.rest, now));
}

double subscribers::open(std::uint16_t port, const std::vector<subscriber_plan>& plans) {
  impl& state = *impl_;
  allow_descriptors(plans.size() + 100);
  state.port = port;
  state.all.resize(plans.size());
  const auto began = clock::now();
  auto progress = began;
  std::size_t begun = 0;
  std::array<epoll_event, events_a_wait> events{};
  while (state.ready < plans.size()) {
    const auto before = state.ready;
    while (begun < plans.size() && begun - state.ready < opening_at_once) {
      state.begin(begun, plans[begun]);
      ++begun;
    }
    const int count = epoll_wait(state.epoll, events.data(), events_a_wait, look_ms);
    for (int i = 0; i < count; ++i) {
      const auto index = events[static_cast<std::size_t>(i)].data.u64;
      subscriber& one = state.all[index];
      if (one.at == stage::ready)
        state.read(one);
      else
        state.greet(one, plans[index]);
    }
    const auto now = clock::now();
    if (state.ready > before) progress = now;
    if (now - progress > opening_patience)
      throw std::runtime_error(
          fmt::format("only {} of {} subscribers were opened", state.ready, plans.size()));
  }
  state.reader = std::thread([&state] { state.read_all(); });
  return std::chrono::duration<double>(clock::now() - began).count();
}

void subscribers::impl::lose(subscriber& one, const std::string& how) {
  if (one.broken) return;
  one.broken = true;
  epoll_ctl(epoll, EPOLL_CTL_DEL, one.socket, nullptr);
  if (failure.empty()) failure = how;
}

std::size_t subscribers::impl::scan(subscriber& one, std::string_view bytes, std::int64_t now) {
  std::uint64_t events = 0, sum = 0, text_bytes = 0;
  const auto count = [&](std::string_view event) {
    const auto number = number_of(event);
    ++events;
    sum += number;
    text_bytes += event.size();
    if (number < first_kept || number >= behind_kept) return;
    kept.from_sent.add(now - sent.sent_ns(number));
    kept.from_acknowledged.add(now - sent.acknowledged_ns(number));
  };
  const auto answer = [&](int opcode, std::string_view payload) {
    if (opcode == 9 && !send_whole(one.socket, client_frame(10, payload))) lose(one, "cannot answer a ping");
    if (opcode == 8)
      lose(one,
           fmt::format("closed by the server: {}", payload.substr(std::min<std::size_t>(2, payload.size()))));
  };
  const auto used = one.is_websocket ? scan_websocket(bytes, count, answer) : scan_sse(bytes, count);
  one.got.events += events;
  one.got.numbers += sum;
  delivered.fetch_add(events, std::memory_order_relaxed);
  event_bytes.fetch_add(text_bytes, std::memory_order_relaxed);
  return used;
}

void subscribers::impl::read(subscriber& one) {
  // The beginning of a frame that came last time goes before what comes now.
  const auto held = one.rest.size();
  std::memcpy(buffer.data(), one.rest.data(), held);
  const auto got = recv(one.socket, buffer.data() + held, buffer.size() - held, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got <= 0) {
    lose(one, fmt::format("lost: {}", got == 0 ? "end of stream" : std::strerror(errno)));
    return;
  }
  const std::string_view bytes(buffer.data(), held + static_cast<std::size_t>(got));
  const auto used = scan(one, bytes, clock::now().time_since_epoch().count());
  if (held > 0 || used < bytes.size()) one.rest.assign(bytes.substr(used));
}

void subscribers::impl::read_all() {
  std::array<epoll_event, events_a_wait> events{};
  while (!ending) {
    const int count = epoll_wait(epoll, events.data(), events_a_wait, look_ms);
    const std::lock_guard guard(mutex);
    for (int i = 0; i < count; ++i)
      read(all[events[static_cast<std::size_t>(i)].data.u64]);
  }
}

subscribers::subscribers(const send_log& sent) : impl_(std::make_unique<impl>(sent)) {}
subscribers::~subscribers() = default;

void subscribers::keep_delays(std::uint64_t first, std::uint64_t behind_last) {
  const std::lock_guard guard(impl_->mutex);
  impl_->first_kept = first;
  impl_->behind_kept = behind_last;
  impl_->kept = {};
}

subscribers::delays subscribers::kept_delays() const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->kept;
}

std::uint64_t subscribers::delivered() const {
  return impl_->delivered;
}

std::uint64_t subscribers::bytes() const {
  return impl_->event_bytes;
}

std::vector<received> subscribers::tallies() const {
  const std::lock_guard guard(impl_->mutex);
  std::vector<received> made;
  for (const auto& one : impl_->all)
    made.push_back(one.got);
  return made;
}

std::string subscribers::failure() const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->failure;
}

void allow_descriptors(std::size_t wanted) {
  rlimit bound{};
  getrlimit(RLIMIT_NOFILE, &bound);
  bound.rlim_cur = bound.rlim_max;
  setrlimit(RLIMIT_NOFILE, &bound);
  if (bound.rlim_max < wanted)
    throw std::runtime_error(
        fmt::format("{} descriptors are needed and {} allowed: raise `ulimit -n`", wanted, bound.rlim_max));
}

} // namespace synclog::tests::bench
