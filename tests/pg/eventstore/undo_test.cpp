// Bad imports undone, and reverts, on random histories: the earlier state comes back, what others changed
// since stays. SYNCLOG_TEST_SEED=s repeats a run.
#include "core/difference.hpp"
#include "core/revert.hpp"
#include "eventstore/past_reader.hpp"
#include "eventstore/undo.hpp"
#include "log_fixture.hpp"
#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>
#include <map>
#include <random>
#include <set>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;
using core::command_kind;
using core::item_status;
using eventstore::undo_item;
using verdict = eventstore::undo_item::verdict;

namespace {

using state_map = std::map<std::string, std::string>; // id -> doc of the live clients

std::uint64_t chosen_seed() {
  const char* const given = std::getenv("SYNCLOG_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

// A server's write side, a reader beside it, and short words for both.
class undo_lab {
 public:
  undo_lab()
      : cluster_(test_cluster::shared()), database_(fresh_log(cluster_)),
        server_(threads_, cluster_, database_),
        reads_(threads_.executor(), connect_to(cluster_, database_), {}), past_(reads_) {}
  ~undo_lab() { threads_.run(reads_.stop()); }

  eventstore::write_outcome submit(const std::string& actor, std::vector<core::command> commands,
                                   const std::string& request_id = "") {
    auto request = request_of(std::move(commands));
    request.caller.actor = actor;
    request.request_id = request_id;
    auto done = server_.submit(std::move(request));
    REQUIRE(done.has_value());
    return std::move(*done);
  }
  core::item_outcome save(const std::string& actor, const std::string& json_text) {
    return submit(actor, {command_of("clients", command_kind::save, json_text)}).items.front();
  }
  core::item_outcome remove(const std::string& actor, const std::string& id) {
    auto wanted = command_of("clients", command_kind::remove, R"({"id":")" + id + "\"}");
    return submit(actor, {std::move(wanted)}).items.front();
  }

  eventstore::undo_report undo(eventstore::undo_selection selection, eventstore::undo_options options = {}) {
    told.clear();
    const eventstore::undo_listener listener = [this](const undo_item& item) { told.push_back(item); };
    auto work = eventstore::undo(entities(), reads_, server_.log, server_.committer, std::move(selection),
                                 std::move(options), listener, {});
    auto done = threads_.run(std::move(work), 120s);
    REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().detail));
    REQUIRE(static_cast<std::size_t>(done->records()) == told.size());
    return *done;
  }

  state_map state_at(std::int64_t position) {
    state_map made;
    std::string after;
    for (bool more = true; more;) {
      auto asked = past_.fold("clients", after, {position}, 100, eventstore::pg::clock::now() + 20s);
      const auto page = threads_.run(std::move(asked));
      for (const auto& [id, state] : page.records) {
        after = id;
        if (state.what == eventstore::past_state::presence::live) made[id] = state.doc;
      }
      more = page.more;
    }
    return made;
  }
  std::optional<core::event> version(const std::string& id, std::int64_t number) {
    auto asked = past_.version("clients", id, number, eventstore::pg::clock::now() + 20s);
    return threads_.run(std::move(asked));
  }

  std::int64_t head() { return std::stoll(sql("SELECT coalesce(max(position), 0) FROM synclog.events")); }
  std::string sql(const std::string& statement) { return cluster_.sql(database_, statement); }
  void check() { check_everything(cluster_, database_); }

  std::vector<undo_item> told;

 private:
  test_cluster& cluster_;
  std::string database_;
  io_threads threads_;
  log_server server_;
  eventstore::pg::pool reads_;
  eventstore::past_reader past_;
};

// Bookkeeping aside: an undone record has another version and position.
void check_same(const state_map& left, const state_map& right) {
  for (const auto& [id, doc] : left) {
    CAPTURE(id);
    REQUIRE(right.contains(id));
    std::string text;
    core::append_changes(text, core::differences(doc, right.at(id)));
    CHECK(text == "[]");
  }
  CHECK(left.size() == right.size());
}

std::string random_client(std::mt19937_64& random, const std::string& id) {
  const auto value = [&](const char* name) {
    return random() % 4 == 0 ? fmt::format(R"(,"{}":null)", name)
                             : fmt::format(R"(,"{}":"{} {}")", name, name, random() % 5);
  };
  return fmt::format(R"({{"id":"{}","full_name":"N {}"{}{}{},"data":{{"a":{},"b":[{}]}}}})", id, random() % 6,
                     value("phone"), value("city"), value("branch"), random() % 3, random() % 3);
}

