// `migrate up`: applies the missing migrations under a session advisory lock. Blocking; one thread.
#include "migrations/runner.hpp"
#include "core/chain.hpp"
#include "migrations/applied.hpp"
#include "migrations/session.hpp"

namespace synclog::migrations {

namespace {

// 'synclogM' as a number: the lock that processes migrating the same database take turns on.
constexpr const char* take_lock = "SELECT pg_advisory_lock(8319119880741080141)";

constexpr const char* record_migration =
    "INSERT INTO synclog.migrations (number, name, checksum) VALUES ($1::integer, $2, decode($3, 'hex'))";

std::string label(const migration& item) {
  const std::string number = std::to_string(item.number);
  return std::string(number.size() < 3 ? 3 - number.size() : 0, '0') + number + " " + std::string(item.name);
}

core::problem in_migration(const migration& item, core::problem cause) {
  cause.detail = "migration " + label(item) + " failed and left nothing behind: " + cause.detail;
  return cause;
}

// Waits for other processes that migrate this database. The lock ends with the session.
core::result<void> lock_out_others(session& database, std::chrono::milliseconds wait) {
  const auto bounded =
      database.script("SET lock_timeout = " + std::to_string(wait.count()) + "; SET statement_timeout = 0");
  if (!bounded) {
    return bounded.error();
  }
  const auto locked = database.query(take_lock);
  if (locked) {
    return {};
  }
  if (locked.error().code == core::problem_code::overloaded) {
    return core::make_problem(core::problem_code::overloaded,
                              "another process has been migrating " + database.where() + " for " +
                                  std::to_string(wait.count()) + " ms; try again when it is done");
  }
  return locked.error();
}

std::string begin(const options& how) {
  // Nothing depends on the login's own settings: names resolve to the catalog or are written out.
  return "BEGIN; SET LOCAL search_path = pg_catalog; SET LOCAL check_function_bodies = on; SET LOCAL "
         "synchronous_commit = on;"
         " SET LOCAL lock_timeout = " +
         std::to_string(how.lock_timeout.count());
}

// Inside a transaction: the file, then its row.
core::result<void> apply(session& database, const migration& item) {
  if (const auto ran = database.script(std::string(item.sql)); !ran) {
    return in_migration(item, ran.error());
  }
  if (!database.in_transaction()) {
    core::invariant_broken("a migration file ends the transaction that it runs in");
  }
  const auto recorded =
      database.query(record_migration, {std::to_string(item.number), item.name, core::to_hex(item.checksum)});
  if (!recorded) {
    return in_migration(item, recorded.error());
  }
  return {};
}

core::result<void> apply_all(session& database, std::span<const migration> pending, const options& how,
                             report& done) {
  for (const migration& item : pending) {
    // A dry run is one transaction, because a later file builds on what an earlier one made.
    if (!how.dry_run || done.applied.empty()) {
      if (const auto begun = database.script(begin(how)); !begun) {
        return begun.error();
      }
    }
    if (const auto applied = apply(database, item); !applied) {
      return applied.error();
    }
    if (!how.dry_run) {
      const auto committed = database.script("COMMIT");
      if (!committed) {
        return in_migration(item, committed.error());
      }
      if (committed->command_tag() != "COMMIT") {
        return core::make_problem(core::problem_code::internal,
                                  "migration " + label(item) + " was rolled back");
      }
    }
    done.applied.push_back(label(item));
  }
  if (how.dry_run && !done.applied.empty()) {
    if (const auto undone = database.script("ROLLBACK"); !undone) {
      return undone.error();
    }
  }
  return {};
}

} // namespace

core::result<report> up(const std::string& conninfo, const options& how) {
  const auto files = list_migrations(how.files);
  if (!files) {
    return files.error();
  }
  auto database = session::open(conninfo, how.connect_timeout);
  if (!database) {
    return database.error();
  }
  if (const auto locked = lock_out_others(*database, how.wait_for_others); !locked) {
    return locked.error();
  }
  const auto applied = read_applied(*database);
  if (!applied) {
    return applied.error();
  }
  const auto state = compare(*applied, *files);
  if (!state) {
    return state.error();
  }
  if (*state == schema_state::newer) {
    return core::make_problem(core::problem_code::precondition_failed,
                              database->where() + " has migration " +
                                  std::to_string(applied->rows.back().number) + ", this program knows " +
                                  std::to_string(files->size()) + ": use a newer synclog");
  }
  report done{.before = *state, .dry_run = how.dry_run, .applied = {}};
  const std::span<const migration> pending = std::span(*files).subspan(applied->rows.size());
  if (const auto ran = apply_all(*database, pending, how, done); !ran) {
    return ran.error();
  }
  return done;
}

core::result<schema_state> check(const std::string& conninfo, const options& how) {
  const auto files = list_migrations(how.files);
  if (!files) {
    return files.error();
  }
  auto database = session::open(conninfo, how.connect_timeout);
  if (!database) {
    return database.error();
  }
  const auto applied = read_applied(*database);
  if (!applied) {
    return applied.error();
  }
  return compare(*applied, *files);
}

} // namespace synclog::migrations
