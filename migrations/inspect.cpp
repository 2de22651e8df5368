// `migrate status` and `migrate verify`, and whether the server's settings keep what they acknowledge. Reads
// only.
#include "core/chain.hpp"
#include "migrations/applied.hpp"
#include "migrations/runner.hpp"
#include "migrations/session.hpp"
#include <array>
#include <charconv>

namespace synclog::migrations {

namespace {

constexpr int oldest_server = 140'000; // SQL-standard function bodies

// Each row: whether it holds, and the sentence when it does not.
constexpr std::array<std::pair<const char*, const char*>, 8> invariants{{
    {"SELECT count(*) = 1 FROM synclog.log_meta",
     "synclog.log_meta does not hold exactly one row: the identity of the log is lost"},
    {R"sql(SELECT count(*) = 2 FROM pg_catalog.pg_trigger t
           WHERE t.tgenabled = 'A' AND NOT t.tgisinternal
             AND (t.tgrelid, t.tgname) IN (('synclog.events'::regclass, 'append_only'), ('synclog.log_meta'::regclass, 'fixed_identity')))sql",
     "an append-only trigger of synclog.events or synclog.log_meta is missing or switched off"},
    {R"sql(SELECT NOT (has_table_privilege('synclog_app', 'synclog.events', 'UPDATE')
                    OR has_table_privilege('synclog_app', 'synclog.events', 'DELETE')
                    OR has_table_privilege('synclog_app', 'synclog.events', 'TRUNCATE')
                    OR has_table_privilege('synclog_app', 'synclog.events', 'TRIGGER')))sql",
     "the service role synclog_app may change or delete events: revoke that"},
    {R"sql(SELECT has_table_privilege('synclog_app', 'synclog.events', 'SELECT')
              AND has_table_privilege('synclog_app', 'synclog.events', 'INSERT')
              AND has_schema_privilege('synclog_app', 'public', 'CREATE'))sql",
     "the service role synclog_app may not append events or create read tables"},
    {"SELECT NOT pg_has_role('synclog_app', c.relowner, 'MEMBER') FROM pg_catalog.pg_class c WHERE c.oid = "
     "'synclog.events'::regclass",
     "the service role synclog_app owns the log, or is a member of the role that does"},
    {R"sql(SELECT NOT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = 'synclog_app')sql",
     "the service role synclog_app is a superuser: ALTER ROLE synclog_app NOSUPERUSER"},
    // NULL where the table is not there yet.
    {R"sql(SELECT coalesce(NOT (has_table_privilege('synclog_app', to_regclass('synclog.tokens'), 'INSERT')
                             OR has_table_privilege('synclog_app', to_regclass('synclog.tokens'), 'UPDATE')
                             OR has_table_privilege('synclog_app', to_regclass('synclog.tokens'), 'DELETE')), true))sql",
     "the service role synclog_app may change synclog.tokens without an event: revoke that"},
    {R"sql(SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_class c CROSS JOIN aclexplode(c.relacl) a
                           WHERE c.relnamespace = 'synclog'::regnamespace AND a.grantee = 0))sql",
     "a table of schema synclog is open to PUBLIC"},
}};

constexpr const char* read_settings = R"sql(
  SELECT current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit'),
         current_setting('server_encoding'), current_setting('server_version_num'), pg_is_in_recovery(),
         current_setting('default_transaction_read_only'))sql";

core::problem refused(std::string words) {
  return core::make_problem(core::problem_code::precondition_failed, std::move(words));
}

} // namespace

core::result<std::vector<status_row>> status(const std::string& conninfo, const options& how) {
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
  std::vector<status_row> rows;
  auto file = files->begin();
  auto row = applied->rows.begin();
  while (file != files->end() || row != applied->rows.end()) {
    const bool has_file = file != files->end() && (row == applied->rows.end() || file->number <= row->number);
    const bool has_row = row != applied->rows.end() && (file == files->end() || row->number <= file->number);
    status_row next;
    if (has_file) {
      next.number = file->number;
      next.name = file->name;
    }
    if (has_row) {
      next.number = row->number;
      next.name = row->name;
      next.applied_at = row->applied_at;
      next.applied_by = row->applied_by;
      next.is = !has_file                                       ? status_row::state::unknown
                : row->checksum == core::to_hex(file->checksum) ? status_row::state::applied
                                                                : status_row::state::changed;
    }
    rows.push_back(std::move(next));
    file += has_file ? 1 : 0;
    row += has_row ? 1 : 0;
  }
  return rows;
}

core::result<std::vector<std::string>> verify(const std::string& conninfo, const options& how) {
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
  std::vector<std::string> defects;
  const auto state = compare(*applied, *files);
  if (!state) {
    defects.push_back(state.error().detail);
  } else if (*state != schema_state::current) {
    defects.push_back("the schema of " + database->where() + " is " + std::string(to_string(*state)));
  }
  if (applied->rows.empty()) {
    return defects;
  }
  for (const auto& [sql, sentence] : invariants) {
    const auto answer = database->query(sql);
    if (!answer) {
      return answer.error();
    }
    if (answer->rows() != 1 || answer->at(0, 0) != "t") {
      defects.emplace_back(sentence);
    }
  }
  return defects;
}

core::result<void> check_durability(const std::string& conninfo, const options& how) {
  auto database = session::open(conninfo, how.connect_timeout);
  if (!database) {
    return database.error();
  }
  const auto settings = database->query(read_settings);
  if (!settings) {
    return settings.error();
  }
  constexpr std::array<const char*, 3> names{"fsync", "full_page_writes", "synchronous_commit"};
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (settings->at(0, static_cast<int>(i)) == "off") {
      return refused(database->where() + " runs with " + names[i] +
                     " = off: a crash would lose what was acknowledged. Set " + names[i] + " = on");
    }
  }
  if (settings->at(0, 3) != "UTF8") {
    return refused(database->where() + " has the encoding " + std::string(settings->at(0, 3)) +
                   ": create it with ENCODING 'UTF8'");
  }
  int version = 0;
  const std::string_view number = settings->at(0, 4);
  std::from_chars(number.data(), number.data() + number.size(), version);
  if (version < oldest_server) {
    return refused(database->where() + " runs PostgreSQL " + std::to_string(version / 10'000) +
                   ": 14 or newer is needed");
  }
  if (settings->at(0, 5) == "t" || settings->at(0, 6) == "on") {
    return refused(database->where() +
                   " is read-only (a standby, or default_transaction_read_only): connect to the primary");
  }
  return {};
}

} // namespace synclog::migrations
