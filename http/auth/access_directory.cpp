// See access_directory.hpp.
#include "http/auth/access_directory.hpp"
#include "core/bytes.hpp"
#include "core/chain.hpp"
#include "eventstore/access_rows.hpp"
#include "http/auth/lookups.hpp"
#include <algorithm>
#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <mutex>
#include <set>
#include <spdlog/spdlog.h>
#include <unordered_map>
#include <vector>

namespace synclog::http::auth {

namespace asio = boost::asio;
namespace pg = eventstore::pg;
namespace access = eventstore::access;
using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr auto poll_patience = 2s;
constexpr auto housekeeping_every = 60s; // expired rows go, days of use are noted

using core::bytes_of;

bool is_hash(std::string_view stored, const core::sha256_digest& asked) {
  core::sha256_digest digest{};
  if (stored.size() != digest.size()) return false;
  std::copy(stored.begin(), stored.end(), digest.begin());
  return core::equal_in_constant_time(digest, asked);
}

// A token's and a session's secret have other prefixes, so their hashes are apart.
std::string key_of(std::string_view hash, bool is_session) {
  std::string key(is_session ? "s" : "t");
  return key.append(hash);
}

bool is_session_key(std::string_view key) {
  return key.front() == 's';
}

bool same_rights(const grant& held, const eventstore::access_row& row) {
  const auto now = eventstore::scope_of(row.token);
  const auto ends = row.expires_at.value_or(grant{}.expires_at);
  return held.token_id == row.token.id && held.session_id == row.session_id && held.expires_at == ends &&
         held.caller.actor == now.actor && held.caller.role == now.role &&
         held.caller.all_branches == now.all_branches && held.caller.branches == now.branches;
}

grant_ptr grant_of(const eventstore::access_row& row) {
  auto made = std::make_shared<grant>();
  made->caller = eventstore::scope_of(row.token);
  made->token_id = row.token.id;
  made->session_id = row.session_id;
  if (row.expires_at) made->expires_at = *row.expires_at;
  return made;
}

} // namespace

struct access_directory::impl : std::enable_shared_from_this<access_directory::impl> {
  impl(asio::any_io_executor executor, pg::pool& from, pg::pool& to, const directory_options& how)
      : options(how), reads(from), writes(to), strand(asio::make_strand(std::move(executor))), pause(strand),
        under_way(how.max_lookups) {}

  struct entry {
    grant_ptr granted;
    clock::time_point loaded_at, used_at;
  };
  using entries = std::unordered_map<std::string, entry>;

  grant_ptr known(const std::string& key);
  bool was_known(const std::string& key) const;
  asio::awaitable<core::result<grant_ptr>> look_up(credential shown);
  core::result<grant_ptr> take(const pg::rows& found, credential shown, clock::time_point began);
  core::result<grant_ptr> keep(const eventstore::access_row& row, clock::time_point began);
  bool make_room();
  void forget(const std::string& key);

  asio::awaitable<void> run();
  asio::awaitable<void> poll();
  std::vector<std::string> due_keys(clock::time_point now);
  void settle(const std::vector<std::string>& asked, const std::vector<eventstore::access_row>& found);
  asio::awaitable<void> keep_house();
  template <class Matches>
  void end_where(Matches matches);
  void tell_ended();

  const directory_options options;
  pg::pool &reads, &writes;
  asio::strand<asio::any_io_executor> strand;
  asio::steady_timer pause;
  std::function<void()> on_ended; // set before the loop runs
  std::atomic<bool> stopping{false}, running{false}, hinted{false};
  std::atomic<clock::rep> confirmed_at{clock::time_point::min().time_since_epoch().count()};
  lookups under_way;
  std::atomic<std::uint64_t> asked_for{0}, ended{0}, failed_polls{0};

  mutable std::mutex mutex; // guards what follows
  entries by_key;
  std::set<std::string> used_tokens; // since their day was noted
};

// Null when it must be asked for.
grant_ptr access_directory::impl::known(const std::string& key) {
  const auto now = clock::now();
  const clock::time_point confirmed{clock::duration(confirmed_at.load(std::memory_order_relaxed))};
  const std::lock_guard guard(mutex);
  const auto found = by_key.find(key);
  if (found == by_key.end()) return nullptr;
  entry& held = found->second;
  if (std::max(held.loaded_at, confirmed) + options.trusted_for < now) return nullptr;
  held.used_at = now;
  return held.granted;
}

bool access_directory::impl::was_known(const std::string& key) const {
  const std::lock_guard guard(mutex);
  return by_key.contains(key);
}

void access_directory::impl::forget(const std::string& key) {
  const std::lock_guard guard(mutex);
  const auto found = by_key.find(key);
  if (found == by_key.end()) return;
  found->second.granted->revoked = true;
  by_key.erase(found);
}

