// See swarm.hpp. A loop a thread: epoll for what comes, a look at every member's clock each ten milliseconds.
#include "tests/streams/swarm.hpp"
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fmt/format.h>
#include <random>
#include <stdexcept>
#include <sys/epoll.h>
#include <unistd.h>

namespace synclog::tests::streams {

namespace {

constexpr int tick_ms = 10;
constexpr std::size_t max_sentences = 20;

} // namespace

swarm::swarm(std::vector<subscriber_options> members, std::uint64_t seed, swarm_settings& shared, int threads)
    : shared_(shared), thread_count_(static_cast<std::size_t>(threads)) {
  std::mt19937_64 seeds(seed);
  for (auto& one : members)
    members_.push_back(std::make_unique<subscriber>(std::move(one), seeds(), shared));
  for (std::size_t number = 0; number < thread_count_; ++number)
    threads_.emplace_back([this, number] { run(number); });
}

swarm::~swarm() {
  stop();
}

void swarm::stop() {
  stopping_ = true;
  for (auto& thread : threads_)
    thread.join();
  threads_.clear();
}

void swarm::run(std::size_t thread) {
  struct followed {
    subscriber* one;
    std::uint64_t registered = 0; // number of the connection
  };
  std::vector<followed> mine;
  for (std::size_t index = thread; index < members_.size(); index += thread_count_)
    mine.push_back({members_[index].get()});
  const int poll = epoll_create1(EPOLL_CLOEXEC);
  if (poll < 0) throw std::runtime_error(std::string("epoll_create1: ") + std::strerror(errno));
  // A closed descriptor leaves the set by itself.
  const auto enlist = [poll](followed& member) {
    if (member.one->descriptor() < 0 || member.registered == member.one->connection_number()) return;
    member.registered = member.one->connection_number();
    epoll_event wanted{.events = EPOLLIN, .data = {.ptr = &member}};
    epoll_ctl(poll, EPOLL_CTL_ADD, member.one->descriptor(), &wanted);
  };
  std::array<epoll_event, 64> ready{};
  auto next_tick = subscriber::clock::now();
  while (!stopping_) {
    const int count = epoll_wait(poll, ready.data(), static_cast<int>(ready.size()), tick_ms);
    for (int i = 0; i < count; ++i)
      static_cast<followed*>(ready[static_cast<std::size_t>(i)].data.ptr)->one->on_readable();
    const auto now = subscriber::clock::now();
    if (now < next_tick) continue;
    next_tick = now + std::chrono::milliseconds(tick_ms);
    for (auto& member : mine) {
      member.one->on_time(now);
      enlist(member);
    }
  }
  for (auto& member : mine)
    member.one->leave();
  close(poll);
}

std::size_t swarm::count_at(std::int64_t position) const {
  const auto is_there = [position](const auto& one) {
    return one->broken() || one->lowest_cursor() >= position;
  };
  return static_cast<std::size_t>(std::count_if(members_.begin(), members_.end(), is_there));
}

bool swarm::any_broken() const {
  return std::any_of(members_.begin(), members_.end(), [](const auto& one) { return one->broken(); });
}

std::vector<std::int64_t> swarm::cursors() const {
  std::vector<std::int64_t> found;
  for (const auto& one : members_)
    for (const auto& book : one->ledgers())
      found.push_back(book->cursor());
  return found;
}

bool swarm::all_resynced_beyond(std::int64_t position, const std::vector<std::int64_t>& were_at) const {
  auto at = were_at.begin();
  for (const auto& one : members_)
    for (const auto& book : one->ledgers())
      if (*at++ > position && !one->broken() && book->resyncs() == 0) return false;
  return true;
}

std::vector<std::string> swarm::differences_from(const std::vector<logged>& log, std::int64_t reached) const {
  return judge(log, false, reached);
}

std::vector<std::string> swarm::voided_differences_from(const std::vector<logged>& old_log) const {
  return judge(old_log, true, 0);
}

std::vector<std::string> swarm::judge(const std::vector<logged>& log, bool voided,
                                      std::int64_t reached) const {
  std::vector<std::string> found;
  for (std::size_t number = 0; number < members_.size() && found.size() < max_sentences; ++number) {
    const auto& one = *members_[number];
    const auto note = [&](const std::string& sentence) {
      found.push_back(fmt::format("subscriber {}, {}: {}", number, one.description(), sentence));
    };
    if (one.broken()) note(one.problem());
    for (const auto& book : one.ledgers()) {
      if (!one.broken() && book->cursor() < reached)
        note(fmt::format("holds {}, not {}", book->cursor(), reached));
      for (const auto& stretch : book->spans())
        if (stretch.voided == voided)
          for (const auto& sentence : differences(stretch, log))
            note(sentence);
    }
  }
  return found;
}

std::string swarm::summary() const {
  const auto& counts = shared_.counters;
  std::size_t events = 0, subscriptions = 0;
  for (const auto& one : members_)
    for (const auto& book : one->ledgers()) {
      ++subscriptions;
      for (const auto& stretch : book->spans())
        events += stretch.events.size();
    }
  return fmt::format(
      "{} subscribers with {} subscriptions saw {} events over {} connections: {} ended in order, {} "
      "reset ({} inside a frame), {} lost, {} byes, {} refused, {} commands answered",
      members_.size(), subscriptions, events, counts.connections.load(), counts.orderly_ends.load(),
      counts.resets.load(), counts.cut_frames.load(), counts.lost.load(), counts.byes.load(),
      counts.refused.load(), counts.commands.load());
}

} // namespace synclog::tests::streams
