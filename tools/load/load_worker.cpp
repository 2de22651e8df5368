// See load_worker.hpp.
#include "tools/load/load_worker.hpp"

#include "tools/load/load_connection.hpp"
#include "tools/load/slot_queue.hpp"
#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <ctime>
#include <fmt/format.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <system_error>
#include <unistd.h>

namespace synclog::tools::load {

namespace {

constexpr int events_a_wait = 128;
constexpr std::size_t read_bytes = 256u << 10;
constexpr std::size_t sample_bytes = 300; // of a body that is shown for an error
constexpr std::int64_t second_ns = 1'000'000'000;
constexpr std::int64_t look_ns = 50'000'000; // how often time-outs and closed connections are looked at
constexpr std::int64_t first_retry_ns = 10'000'000, longest_retry_ns = second_ns;
constexpr unsigned most_doublings = 7;
const std::string words_for_closed = "the server closed the connection instead of answering";

double thread_cpu_seconds() {
  timespec spent{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &spent);
  return static_cast<double>(spent.tv_sec) + static_cast<double>(spent.tv_nsec) / 1e9;
}

// The part of `total` that falls to one of `parts`; the first ones take what does not divide.
std::size_t share_of(std::size_t total, std::size_t parts, std::size_t number) {
  return total / parts + (number < total % parts ? 1 : 0);
}

} // namespace

void worker_figures::merge(const worker_figures& other) {
  operations.resize(std::max(operations.size(), other.operations.size()));
  for (std::size_t i = 0; i < other.operations.size(); ++i)
    operations[i].merge(other.operations[i]);
  acknowledged.resize(std::max(acknowledged.size(), other.acknowledged.size()));
  for (std::size_t i = 0; i < other.acknowledged.size(); ++i)
    acknowledged[i] += other.acknowledged[i];
  bytes_sent += other.bytes_sent;
  bytes_received += other.bytes_received;
  unsent += other.unsent;
  unfinished += other.unfinished;
  last_answer = std::max(last_answer, other.last_answer);
  cpu_seconds += other.cpu_seconds;
}

struct load_worker::impl {
  impl(const load_plan& given, std::size_t which);
  ~impl() { ::close(epoll); }
  impl(const impl&) = delete;
  impl& operator=(const impl&) = delete;

  worker_figures run(const run_clock& given);
  void wait_for_events(std::int64_t now);
  void look_after(std::int64_t now);
  void connect(std::size_t index, std::int64_t now);
  void connect_failed(std::size_t index, failure why, std::int64_t now);
  void on_event(std::size_t index, std::uint32_t events);
  void opened(std::size_t index, std::int64_t now);
  void receive(std::size_t index);
  bool answered(std::size_t index, std::int64_t now, std::string_view sample);
  void lose(std::size_t index, failure why, std::int64_t now, std::string_view words);
  void make_request(load_connection& one, std::int64_t due, std::int64_t now);
  void flush(std::size_t index, std::int64_t now);
  void refill(std::size_t index, std::int64_t now);
  void send_due(std::int64_t now);
  void mark_time(std::int64_t now);
  void count_unsent(std::int64_t end);

  // An open loop sends what was due before the end also afterwards: left out it would make the figures
  // better.
  bool work_left(std::int64_t now) const {
    const auto end = clock->end.load();
    return plan.is_open_loop() ? next_due < static_cast<double>(end) && now < clock->give_up.load()
                               : now < end;
  }
  bool sending(std::int64_t now) const { return now >= clock->start && work_left(now); }
  bool in_window(std::int64_t now) const { return now >= clock->from && now <= clock->end.load(); }
  bool counts_bytes(std::int64_t now) const {
    return now >= clock->from && (plan.is_open_loop() || now <= clock->end.load());
  }
  bool counts(const under_way& request, std::int64_t now) const {
    return plan.is_open_loop() ? request.due_ns >= clock->from && request.due_ns < clock->end.load()
                               : in_window(now);
  }

