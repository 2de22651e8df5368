// The other side of bulk writing: what PostgreSQL takes from one connection that has nothing else to do.
// Events with their hash chain and the rows of the read table, in batches through `unnest`, each a
// transaction that holds the lock of the head; the next batch is sent while one is under way. Prints records
// a second. Blocking; one thread. Run by tools/bench, on a database with the tables and nothing in them but
// what an earlier round wrote, which it empties.
#include "bench/direct_rows.hpp"
#include "bench/options.hpp"
#include <algorithm>
#include <chrono>
#include <exception>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <vector>

namespace {

using namespace synclog::tests::bench;
namespace pg = synclog::eventstore::pg;

constexpr std::size_t batches_in_flight = 2;
constexpr int statements_a_batch = 5;
constexpr const char* lock_sql = "SELECT pg_advisory_xact_lock(1)";
constexpr const char* last_sql = "SELECT position, hash FROM synclog.events ORDER BY position DESC LIMIT 1";

class session {
 public:
  explicit session(const std::string& conninfo) : connection_(PQconnectdb(conninfo.c_str()), &PQfinish) {
    if (PQstatus(connection_.get()) != CONNECTION_OK) fail();
    read_last();
    prepare("begin", "BEGIN");
    prepare("lock", lock_sql);
    prepare("events", insert_events_sql);
    prepare("clients", insert_clients_sql);
    prepare("commit", "COMMIT");
    if (PQenterPipelineMode(connection_.get()) != 1) fail();
  }

  const std::optional<direct_rows::log_end>& last() const { return last_; }

  void send(const batch_values& batch) {
    send("begin", {});
    send("lock", {});
    send("events", batch.events);
    send("clients", batch.clients);
    send("commit", {});
    if (PQpipelineSync(connection_.get()) != 1) fail();
    if (PQflush(connection_.get()) < 0) fail();
  }

  // The oldest batch has been committed.
  void await_one() {
    for (int index = 0; index < statements_a_batch; ++index) {
      const std::unique_ptr<PGresult, decltype(&PQclear)> answer(PQgetResult(connection_.get()), &PQclear);
      const auto status = PQresultStatus(answer.get());
      if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK) fail();
      PQclear(PQgetResult(connection_.get())); // the end of this statement
    }
    const std::unique_ptr<PGresult, decltype(&PQclear)> sync(PQgetResult(connection_.get()), &PQclear);
    if (PQresultStatus(sync.get()) != PGRES_PIPELINE_SYNC) fail();
  }

 private:
  [[noreturn]] void fail() { throw std::runtime_error(PQerrorMessage(connection_.get())); }

  void read_last() {
    std::unique_ptr<PGresult, decltype(&PQclear)> answer(
        PQexecParams(connection_.get(), last_sql, 0, nullptr, nullptr, nullptr, nullptr, 1), &PQclear);
    if (PQresultStatus(answer.get()) != PGRES_TUPLES_OK) fail();
    if (PQntuples(answer.get()) == 0) return;
    const pg::rows row(answer.release());
    last_.emplace();
    last_->position = row.int8(0, 0);
    const auto hash = row.text(0, 1);
    std::copy_n(hash.begin(), last_->hash.size(), reinterpret_cast<char*>(last_->hash.data()));
  }

  void prepare(const char* name, const char* sql) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> answer(
        PQprepare(connection_.get(), name, sql, 0, nullptr), &PQclear);
    if (PQresultStatus(answer.get()) != PGRES_COMMAND_OK) fail();
  }

  void send(const char* name, const pg::params& values) {
    std::vector<const char*> places;
    for (std::size_t index = 0; index < values.size(); ++index)
      places.push_back(values.value(index));
    if (PQsendQueryPrepared(connection_.get(), name, static_cast<int>(places.size()), places.data(),
                            values.lengths(), values.formats(), 0) != 1)
      fail();
  }

  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
  std::optional<direct_rows::log_end> last_;
};

double records_per_s(const options& given) {
  session database(given.text("conninfo"));
  direct_rows rows(database.last());
  const auto batch = static_cast<std::size_t>(given.number("batch"));
  const auto began = std::chrono::steady_clock::now();
  const auto elapsed = [&] {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  };
  std::size_t sent = 0, committed = 0;
  while (elapsed() < given.number("seconds")) {
    database.send(rows.next(batch));
    if (++sent - committed < batches_in_flight) continue;
    database.await_one();
    ++committed;
  }
  for (; committed < sent; ++committed)
    database.await_one();
  return static_cast<double>(committed * batch) / elapsed();
}

} // namespace

int main(int argc, char** argv) {
  const options given(argc, argv, {{"conninfo", ""}, {"seconds", "5"}, {"batch", "256"}});
  try {
    fmt::print("{:.0f}\n", records_per_s(given));
    return 0;
  } catch (const std::exception& failed) {
    fmt::print(stderr, "bench_direct_batches: {}\n", failed.what());
    return 1;
  }
}