// Those that nobody uses go first; the mutex is held.
bool access_directory::impl::make_room() {
  if (by_key.size() < options.max_known) return true;
  auto oldest = by_key.end();
  for (auto at = by_key.begin(); at != by_key.end(); ++at)
    if (at->second.granted.use_count() == 1 &&
        (oldest == by_key.end() || at->second.used_at < oldest->second.used_at))
      oldest = at;
  if (oldest == by_key.end()) return false;
  by_key.erase(oldest);
  return true;
}

core::result<grant_ptr> access_directory::impl::keep(const eventstore::access_row& row,
                                                     clock::time_point began) {
  auto key = key_of(row.secret_hash, !row.session_id.empty());
  const std::lock_guard guard(mutex);
  used_tokens.insert(row.token.id);
  if (const auto found = by_key.find(key); found != by_key.end()) {
    entry& held = found->second;
    if (same_rights(*held.granted, row) && !held.granted->revoked) {
      held.loaded_at = held.used_at = began;
      return held.granted;
    }
    held.granted->revoked = true;
    by_key.erase(found);
  }
  if (!make_room())
    return core::make_problem(core::problem_code::overloaded, "this server has all the callers it can carry");
  auto made = grant_of(row);
  by_key.emplace(std::move(key), entry{made, began, began});
  return made;
}

core::result<grant_ptr> access_directory::impl::take(const pg::rows& found, credential shown,
                                                     clock::time_point began) {
  if (found.size() == 1) {
    const auto row = access::access_of(found, 0);
    const bool is_expired = row.expires_at && *row.expires_at <= core::now();
    // A ticket stands for another secret than its own.
    const bool is_meant = shown.kind == core::secret_kind::ticket || is_hash(row.secret_hash, shown.hash);
    if (!row.ended && !is_expired && is_meant) return keep(row, began);
  }
  if (shown.kind != core::secret_kind::ticket)
    forget(key_of(bytes_of(shown.hash), shown.kind == core::secret_kind::session));
  return not_let_in();
}

asio::awaitable<core::result<grant_ptr>> access_directory::impl::look_up(credential shown) {
  const auto began = clock::now();
  const bool is_session = shown.kind == core::secret_kind::session;
  const bool is_ticket = shown.kind == core::secret_kind::ticket;
  const std::vector<std::string_view> hashes{bytes_of(shown.hash)};
  pg::segment work;
  work.queries().push_back(is_ticket    ? access::redeem_ticket(shown.hash)
                           : is_session ? access::find_sessions(hashes)
                                        : access::find_tokens(hashes));
  ++asked_for;
  pg::segment_result answer;
  if (is_ticket) {
    answer = co_await writes.run(std::move(work), began + options.lookup_patience);
    if (answer.failed) throw pg::query_failed(*answer.failed);
  } else {
    answer = co_await reads.run_read(std::move(work), began + options.lookup_patience);
  }
  co_return take(answer.results.at(0), shown, began);
}

// ---- watching

std::vector<std::string> access_directory::impl::due_keys(clock::time_point now) {
  std::vector<std::string> keys;
  const std::lock_guard guard(mutex);
  for (auto at = by_key.begin(); at != by_key.end();) {
    const bool idle = at->second.granted.use_count() == 1 && at->second.used_at + options.kept_idle < now;
    if (idle) {
      at = by_key.erase(at);
      continue;
    }
    keys.push_back(at->first);
    ++at;
  }
  return keys;
}

void access_directory::impl::settle(const std::vector<std::string>& asked,
                                    const std::vector<eventstore::access_row>& found) {
  std::unordered_map<std::string, const eventstore::access_row*> rows;
  for (const auto& row : found)
    rows.emplace(key_of(row.secret_hash, !row.session_id.empty()), &row);
  bool any = false;
  {
    const std::lock_guard guard(mutex);
    for (const auto& key : asked) {
      const auto held = by_key.find(key);
      if (held == by_key.end()) continue;
      const auto row = rows.find(key);
      const auto& granted = *held->second.granted;
      if (row != rows.end() && !row->second->ended && same_rights(granted, *row->second) && !granted.ended())
        continue;
      granted.revoked = true;
      by_key.erase(held);
      any = true;
    }
  }
  if (any) tell_ended();
}

asio::awaitable<void> access_directory::impl::poll() {
  const auto began = clock::now();
  const auto keys = due_keys(began);
  std::vector<std::string_view> tokens, sessions;
  for (const auto& key : keys)
    (is_session_key(key) ? sessions : tokens).push_back(std::string_view(key).substr(1));
  std::vector<eventstore::access_row> found;
  if (!keys.empty()) {
    pg::segment work;
    work.queries().push_back(access::find_tokens(tokens));
    work.queries().push_back(access::find_sessions(sessions));
    const auto answer = co_await writes.run_read(std::move(work), began + poll_patience);
    for (const auto& rows : answer.results)
      for (int row = 0; row < rows.size(); ++row)
        found.push_back(access::access_of(rows, row));
  }
  settle(keys, found);
  confirmed_at.store(began.time_since_epoch().count(), std::memory_order_relaxed);
}

