// See log_watch.hpp. One coroutine on a strand of its own; what it found stands under a mutex.
#include "http/log_watch.hpp"
#include "core/problem.hpp"
#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>
#include <spdlog/spdlog.h>

namespace synclog::http {

namespace asio = boost::asio;
namespace pg = eventstore::pg;
using namespace std::chrono_literals;

namespace {

constexpr auto patience = 2s;                        // with one look
constexpr std::chrono::milliseconds look_again = 1s; // while writes wait to be mended, or no look succeeds
constexpr auto long_unseen = 60s;                    // what was found may have changed since: it is logged
constexpr auto look_every = 2ms;

void log_new(const std::vector<std::string>& before, const std::vector<std::string>& now) {
  for (const std::string& sentence : now) {
    if (std::find(before.begin(), before.end(), sentence) == before.end()) spdlog::warn("{}", sentence);
  }
}

} // namespace

struct log_watch::impl : std::enable_shared_from_this<impl> {
  impl(asio::any_io_executor executor, pg::pool& pool, std::string asked, log_findings first,
       std::chrono::milliseconds every)
      : strand(asio::make_strand(executor)), reads(pool), question(std::move(asked)), interval(every),
        pause(strand), durable(first.losses.empty()), findings(std::move(first)) {}

  asio::awaitable<void> run();
  asio::awaitable<void> look();
  asio::awaitable<void> try_to_look();
  void tell_failure(const std::string& why);

  asio::strand<asio::any_io_executor> strand;
  pg::pool& reads;
  const std::string question;
  const std::chrono::milliseconds interval;
  asio::steady_timer pause;
  std::atomic<bool> stopping{false}, running{false}, durable;
  bool is_blind = false; // the last look failed
  bool told_blind = false;
  std::string last_failure;
  mutable std::mutex mutex; // guards what follows
  log_findings findings;
  pg::clock::time_point looked_at = pg::clock::now();
};

asio::awaitable<void> log_watch::impl::look() {
  pg::segment work;
  work.add_sql(question);
  const pg::segment_result answer = co_await reads.run_read(std::move(work), pg::clock::now() + patience);
  log_findings now;
  const pg::rows& rows = answer.results.front();
  for (int row = 0; row < rows.size(); ++row) {
    (rows.text(row, 0) == "loss" ? now.losses : now.powers).emplace_back(rows.text(row, 1));
  }
  log_new(findings.losses, now.losses); // only this coroutine writes them
  log_new(findings.powers, now.powers);
  if (now.losses.empty() && !findings.losses.empty())
    spdlog::info("the database keeps again what it acknowledges: writes are taken");
  durable = now.losses.empty();
  const std::lock_guard guard(mutex);
  findings = std::move(now);
  looked_at = pg::clock::now();
}

// That the database is away others say, and what was found last stands meanwhile; not for ever without a
// word. What the database refuses would be refused again, so it is said at once.
asio::awaitable<void> log_watch::impl::try_to_look() {
  try {
    co_await look();
    is_blind = false;
    told_blind = false;
    last_failure.clear();
    co_return;
  } catch (const pg::query_failed& refused) {
    tell_failure(refused.what());
  } catch (const std::exception&) {
  }
  is_blind = true;
  const auto unseen = pg::clock::now() - looked_at; // only this coroutine writes it
  if (unseen > long_unseen && !told_blind) {
    told_blind = true;
    spdlog::warn("for {} s nobody could see whether the database keeps what it acknowledges",
                 std::chrono::duration_cast<std::chrono::seconds>(unseen).count());
  }
}

void log_watch::impl::tell_failure(const std::string& why) {
  if (why == last_failure) return;
  last_failure = why;
  spdlog::error("whether the database keeps what it acknowledges cannot be seen: {}", why);
}

asio::awaitable<void> log_watch::impl::run() {
  auto self = shared_from_this();
  while (!stopping) {
    boost::system::error_code cancelled;
    pause.expires_after(durable && !is_blind ? interval : std::min(interval, look_again));
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (stopping) break;
    co_await try_to_look();
  }
}

log_watch::log_watch(asio::any_io_executor executor, pg::pool& reads, std::string question,
                     log_findings first, std::chrono::milliseconds interval)
    : impl_(std::make_shared<impl>(std::move(executor), reads, std::move(question), std::move(first),
                                   interval)) {
  log_new({}, impl_->findings.losses);
  log_new({}, impl_->findings.powers);
}

log_watch::~log_watch() = default;

void log_watch::start() {
  impl_->running = true;
  auto done = [state = impl_](std::exception_ptr failed) {
    if (failed) core::invariant_broken("the loop that watches the database's settings threw");
    state->running = false;
  };
  auto loop = impl_->run();
  asio::co_spawn(impl_->strand, std::move(loop), std::move(done));
}

asio::awaitable<void> log_watch::stop() {
  auto state = impl_;
  state->stopping = true;
  auto wake = [state] { state->pause.cancel(); };
  asio::post(state->strand, std::move(wake));
  asio::steady_timer wait(state->strand);
  while (state->running) {
    wait.expires_after(look_every);
    co_await wait.async_wait(asio::use_awaitable);
  }
}

bool log_watch::is_durable() const {
  return impl_->durable;
}

log_findings log_watch::found() const {
  const std::lock_guard guard(impl_->mutex);
  return impl_->findings;
}

std::chrono::seconds log_watch::age() const {
  const std::lock_guard guard(impl_->mutex);
  return std::chrono::duration_cast<std::chrono::seconds>(pg::clock::now() - impl_->looked_at);
}

} // namespace synclog::http
