// See undo.hpp. A record is met at the first of its selected events, which names the state before: no list of
// records is held, but of those that wait for another one's unique value.
#include "eventstore/undo.hpp"

#include "eventstore/undo_plan.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <map>

namespace synclog::eventstore {

namespace asio = boost::asio;

namespace {

constexpr std::int64_t first_window = 500, most_window = 20'000; // positions looked at by a statement
constexpr std::size_t max_waiting = 10'000; // records that wait for another one's unique value
// Of records that exchange unique values in a circle: one transaction.
constexpr std::size_t max_circle_records = 500;
constexpr std::size_t max_circle_bytes = 64u << 20;
constexpr std::chrono::seconds patience{30};
constexpr std::chrono::seconds counting_patience{5}; // somebody waits for the program to end

class undo_run {
 public:
  undo_run(const core::catalog& entities, pg::pool& reads, committer& writer, undo_selection selection,
           undo_options options, const undo_listener& listener)
      : reads_(reads), writer_(writer), selection_(std::move(selection)), options_(std::move(options)),
        listener_(listener), planner_(entities, options_.force) {}

  // The selected events of a stretch of positions, from its end; returns where it stopped.
  asio::awaitable<core::result<core::position>> step(core::position below, core::position upto) {
    const auto rows = co_await read_plan(below, upto);
    std::vector<undo_plan> plans;
    for (int row = 0; row < rows.size(); ++row)
      plans.push_back(planner_.plan(rows, row));
    last_found_ = rows.size();
    const bool whole = rows.size() == 0 || rows.int8(0, undo_found) == rows.size();
    const auto stopped = whole ? below : core::position{plans.back().first_event.value - 1};
    const auto refused = co_await submit(std::move(plans));
    if (refused) co_return *refused;
    co_return stopped;
  }

  // Those that waited, whom one waits for before who waits; circles in one transaction each.
  asio::awaitable<core::result<void>> settle_waiting() {
    may_wait_ = false;
    std::vector<value_exchange> exchanges;
    for (auto& each : waiting_)
      exchanges.push_back(std::move(each.values));
    for (const auto& group : undo_order(exchanges)) {
      if (is_stopped()) break;
      if (group.size() == 1) {
        const auto done = co_await settle_one(group.front().record);
        if (!done) co_return done.error();
      } else {
        auto steps = group;
        const auto done = co_await settle_circle(std::move(steps));
        if (!done) co_return done.error();
      }
    }
    co_return core::result<void>();
  }

  bool is_stopped() const { return options_.stop != nullptr && *options_.stop; }
  bool has_waiting() const { return settled_ < waiting_.size(); }
  // Notes what is left: of the positions up to `upto`, and who waits.
  asio::awaitable<void> report_stop(core::position upto) {
    report_.stopped = true;
    report_.left = static_cast<std::int64_t>(waiting_.size() - settled_);
    if (upto < selection_.from) co_return;
    auto asked = undo_left_query(selection_, upto);
    pg::segment work;
    work.add(asked.prepared, std::move(asked.values), asked.format);
    try {
      const auto answer = co_await reads_.run_read(std::move(work), pg::clock::now() + counting_patience);
      *report_.left += answer.results.at(0).int8(0, 0);
    } catch (const std::exception&) {
      report_.left.reset(); // too many to be counted now, or no database: nothing depends on it
    }
  }

  int last_found() const { return last_found_; }
  undo_report& report() { return report_; }

 private:
  struct waiting_record {
    core::position first_event;
    value_exchange values;
  };

  asio::awaitable<pg::rows> read_plan(core::position below, core::position upto) {
    auto asked = undo_plan_query(selection_, below, upto);
    pg::segment work;
    work.add(asked.prepared, std::move(asked.values), asked.format);
    auto answer = co_await reads_.run_read(std::move(work), pg::clock::now() + patience);
    co_return std::move(answer.results.at(0));
  }

  write_request request_of(std::vector<core::command> commands) const {
    write_request made;
    made.commands = std::move(commands);
    made.caller.actor = options_.actor;
    made.request_id = options_.request_id;
    made.user_agent = "synclog";
    made.dry_run = options_.dry_run;
    made.until = pg::clock::now() + patience;
    return made;
  }

  asio::awaitable<core::result<std::vector<core::item_outcome>>> write(write_request request) {
    auto done = co_await writer_.submit(std::move(request));
    if (!done) co_return done.error();
    if (!options_.dry_run) report_.at = done->at;
    co_return std::move(done->items);
  }

  asio::awaitable<std::optional<core::problem>> submit(std::vector<undo_plan> plans) {
    std::vector<core::command> commands;
    for (auto& plan : plans)
      if (plan.wanted) commands.push_back(std::move(*plan.wanted));
    std::vector<core::item_outcome> outcomes;
    if (!commands.empty()) {
      auto request = request_of(std::move(commands));
      auto done = co_await write(std::move(request));
      if (!done) co_return done.error();
      outcomes = std::move(*done);
    }
    std::size_t next = 0;
    for (auto& plan : plans) {
      if (plan.wanted && !settle(plan, outcomes.at(next++))) continue;
      tell(plan.item);
    }
    co_return std::nullopt;
  }

  // What the committer made of it. False when the record waits to be tried again.
  bool settle(undo_plan& plan, const core::item_outcome& outcome) {
    using verdict = undo_item::verdict;
    if (!outcome.error) {
      if (outcome.status == core::item_status::unchanged) plan.item.what = verdict::nothing;
      return true;
    }
    if (outcome.error->code == core::problem_code::taken && may_wait_ && waiting_.size() < max_waiting) {
      waiting_.push_back({plan.first_event, std::move(plan.values)});
      return false;
    }
    const bool raced = outcome.error->code == core::problem_code::stale_version;
    plan.item.what = raced ? verdict::conflict : verdict::refused;
    plan.item.detail = raced ? "changed while it was being undone" : undo_sentence(*outcome.error);
    return true;
  }

