// The traffic of one connection, on its strand. A turn sends what has come in, takes the results that libpq
// already holds, flushes, and only then waits: a readable wait is always pending, a writable one when the
// socket would not take all.
#include "eventstore/pg/connection_impl.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <limits>
#include <unistd.h>
#include <utility>

namespace synclog::eventstore::pg {

namespace asio = boost::asio;

namespace {

// Results taken before other coroutines get a turn.
constexpr int results_per_turn = 512;
// Evicted names are worth a segment of their own when there are this many.
constexpr std::size_t housekeeping_batch = 16;
constexpr std::size_t max_warnings = 8;

pipeline::result_kind kind_of(const pg_result* result) {
  using kind = pipeline::result_kind;
  if (result == nullptr) return kind::null;
  switch (PQresultStatus(result)) {
  case PGRES_TUPLES_OK:
  case PGRES_COMMAND_OK:
  case PGRES_EMPTY_QUERY:
    return kind::rows;
  case PGRES_FATAL_ERROR:
    return kind::error;
  case PGRES_PIPELINE_ABORTED:
    return kind::aborted;
  case PGRES_PIPELINE_SYNC:
    return kind::sync;
  default:
    return kind::other;
  }
}

std::string field(const pg_result* result, int which) {
  const char* text = PQresultErrorField(result, which);
  return text == nullptr ? std::string() : std::string(text);
}

// The session is over after such an error, whatever it was an answer to. Errors without a SQLSTATE are
// libpq's own about the connection.
bool ends_the_session(const pg_result* error) {
  const char* state = PQresultErrorField(error, PG_DIAG_SQLSTATE);
  if (state == nullptr) return true;
  const std::string severity = field(error, PG_DIAG_SEVERITY_NONLOCALIZED);
  return severity == "FATAL" || severity == "PANIC";
}

// Travels in the readable wait, which is pending as long as the connection is open. Destroyed with the wait
// still in it, it is the io_context that goes down: the waiters held here may own the connection, so the
// circle is cut.
class tear_down_guard {
 public:
  explicit tear_down_guard(std::shared_ptr<connection::impl> owner) : owner_(std::move(owner)) {}
  tear_down_guard(tear_down_guard&&) noexcept = default;
  tear_down_guard& operator=(tear_down_guard&&) = delete;
  ~tear_down_guard() {
    if (owner_) owner_->tear_down();
  }
  std::shared_ptr<connection::impl> defuse() { return std::move(owner_); }

