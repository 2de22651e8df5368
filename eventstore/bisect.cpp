// When PostgreSQL refuses a batch: halves until the culprit is alone, and within one request the shortest
// prefix that fails. Part of the committer, on its strand.
#include "core/clock.hpp"
#include "eventstore/committer_impl.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include <spdlog/spdlog.h>

namespace synclog::eventstore {

namespace asio = boost::asio;
using namespace std::chrono_literals;

namespace {

constexpr auto culprit_time = 5s; // others wait while a refused record is sought
constexpr int max_culprits = 8;   // poisoned commands sought in one request before it is refused whole

} // namespace

// One poisonous item never fails its neighbours: halves, until the culprit is alone.
asio::awaitable<void> committer::impl::bisect(pending_list requests) {
  ++counted.bisections;
  if (requests.size() == 1) {
    co_await reject_culprits(requests.front());
    co_return;
  }
  const auto middle = requests.begin() + static_cast<std::ptrdiff_t>(requests.size() / 2);
  const pending_list halves[] = {{requests.begin(), middle}, {middle, requests.end()}};
  for (const auto& half : halves) {
    flight part(half);
    const auto end = co_await attempt(part, look_ahead::no);
    if (end == attempt_end::poisoned) {
      co_await bisect(half);
    }
  }
}

// What the API says of a command that the database refused, though validation had let it pass.
core::problem committer::impl::problem_of(const pg::failure& failed) const {
  switch (pg::classify(failed.sqlstate)) {
  case pg::meaning::unique_violation:
    if (auto field = projection.field_of_constraint(failed.table, failed.constraint); !field.empty()) {
      auto taken = core::make_problem(core::problem_code::taken, field + " is taken by another record");
      taken.errors.push_back({"/" + field, taken.detail});
      return taken;
    }
    break;
  case pg::meaning::bad_value:
    return core::make_problem(core::problem_code::invalid, "the database cannot store this value");
  default:
    break;
  }
  spdlog::error("committer: {} {} {}", failed.sqlstate, failed.message, failed.detail);
  return core::make_problem(core::problem_code::internal,
                            "this record could not be saved; the others were not affected");
}

asio::awaitable<void> committer::impl::reject_culprits(pending_ptr request) {
  auto& commands = request->request.commands;
  for (int found = 0; found < max_culprits; ++found) {
    const auto culprit =
        commands.size() == 1 ? std::optional<std::size_t>(0) : co_await find_culprit(request);
    if (!culprit || request->answered()) {
      break;
    }
    commands[*culprit].rejected = problem_of(*last_failure);
    flight alone({request});
    const auto end = co_await attempt(alone, look_ahead::no);
    if (end == attempt_end::answered) {
      co_return;
    }
  }
  if (!request->answered()) {
    request->answer(problem_of(*last_failure));
  }
}

// The shortest prefix of the commands that the database refuses ends with the culprit. Nothing is committed
// meanwhile. Empty when it cannot be told in time, or nobody waits for it any longer.
asio::awaitable<std::optional<std::size_t>> committer::impl::find_culprit(pending_ptr request) {
  const auto until = pg::clock::now() + culprit_time;
  std::size_t good = 0;
  std::size_t bad = request->request.commands.size();
  while (bad - good > 1) {
    if (request->answered() || stop_now || pg::clock::now() > until) {
      co_return std::nullopt;
    }
    const auto middle = good + (bad - good) / 2;
    const auto fails = co_await prefix_fails(request, middle);
    if (!fails) {
      co_return std::nullopt;
    }
    (*fails ? bad : good) = middle;
  }
  // The failure that names the culprit is the shortest prefix's own.
  const auto fails = co_await prefix_fails(request, bad);
  co_return fails.value_or(false) ? std::optional(bad - 1) : std::nullopt;
}

// Empty when the database went away meanwhile.
asio::awaitable<std::optional<bool>> committer::impl::prefix_fails(pending_ptr request,
                                                                   std::size_t commands) {
  if (!co_await ensure_connection()) {
    co_return std::nullopt;
  }
  try {
    batch work(projection, *hasher, options.max_record_bytes);
    work.add(request->request, commands);
    auto lookups = work.lookups();
    auto looked_up = co_await connection->run(std::move(lookups), call_deadline());
    if (looked_up.ok()) {
      work.load(looked_up);
      work.decide(core::now());
      auto rows = work.writes(batch_ending::rollback);
      auto tried = co_await connection->run(std::move(rows), call_deadline());
      if (tried.ok()) {
        co_return false;
      }
      last_failure = std::move(tried.failed);
    } else {
      last_failure = std::move(looked_up.failed);
    }
    co_await roll_back();
    if (end_of(*last_failure) != attempt_end::poisoned) {
      co_return std::nullopt;
    }
    co_return true;
  } catch (const std::exception& failed) {
    spdlog::warn("committer: seeking a refused record: {}", failed.what());
    if (connection) {
      connection->close();
    }
    co_return std::nullopt;
  }
}

} // namespace synclog::eventstore
