// A migrated database with read tables, a feed and a committer on it: what a server has, without HTTP.
#pragma once
#include "core/entity.hpp"
#include "core/json.hpp"
#include "core/validate.hpp"
#include "eventstore/committer.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/log_reader.hpp"
#include "eventstore/pg/pool.hpp"
#include "eventstore/verify_log.hpp"
#include "migrations/runner.hpp"
#include "projections/read_table.hpp"
#include "projections/verify_tables.hpp"
#include "support/cluster.hpp"
#include "support/wait.hpp"
#include <doctest/doctest.h>
#include <memory>
#include <string>

namespace synclog::tests {

inline const core::catalog& entities() {
  static const auto loaded = core::catalog::load("");
  REQUIRE(loaded.has_value());
  return *loaded;
}

// A fresh database with the log and the read tables.
inline std::string fresh_log(test_cluster& cluster) {
  const auto name = cluster.fresh_database();
  const auto done = migrations::up(cluster.conninfo(name));
  REQUIRE(done.has_value());
  projections::prepare_read_tables(cluster.conninfo(name), "synclog_app", entities());
  return name;
}

inline eventstore::pg::connect_options
connect_to(const test_cluster& cluster, const std::string& database,
           std::chrono::milliseconds statement_timeout = std::chrono::seconds(30)) {
  eventstore::pg::connect_options options;
  options.statement_timeout = statement_timeout;
  options.conninfo = cluster.conninfo(database);
  options.role = "synclog_app";
  return options;
}

// One server's write side. Several of them over one database are several servers.
class log_server {
 public:
  log_server(io_threads& threads, const test_cluster& cluster, const std::string& database,
             eventstore::committer_options options = {}, eventstore::feed_options following = {},
             std::chrono::milliseconds statement_timeout = std::chrono::seconds(30))
      : threads_(threads), connect_(connect_to(cluster, database, statement_timeout)), tables_(entities()),
        reads_(threads.executor(), connect_, {}), log(reads_), feed(threads.executor(), log, following),
        committer(threads.executor(), connect_, tables_, feed, options) {
    threads_.run(feed.start(eventstore::pg::clock::now() + std::chrono::seconds(20)));
    committer.start();
  }
  ~log_server() {
    threads_.run(committer.drain(eventstore::pg::clock::now() + std::chrono::seconds(20)));
    threads_.run(feed.stop());
    threads_.run(reads_.stop());
  }

  core::result<eventstore::write_outcome> submit(eventstore::write_request request) {
    return threads_.run(committer.submit(std::move(request)));
  }

 private:
  io_threads& threads_;
  eventstore::pg::connect_options connect_;
  projections::read_tables tables_;
  eventstore::pg::pool reads_;

 public:
  eventstore::log_reader log;
  eventstore::feed feed;
  eventstore::committer committer;
};

inline core::command command_of(const char* entity, core::command_kind kind, const std::string& json_text) {
  const auto* definition = entities().find(entity);
  REQUIRE(definition != nullptr);
  const auto parsed = core::json::parse(json_text);
  REQUIRE(parsed.has_value());
  auto valid = core::validate_object(*definition, parsed->root(), "");
  REQUIRE(valid.has_value());
  core::command wanted;
  wanted.definition = definition;
  wanted.kind = kind;
  wanted.id = valid->id;
  wanted.fields = std::move(valid->fields);
  wanted.expected_version = valid->expected_version;
  return wanted;
}

inline eventstore::write_request request_of(std::vector<core::command> commands,
                                            std::chrono::milliseconds patience = std::chrono::seconds(20)) {
  eventstore::write_request request;
  request.commands = std::move(commands);
  request.until = eventstore::pg::clock::now() + patience;
  return request;
}

// I4, I5 and I6 by the code that `replay verify` runs.
inline void check_everything(const test_cluster& cluster, const std::string& database) {
  eventstore::verify_report report;
  eventstore::verify_log(cluster.conninfo(database), report, {});
  if (!report.difference) {
    projections::verify_tables(cluster.conninfo(database), entities(), report, {});
  }
  CHECK_MESSAGE(!report.difference, (report.difference ? report.difference->detail : std::string()));
}

} // namespace synclog::tests
