// See writers.hpp.
#include "fault/writers.hpp"

namespace synclog::tests::fault {

using namespace std::chrono_literals;

namespace {

constexpr auto answer_timeout = 15s; // longer than the promise to be back within 10 s
constexpr auto probe_timeout = 1'500ms;
constexpr auto retry_patience = 25s;
constexpr auto shortest_rest = 10ms;
constexpr auto longest_rest = 160ms;
constexpr std::uint64_t one_repeat_in = 40;

} // namespace

struct writers::writer_state {
  request_source source;
  fault::wire wire;
};

writers::writers(writers_options options, history& kept)
    : options_(std::move(options)), history_(&kept),
      prober_(new writer_state{request_source(options_.seed, options_.count), {}}) {
  for (int number = 0; number < options_.count; ++number)
    threads_.emplace_back([this, number] { work(number); });
}

writers::~writers() {
  stop();
}

void writers::stop() {
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
  threads_.clear();
}

std::int64_t writers::now_us() const {
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began_)
      .count();
}

// Between two tries while the server is away, so that 64 writers do not take the machine from the one that
// recovers.
bool writers::rest(std::chrono::milliseconds time) {
  std::unique_lock guard(mutex_);
  return !wake_.wait_for(guard, time, [this] { return stopping_.load(); });
}

// Sends it once; false when it was not sent, and then nothing is recorded.
bool writers::attempt_once(writer_state& self, planned& wanted, std::chrono::milliseconds patience) {
  attempt made;
  wire_answer answer;
  made.sent_us = now_us();
  const auto came = self.wire.send(options_.port(), wanted.request, wire::clock::now() + patience, answer);
  if (came == exchange::not_sent) return false;
  if (came == exchange::answered) {
    made.answered_us = now_us();
    read_answer(wanted, answer, made);
  }
  if (verdict_of(made) == verdict::acknowledged) {
    ++acknowledged_;
    auto latest = latest_acknowledged_us_.load();
    while (made.sent_us > latest && !latest_acknowledged_us_.compare_exchange_weak(latest, made.sent_us)) {
    }
  }
  wanted.op.attempts.push_back(std::move(made));
  return true;
}

void writers::carry_out(writer_state& self, planned& wanted) {
  const bool persistent = self.source.coin();
  const auto until = wire::clock::now() + retry_patience;
  std::chrono::milliseconds pause = shortest_rest;
  for (;;) {
    const bool sent = attempt_once(self, wanted, answer_timeout);
    if (sent) {
      const verdict told = verdict_of(wanted.op.attempts.back());
      if (told == verdict::acknowledged || told == verdict::refused || !persistent) return;
    } else if (wanted.op.attempts.empty() && stopping_) {
      return; // never sent: nothing to settle
    }
    if (wire::clock::now() >= until) {
      if (!wanted.op.attempts.empty()) ++given_up_;
      return;
    }
    // What is under way is settled at the end of a run too, at the same pace.
    if (!rest(pause)) std::this_thread::sleep_for(pause);
    pause = std::min<std::chrono::milliseconds>(pause * 2, longest_rest);
  }
}

// The same request again after its acknowledgement: must be answered as the first time.
void writers::repeat(writer_state& self, planned& done) {
  if (verdict_of(done.op) == verdict::acknowledged && self.source.below(one_repeat_in) == 0)
    attempt_once(self, done, answer_timeout);
}

void writers::probe() {
  auto wanted = prober_->source.create();
  if (attempt_once(*prober_, wanted, probe_timeout)) history_->add(std::move(wanted.op));
}

void writers::work(int number) {
  writer_state self{request_source(options_.seed, number), {}};
  while (!stopping_) {
    auto wanted = self.source.next();
    carry_out(self, wanted);
    if (wanted.op.attempts.empty()) continue;
    repeat(self, wanted);
    if (verdict_of(wanted.op) == verdict::acknowledged) self.source.learn(wanted);
    history_->add(std::move(wanted.op));
  }
}

} // namespace synclog::tests::fault
