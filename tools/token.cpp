// synclog token create|list|revoke: who may call a server that runs with --auth=token. Works on the database,
// beside running servers, which hear of it.
#include "core/ids.hpp"
#include "eventstore/access_rows.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "tools/commands.hpp"
#include "tools/database_access.hpp"
#include "tools/event_line.hpp"
#include "tools/exit_codes.hpp"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <functional>
#include <memory>
#include <pwd.h>
#include <unistd.h>

namespace synclog::tools {

namespace pg = eventstore::pg;
namespace access = eventstore::access;

namespace {

constexpr std::int64_t micros_per_second = 1'000'000;

struct token_arguments {
  database_options database;
  core::token_wish wish;
  std::string role, expires, which;
  bool json = false;
};

// The account at the shell: a name that no token can have.
eventstore::token_change_by whoever_runs_this() {
  const auto* const account = ::getpwuid(::geteuid());
  const std::string name = account != nullptr ? account->pw_name : std::to_string(::geteuid());
  return {"cli:" + name, {}, "synclog"};
}

int refuse(const core::problem& why) {
  report_problem(why);
  return exit_usage;
}

int on_database(const database_options& options, const std::function<int(pg::plain_connection&)>& work) {
  auto opened = open_database(options);
  if (!opened) return report_problem(opened.error());
  if (const auto fits = check_schema(*opened); !fits) return report_problem(fits.error());
  try {
    pg::plain_connection db(opened->service_conninfo, "", "synclog token");
    return work(db);
  } catch (const pg::unavailable& failed) {
    return report_problem(core::make_problem(core::problem_code::database_unavailable, failed.what()));
  }
}

std::string moment_text(const std::optional<core::timestamp>& moment) {
  return moment ? core::to_rfc3339(*moment) : std::string("never");
}

std::string branches_text(const std::vector<std::string>& branches) {
  if (branches.empty()) return "all branches";
  std::string made;
  for (const auto& branch : branches)
    made += (made.empty() ? "" : ", ") + harmless(branch);
  return made;
}

int run_create(token_arguments given) {
  const auto now = core::now();
  if (!given.expires.empty()) {
    const auto lifetime = core::parse_lifetime_s(given.expires);
    if (!lifetime) return refuse(lifetime.error());
    given.wish.expires_at = core::timestamp{now.micros + *lifetime * micros_per_second};
  }
  const auto role = core::role_from(given.role);
  if (!role) core::invariant_broken("the command line took an unknown role");
  given.wish.role = *role;
  const auto wish = core::checked_wish(std::move(given.wish), now);
  if (!wish) return refuse(wish.error());
  const auto create = [&wish](pg::plain_connection& db) {
    const auto secret = core::make_secret(core::secret_kind::token);
    const auto id = core::make_record_id("TOK");
    try {
      db.run(access::create_token(*wish, id, secret.hash, whoever_runs_this()));
    } catch (const pg::query_failed& failed) {
      if (failed.info().sqlstate != eventstore::name_refused_sqlstate) throw;
      return report_problem(core::make_problem(core::problem_code::taken, harmless(failed.info().message)));
    }
    fmt::print("{}\n", secret.text);
    fmt::print(stderr, "token {} for {}: {}, {}, expires {}; it is not shown again\n", id,
               harmless(wish->name), core::to_string(wish->role), branches_text(wish->branches),
               moment_text(wish->expires_at));
    return int{exit_ok};
  };
  return on_database(given.database, create);
}

int run_list(const token_arguments& given) {
  const auto list = [&given](pg::plain_connection& db) {
    const auto rows = db.run(access::list_tokens());
    for (int row = 0; row < rows.size(); ++row) {
      const auto token = access::token_of(rows, row);
      if (given.json) {
        std::string line;
        access::append_json(line, token);
        fmt::print("{}\n", line);
        continue;
      }
      fmt::print("{}  {:<8} {:<8} {}  ({})  created {}, expires {}, last used {}\n", token.id,
                 eventstore::state_of(token), core::to_string(token.role), harmless(token.name),
                 branches_text(token.branches), core::to_rfc3339(token.created_at),
                 moment_text(token.expires_at), token.last_used_on.empty() ? "never" : token.last_used_on);
    }
    if (rows.size() == 0 && !given.json) fmt::print(stderr, "no tokens; make one: synclog token create\n");
    return int{exit_ok};
  };
  return on_database(given.database, list);
}

int run_revoke(const token_arguments& given) {
  const auto revoke = [&given](pg::plain_connection& db) {
    const auto rows = db.run(access::revoke_token(given.which, whoever_runs_this()));
    if (rows.size() != 1 || rows.is_null(0, 0))
      return report_problem(
          core::make_problem(core::problem_code::not_found,
                             fmt::format("no live token has the id or name {}: synclog token list shows all",
                                         harmless(given.which))));
    fmt::print(stderr, "revoked {}: servers refuse it within seconds, its streams close\n", rows.text(0, 0));
    return int{exit_ok};
  };
  return on_database(given.database, revoke);
}

} // namespace

void add_token(CLI::App& app, run_command& chosen) {
  auto* token =
      app.add_subcommand("token", "Makes, lists and revokes the tokens of callers (serve --auth=token)");
  token->require_subcommand(1);
  const auto given = std::make_shared<token_arguments>();
  auto* create = token->add_subcommand("create", "Makes a token and prints it, once, on stdout");
  add_database_options(*create, given->database);
  create->add_option("--name", given->wish.name, "who it is for: the actor of what it writes")->required();
  create
      ->add_option("--role", given->role,
                   "viewer reads, editor writes too, auditor reads and verifies, admin all")
      ->required()
      ->check(CLI::IsMember({"viewer", "editor", "auditor", "admin"}));
  create->add_option("--branch", given->wish.branches, "only this branch, repeatable (default: all)");
  create->add_option("--expires", given->expires, "after this time, as 90d or 12h (default: never)");
  create->callback([given, &chosen] { chosen = [given] { return run_create(*given); }; });
  auto* list = token->add_subcommand("list", "Lists them, the newest first; never what they are");
  add_database_options(*list, given->database);
  list->add_flag("--json", given->json, "one JSON object a line");
  list->callback([given, &chosen] { chosen = [given] { return run_list(*given); }; });
  auto* revoke = token->add_subcommand("revoke", "Ends one for ever, with its sessions and streams");
  add_database_options(*revoke, given->database);
  revoke->add_option("which", given->which, "its id, or the name of a live one")->required();
  revoke->callback([given, &chosen] { chosen = [given] { return run_revoke(*given); }; });
}

} // namespace synclog::tools
