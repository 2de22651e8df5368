// Export and import of the log: the same log comes out, and nothing else gets in.
#include "core/chain.hpp"
#include "exported_log.hpp"
#include <fmt/format.h>

using namespace synclog;
using namespace synclog::tests;
using eventstore::import_mode;

namespace {

struct two_logs {
  test_cluster& cluster = test_cluster::shared();
  std::string source = fresh_log(cluster);
  std::string target = fresh_log(cluster);
  scratch_folder folder;
  std::string file = folder.file("log");
};

std::string log_id_of(const std::string& database) {
  return test_cluster::shared().sql(database, "SELECT log_id FROM synclog.log_meta");
}

std::string count_of(const std::string& database) {
  return test_cluster::shared().sql(database, "SELECT count(*) FROM synclog.events");
}

} // namespace

TEST_CASE("export, import: random histories come out as the same log with the same read tables") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 3; ++round) {
    two_logs logs;
    {
      io_threads threads;
      log_server server(threads, logs.cluster, logs.source);
      write_history(server, random, 60);
    }
    const auto packed = round % 2 ? eventstore::compression::gzip : eventstore::compression::none;
    const auto exported = export_to(logs.source, logs.file, {}, packed);
    CHECK(!exported.difference);
    const auto imported = import_from(logs.target, logs.file);
    REQUIRE(refusal_of(imported) == "");
    CHECK(imported.adopted);
    CHECK(imported.saved == exported.events);
    CHECK(imported.head_hash_hex == exported.head_hash_hex);
    CHECK(head_of(logs.target) == head_of(logs.source));
    CHECK(tables_of(logs.target) == tables_of(logs.source));
    CHECK(log_id_of(logs.target) == log_id_of(logs.source));
    check_everything(logs.cluster, logs.target);
    // What was imported is exported as the same bytes.
    const auto again = logs.folder.file("again");
    export_to(logs.target, again, {}, packed);
    CHECK(file_text(again) == file_text(logs.file));
  }
}

TEST_CASE("export, import: white space, escapes and numbers of data stay as they are, byte for byte") {
  two_logs logs;
  {
    io_threads threads;
    log_server server(threads, logs.cluster, logs.source);
    write_clients(server, 3);
  }
  export_to(logs.source, logs.file);
  std::string data, meta;
  const auto odd = forged(file_text(logs.file), 3, [&](eventstore::exported_event& read) {
    auto& text = read.event.data;
    text.pop_back();
    text = "{ " + text.substr(1) +
           ", \"x\" :\t[1.50,1e5, -0,\n12345678901234567890.10, \"\\u00e9\\/\\ud83d\\ude00 \xC3\xA9\"]\r\n} ";
    read.event.meta = " {\"actor\": \"\\u0061\" }";
    data = text;
    meta = read.event.meta;
  });
  write_file(logs.file, odd);
  REQUIRE(refusal_of(import_from(logs.target, logs.file)) == "");
  CHECK(logs.cluster.sql(logs.target, "SELECT data::text FROM synclog.events WHERE position = 2") == data);
  CHECK(logs.cluster.sql(logs.target, "SELECT meta::text FROM synclog.events WHERE position = 2") == meta);
  check_everything(logs.cluster, logs.target);
  const auto again = logs.folder.file("again");
  export_to(logs.target, again);
  CHECK(file_text(again) == odd);
}

TEST_CASE("export, import: an erased event travels as its data_hash and leaves no row") {
  two_logs logs;
  {
    io_threads threads;
    log_server server(threads, logs.cluster, logs.source);
    write_clients(server, 3);
  }
  export_to(logs.source, logs.file);
  const auto before = head_of(logs.source);
  core::chain_hasher hasher({});
  const auto erased = forged(file_text(logs.file), 3, [&](eventstore::exported_event& read) {
    const std::string_view salt(reinterpret_cast<const char*>(read.event.salt.data()),
                                read.event.salt.size());
    read.data_hash = hasher.data_hash(salt, read.event.data);
    read.event.data.clear();
    read.event.salt = {};
  });
  CHECK(import_from(logs.target, logs.file, import_mode::dry_run).without_data == 0);
  write_file(logs.file, erased);
  // Whoever cut it out of the file looks the same, so it is counted.
  CHECK(import_from(logs.target, logs.file, import_mode::dry_run).without_data == 1);
  const auto done = import_from(logs.target, logs.file);
  REQUIRE(refusal_of(done) == "");
  CHECK(done.without_data == 1);
  CHECK(head_of(logs.target) == before);
  CHECK(logs.cluster.sql(logs.target, "SELECT string_agg(id, ' ' ORDER BY id) FROM clients") == "C-0 C-2");
  check_everything(logs.cluster, logs.target);
  const auto again = logs.folder.file("again");
  export_to(logs.target, again);
  CHECK(file_text(again) == erased);
}

