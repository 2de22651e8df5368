// See subscriber_thread.hpp.
#include "tools/load/subscriber_thread.hpp"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <unistd.h>

namespace synclog::tools::load {

namespace {

constexpr std::size_t opening_at_once = 64;
constexpr std::size_t read_bytes = 1u << 20;
constexpr int events_a_wait = 256, look_ms = 20;
constexpr int ok = 200, switching = 101;
constexpr std::size_t shown_bytes = 300;

double thread_cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

std::int64_t wall_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::system_clock::now().time_since_epoch())
      .count();
}

bool send_whole(int socket, std::string_view bytes) {
  return send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

void watch_for(int epoll, int how, int fd, std::uint32_t events, std::uint64_t index) {
  epoll_event wanted{};
  wanted.events = events;
  wanted.data.u64 = index;
  epoll_ctl(epoll, how, fd, &wanted);
}

} // namespace

struct subscriber_thread::sink {
  subscriber_thread& owner;
  std::size_t index;

  void data(std::string_view name, std::string_view text) {
    if (name.empty() || name == "message")
      owner.take_event(owner.all_[index], text);
    else
      owner.take_control(index, fmt::format("{} {}", name, text));
  }
  void message(std::string_view text) {
    constexpr std::string_view typed = R"({"type":")", event = R"({"type":"event")";
    if (text.starts_with(typed) && !text.starts_with(event))
      owner.take_control(index, text);
    else
      owner.take_event(owner.all_[index], text);
  }
  void control(ws_code code, std::string_view payload) {
    if (code == ws_code::ping && !send_whole(owner.all_[index].fd, client_frame(ws_code::pong, payload)))
      owner.lose(index, "a ping cannot be answered");
    if (code == ws_code::close)
      owner.lose(index, fmt::format("the server closed: {}",
                                    payload.substr(std::min<std::size_t>(2, payload.size()))));
  }
};

subscriber_thread::subscriber_thread(const subscription_plan& plan, std::size_t number)
    : plan_(plan), number_(number), epoll_(epoll_create1(EPOLL_CLOEXEC)),
      all_((plan.count + plan.threads - 1 - number) / plan.threads), buffer_(read_bytes),
      wall_offset_(wall_ns() - now_ns()) {}

subscriber_thread::~subscriber_thread() {
  for (const auto& each : all_)
    if (each.fd >= 0) ::close(each.fd);
  ::close(epoll_);
}

void subscriber_thread::run(std::stop_token stop) {
  std::array<epoll_event, events_a_wait> events{};
  while (!stop.stop_requested()) {
    begin_more();
    const int count = epoll_wait(epoll_, events.data(), events_a_wait, look_ms);
    mark_time();
    for (int i = 0; i < count; ++i)
      on_event(static_cast<std::size_t>(events[static_cast<std::size_t>(i)].data.u64));
    received_.store(figures_.received, std::memory_order_relaxed);
  }
}

void subscriber_thread::mark_time() {
  const auto* clock = clock_.load();
  if (clock == nullptr) return;
  const auto now = now_ns();
  if (cpu_from_ < 0 && now >= clock->from) {
    cpu_from_ = thread_cpu_seconds();
    wall_offset_ = wall_ns() - now_ns();
  }
  if (!cpu_taken_ && cpu_from_ >= 0 && now >= clock->end.load()) {
    figures_.cpu_seconds = figures_.busiest = thread_cpu_seconds() - cpu_from_;
    cpu_taken_ = true;
  }
}

void subscriber_thread::begin_more() {
  while (begun_ < all_.size() && begun_ - ready_ - lost_ < opening_at_once && !refused_)
    begin(begun_++);
}

