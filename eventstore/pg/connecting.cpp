// A helper thread runs PQconnectPoll with poll(2); the coroutine waits on a timer that the helper cuts short.
// Whoever comes first settles it under the attempt's mutex, so the helper never touches an executor that has
// gone.
#include "eventstore/pg/connecting.hpp"
#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <libpq-fe.h>
#include <mutex>
#include <poll.h>
#include <utility>

namespace synclog::eventstore::pg {

namespace asio = boost::asio;

namespace {

constexpr std::size_t helper_threads = 4;
// How soon a helper notices that nobody wants its connection any more.
constexpr std::chrono::milliseconds poll_slice{50};

asio::thread_pool& helpers() {
  static asio::thread_pool threads(helper_threads);
  return threads;
}

// Libpq's messages end with a line break and may have several lines.
std::string one_line(const char* message) {
  std::string out = message == nullptr ? "" : message;
  while (!out.empty() && (out.back() == '\n' || out.back() == ' '))
    out.pop_back();
  std::replace(out.begin(), out.end(), '\n', ' ');
  std::replace(out.begin(), out.end(), '\t', ' ');
  return out.empty() ? "the database cannot be reached" : out;
}

// What we ask for unless the conninfo says otherwise: a dead peer is noticed within half a minute.
constexpr std::array<std::pair<const char*, const char*>, 6> defaults{{
    {"keepalives", "1"},
    {"keepalives_idle", "15"},
    {"keepalives_interval", "5"},
    {"keepalives_count", "3"},
    {"tcp_user_timeout", "20000"},
    {"client_encoding", "UTF8"},
}};

using parsed_options = std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)>;

connection_handle start(const connect_options& options) {
  char* error = nullptr;
  const parsed_options parsed(PQconninfoParse(options.conninfo.c_str(), &error), &PQconninfoFree);
  if (!parsed) {
    const std::unique_ptr<char, decltype(&PQfreemem)> owned(error, &PQfreemem);
    throw unavailable("the database URL cannot be read: " + one_line(error));
  }
  std::vector<const char*> keywords;
  std::vector<const char*> values;
  const auto set = [&](const char* keyword, const char* value) {
    keywords.push_back(keyword);
    values.push_back(value);
  };
  const auto given = [&](std::string_view keyword) {
    return std::any_of(keywords.begin(), keywords.end(),
                       [keyword](const char* one) { return keyword == one; });
  };
  for (const PQconninfoOption* one = parsed.get(); one->keyword != nullptr; ++one) {
    if (one->val != nullptr && std::string_view(one->keyword) != "client_encoding")
      set(one->keyword, one->val);
  }
  for (const auto& [keyword, value] : defaults) {
    if (!given(keyword)) set(keyword, value);
  }
  if (!given("application_name")) set("application_name", options.application_name.c_str());
  set(nullptr, nullptr);
  connection_handle out(PQconnectStartParams(keywords.data(), values.data(), 0));
  if (!out) throw unavailable("out of memory");
  // Libpq would print notices to stderr.
  PQsetNoticeReceiver(
      out.get(), [](void*, const PGresult*) {}, nullptr);
  return out;
}

struct attempt {
  connect_options options;
  deadline until;
  std::atomic<bool> abandoned{false};

  std::mutex mutex; // over what follows
  bool done = false;
  connection_handle connected;
  std::string error;
  std::function<void()> wake; // empty once nobody waits

  void settle(connection_handle handle, std::string problem) {
    const std::lock_guard guard(mutex);
    if (!wake) return; // `handle` is finished on return
    done = true;
    connected = std::move(handle);
    error = std::move(problem);
    wake();
    wake = nullptr;
  }
  void abandon() {
    abandoned = true;
    const std::lock_guard guard(mutex);
    wake = nullptr;
  }
};

// Writable comes first, whatever PQstatus says; the descriptor may change at every step.
connection_handle connect_blocking(const attempt& work) {
  connection_handle handle = start(work.options);
  PostgresPollingStatusType wanted = PGRES_POLLING_WRITING;
  while (!work.abandoned) {
    if (PQstatus(handle.get()) == CONNECTION_BAD) throw unavailable(one_line(PQerrorMessage(handle.get())));
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(work.until - clock::now());
    if (left.count() <= 0) throw deadline_exceeded("the database did not answer in time");
    pollfd one{PQsocket(handle.get()), static_cast<short>(wanted == PGRES_POLLING_READING ? POLLIN : POLLOUT),
               0};
    if (poll(&one, 1, static_cast<int>(std::min(left, poll_slice).count())) <= 0) continue;
    wanted = PQconnectPoll(handle.get());
    if (wanted == PGRES_POLLING_FAILED) throw unavailable(one_line(PQerrorMessage(handle.get())));
    if (wanted == PGRES_POLLING_OK) return handle;
  }
  throw unavailable("connecting was stopped");
}

void run_attempt(const std::shared_ptr<attempt>& work) {
  if (work->abandoned) return;
  try {
    connection_handle handle = connect_blocking(*work);
    if (PQsetnonblocking(handle.get(), 1) != 0) throw unavailable(one_line(PQerrorMessage(handle.get())));
    work->settle(std::move(handle), {});
  } catch (const deadline_exceeded&) {
    // The waiting coroutine has the same deadline and says so itself.
  } catch (const std::exception& problem) {
    work->settle(nullptr, problem.what());
  }
}

// Dies with the waiting coroutine's frame, however that ends.
struct abandon_at_exit {
  std::shared_ptr<attempt> work;
  explicit abandon_at_exit(std::shared_ptr<attempt> one) : work(std::move(one)) {}
  ~abandon_at_exit() { work->abandon(); }
  abandon_at_exit(const abandon_at_exit&) = delete;
  abandon_at_exit& operator=(const abandon_at_exit&) = delete;
};

using strand_type = asio::strand<asio::any_io_executor>;

asio::awaitable<connection_handle> connect_on_strand(strand_type strand, std::shared_ptr<attempt> work,
                                                     std::stop_token stop) {
  auto timer = std::make_shared<asio::steady_timer>(strand, work->until);
  const std::weak_ptr<asio::steady_timer> weak = timer;
  // Posted, so that it runs when this coroutine waits, not before.
  const auto wake = [weak, strand] {
    const auto cut_short = [weak] {
      if (const auto still = weak.lock()) still->cancel();
    };
    asio::post(strand, cut_short);
  };
  work->wake = wake;
  const abandon_at_exit guard(work);
  const std::stop_callback on_stop(stop, wake);
  const auto task = [work] { run_attempt(work); };
  asio::post(helpers(), task);
  const auto [waited] = co_await timer->async_wait(asio::as_tuple(asio::use_awaitable));
  static_cast<void>(waited);
  const std::lock_guard lock(work->mutex);
  if (work->done && work->connected) co_return std::move(work->connected);
  if (work->done) throw unavailable(work->error);
  if (stop.stop_requested()) throw unavailable("connecting was stopped");
  throw deadline_exceeded("the database did not answer in time");
}

} // namespace

void finish_connection::operator()(pg_conn* connection) const {
  PQfinish(connection);
}

asio::awaitable<connection_handle> connect(asio::any_io_executor executor, connect_options options,
                                           deadline until, std::stop_token stop) {
  auto work = std::make_shared<attempt>();
  work->options = std::move(options);
  work->until = until;
  strand_type strand = asio::make_strand(executor);
  auto waiting = connect_on_strand(strand, std::move(work), std::move(stop));
  co_return co_await asio::co_spawn(strand, std::move(waiting), asio::use_awaitable);
}

} // namespace synclog::eventstore::pg