  asio::awaitable<core::result<void>> settle_one(std::size_t record) {
    const auto position = waiting_[record].first_event;
    ++settled_;
    const core::position below{position.value - 1};
    const auto stepped = co_await step(below, position);
    if (!stepped) co_return stepped.error();
    co_return core::result<void>();
  }

  // All of them or none: what one gives back, another one gets.
  asio::awaitable<core::result<void>> settle_circle(std::vector<undo_step> steps) {
    std::map<std::size_t, undo_plan> plans;
    auto each = steps;
    auto why_not = co_await plan_circle(std::move(each), plans);
    if (!why_not.empty()) {
      for (auto& [record, plan] : plans)
        tell_of_circle(plan, why_not);
      settled_ += plans.size();
      co_return core::result<void>();
    }
    std::vector<core::command> commands;
    for (const auto& [record, what] : steps) {
      auto& plan = plans.at(record);
      commands.push_back(what == undo_step::kind::clear ? plan.clear() : *plan.wanted);
    }
    auto request = request_of(std::move(commands));
    request.handling = bulk_handling::strict;
    auto done = co_await write(std::move(request));
    if (!done) co_return done.error();
    for (std::size_t index = 0; index < steps.size(); ++index) {
      const auto& error = done->at(index).error;
      if (!error || error->code == core::problem_code::aborted) continue;
      auto& plan = plans.at(steps[index].record);
      (void)settle(plan, done->at(index));
      why_not =
          fmt::format("exchanges unique values with {}, which could not be undone", plan.item.record_id);
    }
    for (auto& [record, plan] : plans)
      tell_of_circle(plan, why_not);
    settled_ += plans.size();
    co_return core::result<void>();
  }

  // As they stand now. "" or why they cannot be restored together.
  asio::awaitable<std::string> plan_circle(std::vector<undo_step> steps,
                                           std::map<std::size_t, undo_plan>& plans) {
    std::size_t bytes = 0;
    std::string why_not;
    for (const auto& [record, what] : steps) {
      if (plans.contains(record)) continue;
      const auto position = waiting_[record].first_event;
      const core::position below{position.value - 1};
      const auto rows = co_await read_plan(below, position);
      if (rows.size() != 1) core::invariant_broken("a selected event is no longer in the log");
      auto plan = planner_.plan(rows, 0);
      if (!plan.wanted && why_not.empty())
        why_not =
            fmt::format("exchanges unique values with {}, which was changed meanwhile", plan.item.record_id);
      bytes += plan.bytes;
      const bool too_many = plans.size() >= max_circle_records || bytes > max_circle_bytes;
      if (too_many) { // only their names are needed still
        why_not = "exchanges unique values with more records than one transaction takes";
        plan.wanted.reset();
        plan.item.changes.clear();
        plan.item.what = undo_item::verdict::undone;
      }
      plans.emplace(record, std::move(plan));
    }
    co_return why_not;
  }

  // Tells of it; `why_not` is "" or what keeps all of its circle from being undone.
  void tell_of_circle(undo_plan& plan, const std::string& why_not) {
    if (!why_not.empty() && plan.item.what == undo_item::verdict::undone) {
      plan.item.what = undo_item::verdict::refused;
      plan.item.detail = why_not;
    }
    tell(plan.item);
  }

  void tell(const undo_item& item) {
    switch (item.what) {
    case undo_item::verdict::undone:
      ++report_.undone;
      break;
    case undo_item::verdict::nothing:
      ++report_.nothing;
      break;
    case undo_item::verdict::conflict:
      ++report_.conflicts;
      break;
    case undo_item::verdict::refused:
      ++report_.refused;
      break;
    }
    if (listener_) listener_(item);
  }

  pg::pool& reads_;
  committer& writer_;
  const undo_selection selection_;
  const undo_options options_;
  const undo_listener& listener_;
  const undo_planner planner_;
  undo_report report_;
  std::vector<waiting_record> waiting_;
  std::size_t settled_ = 0; // of those that wait
  bool may_wait_ = true;
  int last_found_ = 0;
};

} // namespace

asio::awaitable<core::result<undo_report>> undo(const core::catalog& entities, pg::pool& reads,
                                                log_reader& log, committer& writer, undo_selection selection,
                                                undo_options options, undo_listener listener,
                                                undo_progress progress) {
  const auto head = co_await log.head(pg::clock::now() + patience);
  // What the undo itself appends lies behind.
  if (selection.to.value == 0 || selection.to > head.position) selection.to = head.position;
  selection.from = std::max(selection.from, core::position{1});
  const auto first = selection.from.value - 1;
  const auto total = std::max<std::int64_t>(selection.to.value - first, 0);
  undo_run run(entities, reads, writer, selection, std::move(options), listener);
  run.report().at = head;
  run.report().to = selection.to;
  std::int64_t window = first_window;
  auto upto = selection.to;
  while (upto.value > first && !run.is_stopped()) {
    const core::position below{std::max(first, upto.value - window)};
    const auto stepped = co_await run.step(below, upto);
    if (!stepped) co_return stepped.error();
    upto = *stepped;
    if (progress) progress(selection.to.value - upto.value, total);
    window = run.last_found() < max_undo_records / 2 ? std::min(window * 2, most_window) : first_window;
  }
  const auto settled = co_await run.settle_waiting();
  if (!settled) co_return settled.error();
  if (upto.value > first || run.has_waiting()) co_await run.report_stop(upto);
  co_return run.report();
}

} // namespace synclog::eventstore