void random_write(undo_lab& log, std::mt19937_64& random, const std::string& actor, int ids) {
  const auto id = fmt::format("C-{}", random() % static_cast<std::uint64_t>(ids));
  if (random() % 4 == 0)
    (void)log.remove(actor, id);
  else
    REQUIRE(!log.save(actor, random_client(random, id)).error);
}

eventstore::undo_selection by_actor(std::string actor, std::int64_t from) {
  eventstore::undo_selection made;
  made.actor = std::move(actor);
  made.from = {from};
  return made;
}

} // namespace

TEST_CASE("undo: an import that nobody touched since is undone to the state before it, and once is enough") {
  const auto seed = chosen_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 4; ++round) {
    undo_lab log;
    for (int count = 0; count < 40; ++count)
      random_write(log, random, "desk", 15);
    const auto before = log.state_at(log.head());
    const auto from = log.head() + 1;
    for (int count = 0; count < 60; ++count)
      random_write(log, random, "import", 20);
    const auto imported = log.state_at(log.head());
    const auto done = log.undo(by_actor("import", from));
    CHECK(done.conflicts == 0);
    CHECK(done.refused == 0);
    check_same(before, log.state_at(log.head()));
    const auto head = log.head();
    const auto again = log.undo(by_actor("import", from));
    CHECK(again.undone == 0);
    CHECK(again.nothing == done.records());
    CHECK(log.head() == head);
    // The undo itself is a change like any other.
    const auto redone = log.undo(by_actor("undo", 1));
    CHECK(redone.undone == done.undone);
    check_same(imported, log.state_at(log.head()));
    log.check();
  }
}

TEST_CASE("undo: records that others changed since are conflicts and stay; forced, they are undone too") {
  const auto seed = chosen_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (const bool force : {false, true}) {
    undo_lab log;
    for (int count = 0; count < 30; ++count)
      random_write(log, random, "desk", 15);
    const auto from = log.head() + 1;
    for (int count = 0; count < 90; ++count)
      random_write(log, random, random() % 3 == 0 ? "desk" : "import", 25);
    const auto head = log.head();
    const auto now = log.state_at(head);
    const auto doc_of = [&log](const std::string& id, std::int64_t version) -> std::string {
      const auto found = version > 0 ? log.version(id, version) : std::nullopt;
      return found && found->action != core::event_action::deleted ? found->data : "";
    };
    eventstore::undo_options options;
    options.force = force;
    (void)log.undo(by_actor("import", from), options);
    const auto after = log.state_at(log.head());
    for (const auto& item : log.told) {
      CAPTURE(item.record_id);
      const auto first =
          std::stoll(log.sql(fmt::format("SELECT min(version) FROM synclog.events WHERE record_id = '{}' AND "
                                         "position >= {} AND meta->>'actor' = "
                                         "'import'",
                                         item.record_id, from)));
      const bool touched =
          log.sql(fmt::format("SELECT EXISTS (SELECT FROM synclog.events WHERE record_id = '{}' AND "
                              "version > {} AND position <= {} AND meta->>'actor' = 'desk')",
                              item.record_id, first, head)) == "t";
      const auto target = doc_of(item.record_id, first - 1);
      const auto stood = now.contains(item.record_id) ? now.at(item.record_id) : "";
      const bool equal = target.empty() == stood.empty() && core::differences(target, stood).empty();
      const auto expected = equal               ? verdict::nothing
                            : touched && !force ? verdict::conflict
                                                : verdict::undone;
      CHECK(item.what == expected);
      const auto& should_be = item.what == verdict::undone ? target : stood;
      const auto is = after.contains(item.record_id) ? after.at(item.record_id) : "";
      CHECK(should_be.empty() == is.empty());
      CHECK(core::differences(should_be, is).empty());
    }
    log.check();
  }
}

