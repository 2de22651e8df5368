// See fanout_search.hpp.
#include "bench/fanout_search.hpp"
#include "bench/cpu_time.hpp"
#include "bench/publisher.hpp"
#include "bench/rate_search.hpp"
#include "support/wait.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <stdexcept>
#include <thread>

namespace synclog::tests::bench {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

constexpr auto drain_patience = 30s;
constexpr double settling_share = 0.25; // of a step, before its events count
constexpr double reached_share = 0.95;
constexpr double hopeless = 4;      // of the bound: no higher rate is tried
constexpr double lowest_posts = 10; // a second; with fewer a single one would be the 99th percentile

struct cpu_marks {
  explicit cpu_marks(const live_server& server)
      : at(clock::now()), machine(machine_cpu_seconds()), own(own_cpu_seconds()),
        serving(server.serving_cpu_seconds()), database(server.database_cpu_seconds()) {}
  clock::time_point at;
  double machine, own, serving, database;

  double others_since(const cpu_marks& before) const {
    return machine - before.machine - (own - before.own) - (serving - before.serving) -
           (database - before.database);
  }
};

bool keeps_up(const fanout_step& made) {
  return made.reached >= reached_share * made.rate;
}

std::vector<subscriber_plan> plans_for(const live_server& server, const fanout_options& options) {
  std::vector<subscriber_plan> plans;
  for (std::size_t i = 0; i < options.subscribers; ++i)
    plans.push_back(server.plan(i, options.branches));
  return plans;
}

} // namespace

fanout_measurement::fanout_measurement(const live_server& server, fanout_options options,
                                       std::uint64_t& next_number)
    : server_(server), options_(options), next_number_(next_number), patience_left_(options.patience_seconds),
      subscribers_(sent_), expected_(std::max<std::size_t>(1, options.branches)) {
  subscribers_.open(server.port(), plans_for(server, options));
}

fanout_measurement::~fanout_measurement() = default;

// Every subscriber has every event that is for it, and each once.
void fanout_measurement::wait_for_all() {
  std::string why;
  const auto complete = [&] {
    why = subscribers_.failure();
    if (!why.empty()) return true;
    const auto tallies = subscribers_.tallies();
    for (std::size_t i = 0; i < tallies.size(); ++i)
      if (!(tallies[i] == expected_[i % expected_.size()])) return false;
    return true;
  };
  const bool all_came = wait_until(complete, drain_patience);
  if (!why.empty()) throw std::runtime_error(fmt::format("{}: a subscriber is {}", server_.name(), why));
  if (!all_came) {
    const auto tallies = subscribers_.tallies();
    throw std::runtime_error(fmt::format("{}: subscriber 0 has {} events (sum of numbers {}), not {} ({})",
                                         server_.name(), tallies[0].events, tallies[0].numbers,
                                         expected_[0].events, expected_[0].numbers));
  }
}

void fanout_measurement::wait_for_quiet() {
  constexpr double looked_at = 0.3; // seconds
  for (double others = 1; others > quiet_cores && patience_left_ > 0; patience_left_ -= looked_at) {
    const cpu_marks before(server_);
    std::this_thread::sleep_for(std::chrono::duration<double>(looked_at));
    const cpu_marks after(server_);
    others = after.others_since(before) / looked_at;
  }
}

fanout_step fanout_measurement::step(double events_per_s) {
  for (;;) {
    wait_for_quiet();
    const auto made = try_step(events_per_s);
    if (made.good || made.others_cores <= quiet_cores || patience_left_ <= 0) return made;
    patience_left_ -= options_.step_seconds;
  }
}