TEST_CASE("export, import: stretches are imported one behind the other, and only in order") {
  two_logs logs;
  io_threads threads;
  log_server server(threads, logs.cluster, logs.source);
  write_clients(server, 10);
  const auto rest = logs.folder.file("rest"), none = logs.folder.file("none");
  export_to(logs.source, logs.file, {.to = core::position{4}});
  export_to(logs.source, rest, {.from = {5}});
  CHECK(export_to(logs.source, none, {.from = {11}}).events == 0);
  CHECK(refusal_of(import_from(logs.target, rest)) ==
        "line 1: the export begins behind position 4, this log ends at 0: import what is between them first");
  CHECK(import_from(logs.target, logs.file).saved == 4);
  CHECK(import_from(logs.target, rest).saved == 6);
  CHECK(head_of(logs.target) == head_of(logs.source));
  const auto repeated = import_from(logs.target, rest);
  CHECK(repeated.saved == 0);
  CHECK(repeated.compared == 6);
  CHECK(refusal_of(import_from(logs.target, none)) == "");
  write_clients(server, 5, "more");
  export_to(logs.source, rest, {.from = {11}});
  CHECK(import_from(logs.target, rest).saved == 5);
  CHECK(tables_of(logs.target) == tables_of(logs.source));
}

TEST_CASE("export: a stretch beyond the head is refused; a log that does not verify is not exported") {
  two_logs logs;
  io_threads threads;
  log_server server(threads, logs.cluster, logs.source);
  write_clients(server, 5);
  const std::atomic<bool> never{false};
  auto out = eventstore::whole_file::create(logs.file, eventstore::existing_file::keep,
                                            eventstore::compression::none);
  const auto conninfo = logs.cluster.conninfo(logs.source);
  const auto beyond =
      eventstore::export_log(conninfo, "synclog_app", {.to = core::position{6}}, *out, {}, never);
  REQUIRE_FALSE(beyond.has_value());
  CHECK(beyond.error().detail == "the log ends at 5");
  const auto tampered = [&](const std::string& change) {
    logs.cluster.sql(logs.source, "ALTER TABLE synclog.events DISABLE TRIGGER append_only; " + change +
                                      "; ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only");
    const auto done = eventstore::export_log(conninfo, "synclog_app", {}, *out, {}, never);
    REQUIRE(done.has_value());
    REQUIRE(done->difference.has_value());
    return done->difference->detail;
  };
  CHECK(tampered("UPDATE synclog.events SET data = replace(data::text, 'A', 'B')::json WHERE position = 4")
            .starts_with("position 4: stored hash "));
  CHECK(tampered("DELETE FROM synclog.events WHERE position = 3") == "position 3: missing");
}

