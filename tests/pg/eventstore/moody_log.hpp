// A log whose database takes its time over some records and refuses others, and requests that wait at the
// same time: what tests of batches under way need.
#pragma once
#include "log_fixture.hpp"

#include <boost/asio/co_spawn.hpp>
#include <fmt/format.h>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace synclog::tests {

inline core::command save_client(const std::string& id, const std::string& name) {
  return command_of("clients", core::command_kind::save,
                    fmt::format(R"({{"id":"{}","full_name":"{}"}})", id, name));
}

// The database takes its time over a name with "slow"; it refuses "poison" with the row, "late" with the
// COMMIT.
inline void make_moody(test_cluster& cluster, const std::string& database) {
  cluster.sql(database, R"(
    CREATE FUNCTION mood() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
      IF NEW.full_name LIKE '%slow%' AND TG_NAME = 'at_once' THEN PERFORM pg_sleep(0.3); END IF;
      IF NEW.full_name LIKE '%poison%' AND TG_NAME = 'at_once' THEN RAISE check_violation; END IF;
      IF NEW.full_name LIKE '%late%' AND TG_NAME = 'at_commit' THEN RAISE check_violation; END IF;
      RETURN NEW;
    END $$;
    CREATE TRIGGER at_once BEFORE INSERT OR UPDATE ON clients FOR EACH ROW EXECUTE FUNCTION mood();
    CREATE CONSTRAINT TRIGGER at_commit AFTER INSERT OR UPDATE ON clients DEFERRABLE INITIALLY DEFERRED
      FOR EACH ROW EXECUTE FUNCTION mood();
    GRANT EXECUTE ON FUNCTION mood() TO synclog_app)");
}

// Each event's record and version, in the order of the log: "A1 A2 B1".
inline std::string events_of(test_cluster& cluster, const std::string& database) {
  return cluster.sql(database,
                     "SELECT string_agg(record_id || version, ' ' ORDER BY position) FROM synclog.events");
}

// Answers of requests that wait at the same time.
class answers {
 public:
  using answer_type = core::result<eventstore::write_outcome>;

  answers(io_threads& threads, log_server& server) : threads_(threads), server_(server) {}

  std::size_t ask(eventstore::write_request request) {
    const std::lock_guard guard(mutex_);
    const auto index = all_.size();
    all_.emplace_back();
    auto work = server_.committer.submit(std::move(request));
    auto done = [this, index](std::exception_ptr, answer_type answer) {
      const std::lock_guard again(mutex_);
      all_[index] = std::move(answer);
      ++answered_;
    };
    boost::asio::co_spawn(threads_.context(), std::move(work), done);
    return index;
  }
  bool complete() {
    const std::lock_guard guard(mutex_);
    return answered_ == all_.size();
  }
  const answer_type& of(std::size_t index) { return *all_.at(index); }

 private:
  io_threads& threads_;
  log_server& server_;
  std::mutex mutex_;
  std::vector<std::optional<answer_type>> all_;
  std::size_t answered_ = 0;
};

// The rows of a slow name are being written.
inline bool is_committing(log_server& server) {
  const auto asleep =
      fmt::format("SELECT count(*) FROM pg_stat_activity WHERE pid = {} AND wait_event = 'PgSleep'",
                  server.committer.backend_pid());
  return test_cluster::shared().sql("postgres", asleep) == "1";
}

// One write that stays in its commit for a while, and then others, that set out behind it.
struct overlap {
  std::size_t first = 0;
  std::vector<std::size_t> others;
};

inline overlap write_behind(answers& asked, log_server& server, core::command first,
                            const std::vector<core::command>& others) {
  overlap made;
  const auto overlapped = server.committer.stats().overlapped;
  made.first = asked.ask(request_of({std::move(first)}));
  REQUIRE(wait_until([&] { return is_committing(server); }));
  for (const auto& each : others)
    made.others.push_back(asked.ask(request_of({each})));
  REQUIRE(wait_until([&] { return server.committer.stats().overlapped > overlapped || asked.complete(); }));
  CHECK(server.committer.stats().overlapped > overlapped);
  return made;
}

inline bool is_rejected(const answers::answer_type& answer) {
  return answer && answer->items.at(0).status == core::item_status::rejected;
}

} // namespace synclog::tests
