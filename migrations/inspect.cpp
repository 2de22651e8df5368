// `migrate status` and `migrate verify`. Reads only.
#include "core/chain.hpp"
#include "migrations/applied.hpp"
#include "migrations/rights.hpp"
#include "migrations/runner.hpp"
#include "migrations/session.hpp"
#include <array>

namespace synclog::migrations {

namespace {

// Each row: whether it holds, and the sentence when it does not.
constexpr std::array<std::pair<const char*, const char*>, 7> invariants{{
    {"SELECT count(*) = 1 FROM synclog.log_meta",
     "synclog.log_meta does not hold exactly one row: the identity of the log is lost"},
    {R"sql(SELECT count(*) = 2 FROM pg_catalog.pg_trigger t
           WHERE t.tgenabled = 'A' AND NOT t.tgisinternal
             AND (t.tgrelid, t.tgname) IN (('synclog.events'::regclass, 'append_only'), ('synclog.log_meta'::regclass, 'fixed_identity')))sql",
     "an append-only trigger of synclog.events or synclog.log_meta is missing or switched off"},
    {"SELECT NOT pg_has_role('synclog_app', c.relowner, 'MEMBER') FROM pg_catalog.pg_class c WHERE c.oid = "
     "'synclog.events'::regclass",
     "the service role synclog_app owns the log, or is a member of the role that does"},
    {R"sql(SELECT NOT r.rolsuper FROM pg_catalog.pg_roles r WHERE r.rolname = 'synclog_app')sql",
     "the service role synclog_app is a superuser: ALTER ROLE synclog_app NOSUPERUSER"},
    {R"sql(SELECT NOT EXISTS (SELECT FROM synclog.read_tables t JOIN pg_catalog.pg_class c ON c.relname = t.table_name
                           WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'
                             AND c.relowner <> 'synclog_app'::regrole))sql",
     "a read table does not belong to the service role, which cannot replace it then: ALTER TABLE … OWNER TO "
     "synclog_app"},
    {R"sql(SELECT NOT EXISTS (SELECT FROM pg_catalog.pg_class c CROSS JOIN aclexplode(c.relacl) a
                           WHERE c.relnamespace = 'synclog'::regnamespace AND a.grantee = 0))sql",
     "a table of schema synclog is open to PUBLIC"},
    {R"sql(SELECT count(*) = 2 AND bool_and(types = CASE relname
               WHEN 'event_row' THEN 'bigint,timestamp with time zone,bigint,text,text,text,text,text,json,bytea,bytea,json,bytea'
               ELSE 'text,bigint,bigint,timestamp with time zone,timestamp with time zone,text[],text,json' END)
           FROM (SELECT c.relname, string_agg(format_type(a.atttypid, a.atttypmod), ',' ORDER BY a.attnum) AS types
                 FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0
                 WHERE c.relnamespace = 'synclog'::regnamespace AND c.relkind = 'c'
                   AND c.relname IN ('event_row', 'record_row') GROUP BY c.oid, c.relname) t)sql",
     "synclog.event_row or synclog.record_row, as which rows are sent, is missing or changed"},
}};

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
  if (!state || *state != schema_state::current) {
    return defects;
  }
  const auto rights = database->query(rights_sql);
  if (!rights) {
    return rights.error();
  }
  for (int row = 0; row < rights->rows(); ++row) {
    defects.emplace_back(rights->at(row, 0));
  }
  return defects;
}

} // namespace synclog::migrations