TEST_CASE("import: each edit of an export is refused with its line, and nothing of it is saved") {
  two_logs logs;
  std::mt19937_64 random(11);
  {
    io_threads threads;
    log_server server(threads, logs.cluster, logs.source);
    write_history(server, random, 20);
  }
  export_to(logs.source, logs.file);
  const auto whole = file_text(logs.file);
  const auto lines = lines_of(whole);
  REQUIRE(lines.size() > 40);
  const auto id = log_id_of(logs.target);
  const auto edited = [&](const std::function<void(std::vector<std::string>&)>& edit) {
    auto changed = lines;
    edit(changed);
    write_file(logs.file, text_of(changed));
    const auto done = import_from(logs.target, logs.file);
    CHECK(count_of(logs.target) == "0");
    CHECK(log_id_of(logs.target) == id);
    CHECK(done.saved == 0);
    const auto dry = import_from(logs.target, logs.file, import_mode::dry_run);
    CHECK(refusal_of(dry) == refusal_of(done));
    return refusal_of(done);
  };
  const auto in = [](std::string text, std::string_view from, std::string_view to) {
    const auto at = text.find(from);
    REQUIRE(at != std::string::npos);
    return text.replace(at, from.size(), to);
  };
  using all = std::vector<std::string>;

  SUBCASE("a changed byte in any member") {
    for (const auto& [from, to] : std::vector<std::pair<const char*, const char*>>{
             {"full_name", "full_nama"},
             {"\"recorded_at\":1", "\"recorded_at\":2"},
             {"\"record_id\":\"R", "\"record_id\":\"S"},
             {"{\\\"actor", "{ \\\"actor"},
             {"\"salt\":\"", "\"salt\":\"00"},
             {"\"branch\":", "\"branch\":\"x\",\"previous_branch\":"}}) {
      INFO(from);
      std::size_t at = 20;
      while (lines[at].find(from) == std::string::npos)
        ++at;
      auto refused = edited([&](all& changed) { changed[at] = in(changed[at], from, to); });
      CHECK(refused.starts_with(fmt::format("line {}: ", at + 1)));
    }
    CHECK(edited([&](all& changed) {
            changed[20].back() = changed[20][changed[20].size() - 3] == '0' ? '1' : '0';
          }).starts_with("line 21: is not valid JSON"));
  }
  SUBCASE("lines that are missing, swapped, doubled") {
    CHECK(edited([](all& changed) { changed.erase(changed.begin() + 20); }) ==
          "line 21: position 21 where 20 must be");
    CHECK(edited([](all& changed) { std::swap(changed[20], changed[21]); }) ==
          "line 21: position 21 where 20 must be");
    CHECK(edited([](all& changed) { changed.insert(changed.begin() + 20, changed[20]); }) ==
          "line 22: position 20 where 21 must be");
    CHECK(edited([](all& changed) { changed.erase(changed.end() - 2); }).find(": the end does not fit: ") !=
          std::string::npos);
    CHECK(edited([](all& changed) { changed.erase(changed.begin() + 1); }) ==
          "line 2: position 2 where 1 must be");
  }
  SUBCASE("an end that is missing, and what stands behind it") {
    const auto after = lines.size() + 1;
    CHECK(edited([](all& changed) { changed.pop_back(); }) ==
          fmt::format("line {}: the end is missing: the file was cut off", lines.size()));
    CHECK(edited([](all& changed) { changed.push_back("{}"); }) ==
          fmt::format("line {}: something follows the end of the export", after));
    CHECK(edited([](all& changed) { changed.push_back(""); }) ==
          fmt::format("line {}: something follows the end of the export", after));
    write_file(logs.file, whole + "garbage");
    CHECK(refusal_of(import_from(logs.target, logs.file)) == fmt::format("line {}: is cut off", after));
    write_file(logs.file, std::string_view(whole).substr(0, whole.size() - 10));
    CHECK(refusal_of(import_from(logs.target, logs.file)) ==
          fmt::format("line {}: is cut off", lines.size()));
    write_file(logs.file, "");
    CHECK(refusal_of(import_from(logs.target, logs.file)) == "line 1: the file is empty");
    CHECK(count_of(logs.target) == "0");
  }
  SUBCASE("headers that are missing, double, or of another log") {
    CHECK(edited([](all& changed) { changed.erase(changed.begin()); }) ==
          "line 1: an export begins with its header");
    CHECK(edited([](all& changed) { changed.insert(changed.begin() + 5, changed.front()); }) ==
          "line 6: a second header");
    CHECK(edited([&](all& changed) { changed[0] = in(changed[0], "\"version\":1", "\"version\":2"); }) ==
          "line 1: is of version 2 of the format, this program reads version 1");
    CHECK(edited([&](all& changed) { changed[0] = in(changed[0], "synclog-log", "other"); }) ==
          "line 1: is no header of the format synclog-log");
    CHECK(edited([&](all& changed) {
            changed[0] = in(changed[0], log_id_of(logs.source), log_id_of(logs.target));
          }) == "line 1: \"after_hash\" is not that of an empty log of this id");
    CHECK(edited([&](all& changed) {
            changed[0] = in(changed[0], "\"head\":", "\"head\":1");
          }).find(": the end does not fit: ") != std::string::npos);
  }
  write_file(logs.file, whole);
  CHECK(refusal_of(import_from(logs.target, logs.file)) == "");
  CHECK(head_of(logs.target) == head_of(logs.source));
}