fanout_step fanout_measurement::try_step(double events_per_s) {
  publishing how;
  how.port = server_.port();
  how.request = [this](std::uint64_t first, std::size_t count) {
    return server_.post(first, count, options_.branches);
  };
  how.events_per_s = events_per_s;
  how.batch = options_.batch;
  how.connections = options_.publishers;
  how.answers = server_.answers(options_.batch);
  const auto first = next_number_;
  how.seconds = options_.step_seconds * settling_share;
  subscribers_.keep_delays(0, 0);
  const auto settled = publish(how, first, sent_);
  subscribers_.keep_delays(settled.behind_last, UINT64_MAX);
  how.seconds = options_.step_seconds;
  const cpu_marks before(server_);
  const auto bytes_before = subscribers_.bytes();
  const auto delivered_before = subscribers_.delivered();
  const auto sent = publish(how, settled.behind_last, sent_);
  next_number_ = sent.behind_last;
  for (auto number = first; number < next_number_; ++number) {
    auto& into = expected_[number % expected_.size()];
    ++into.events;
    into.numbers += number;
  }
  const cpu_marks after(server_);
  const auto delivered = subscribers_.delivered() - delivered_before;
  const auto bytes = subscribers_.bytes() - bytes_before;
  wait_for_all();
  const auto [from_sent, from_acknowledged] = subscribers_.kept_delays();

  fanout_step made;
  made.rate = events_per_s;
  made.reached = sent.reached;
  made.delivered = static_cast<double>(from_sent.total()) / sent.seconds;
  made.p50_ms = from_acknowledged.percentile_ms(0.5);
  made.p99_ms = from_acknowledged.percentile_ms(0.99);
  made.sent_p50_ms = from_sent.percentile_ms(0.5);
  made.sent_p99_ms = from_sent.percentile_ms(0.99);
  made.answered_p50_ms = sent.answered_ms_p50;
  made.answered_p99_ms = sent.answered_ms_p99;
  made.event_bytes = delivered > 0 ? static_cast<double>(bytes) / static_cast<double>(delivered) : 0;
  const double seconds = std::chrono::duration<double>(after.at - before.at).count();
  made.generator_cores = (after.own - before.own) / seconds;
  made.serving_cores = (after.serving - before.serving) / seconds;
  made.database_cores = (after.database - before.database) / seconds;
  made.others_cores = after.others_since(before) / seconds;
  made.good = made.sent_p99_ms <= options_.p99_bound_ms && keeps_up(made);
  if (options_.verbose)
    fmt::print("  {} {:>6.0f} events/s ({:.0f}): {:>9.0f} delivered/s, p50 {:.2f} p99 {:.2f} ms, from sent "
               "{:.2f} {:.2f}; POST "
               "p50 {:.2f} p99 {:.2f} ms; cores: generator {:.2f}, server {:.2f}, database {:.2f}, others "
               "{:.2f}{}\n",
               server_.name(), made.rate, made.reached, made.delivered, made.p50_ms, made.p99_ms,
               made.sent_p50_ms, made.sent_p99_ms, made.answered_p50_ms, made.answered_p99_ms,
               made.generator_cores, made.serving_cores, made.database_cores, made.others_cores,
               made.good ? "" : "  no");
  return made;
}

rate_search::verdict fanout_measurement::verdict_of(const fanout_step& made) const {
  if (made.good) return rate_search::verdict::good;
  return keeps_up(made) && made.sent_p99_ms <= hopeless * options_.p99_bound_ms
             ? rate_search::verdict::late
             : rate_search::verdict::too_much;
}

// A moment's disturbance of the machine ends no climb: what kept up and was late is tried once more, and the
// better of the two counts.
fanout_step fanout_measurement::step_or_again(double events_per_s) {
  auto made = step(events_per_s);
  if (made.good || !keeps_up(made)) return made;
  auto again = step(events_per_s);
  return again.good || (keeps_up(again) && again.sent_p99_ms < made.sent_p99_ms) ? again : made;
}

fanout_step fanout_measurement::search() {
  fanout_step best;
  rate_search rates(options_.first_rate, lowest_posts * static_cast<double>(options_.batch));
  while (const auto rate = rates.next()) {
    const auto made = step_or_again(*rate);
    rates.saw(verdict_of(made));
    if (made.good && rates.best() == made.rate) best = made;
  }
  return best;
}

} // namespace synclog::tests::bench