 private:
  std::shared_ptr<connection::impl> owner_;
};

} // namespace

void connection::impl::tear_down() {
  close_handler = nullptr;
  notify_handler = nullptr;
  all_sent_handler = nullptr;
  std::vector<request_ptr> unsent;
  {
    const std::lock_guard lock(mutex);
    closed = true;
    unsent.swap(incoming);
  }
  std::deque<request_ptr> sent;
  sent.swap(in_flight);
  unsent.insert(unsent.end(), sent.begin(), sent.end());
  // A waiter's coroutine holds its request, which holds the waiter.
  for (const request_ptr& one : unsent)
    one->waiter = {};
}

failure failure_from(const pg_result* result, std::size_t query_index) {
  failure out;
  out.query_index = query_index;
  out.sqlstate = field(result, PG_DIAG_SQLSTATE);
  out.message = field(result, PG_DIAG_MESSAGE_PRIMARY);
  out.constraint = field(result, PG_DIAG_CONSTRAINT_NAME);
  out.table = field(result, PG_DIAG_TABLE_NAME);
  out.detail = field(result, PG_DIAG_MESSAGE_DETAIL);
  return out;
}

std::string connection::impl::libpq_message() const {
  if (!fatal_notice.empty()) return fatal_notice;
  std::string out = handle ? PQerrorMessage(handle.get()) : "";
  while (!out.empty() && out.back() == '\n')
    out.pop_back();
  std::replace(out.begin(), out.end(), '\n', ' ');
  return out.empty() ? "the server closed it" : out;
}

void connection::impl::start() {
  pid = PQbackendPID(handle.get());
  housekeeping_from = housekeeping_batch;
  PQsetNoticeReceiver(handle.get(), &impl::on_notice, this);
  auto begin = [self = shared_from_this()] {
    if (!self->handle) return;
    self->last_progress = clock::now();
    if (self->watch_socket()) self->turn();
  };
  asio::post(strand, std::move(begin));
}

// Asio waits on a duplicate. Libpq closes its socket in the middle of a call when the server is gone; the
// number may belong to a new connection before we get to release it here, and that one would never be woken
// again. (While connecting libpq replaces its socket; from here on it does not.)
bool connection::impl::watch_socket() {
  const int own = fcntl(PQsocket(handle.get()), F_DUPFD_CLOEXEC, 0);
  boost::system::error_code failed;
  if (own < 0)
    failed.assign(errno, boost::system::system_category());
  else if (descriptor.assign(own, failed); failed)
    ::close(own);
  if (failed) shut(failed.message());
  return !failed;
}

void connection::impl::turn() {
  if (!handle || !descriptor.is_open()) return;
  take_incoming();
  int budget = results_per_turn;
  int flushed = 0;
  for (;;) {
    if (!handle || !drain(budget) || !deliver_notifications()) return;
    for (const request_ptr& one : std::exchange(again, {})) {
      if (handle) {
        send(one);
      } else {
        one->reason = "it broke before the request was repeated";
        finish(*one, request::outcome::lost);
      }
    }
    if (!handle) return;
    flushed = PQflush(handle.get());
    if (flushed < 0) return shut(libpq_message());
    if (flushed == 0) note_all_sent();
    // A flush that would block reads meanwhile, and what it read makes no socket readable again.
    if (budget == 0 || !has_result()) break;
  }
  if (budget == 0 && has_result()) {
    auto next = [self = shared_from_this()] { self->turn(); };
    asio::post(strand, std::move(next));
  }
  if (!reading) {
    reading = true;
    auto readable =
        [guard = tear_down_guard(shared_from_this())](const boost::system::error_code& error) mutable {
          const auto self = guard.defuse();
          self->on_readable(error);
        };
    descriptor.async_wait(asio::posix::descriptor_base::wait_read, std::move(readable));
  }
  if (flushed == 1 && !writing) {
    writing = true;
    auto writable = [self = shared_from_this()](const boost::system::error_code& error) {
      self->on_writable(error);
    };
    descriptor.async_wait(asio::posix::descriptor_base::wait_write, std::move(writable));
  }
}

void connection::impl::note_all_sent() {
  const auto taken_now = std::exchange(given_bytes, 0);
  if (taken_now == 0) return;
  unsent_bytes -= taken_now;
  if (all_sent_handler) all_sent_handler();
}

void connection::impl::on_readable(const boost::system::error_code& error) {
  reading = false;
  if (!handle) return;
  if (error) return shut(error.message());
  last_progress = clock::now();
  if (PQconsumeInput(handle.get()) == 1) return turn();
  // The end; but what had arrived before it is still to be had, the reason among it.
  int everything = std::numeric_limits<int>::max();
  if (drain(everything) && handle) shut(libpq_message());
}

void connection::impl::on_writable(const boost::system::error_code& error) {
  writing = false;
  if (!handle) return;
  if (error) return shut(error.message());
  last_progress = clock::now();
  turn();
}

void connection::impl::take_incoming() {
  {
    const std::lock_guard guard(mutex);
    turn_posted = false;
    taken.swap(incoming);
  }
  const auto now = taken.empty() ? clock::time_point{} : clock::now();
  for (std::size_t i = 0; i < taken.size(); ++i) {
    if (taken[i]->until <= now) {
      given_bytes += taken[i]->bytes;
      leave(*taken[i]);
      finish(*taken[i], request::outcome::expired);
      continue;
    }
    send(taken[i]);
    if (handle) continue;
    // Broken while sending: the rest shares the fate of what was sent.
    for (++i; i < taken.size(); ++i) {
      taken[i]->reason = "it broke while sending";
      finish(*taken[i], request::outcome::lost);
    }
  }
  taken.clear();
  if (handle && names.evicted().size() >= housekeeping_from) send_housekeeping();
}

void connection::impl::send(const request_ptr& one) {
  in_flight.push_back(one);
  if (!one->repeated) given_bytes += one->bytes;
  arm_deadline(one->until);
  const auto count = static_cast<std::uint32_t>(one->work.size());
  for (std::uint32_t i = 0; i < count; ++i) {
    if (!send_query(*one, i)) return shut(libpq_message());
  }
  machine.sent_sync(count);
  if (PQpipelineSync(handle.get()) != 1) return shut(libpq_message());
  one->names_made = names.made();
  one->repeatable = !one->repeated && !one->work.explicit_transaction();
  if (!one->repeatable && !one->give_back) one->drop_values();
}

bool connection::impl::send_query(request& one, std::uint32_t index) {
  const query& what = one.work.queries()[index];
  const int count = static_cast<int>(what.values.size());
  const int format = what.format == result_format::binary ? 1 : 0;
  values.clear();
  for (std::size_t i = 0; i < what.values.size(); ++i)
    values.push_back(what.values.value(i));
  if (one.work.explicit_transaction()) {
    const auto effect = effect_of(what.prepared ? what.prepared->sql : what.sql);
    if (effect == transaction_effect::opens) sent_open_transaction = true;
    if (effect == transaction_effect::closes) sent_open_transaction = false;
  }
  int sent = 0;
  if (what.prepared) {
    const auto name = names.use(what.prepared);
    if (name.fresh) {
      if (PQsendPrepare(handle.get(), name.server_name, what.prepared->sql.c_str(), 0, nullptr) != 1)
        return false;
      machine.sent(pipeline::command_kind::prepare, index);
    }
    sent = PQsendQueryPrepared(handle.get(), name.server_name, count, values.data(), what.values.lengths(),
                               what.values.formats(), format);
  } else {
    sent = PQsendQueryParams(handle.get(), what.sql.c_str(), count, nullptr, values.data(),
                             what.values.lengths(), what.values.formats(), format);
  }
  if (sent != 1) return false;
  machine.sent(pipeline::command_kind::execute, index);
  return true;
}

// In a segment of its own, so that it neither joins nor fails anybody's transaction.
void connection::impl::send_housekeeping() {
  if (housekeeping || sent_open_transaction) return;
  housekeeping = true;
  auto one = std::make_shared<request>();
  one->abandoned_at = clock::now();
  one->deallocates.swap(names.evicted());
  for (const std::string& name : one->deallocates) {
    std::string quoted;
    for (const char c : name)
      quoted.append(c == '"' ? 2 : 1, c);
    one->work.add_sql("DEALLOCATE \"" + quoted + '"');
  }
  ++in_flight_count;
  send(one);
}

// Names that could not be deallocated wait for the next time: after an error the rest of the segment was
// skipped.
void connection::impl::mend_housekeeping(const request& one) {
  housekeeping = false;
  housekeeping_from = housekeeping_batch;
  if (!one.result.failed) return;
  const bool unknown = one.result.failed->sqlstate == "26000";
  const auto first = one.deallocates.begin() + static_cast<std::ptrdiff_t>(one.result.failed->query_index) +
                     (unknown ? 1 : 0);
  std::vector<std::string>& evicted = names.evicted();
  if (first < one.deallocates.end()) evicted.insert(evicted.end(), first, one.deallocates.end());
  if (!unknown) housekeeping_from = evicted.size() + housekeeping_batch;
}

bool connection::impl::has_result() {
  return machine.outstanding() > 0 && PQisBusy(handle.get()) == 0;
}

// False when the connection was shut.
bool connection::impl::drain(int& budget) {
  while (budget > 0 && has_result()) {
    --budget;
    if (!accept(result_handle(PQgetResult(handle.get())))) return false;
  }
  return true;
}

bool connection::impl::accept(result_handle result) {
  const auto kind = kind_of(result.get());
  if (kind == pipeline::result_kind::error && ends_the_session(result.get())) {
    const std::string message = field(result.get(), PG_DIAG_MESSAGE_PRIMARY);
    shut(message.empty() ? libpq_message() : field(result.get(), PG_DIAG_SQLSTATE) + " " + message);
    return false;
  }
  const auto action = machine.received(kind);
  request& front = *in_flight.front();
  using what = pipeline::action::kind;
  switch (action.what) {
  case what::none:
  case what::prepared:
    return true;
  case what::answered: {
    if (PQresultStatus(result.get()) == PGRES_COMMAND_OK) {
      const std::string_view tag = PQcmdStatus(result.get());
      if (tag == "BEGIN" || tag == "START TRANSACTION") seen_open_transaction = true;
      if (tag == "COMMIT" || tag == "ROLLBACK") seen_open_transaction = false;
    }
    if (!front.abandoned()) front.result.results.emplace_back(result.release());
    return true;
  }
  case what::unprepared:
    names.forget(front.work.queries()[action.query_index].prepared->name, front.names_made,
                 prepared_names::left_behind::nothing);
    if (action.failed) on_failed(front, result.get(), action.query_index);
    return true;
  case what::failed:
    on_failed(front, result.get(), action.query_index);
    return true;
  case what::finished:
    on_finished();
    return true;
  case what::broken:
    break;
  }
  shut("libpq and the server disagree about the pipeline");
  return false;
}

void connection::impl::on_failed(request& front, const pg_result* result, std::uint32_t query_index) {
  const std::vector<query>& queries = front.work.queries();
  failure what = failure_from(result, query_index);
  const bool was_prepared = query_index < queries.size() && queries[query_index].prepared != nullptr;
  if (was_prepared && classify(what.sqlstate) == meaning::stale_plan) {
    // All of the segment's statements: what made one stale may have made its neighbours so.
    const auto left = what.sqlstate == "26000" ? prepared_names::left_behind::nothing
                                               : prepared_names::left_behind::on_server;
    for (const query& one : queries) {
      if (one.prepared) names.forget(one.prepared->name, front.names_made, left);
    }
    front.stale = front.repeatable && !front.abandoned() && !sent_open_transaction && !seen_open_transaction;
  }
  if (!front.abandoned() || !front.deallocates.empty()) front.result.failed = std::move(what);
}

void connection::impl::leave(const request& one) {
  --in_flight_count;
  const std::lock_guard guard(mutex);
  bytes_in_flight -= std::min(bytes_in_flight, one.bytes);
}

void connection::impl::on_finished() {
  const request_ptr one = std::move(in_flight.front());
  in_flight.pop_front();
  if (one->stale && !one->abandoned()) {
    one->stale = false;
    one->repeated = true;
    one->result = {};
    again.push_back(one);
    return;
  }
  leave(*one);
  if (!one->deallocates.empty()) {
    mend_housekeeping(*one);
  } else if (one->abandoned()) {
    --abandoned_in_flight;
  }
  finish(*one, request::outcome::answered);
}

bool connection::impl::deliver_notifications() {
  while (handle) {
    const std::unique_ptr<PGnotify, decltype(&PQfreemem)> one(PQnotifies(handle.get()), &PQfreemem);
    if (!one) return true;
    if (notify_handler) notify_handler({one->relname, one->extra, one->be_pid});
  }
  return false;
}

// Called by libpq while it parses, so what is in front is what the notice came with.
void connection::impl::on_notice(void* self, const pg_result* notice) {
  impl& me = *static_cast<impl*>(self);
  const std::string severity = field(notice, PG_DIAG_SEVERITY_NONLOCALIZED);
  if (severity == "FATAL" || severity == "PANIC") {
    me.fatal_notice = field(notice, PG_DIAG_SQLSTATE) + " " + field(notice, PG_DIAG_MESSAGE_PRIMARY);
    return;
  }
  if (severity != "WARNING" || me.in_flight.empty()) return;
  request& front = *me.in_flight.front();
  if (front.abandoned() || front.result.warnings.size() >= max_warnings) return;
  front.result.warnings.push_back(failure_from(notice, front.result.results.size()));
}

} // namespace synclog::eventstore::pg
