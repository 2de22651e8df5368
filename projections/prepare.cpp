// Before serving: definitions are recorded, missing read tables made, outdated ones rebuilt. One transaction
// an entity, under the head lock, so that the log stands still meanwhile and two starting servers take turns.
#include "core/chain.hpp"
#include "eventstore/head_lock.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "projections/layout.hpp"
#include "projections/read_table.hpp"
#include "projections/table_fill.hpp"
#include <fmt/format.h>

namespace synclog::projections {

namespace pg = eventstore::pg;

namespace {

// How long to wait for other servers and readers, and how often to come back.
constexpr const char* lock_timeout = "10s";
constexpr int max_attempts = 5;

std::string bytea_text(const core::sha256_digest& digest) {
  return "\\x" + core::to_hex(digest);
}

struct recorded_table {
  std::string name;
  std::string fingerprint;
};

// One entity's turn; the transaction belongs to the caller.
class preparation {
 public:
  preparation(pg::plain_connection& db, const core::entity& definition) : db_(db), definition_(definition) {}

  std::vector<std::string> run() {
    db_.run("SELECT pg_advisory_xact_lock($1::bigint)", {std::to_string(eventstore::head_lock_key)});
    adopt_definition();
    prepare_table();
    return std::move(done_);
  }

 private:
  [[noreturn]] void refuse(const std::string& sentence) {
    throw preparation_refused(definition_.name, sentence);
  }

  void adopt_definition() {
    const pg::rows stored =
        db_.run("SELECT revision, fingerprint = $2::bytea FROM synclog.definitions WHERE name = $1",
                {definition_.name, bytea_text(definition_.fingerprint)});
    if (stored.size() == 0) {
      db_.run("INSERT INTO synclog.definitions (name, revision, fingerprint, definition) "
              "VALUES ($1, $2::bigint, $3::bytea, $4::json)",
              {definition_.name, std::to_string(definition_.revision), bytea_text(definition_.fingerprint),
               definition_.definition_json});
      return;
    }
    const std::int64_t revision = stored.int8(0, 0);
    if (revision > definition_.revision)
      refuse(fmt::format(
          "Entity {}: the database holds revision {} of its definition, this server brings revision {}. "
          "Start a server with the newer definition.",
          definition_.name, revision, definition_.revision));
    if (revision == definition_.revision) {
      if (stored.boolean(0, 1)) return;
      refuse(fmt::format(
          "Entity {}: the database holds another definition of the same revision {}. Raise x-revision in "
          "the changed file.",
          definition_.name, revision));
    }
    db_.run("UPDATE synclog.definitions SET revision = $2::bigint, fingerprint = $3::bytea, definition = "
            "$4::json, "
            "adopted_at = now() WHERE name = $1",
            {definition_.name, std::to_string(definition_.revision), bytea_text(definition_.fingerprint),
             definition_.definition_json});
    done_.push_back(fmt::format("Entity {}: adopted revision {} of its definition (the database held {}).",
                                definition_.name, definition_.revision, revision));
  }

  bool exists(const std::string& table_name) {
    return db_.run("SELECT to_regclass($1) IS NOT NULL", {qualified_table(table_name)}).boolean(0, 0);
  }

  std::optional<recorded_table> recorded() {
    const pg::rows found =
        db_.run("SELECT table_name, encode(fingerprint, 'hex') FROM synclog.read_tables WHERE entity = $1",
                {definition_.name});
    if (found.size() == 0) return std::nullopt;
    return recorded_table{std::string(found.text(0, 0)), std::string(found.text(0, 1))};
  }

  void record_table() {
    db_.run("INSERT INTO synclog.read_tables (entity, table_name, fingerprint) VALUES ($1, $2, $3::bytea) "
            "ON CONFLICT (entity) DO UPDATE SET table_name = excluded.table_name, fingerprint = "
            "excluded.fingerprint, "
            "built_at = now()",
            {definition_.name, definition_.table, bytea_text(table_fingerprint(definition_))});
  }