TEST_CASE("import: right hashes do not let in what the API's door, a record's history or time forbid") {
  two_logs logs;
  {
    io_threads threads;
    log_server server(threads, logs.cluster, logs.source);
    write_clients(server, 8);
  }
  export_to(logs.source, logs.file);
  const auto whole = file_text(logs.file);
  const auto refused = [&](const std::function<void(eventstore::exported_event&)>& change) {
    write_file(logs.file, forged(whole, 4, change));
    const auto done = import_from(logs.target, logs.file);
    CHECK(count_of(logs.target) == "0");
    CHECK(refusal_of(import_from(logs.target, logs.file, import_mode::dry_run)) == refusal_of(done));
    return refusal_of(done);
  };
  const auto put = [](eventstore::exported_event& read, std::string_view from, std::string_view to) {
    const auto at = read.event.data.find(from);
    REQUIRE(at != std::string::npos);
    read.event.data.replace(at, from.size(), to);
  };
  CHECK(refused([&](auto& read) { put(read, "\"A\"", "\"A\\u0000\""); }) ==
        "line 4: position 3: data at /full_name: contains \\u0000, which cannot be stored");
  CHECK(refused([&](auto& read) {
          put(read, "\"date_of_birth\":null", "\"date_of_birth\":\"2026-02-30\"");
        }).starts_with("line 4: position 3: data at /date_of_birth: "));
  CHECK(refused([](auto& read) {
          read.event.entity = "pets";
        }).starts_with("line 4: position 3: entity \"pets\" is not defined here"));
  CHECK(refused([&](auto& read) {
          read.event.version = 2;
          put(read, "\"version\":1", "\"version\":2");
        }) == "line 4: version 2 of clients C-2 follows version 0");
  CHECK(refused([](auto& read) { read.event.action = core::event_action::updated; }) ==
        "line 4: clients C-2 is updated, but does not exist then");
  CHECK(refused([&](auto& read) {
          read.event.record_id = "C-1";
          put(read, "C-2", "C-1");
        }) == "line 4: version 1 of clients C-1 follows version 1");
  CHECK(refused([](auto& read) { read.event.recorded_at.micros -= 1'000'000; }) ==
        "line 4: position 3: recorded before its predecessor");
  CHECK(refused([](auto& read) { read.event.action = core::event_action::reverted; }) ==
        "line 4: clients C-2 is reverted, but never existed");
  CHECK(refused([](auto& read) { read.event.branch = "south"; }) ==
        "line 4: position 3: the branch is \"south\", that of the data none");
  CHECK(refused([](auto& read) { read.event.previous_branch = "south"; }) ==
        "line 4: clients C-2 has the previous branch \"south\", but is created");
  // Only PostgreSQL knows that this cannot be: what stands before it is a beginning of that history.
  write_file(logs.file, forged(forged(whole, 4,
                                      [&](auto& read) {
                                        put(read, "\"reference_number\":null", "\"reference_number\":\"7\"");
                                      }),
                               6, [&](auto& read) {
                                 put(read, "\"reference_number\":null", "\"reference_number\":\"7\"");
                               }));
  const auto done = import_from(logs.target, logs.file);
  CHECK(refusal_of(done) == "line 6: reference_number is taken by another record of clients");
  CHECK(done.saved == 4);
  CHECK(count_of(logs.target) == "4");
  check_everything(logs.cluster, logs.target);
}

