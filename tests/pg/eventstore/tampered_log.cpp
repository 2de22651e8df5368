// See tampered_log.hpp.
#include "tampered_log.hpp"
#include "log_fixture.hpp"
#include <fmt/format.h>

namespace synclog::tests {

namespace {

std::string make_whole_log() {
  using kind = core::command_kind;
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  io_threads threads;
  log_server server(threads, cluster, database);
  const auto save = [&server](const char* entity, kind how, const std::string& body) {
    const auto saved = server.submit(request_of({command_of(entity, how, body)}));
    REQUIRE_MESSAGE(saved.has_value(), (saved ? std::string() : saved.error().detail));
  };
  save("clients", kind::save, R"({"id":"C-1","full_name":"Ada","branch":"north"})");
  save("clients", kind::save, R"({"id":"C-2","full_name":"Bo","branch":"south"})");
  save("clients", kind::save, R"({"id":"C-1","phone":"1"})");
  save("clients", kind::save, R"({"id":"C-2","branch":"north"})");
  save("visits", kind::save, R"({"id":"V-1","visit_date":"2026-11-23","branch":"north"})");
  save("clients", kind::remove, R"({"id":"C-1"})");
  save("clients", kind::save, R"({"id":"C-1","full_name":"Ada again"})");
  save("visits", kind::save, R"({"id":"V-1","notes":"late"})");
  save("clients", kind::save, R"({"id":"C-3","full_name":"Cy"})");
  save("clients", kind::save, R"({"id":"C-2","phone":"2"})");
  save("clients", kind::save, R"({"id":"C-3","phone":"3"})");
  save("visits", kind::save, R"({"id":"V-2","visit_date":"2026-11-24"})");
  return database;
}

} // namespace

const std::string& whole_log() {
  static const std::string made = make_whole_log();
  return made;
}

void tamper(const std::string& database, const std::string& statements) {
  test_cluster::shared().sql(database,
                             "BEGIN; ALTER TABLE synclog.events DISABLE TRIGGER append_only; "
                             "ALTER TABLE synclog.log_meta DISABLE TRIGGER fixed_identity; " +
                                 statements +
                                 "; ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only; "
                                 "ALTER TABLE synclog.log_meta ENABLE ALWAYS TRIGGER fixed_identity; COMMIT");
}

std::string tampered(const std::string& statements) {
  const auto copy = test_cluster::shared().fresh_database(whole_log());
  tamper(copy, statements);
  return copy;
}

std::string rehash(std::int64_t first) {
  return fmt::format(R"(
    DO $$
    DECLARE
      id uuid := (SELECT log_id FROM synclog.log_meta);
      last bytea := (SELECT hash FROM synclog.events WHERE position = {0} - 1);
      e synclog.events;
    BEGIN
      last := coalesce(last, synclog.genesis_hash(id));
      FOR e IN SELECT * FROM synclog.events WHERE position >= {0} ORDER BY position LOOP
        last := synclog.event_hash(last, id, e);
        UPDATE synclog.events SET hash = last WHERE position = e.position;
      END LOOP;
    END $$)",
                     first);
}

eventstore::verify_report verified(const std::string& database, const eventstore::verify_options& options) {
  eventstore::verify_report report;
  eventstore::verify_log(test_cluster::shared().conninfo(database), report, {}, options);
  return report;
}

std::string verdict(const std::string& database, const eventstore::verify_options& options) {
  const auto report = verified(database, options);
  if (!report.difference) {
    return "ok";
  }
  const auto& found = *report.difference;
  if (found.position.value != 0) {
    const auto named = fmt::format("position {}: ", found.position.value);
    CHECK_MESSAGE(found.detail.substr(0, named.size()) == named, found.detail);
  }
  return fmt::format("{}@{}", found.kind, found.position.value);
}

} // namespace synclog::tests
