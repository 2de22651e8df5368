// See writers.hpp.
#include "fault/writers.hpp"

namespace synclog::tests::fault {

using namespace std::chrono_literals;

namespace {

void raise_to(std::atomic<std::int64_t>& highest, std::int64_t value) {
  auto known = highest.load();
  while (value > known && !highest.compare_exchange_weak(known, value)) {
  }
}

constexpr auto probe_timeout = 1'500ms;
constexpr auto bulk_timeout = 60s;
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
  return std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() -
                                                               options_.began)
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
  made.ended_us = now_us();
  if (came == exchange::answered) {
    made.answered_us = made.ended_us;
    read_answer(wanted, answer, made);
  }
  if (verdict_of(made) == verdict::acknowledged) {
    ++acknowledged_;
    raise_to(latest_acknowledged_us_, made.sent_us);
    raise_to(latest_position_, position_of(made.cursor));
  }
  wanted.op.attempts.push_back(std::move(made));
  return true;
}

void writers::carry_out(writer_state& self, planned& wanted) {
  const bool persistent = self.source.coin();
  const auto until = wire::clock::now() + options_.retry_patience;
  std::chrono::milliseconds pause = shortest_rest;
  for (;;) {
    const bool sent = attempt_once(self, wanted, options_.answer_patience);
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
    attempt_once(self, done, options_.answer_patience);
}

void writers::probe() {
  auto wanted = prober_->source.create();
  if (attempt_once(*prober_, wanted, probe_timeout)) history_->add(std::move(wanted.op));
}

bool writers::save_many(std::size_t records) {
  auto wanted = prober_->source.large_bulk(records);
  if (!attempt_once(*prober_, wanted, bulk_timeout)) return false;
  const bool saved = verdict_of(wanted.op) == verdict::acknowledged;
  history_->add(std::move(wanted.op));
  return saved;
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
    if (options_.rest_between > 0ms) {
      const auto span = static_cast<std::uint64_t>(options_.rest_between.count()) * 2;
      rest(std::chrono::milliseconds(self.source.below(span + 1)));
    }
  }
}

} // namespace synclog::tests::fault