  void prepare_table() {
    const std::optional<recorded_table> known = recorded();
    const bool ours = known && known->name == definition_.table;
    if (!ours && exists(definition_.table))
      refuse(fmt::format(
          "Entity {}: there is a relation public.{} that this log has not made. Rename it, or give the "
          "entity another table; nothing was changed.",
          definition_.name, definition_.table));
    const bool stands = known && exists(known->name);
    if (stands && ours && known->fingerprint == core::to_hex(table_fingerprint(definition_))) return;
    if (stands)
      rebuild(known->name);
    else
      make(known.has_value());
    record_table();
  }

  void make(bool was_lost) {
    const std::int64_t rows = build_table(db_, definition_, definition_.table);
    if (was_lost)
      done_.push_back(
          fmt::format("Read table {} was missing: rebuilt from the log, {} rows.", definition_.table, rows));
    else if (rows > 0)
      done_.push_back(fmt::format("Made read table {} from the log, {} rows.", definition_.table, rows));
    else
      done_.push_back(fmt::format("Made read table {}.", definition_.table));
  }

  // Readers see the old table until the commit.
  void rebuild(const std::string& old_name) {
    const std::string shadow = "synclog_shadow_" + core::to_hex(core::sha256(definition_.name)).substr(0, 16);
    if (exists(shadow))
      refuse(fmt::format("Entity {}: public.{} is in the way of a rebuild; drop or rename it.",
                         definition_.name, shadow));
    const std::int64_t rows = build_table(db_, definition_, shadow);
    compare_counts(rows);
    db_.run("DROP TABLE " + qualified_table(old_name));
    rename(shadow);
    done_.push_back(
        fmt::format("Rebuilt read table {} for its new definition, {} rows.", definition_.table, rows));
  }

  void compare_counts(std::int64_t rows) {
    const std::int64_t live = count_live_records(db_, definition_);
    if (rows != live)
      refuse(fmt::format(
          "Entity {}: the rebuilt table has {} rows, the log has {} live records; the old table stays.",
          definition_.name, rows, live));
  }

  void rename(const std::string& shadow) {
    db_.run("ALTER TABLE " + qualified_table(shadow) + " RENAME TO " + quote_identifier(definition_.table));
    const table_ddl from = make_table_ddl(definition_, shadow),
                    to = make_table_ddl(definition_, definition_.table);
    for (std::size_t i = 0; i < from.object_names.size(); ++i) // a constraint's index carries its name along
      db_.run("ALTER INDEX " + qualified_table(from.object_names[i]) + " RENAME TO " +
              quote_identifier(to.object_names[i]));
  }

  pg::plain_connection& db_;
  const core::entity& definition_;
  std::vector<std::string> done_;
};

bool is_worth_another_try(const pg::query_failed& error) {
  return pg::classify(error.info().sqlstate) == pg::meaning::retry;
}

std::vector<std::string> prepare_entity(pg::plain_connection& db, const core::entity& definition) {
  for (int attempt = 1;; ++attempt) {
    db.run("BEGIN");
    try {
      db.run("SELECT set_config('lock_timeout', $1, true)", {std::string(lock_timeout)});
      std::vector<std::string> done = preparation(db, definition).run();
      db.run("COMMIT");
      return done;
    } catch (const pg::query_failed& error) {
      db.abandon_transaction();
      if (attempt == max_attempts || !is_worth_another_try(error)) throw;
    } catch (...) {
      db.abandon_transaction();
      throw;
    }
  }
}

} // namespace

std::vector<std::string> prepare_read_tables(const std::string& conninfo, const std::string& role,
                                             const core::catalog& entities) {
  pg::plain_connection db(conninfo, role, "synclog prepare");
  std::vector<std::string> done;
  for (const auto& definition : entities.all())
    for (std::string& sentence : prepare_entity(db, *definition))
      done.push_back(std::move(sentence));
  return done;
}

} // namespace synclog::projections