asio::awaitable<void> access_directory::impl::keep_house() {
  std::set<std::string> used;
  {
    const std::lock_guard guard(mutex);
    used.swap(used_tokens);
  }
  const std::vector<std::string_view> ids(used.begin(), used.end());
  pg::segment work;
  work.queries().push_back(access::drop_expired_tickets());
  work.queries().push_back(access::drop_expired_sessions());
  if (!ids.empty()) work.queries().push_back(access::note_used(ids));
  const auto answer = co_await writes.run(std::move(work), clock::now() + poll_patience);
  if (answer.failed) spdlog::warn("access: {}", answer.failed->message);
}

asio::awaitable<void> access_directory::impl::run() {
  auto self = shared_from_this();
  auto next_housekeeping = clock::now();
  bool failing = false;
  while (!stopping) {
    hinted = false;
    try {
      co_await poll();
      if (clock::now() >= next_housekeeping) {
        next_housekeeping = clock::now() + housekeeping_every;
        co_await keep_house();
      }
      failing = false;
    } catch (const std::exception& failed) {
      ++failed_polls;
      if (!std::exchange(failing, true))
        spdlog::warn("access: tokens cannot be confirmed: {}", failed.what());
    }
    if (stopping) break;
    boost::system::error_code cancelled;
    pause.expires_after(hinted ? std::chrono::milliseconds(0) : options.poll_interval);
    co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
  }
}

void access_directory::impl::tell_ended() {
  ++ended;
  if (on_ended) on_ended();
}

template <class Matches>
void access_directory::impl::end_where(Matches matches) {
  bool any = false;
  {
    const std::lock_guard guard(mutex);
    for (auto at = by_key.begin(); at != by_key.end();) {
      if (!matches(*at->second.granted)) {
        ++at;
        continue;
      }
      at->second.granted->revoked = true;
      at = by_key.erase(at);
      any = true;
    }
  }
  if (any) tell_ended();
}

// ---- the face

access_directory::access_directory(asio::any_io_executor executor, pg::pool& reads, pg::pool& writes,
                                   directory_options options)
    : impl_(std::make_shared<impl>(std::move(executor), reads, writes, options)) {}

access_directory::~access_directory() = default;

void access_directory::start(std::function<void()> on_ended) {
  impl_->on_ended = std::move(on_ended);
  impl_->running = true;
  auto done = [state = impl_](std::exception_ptr failed) {
    if (failed) core::invariant_broken("the loop that watches tokens threw");
    state->running = false;
  };
  auto loop = impl_->run();
  asio::co_spawn(impl_->strand, std::move(loop), std::move(done));
}

asio::awaitable<void> access_directory::stop() {
  constexpr auto look_every = 2ms;
  auto state = impl_;
  state->stopping = true;
  auto wake = [state] { state->pause.cancel(); };
  asio::post(state->strand, std::move(wake));
  asio::steady_timer look(state->strand);
  while (state->running) {
    look.expires_after(look_every);
    co_await look.async_wait(asio::use_awaitable);
  }
}

void access_directory::hint() {
  impl_->hinted = true;
  auto wake = [state = impl_] { state->pause.cancel(); };
  asio::post(impl_->strand, std::move(wake));
}

asio::awaitable<core::result<grant_ptr>> access_directory::find(credential shown) {
  auto state = impl_;
  const bool is_ticket = shown.kind == core::secret_kind::ticket;
  std::string key;
  if (!is_ticket) {
    key = key_of(bytes_of(shown.hash), shown.kind == core::secret_kind::session);
    auto held = state->known(key);
    if (held && !held->ended()) co_return held;
  }
  const auto turn = state->under_way.begin(key, is_ticket || state->was_known(key));
  if (!turn.of)
    co_return core::make_problem(core::problem_code::overloaded,
                                 "too many callers are unknown here: try again");
  lookups::outcome came;
  if (turn.asks) {
    try {
      came.found = co_await state->look_up(shown);
    } catch (...) {
      came.failed = std::current_exception();
    }
    state->under_way.end(key, *turn.of, came);
  } else {
    came = co_await state->under_way.wait(turn.of);
  }
  if (came.failed) std::rethrow_exception(came.failed);
  co_return *came.found;
}

void access_directory::end_session(std::string_view session_id) {
  impl_->end_where([session_id](const grant& held) { return held.session_id == session_id; });
}

void access_directory::end_token(std::string_view token_id) {
  impl_->end_where([token_id](const grant& held) { return held.token_id == token_id; });
}

access_directory::statistics access_directory::stats() const {
  const std::lock_guard guard(impl_->mutex);
  return {impl_->by_key.size(), impl_->asked_for, impl_->ended, impl_->failed_polls};
}

} // namespace synclog::http::auth