TEST_CASE(
    "import: what was saved before a refusal is a beginning of the same history, and goes on from there") {
  two_logs logs;
  {
    io_threads threads;
    log_server server(threads, logs.cluster, logs.source);
    write_clients(server, 5'000);
  }
  export_to(logs.source, logs.file);
  const auto whole = file_text(logs.file);
  auto lines = lines_of(whole);
  std::swap(lines[4'500], lines[4'501]);
  write_file(logs.file, text_of(lines));
  auto done = import_from(logs.target, logs.file);
  CHECK(refusal_of(done) == "line 4501: position 4501 where 4500 must be");
  CHECK(done.saved == 4'000);
  CHECK(done.head.value == 4'000);
  CHECK(count_of(logs.target) == "4000");
  check_everything(logs.cluster, logs.target);
  write_file(logs.file, whole);
  done = import_from(logs.target, logs.file);
  CHECK(refusal_of(done) == "");
  CHECK(done.compared == 4'000);
  CHECK(done.saved == 1'000);
  CHECK(head_of(logs.target) == head_of(logs.source));
  check_everything(logs.cluster, logs.target);
}

TEST_CASE("import: another log's export, and another history of the same log, are refused") {
  two_logs logs;
  io_threads threads;
  {
    log_server server(threads, logs.cluster, logs.source);
    write_clients(server, 3);
    export_to(logs.source, logs.file);
    REQUIRE(refusal_of(import_from(logs.target, logs.file)) == "");
    write_clients(server, 3, "here");
  }
  {
    log_server server(threads, logs.cluster, logs.target);
    write_clients(server, 3, "there");
  }
  export_to(logs.source, logs.file);
  CHECK(refusal_of(import_from(logs.target, logs.file)) ==
        "line 5: this log has another event at position 4");
  export_to(logs.source, logs.file, {.from = {6}});
  CHECK(refusal_of(import_from(logs.target, logs.file)) ==
        "line 1: this log has another event at position 5");
  two_logs others;
  {
    log_server server(threads, others.cluster, others.source);
    write_clients(server, 1);
  }
  CHECK(refusal_of(import_from(others.source, logs.file)) ==
        fmt::format("line 1: is of log {}; this database holds log {}", log_id_of(logs.source),
                    log_id_of(others.source)));
  CHECK(count_of(others.source) == "1");
}

TEST_CASE("import: beside a running server, which goes on writing under the adopted identity") {
  two_logs logs;
  io_threads threads;
  {
    log_server server(threads, logs.cluster, logs.source);
    write_clients(server, 5);
  }
  export_to(logs.source, logs.file);
  log_server server(threads, logs.cluster, logs.target);
  REQUIRE(wait_until([&] { return server.committer.stats().connected; }));
  REQUIRE(refusal_of(import_from(logs.target, logs.file)) == "");
  write_clients(server, 2, "after");
  CHECK(count_of(logs.target) == "7");
  check_everything(logs.cluster, logs.target);
}

TEST_CASE("import: somebody else's event in the log ends it between two batches") {
  two_logs logs;
  io_threads threads;
  {
    log_server server(threads, logs.cluster, logs.source);
    write_clients(server, 5'000);
  }
  export_to(logs.source, logs.file);
  log_server server(threads, logs.cluster, logs.target);
  bool written = false;
  const auto done = import_from(logs.target, logs.file, import_mode::save,
                                [&](const eventstore::verify_progress& progress) {
                                  if (progress.done < 3'000 || written) return;
                                  written = true;
                                  write_clients(server, 1, "other");
                                });
  REQUIRE(done.refused.has_value());
  CHECK(done.refused->code == core::problem_code::stale_version);
  CHECK(done.refused->detail.starts_with("somebody else writes to this log: it ends at 2001 now"));
  CHECK(count_of(logs.target) == "2001");
  check_everything(logs.cluster, logs.target);
}

TEST_CASE("import: a dry run says what would be saved, and saves nothing") {
  two_logs logs;
  {
    io_threads threads;
    log_server server(threads, logs.cluster, logs.source);
    write_clients(server, 2'500);
  }
  const auto id = log_id_of(logs.target);
  export_to(logs.source, logs.file);
  const auto done = import_from(logs.target, logs.file, import_mode::dry_run);
  CHECK(refusal_of(done) == "");
  CHECK(done.saved == 2'500);
  CHECK_FALSE(done.adopted);
  CHECK(count_of(logs.target) == "0");
  CHECK(log_id_of(logs.target) == id);
}

TEST_CASE("import: an entity that is not defined here is named, with what to do") {
  two_logs logs;
  {
    io_threads threads;
    log_server server(threads, logs.cluster, logs.source);
    write_clients(server, 2);
  }
  export_to(logs.source, logs.file);
  std::vector<core::entity> some;
  some.push_back(*entities().find("visits"));
  const auto known = core::catalog::from(std::move(some));
  REQUIRE(known.has_value());
  const auto done = import_from(logs.target, logs.file, import_mode::save, {}, *known);
  CHECK(refusal_of(done) ==
        "line 2: position 1: entity \"clients\" is not defined here: name the folder of its "
        "definition with --entities (the header of an export holds it)");
  // The header's definition is the file that --entities takes.
  const auto header = std::get<eventstore::export_header>(
      *eventstore::parse_export_line(lines_of(file_text(logs.file)).front()));
  for (const auto& each : header.definitions)
    CHECK(core::parse_entity(each.name, each.definition).has_value());
  CHECK(header.definitions.size() == entities().all().size());
}

TEST_CASE("replay import: a definition that another server adopts meanwhile ends it before it writes by the "
          "old one") {
  two_logs logs;
  {
    io_threads threads;
    log_server server(threads, logs.cluster, logs.source);
    write_clients(server, 3);
  }
  export_to(logs.source, logs.file);
  logs.cluster.sql(logs.target,
                   "INSERT INTO synclog.definitions (name, revision, fingerprint, definition) VALUES "
                   "('clients', 99, sha256('x'), '{}') ON CONFLICT (name) DO UPDATE SET revision = 99, "
                   "fingerprint = excluded.fingerprint");
  CHECK(refusal_of(import_from(logs.target, logs.file))
            .find("the definition of clients has changed since this import began") != std::string::npos);
  CHECK(logs.cluster.sql(logs.target, "SELECT count(*) FROM synclog.events") == "0");
}

TEST_CASE(
    "import: events of the future are refused beyond what clocks may be apart, or accepted when told so") {
  two_logs logs;
  {
    io_threads threads;
    log_server server(threads, logs.cluster, logs.source);
    write_clients(server, 3);
  }
  export_to(logs.source, logs.file);
  const auto whole = file_text(logs.file);
  constexpr std::int64_t minute = 60'000'000;
  const auto later = [&](std::int64_t minutes) {
    // The last one: time does not run backwards.
    write_file(logs.file,
               forged(whole, 4, [&](auto& read) { read.event.recorded_at.micros += minutes * minute; }));
  };
  later(60);
  const auto refused = import_from(logs.target, logs.file);
  CHECK(refusal_of(refused).starts_with("line 4: position 3: recorded at 20"));
  CHECK(refusal_of(refused).find("this machine's clock says 20") != std::string::npos);
  CHECK(refusal_of(refused).ends_with("--accept-future-times takes it all the same"));
  CHECK(count_of(logs.target) == "0");

  auto lines = eventstore::line_source::open(logs.file);
  REQUIRE(lines.has_value());
  const projections::read_tables tables(entities());
  eventstore::import_target target{logs.cluster.conninfo(logs.target), "synclog_app", entities(), tables,
                                   owner_of(logs.target)};
  target.future = eventstore::future_times::accept;
  const std::atomic<bool> never{false};
  CHECK(refusal_of(eventstore::import_log(target, *lines, import_mode::save, {}, never)) == "");
  CHECK(count_of(logs.target) == "3");
  check_everything(logs.cluster, logs.target);

  const auto other = fresh_log(logs.cluster);
  later(2);
  CHECK(refusal_of(import_from(other, logs.file)) == "");
}

TEST_CASE("import: random histories of moving branches pass, and each other branch in them is refused") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  two_logs logs;
  {
    io_threads threads;
    log_server server(threads, logs.cluster, logs.source);
    write_history(server, random, 60);
  }
  export_to(logs.source, logs.file);
  const auto whole = file_text(logs.file);
  const auto count = lines_of(whole).size();
  for (int round = 0; round < 20; ++round) {
    const auto line = 2 + random() % (count - 2);
    const bool previous = round % 2 == 0;
    write_file(logs.file, forged(whole, line, [&](auto& read) {
                 if (previous)
                   read.event.previous_branch = "elsewhere";
                 else
                   read.event.branch = "elsewhere";
               }));
    CHECK(refusal_of(import_from(logs.target, logs.file, import_mode::dry_run))
              .starts_with(fmt::format("line {}: ", line)));
  }
  write_file(logs.file, whole);
  CHECK(refusal_of(import_from(logs.target, logs.file)) == "");
}