TEST_CASE("undo: a dry run tells all of it and saves nothing") {
  undo_lab log;
  (void)log.save("desk", R"({"id":"A","full_name":"one"})");
  (void)log.save("import", R"({"id":"A","full_name":"two"})");
  (void)log.save("import", R"({"id":"B","full_name":"new"})");
  const auto head = log.head();
  eventstore::undo_options options;
  options.dry_run = true;
  const auto done = log.undo(by_actor("import", 1), options);
  CHECK(done.undone == 2);
  CHECK(log.head() == head);
  REQUIRE(log.told.size() == 2);
  CHECK(log.told[0].record_id == "B");
  CHECK(log.told[0].restored_version == 0);
  CHECK(log.told[1].restored_version == 1);
  std::string text;
  core::append_changes(text, log.told[1].changes);
  CHECK(text == R"([{"path":"/full_name","from":"two","to":"one"}])");
}

TEST_CASE("undo: a request of more records than a batch holds is undone by its id, under the actor's name") {
  undo_lab log;
  (void)log.save("import", R"({"id":"KEPT","full_name":"another request"})");
  std::vector<core::command> commands;
  for (int index = 0; index < 1'200; ++index)
    commands.push_back(
        command_of("clients", command_kind::save, fmt::format(R"({{"id":"C-{}","full_name":"N"}})", index)));
  (void)log.submit("import", std::move(commands), "request-7");
  eventstore::undo_selection selection;
  selection.request_id = "request-7";
  eventstore::undo_options options;
  options.actor = "auditor";
  options.request_id = "undo-1";
  const auto done = log.undo(selection, options);
  CHECK(done.undone == 1'200);
  CHECK(done.at.position.value == log.head());
  CHECK(log.state_at(log.head()).size() == 1);
  CHECK(log.sql(
            "SELECT count(*) FROM synclog.events WHERE action = 'deleted' AND meta->>'actor' = 'auditor' AND "
            "meta->>'request_id' = 'undo-1'") == "1200");
  CHECK(log.undo(selection).undone == 0);
  log.check();
}

TEST_CASE("undo: a record waits for the unique value that another one gives back") {
  undo_lab log;
  (void)log.save("desk", R"({"id":"A","full_name":"A","reference_number":"R1"})");
  (void)log.save("desk", R"({"id":"B","full_name":"B","reference_number":"R2"})");
  const auto before = log.state_at(log.head());
  REQUIRE(!log.save("import", R"({"id":"A","phone":"1"})").error);
  REQUIRE(!log.save("import", R"({"id":"B","reference_number":"R3"})").error);
  REQUIRE(!log.save("import", R"({"id":"A","reference_number":"R2"})").error);
  const auto done = log.undo(by_actor("import", 1)); // B comes first, and A holds its number
  CHECK(done.undone == 2);
  check_same(before, log.state_at(log.head()));
  log.check();
}

TEST_CASE("undo: records that exchanged unique values get them back, in one transaction") {
  undo_lab log;
  (void)log.save("desk", R"({"id":"A","full_name":"A","reference_number":"R1"})");
  (void)log.save("desk", R"({"id":"B","full_name":"B","reference_number":"R2"})");
  (void)log.save("desk", R"({"id":"C","full_name":"C","reference_number":"R3"})");
  const auto before = log.state_at(log.head());
  REQUIRE(!log.save("import", R"({"id":"A","reference_number":"T"})").error);
  REQUIRE(!log.save("import", R"({"id":"C","reference_number":"R1"})").error);
  REQUIRE(!log.save("import", R"({"id":"B","reference_number":"R3"})").error);
  REQUIRE(!log.save("import", R"({"id":"A","reference_number":"R2"})").error);
  const auto head = log.head();
  eventstore::undo_options dry;
  dry.dry_run = true;
  CHECK(log.undo(by_actor("import", 1), dry).undone == 3);
  CHECK(log.head() == head);
  const auto done = log.undo(by_actor("import", 1));
  CHECK(done.undone == 3);
  CHECK(done.refused == 0);
  // One gave its value up first: an event more, and at no position does a value stand twice.
  CHECK(log.head() == head + 4);
  check_same(before, log.state_at(log.head()));
  for (auto at = head; at <= log.head(); ++at) {
    std::set<std::string> numbers;
    std::size_t with_number = 0;
    for (const auto& [id, doc] : log.state_at(at)) {
      const auto parsed = core::json::parse(doc);
      const auto* number = parsed->root().find("reference_number");
      if (number == nullptr || number->kind != core::json::kind::string) continue;
      ++with_number;
      numbers.emplace(number->text);
    }
    CHECK(numbers.size() == with_number);
  }
  const auto again = log.undo(by_actor("import", 1));
  CHECK(again.undone == 0);
  CHECK(again.nothing == 3);
  log.check();
}

TEST_CASE(
    "undo: a circle of which one record was changed since is left alone as a whole, the others are not") {
  undo_lab log;
  for (const char* id : {"A", "B", "D", "E"})
    (void)log.save("desk", fmt::format(R"({{"id":"{0}","full_name":"{0}","reference_number":"R-{0}"}})", id));
  for (const auto& [one, other] : {std::pair("A", "B"), std::pair("D", "E")}) {
    const auto give = [&](const std::string& id, const std::string& value) {
      REQUIRE(!log.save("import", fmt::format(R"({{"id":"{}","reference_number":"{}"}})", id, value)).error);
    };
    give(one, "T");
    give(other, fmt::format("R-{}", one));
    give(one, fmt::format("R-{}", other));
  }
  (void)log.save("desk", R"({"id":"A","phone":"later"})");
  const auto done = log.undo(by_actor("import", 5));
  CHECK(done.undone == 2);
  CHECK(done.conflicts == 1);
  CHECK(done.refused == 1);
  for (const auto& item : log.told)
    if (item.record_id == "B") CHECK(item.detail.find("reference_number") != std::string::npos);
  log.check();
}

TEST_CASE("undo: where a record may not be without the value, it is given up with the record") {
  // It lacks what is required today, so that only a removal frees its number.
  undo_lab log;
  (void)log.submit("desk", {command_of("clients", command_kind::save,
                                       R"({"id":"A","full_name":"A","reference_number":"R1"})")});
  (void)log.submit("desk", {command_of("clients", command_kind::save,
                                       R"({"id":"B","full_name":"B","reference_number":"R2"})")});
  const auto before = log.state_at(log.head());
  REQUIRE(!log.save("import", R"({"id":"A","reference_number":"T"})").error);
  REQUIRE(!log.save("import", R"({"id":"B","reference_number":"R1"})").error);
  REQUIRE(!log.save("import", R"({"id":"A","reference_number":"R2"})").error);
  (void)log.sql("ALTER TABLE synclog.events DISABLE TRIGGER append_only; UPDATE synclog.events SET data = "
                "replace(data::text, '\"full_name\":\"B\"', '\"full_name\":null')::json WHERE position = 4; "
                "ALTER TABLE "
                "synclog.events ENABLE ALWAYS TRIGGER append_only");
  const auto done = log.undo(by_actor("import", 1));
  CHECK(done.undone == 2);
  check_same(before, log.state_at(log.head()));
  CHECK(log.sql("SELECT string_agg(action, ' ' ORDER BY position) FROM synclog.events WHERE position > 5") ==
        "deleted reverted reverted");
}

TEST_CASE("undo: unique values handed round at random come back") {
  const auto seed = chosen_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  for (int round = 0; round < 3; ++round) {
    undo_lab log;
    constexpr int count = 25;
    for (int index = 0; index < count; ++index)
      (void)log.save("desk",
                     fmt::format(R"({{"id":"C-{0}","full_name":"N","reference_number":"R-{0}"}})", index));
    const auto before = log.state_at(log.head());
    for (int step = 0; step < 200; ++step) // those that are taken are refused
      (void)log.save("import",
                     fmt::format(R"({{"id":"C-{}","reference_number":{}}})", random() % count,
                                 random() % 3 == 0 ? "null" : fmt::format("\"R-{}\"", random() % count)));
    const auto done = log.undo(by_actor("import", 1));
    CHECK(done.refused == 0);
    CHECK(done.conflicts == 0);
    check_same(before, log.state_at(log.head()));
    log.check();
  }
}

TEST_CASE("undo: of a record with very many versions each is looked at once") {
  undo_lab log;
  constexpr int versions = 24'000; // each looked at from each other one: far beyond a statement's time
  for (int done = 0; done < versions;) {
    std::vector<core::command> commands;
    for (int index = 0; index < 4'000; ++index, ++done)
      commands.push_back(command_of("clients", command_kind::save,
                                    fmt::format(R"({{"id":"HOT","full_name":"N {}"}})", done)));
    (void)log.submit(done <= versions / 2 ? "desk" : "import", std::move(commands));
  }
  const auto started = std::chrono::steady_clock::now();
  const auto done = log.undo(by_actor("import", 1));
  CHECK(done.undone == 1);
  MESSAGE("undone after " << std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count()
                          << " s");
  REQUIRE(log.told.size() == 1);
  CHECK(log.told.front().restored_version == versions / 2);
  // Also where nothing but the newest is selected.
  (void)log.save("late", R"({"id":"HOT","full_name":"late"})");
  CHECK(log.undo(by_actor("late", log.head())).undone == 1);
}

TEST_CASE("undo: stopped between two batches it tells how many records are left, and goes on") {
  undo_lab log;
  std::vector<core::command> commands;
  for (int index = 0; index < 2'000; ++index)
    commands.push_back(
        command_of("clients", command_kind::save, fmt::format(R"({{"id":"C-{}","full_name":"N"}})", index)));
  (void)log.submit("import", std::move(commands));
  std::atomic<bool> stop{true};
  eventstore::undo_options options;
  options.stop = &stop;
  const auto none = log.undo(by_actor("import", 1), options);
  CHECK(none.stopped);
  CHECK(none.undone == 0);
  CHECK(none.left == 2'000);
  CHECK(none.to.value == 2'000);
  stop = false;
  const auto done = log.undo(by_actor("import", 1), options);
  CHECK_FALSE(done.stopped);
  CHECK_FALSE(done.left.has_value());
  CHECK(done.undone == 2'000);
}

TEST_CASE("undo: what cannot come back is refused with its reason and holds up nobody") {
  undo_lab log;
  (void)log.save("desk", R"({"id":"A","full_name":"A","reference_number":"R1"})");
  (void)log.save("desk", R"({"id":"C","full_name":"C"})");
  (void)log.save("desk", R"({"id":"D","full_name":"D"})");
  (void)log.save("import", R"({"id":"A","reference_number":null})");
  (void)log.save("import", R"({"id":"C","full_name":"X"})");
  (void)log.save("import", R"({"id":"D","full_name":"X"})");
  (void)log.save("desk", R"({"id":"B","full_name":"B","reference_number":"R1"})"); // taken meanwhile
  (void)log.sql(
      "ALTER TABLE synclog.events DISABLE TRIGGER append_only; UPDATE synclog.events e SET data_hash = "
      "synclog.data_hash(e), data = NULL, salt = NULL WHERE record_id = 'C' AND version = 1; ALTER TABLE "
      "synclog.events ENABLE ALWAYS TRIGGER append_only");
  const auto done = log.undo(by_actor("import", 1));
  CHECK(done.undone == 1);
  CHECK(done.refused == 2);
  std::map<std::string, std::string> reasons;
  for (const auto& item : log.told)
    if (item.what == verdict::refused) reasons[item.record_id] = item.detail;
  CHECK(reasons["A"].find("reference_number") != std::string::npos);
  CHECK(reasons["C"].find("erased") != std::string::npos);
}

TEST_CASE("revert: on a random history every version that was live comes back") {
  const auto seed = chosen_seed();
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  undo_lab log;
  for (int count = 0; count < 120; ++count)
    random_write(log, random, "desk", 6);
  for (int count = 0; count < 60; ++count) {
    const auto id = fmt::format("C-{}", random() % 6);
    const auto latest = std::stoll(log.sql(
        fmt::format("SELECT coalesce(max(version), 0) FROM synclog.events WHERE record_id = '{}'", id)));
    if (latest == 0) continue;
    const auto former =
        log.version(id, 1 + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(latest)));
    REQUIRE(former.has_value());
    if (former->action == core::event_action::deleted) continue;
    auto wanted = core::revert_command(*entities().find("clients"), former->data);
    REQUIRE(wanted.has_value());
    const auto made = log.submit("desk", {std::move(*wanted)}).items.front();
    REQUIRE(!made.error);
    CHECK((made.status == item_status::reverted || made.status == item_status::unchanged));
    CHECK(core::differences(former->data, made.doc).empty());
    check_same({{id, former->data}}, {{id, log.state_at(log.head()).at(id)}});
    if (random() % 3 == 0) random_write(log, random, "desk", 6);
  }
  log.check();
}