void subscriber_thread::begin(std::size_t index) {
  auto& each = all_[index];
  each.fd = socket(plan_.address.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (each.fd < 0 ||
      (connect(each.fd, plan_.address.get(), plan_.address.length) != 0 && errno != EINPROGRESS)) {
    lose(index, fmt::format("cannot connect: {}", std::strerror(errno)));
    return;
  }
  each.at = stage::connecting;
  watch_for(epoll_, EPOLL_CTL_ADD, each.fd, EPOLLOUT, index);
}

void subscriber_thread::on_event(std::size_t index) {
  auto& each = all_[index];
  if (each.at == stage::lost) return;
  if (each.at != stage::connecting) {
    read(index);
    return;
  }
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(each.fd, SOL_SOCKET, SO_ERROR, &error, &size);
  const auto& request = plan_.requests[plan_index(index) % plan_.requests.size()];
  if (error != 0 || !send_whole(each.fd, request)) {
    lose(index, fmt::format("cannot connect: {}", std::strerror(error != 0 ? error : errno)));
    return;
  }
  each.at = stage::answering;
  watch_for(epoll_, EPOLL_CTL_MOD, each.fd, EPOLLIN, index);
}

void subscriber_thread::read(std::size_t index) {
  auto& each = all_[index];
  const auto got = recv(each.fd, buffer_.data(), buffer_.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    lose(index, got == 0 ? "the server ended the stream" : std::strerror(errno));
    return;
  }
  now_ = now_ns();
  std::string_view bytes(buffer_.data(), static_cast<std::size_t>(got));
  while (!bytes.empty() && each.at != stage::lost) {
    if (plan_.speaks == transport::websocket && each.at > stage::answering) {
      if (!take_body(index, std::exchange(bytes, {}))) lose(index, "what came is no WebSocket frame");
    } else if (!take_answer(index, bytes)) {
      lose(index, "what came is no answer to follow");
    }
  }
}

// The head, and the pieces of a body without their framing. False when it is none.
bool subscriber_thread::take_answer(std::size_t index, std::string_view& bytes) {
  auto& each = all_[index];
  const auto step = each.answer.take(bytes);
  if (each.answer.broken()) return false;
  if (each.at == stage::answering && each.answer.head_complete()) {
    const int wanted = plan_.speaks == transport::sse ? ok : switching;
    if (each.answer.status() != wanted) {
      bytes.remove_prefix(step.used);
      lose(index, fmt::format("refused with {}: {}", each.answer.status(), bytes.substr(0, shown_bytes)));
      return true;
    }
    answered(index);
  }
  bytes.remove_prefix(step.used);
  if (!step.body.empty() && !take_body(index, step.body)) return false;
  if (plan_.speaks == transport::sse && each.answer.done()) lose(index, "the server ended the stream");
  return true;
}

void subscriber_thread::answered(std::size_t index) {
  auto& each = all_[index];
  each.at = stage::subscribing;
  if (!plan_.first_frames.empty()) {
    const auto& frame = plan_.first_frames[plan_index(index) % plan_.first_frames.size()];
    if (!send_whole(each.fd, client_frame(ws_code::text, frame))) {
      lose(index, "cannot subscribe");
      return;
    }
  }
  if (plan_.ready_mark.empty()) became_ready(each);
}

bool subscriber_thread::take_body(std::size_t index, std::string_view bytes) {
  sink into{*this, index};
  auto& each = all_[index];
  return plan_.speaks == transport::sse ? each.lines.push(bytes, into) : each.frames.push(bytes, into);
}

void subscriber_thread::take_event(one& subscriber, std::string_view text) {
  if (const auto place = place_of(text)) {
    if (subscriber.knows_cursor && place->previous > subscriber.cursor) ++figures_.gaps;
    if (subscriber.knows_cursor && place->position <= subscriber.cursor) ++figures_.repeated;
    subscriber.knows_cursor = true;
    subscriber.cursor = std::max(subscriber.cursor, place->position);
  } else {
    ++figures_.unchecked;
  }
  const auto* clock = clock_.load(std::memory_order_relaxed);
  if (clock == nullptr) return;
  const auto end = clock->end.load(std::memory_order_relaxed);
  const bool in_window = now_ >= clock->from && now_ <= end;
  if (in_window) {
    ++figures_.delivered;
    figures_.event_bytes += text.size();
  }
  if (plan_.from == delay_begin::sent) {
    const auto sent = finder_.sent_ns(text);
    if (!sent || *sent < clock->start || *sent > now_) return; // somebody else's
    ++figures_.received;
    if (*sent >= clock->from && *sent < end) figures_.delay.add(now_ - *sent);
  } else {
    ++figures_.received;
    const auto recorded = begin_finder::recorded_ns(text);
    if (recorded && in_window) figures_.delay.add(now_ + wall_offset_ - *recorded);
  }
}

void subscriber_thread::take_control(std::size_t index, std::string_view text) {
  auto& each = all_[index];
  if (const auto cursor = cursor_of(text)) {
    each.cursor = each.knows_cursor ? std::max(each.cursor, *cursor) : *cursor;
    each.knows_cursor = true;
  }
  if (each.at == stage::subscribing && text.find(plan_.ready_mark) != std::string_view::npos)
    became_ready(each);
  if (text.starts_with("bye ") || text.starts_with(R"({"type":"bye")"))
    lose(index, fmt::format("the server says {}", text));
}

void subscriber_thread::became_ready(one& subscriber) {
  subscriber.at = stage::ready;
  ++ready_;
}

void subscriber_thread::lose(std::size_t index, std::string_view why) {
  auto& each = all_[index];
  if (each.at == stage::lost) return;
  if (each.at == stage::ready)
    --ready_;
  else
    refused_ = true;
  each.at = stage::lost;
  ++lost_;
  ++figures_.lost;
  if (each.fd >= 0) ::close(each.fd);
  each.fd = -1;
  if (figures_.first_error.empty()) figures_.first_error = why;
}

} // namespace synclog::tools::load