  const load_plan& plan;
  const run_clock* clock = nullptr;
  request_maker maker;
  int epoll;
  std::vector<load_connection> connections;
  slot_queue free_slots; // open loop: connections that may take a request, longest free first
  std::vector<char> buffer;
  worker_figures figures;
  std::size_t under_way_count = 0;
  bool started = false;
  std::int64_t next_look = 0;
  // Open loop: request k is due at start + (first_due + k * apart).
  double apart_ns = 0, next_due = 0;
  double cpu_from = -1;
  bool cpu_taken = false;
};

load_worker::impl::impl(const load_plan& given, std::size_t which)
    : plan(given), maker(given.operations, given.branches, given.ids, given.seed * 1'000 + which),
      epoll(epoll_create1(EPOLL_CLOEXEC)), connections(share_of(given.connections, given.threads, which)),
      free_slots(connections.size() * given.pipeline), buffer(read_bytes) {
  if (epoll < 0) throw std::system_error(errno, std::generic_category(), "epoll");
  for (auto& one : connections)
    one.set_pipeline(plan.pipeline);
  figures.operations.resize(plan.operations.size());
  figures.acknowledged.resize(plan.branches.size());
  if (plan.is_open_loop()) {
    apart_ns = static_cast<double>(plan.threads) * 1e9 / plan.rate;
    next_due = apart_ns * static_cast<double>(which) / static_cast<double>(plan.threads);
  }
}

worker_figures load_worker::impl::run(const run_clock& given) {
  clock = &given;
  next_due += static_cast<double>(given.start);
  prctl(PR_SET_TIMERSLACK, 1UL); // due moments are met within microseconds, not fifty of them
  for (;;) {
    const auto now = now_ns();
    mark_time(now);
    if (!started && now >= clock->start) {
      started = true;
      next_look = now; // closed loop: connections that were opened before get their first requests
    }
    const bool finished = under_way_count == 0 && !work_left(now);
    if (now >= clock->end.load() && (finished || now >= clock->give_up.load())) break;
    if (now >= next_look) look_after(now);
    if (plan.is_open_loop() && sending(now)) send_due(now);
    wait_for_events(now);
  }
  figures.unfinished = under_way_count;
  if (plan.is_open_loop()) count_unsent(clock->end.load());
  return std::move(figures);
}

// The thread's time between the edges of the measured window.
void load_worker::impl::mark_time(std::int64_t now) {
  if (cpu_from < 0 && now >= clock->from) cpu_from = thread_cpu_seconds();
  if (!cpu_taken && cpu_from >= 0 && now >= clock->end.load()) {
    figures.cpu_seconds = thread_cpu_seconds() - cpu_from;
    cpu_taken = true;
  }
}

void load_worker::impl::count_unsent(std::int64_t end) {
  const double first = std::max(next_due, static_cast<double>(clock->from));
  if (first < static_cast<double>(end))
    figures.unsent = static_cast<std::uint64_t>(std::ceil((static_cast<double>(end) - first) / apart_ns));
}

void load_worker::impl::wait_for_events(std::int64_t now) {
  std::int64_t until = next_look;
  if (now < clock->start) until = std::min(until, clock->start);
  if (now < clock->end.load()) until = std::min(until, clock->end.load());
  if (plan.is_open_loop() && sending(now) && !free_slots.empty())
    until = std::min(until, static_cast<std::int64_t>(next_due));
  const auto left = std::max<std::int64_t>(0, until - now);
  const timespec patience{left / second_ns, left % second_ns};
  std::array<epoll_event, events_a_wait> events; // NOLINT: written by the kernel
  const int count = epoll_pwait2(epoll, events.data(), events_a_wait, &patience, nullptr);
  for (int i = 0; i < count; ++i) {
    const auto& event = events[static_cast<std::size_t>(i)];
    on_event(static_cast<std::size_t>(event.data.u64), event.events);
  }
}

// Connections are opened here only, between two rounds of events: what is left of a round never means a new
// one.
void load_worker::impl::look_after(std::int64_t now) {
  next_look = now + look_ns;
  const auto patience = plan.timeout.count();
  for (std::size_t i = 0; i < connections.size(); ++i) {
    auto& one = connections[i];
    if (one.where() == load_connection::stage::waiting) {
      if (now >= one.since_ns() && work_left(now))
        connect(i, now);
      else if (now < one.since_ns())
        next_look = std::min(next_look, one.since_ns());
    } else if (one.where() == load_connection::stage::connecting) {
      if (now - one.since_ns() > patience) connect_failed(i, failure::connect_timeout, now);
    } else if (one.count() > 0 && now - one.oldest().sent_ns > patience) {
      lose(i, failure::timeout, now,
           fmt::format("no whole answer within {:.1f} s", static_cast<double>(patience) / 1e9));
    } else if (!plan.is_open_loop() && one.count() == 0 && sending(now)) {
      refill(i, now);
    }
  }
}

void load_worker::impl::connect(std::size_t index, std::int64_t now) {
  auto& one = connections[index];
  if (const auto failed = one.begin(plan.address, epoll, index, now))
    connect_failed(index, *failed, now);
  else if (one.where() == load_connection::stage::open)
    opened(index, now);
}

void load_worker::impl::connect_failed(std::size_t index, failure why, std::int64_t now) {
  auto& one = connections[index];
  auto& counted = figures.operations.front();
  if (in_window(now)) counted.add_failure(why);
  counted.note_error(fmt::format("connecting: {}", to_string(why)));
  const auto wait =
      std::min(longest_retry_ns, first_retry_ns << std::min(one.failed_connects, most_doublings));
  ++one.failed_connects;
  one.close(now + wait);
}

void load_worker::impl::opened(std::size_t index, std::int64_t now) {
  if (plan.is_open_loop()) {
    for (std::size_t i = 0; i < plan.pipeline; ++i)
      free_slots.push(index);
  } else if (sending(now)) {
    refill(index, now);
  }
}

void load_worker::impl::on_event(std::size_t index, std::uint32_t events) {
  auto& one = connections[index];
  if (one.where() == load_connection::stage::waiting) return; // closed earlier in this round
  if (one.where() == load_connection::stage::connecting) {
    const auto now = now_ns();
    if (const auto failed = one.finish_connect(epoll, index))
      connect_failed(index, *failed, now);
    else
      opened(index, now);
    return;
  }
  if ((events & EPOLLOUT) != 0) flush(index, now_ns());
  if ((events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0 && one.where() == load_connection::stage::open)
    receive(index);
}

void load_worker::impl::receive(std::size_t index) {
  auto& one = connections[index];
  const auto got = recv(one.descriptor(), buffer.data(), buffer.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  const auto error = errno;
  const auto now = now_ns();
  if (got <= 0) {
    one.reader().end_of_stream();
    if (got == 0 && one.reader().done()) answered(index, now, {});
    if (one.where() == load_connection::stage::open)
      lose(index, got == 0 ? failure::closed : failure_of(error), now,
           got == 0 ? words_for_closed : std::generic_category().message(error));
    return;
  }
  std::string_view left(buffer.data(), static_cast<std::size_t>(got));
  if (counts_bytes(now)) figures.bytes_received += left.size();
  std::string_view sample;
  while (!left.empty()) {
    if (one.count() == 0 && !one.reader().begun()) {
      lose(index, failure::bad_answer, now, "an answer that nothing was asked for");
      return;
    }
    const auto step = one.reader().take(left);
    if (sample.empty()) sample = step.body.substr(0, sample_bytes);
    left.remove_prefix(step.used);
    if (one.reader().broken()) {
      lose(index, failure::bad_answer, now, "what came is no HTTP answer");
      return;
    }
    if (one.reader().done() && !answered(index, now, std::exchange(sample, {}))) return;
  }
  if (!plan.is_open_loop() && sending(now)) refill(index, now);
}

// False when the connection is gone with it.
bool load_worker::impl::answered(std::size_t index, std::int64_t now, std::string_view sample) {
  auto& one = connections[index];
  const auto request = one.pop();
  const int status = one.reader().status();
  const bool keeps = one.reader().keeps_connection();
  one.reader().reset();
  --under_way_count;
  auto& counted = figures.operations[request.operation];
  const bool good = tally::is_success(status);
  const auto records = plan.operations[request.operation].records;
  if (counts(request, now)) {
    counted.add_answer(status, now - request.due_ns, records);
    figures.last_answer = now;
  } else if (good && !plan.is_open_loop() && now > clock->end.load()) {
    ++counted.late;
  }
  if (good) {
    for (std::size_t i = 0; i < records; ++i)
      ++figures.acknowledged[(request.first_branch + i) % figures.acknowledged.size()];
  } else {
    counted.note_error(fmt::format("{}: {}", status, sample));
  }
  if (!keeps) {
    lose(index, failure::closed, now, words_for_closed);
    connections[index].close(now); // was to be expected: again at once
    return false;
  }
  if (plan.is_open_loop()) free_slots.push(index);
  return true;
}

// Whatever was under way on the connection is lost with it; nothing need have been.
void load_worker::impl::lose(std::size_t index, failure why, std::int64_t now, std::string_view words) {
  auto& one = connections[index];
  while (one.count() > 0) {
    const auto request = one.pop();
    --under_way_count;
    auto& counted = figures.operations[request.operation];
    const bool within = plan.is_open_loop() ? counts(request, now) : now >= clock->from;
    if (within) counted.add_failure(why);
    counted.note_error(words);
  }
  if (plan.is_open_loop()) free_slots.remove(index);
  one.close(now + first_retry_ns);
  next_look = std::min(next_look, now);
}

void load_worker::impl::make_request(load_connection& one, std::int64_t due, std::int64_t now) {
  const auto made = maker.append(one.out(), now);
  one.push({due, now, made.operation, made.first_branch});
  ++under_way_count;
}

void load_worker::impl::flush(std::size_t index, std::int64_t now) {
  int error = 0;
  const auto sent = connections[index].send(epoll, index, error);
  if (counts_bytes(now)) figures.bytes_sent += sent;
  if (error != 0) lose(index, failure_of(error), now, std::generic_category().message(error));
}

void load_worker::impl::refill(std::size_t index, std::int64_t now) {
  auto& one = connections[index];
  if (!one.has_slot()) return;
  while (one.has_slot())
    make_request(one, now, now);
  flush(index, now);
}

void load_worker::impl::send_due(std::int64_t now) {
  while (next_due <= static_cast<double>(now) && !free_slots.empty()) {
    const auto due = static_cast<std::int64_t>(next_due);
    if (!work_left(now)) return;
    next_due += apart_ns;
    const auto index = free_slots.pop();
    const auto at = now_ns();
    make_request(connections[index], due, at);
    flush(index, at);
  }
}

load_worker::load_worker(const load_plan& plan, std::size_t number)
    : impl_(std::make_unique<impl>(plan, number)) {}
load_worker::~load_worker() = default;

worker_figures load_worker::run(const run_clock& clock) {
  return impl_->run(clock);
}

} // namespace synclog::tools::load
