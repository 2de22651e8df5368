// A definition changes under a database with records: the server answers at once, the read table follows
// beside it, and what cannot be is refused before anything happens.
#include "command_run.hpp"
#include "core/entity.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <libpq-fe.h>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>

using namespace synclog::tests;
using namespace std::chrono_literals;

namespace {

// SYNCLOG_TEST_RECORDS=200000: the size that the promise is made for.
int records_wanted() {
  const char* const given = std::getenv("SYNCLOG_TEST_RECORDS");
  return given != nullptr ? std::atoi(given) : 20'000;
}

// A folder of definitions, for --entities.
class definitions_folder {
 public:
  definitions_folder() {
    std::string name = "/tmp/synclog-definitions-XXXXXX";
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no folder can be made");
    path_ = name;
  }
  ~definitions_folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  definitions_folder(const definitions_folder&) = delete;
  definitions_folder& operator=(const definitions_folder&) = delete;

  const std::string& path() const { return path_; }
  void put(const std::string& file, const std::string& text) const {
    std::ofstream(path_ + "/" + file) << text;
  }

 private:
  std::string path_;
};

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  REQUIRE(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

// The built-in clients with one thing changed, as the next revision.
std::string next_clients(const std::string& from, const std::string& to) {
  for (const auto& [file, text] : synclog::core::embedded_entity_files())
    if (file == "clients.json")
      return replaced(replaced(std::string(text), "\"x-revision\": 1", "\"x-revision\": 2"), from, to);
  throw std::runtime_error("there are no clients");
}

std::string clients_with_loyalty() {
  return replaced(
      next_clients(
          "\"city\": {\"type\": \"string\", \"title\": \"City\"},",
          "\"city\": {\"type\": \"string\", \"title\": \"City\"}, \"loyalty\": {\"type\": \"string\"},"),
      "\"phone\": \"phone\",", "\"phone\": \"phone\", \"loyalty\": \"loyalty\",");
}

void fill_clients(const server_fixture& server, int count) {
  constexpr int a_request = 5'000;
  const http_headers ndjson{{"Content-Type", "application/x-ndjson"}};
  for (int first = 0; first < count; first += a_request) {
    std::string many;
    for (int i = first; i < std::min(count, first + a_request); ++i)
      many += "{\"id\":\"C-" + std::to_string(i) + "\",\"full_name\":\"Client " + std::to_string(i) +
              "\",\"reference_number\":\"R-" + std::to_string(i) + "\",\"branch\":\"b" +
              std::to_string(i % 7) + "\",\"city\":\"Graz\"}\n";
    const auto saved = server.request("POST", "/api/clients", ndjson, many);
    REQUIRE_MESSAGE(saved.status == 200, saved.body.substr(0, 500));
  }
}

// Requests of every kind, over and over on connections of their own, until the object goes.
class callers {
 public:
  // `field` is a text that clients have and can be listed by.
  callers(const server_fixture& server, std::string field) : field_(std::move(field)) {
    for (int caller = 0; caller < 3; ++caller)
      threads_.emplace_back([this, &server, caller] {
        try {
          run(server, caller);
        } catch (const std::exception& failed) {
          note(failed.what());
        }
      });
  }
  ~callers() { stop(); }
  void stop() {
    over_ = true;
    for (auto& thread : threads_)
      if (thread.joinable()) thread.join();
  }
  int answered() const { return answered_; }
  std::string first_failure() const {
    const std::lock_guard guard(mutex_);
    return first_failure_;
  }

 private:
  void note(const std::string& what) {
    const std::lock_guard guard(mutex_);
    if (first_failure_.empty()) first_failure_ = what;
  }
  void run(const server_fixture& server, int caller) {
    auto client = server.connect();
    const http_headers json{{"Content-Type", "application/json"}};
    for (int i = 0; !over_; ++i) {
      const std::string name = std::to_string(caller) + "-" + std::to_string(i);
      const auto send = [&](std::string_view method, const std::string& target,
                            const std::string& body = "") {
        const auto reply = client.request(method, target, body.empty() ? http_headers{} : json, body);
        ++answered_;
        if (reply.status != 200 && reply.status != 201)
          note(std::string(method) + " " + target + ": " + reply.head + reply.body);
      };
      send("GET", "/api/clients?limit=20&branch=b3");
      send("POST", "/api/clients",
           "{\"id\":\"N-" + name + "\",\"full_name\":\"New\",\"" + field_ + "\":\"gold\"}");
      send("GET", "/api/clients?id=N-" + name);
      send("PATCH", "/api/clients",
           "{\"id\":\"C-" + std::to_string((i * 3 + caller) % 500) + "\",\"" + field_ + "\":\"silver\"}");
      send("GET", "/api/clients?" + field_ + "=gold&limit=5");
      send("GET", "/api/clients?search=client%201&limit=5");
      if (i % 5 == 0) send("DELETE", "/api/clients?id=N-" + name);
    }
  }

  const std::string field_;
  std::atomic<bool> over_{false};
  std::atomic<int> answered_{0};
  mutable std::mutex mutex_;
  std::string first_failure_;
  std::vector<std::jthread> threads_;
};

bool says(const server_fixture& server, const std::string& words) {
  return wait_until([&] { return server.output().find(words) != std::string::npos; }, 300s);
}

constexpr const char* rebuilt = "rebuilt read table clients for its new definition while it served";

int run_replay(const server_fixture& server, std::vector<std::string> arguments,
               const definitions_folder& folder, std::string* output = nullptr,
               std::string* errors = nullptr) {
  arguments.insert(arguments.begin(), "replay");
  for (const std::string& word :
       {std::string("--database-url"), server.database_url(), std::string("--entities"), folder.path()})
    arguments.push_back(word);
  command_run command(arguments);
  const int code = command.wait(300s);
  if (output != nullptr) *output = command.output();
  if (errors != nullptr) *errors = command.errors();
  return code;
}

std::string start_refusal(server_fixture& server) {
  try {
    server.start();
  } catch (const std::runtime_error& refused) {
    return refused.what();
  }
  return "";
}

} // namespace

TEST_CASE("definition change: a field added to clients is usable at once, no request fails while the table "
          "is rebuilt") {
  const definitions_folder folder;
  server_fixture server({.arguments = {"--entities", folder.path()}});
  fill_clients(server, records_wanted());
  CHECK(server.stop() == 0);
  folder.put("clients.json", clients_with_loyalty());
  const auto began = std::chrono::steady_clock::now();
  server.start();
  callers requests(server, "loyalty");
  CHECK(server.get("/api/clients?limit=1").status == 200);
  const auto seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
  MESSAGE("answering after " << seconds << " s");
  CHECK(seconds < 10);
  CHECK(server.output().find("adopted revision 2 of its definition") != std::string::npos);
  CHECK(says(server, rebuilt));
  MESSAGE("rebuilt after " << std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count()
                           << " s");
  const int before = requests.answered();
  CHECK(wait_until([&] { return requests.answered() > before + 50; }));
  requests.stop();
  CHECK(requests.first_failure() == "");

  CHECK(server.post("/api/clients", R"({"id":"LAST","full_name":"Last","loyalty":"platinum"})").status ==
        201);
  CHECK(server.get("/api/clients?loyalty=platinum").body.find("\"LAST\"") != std::string::npos);
  CHECK(server.sql("SELECT loyalty FROM clients WHERE id = 'LAST'") == "platinum");
  CHECK(server.sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'synclog\\_shadow%'") == "0");
  std::string output;
  CHECK(run_replay(server, {"verify"}, folder, &output) == 0);
  INFO(output);
  CHECK(run_replay(server, {"rebuild", "clients", "--dry-run"}, folder) == 0);
}

TEST_CASE(
    "definition change: kill -9 in the rebuild leaves the table serving, and the next start finishes it") {
  const definitions_folder folder;
  server_fixture server({.arguments = {"--entities", folder.path()}});
  fill_clients(server, 3'000);
  CHECK(server.stop() == 0);
  folder.put("clients.json", clients_with_loyalty());
  server.start();
  // A reader that does not end keeps the old table in its place.
  const std::unique_ptr<PGconn, decltype(&PQfinish)> reader(PQconnectdb(server.database_url().c_str()),
                                                            &PQfinish);
  PQclear(PQexec(reader.get(), "BEGIN"));
  PQclear(PQexec(reader.get(), "SELECT count(*) FROM clients"));
  const bool in_time = server.output().find(rebuilt) == std::string::npos;
  const auto waits = [&] {
    return server.sql(
               "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'synclog rebuild clients' AND "
               "query LIKE 'LOCK TABLE%' AND wait_event_type = 'Lock'") != "0";
  };
  if (in_time) CHECK(wait_until(waits));
  server.kill9();
  CHECK(wait_until([&] {
    return server.sql(
               "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'synclog rebuild%'") == "0";
  }));
  server.start();
  CHECK(server.get("/api/clients?limit=1").status == 200);
  CHECK(server.post("/api/clients", R"({"id":"N-1","full_name":"New","loyalty":"gold"})").status == 201);
  CHECK(server.get("/api/clients?loyalty=gold").body.find("N-1") != std::string::npos);
  PQclear(PQexec(reader.get(), "COMMIT"));
  if (in_time) CHECK(says(server, rebuilt));
  CHECK(server.sql("SELECT count(*) FROM pg_class WHERE relname LIKE 'synclog\\_shadow%'") == "0");
  CHECK(run_replay(server, {"verify"}, folder) == 0);
  CHECK(server.stop() == 0);
}

TEST_CASE(
    "definition change: a server without the new definition reads on and refuses to write that entity") {
  const definitions_folder folder;
  server_fixture before;
  CHECK(before.post("/api/clients", R"({"id":"C-1","full_name":"A"})").status == 201);
  folder.put("clients.json", clients_with_loyalty());
  server_fixture after({.database = before.database(), .arguments = {"--entities", folder.path()}});
  CHECK(after.post("/api/clients", R"({"id":"C-1","loyalty":"gold"})").status == 200);
  CHECK(says(after, rebuilt));

  const auto refused = before.post("/api/clients", R"({"id":"C-1","phone":"1"})");
  CHECK(refused.status == 503);
  CHECK(refused.body.find("revision 2 of the definition of clients, this server has revision 1") !=
        std::string::npos);
  CHECK(before.request("DELETE", "/api/clients?id=C-1").status == 503);
  // Refused is not answered: the same key goes through where the definition is known.
  const std::string keyed = R"({"id":"C-9","full_name":"K"})";
  CHECK(before.post("/api/clients", keyed, {{"Idempotency-Key", "k-1"}}).status == 503);
  const auto landed = after.post("/api/clients", keyed, {{"Idempotency-Key", "k-1"}});
  CHECK_MESSAGE(landed.status == 201, landed.body);
  CHECK(before.post("/api/visits", R"({"id":"V-1","visit_date":"2026-11-23"})").status == 201);
  CHECK(before.get("/api/clients?id=C-1").body.find("\"loyalty\":\"gold\"") != std::string::npos);
  CHECK(after.post("/api/clients", R"({"id":"C-1","phone":"2"})").status == 200);
  CHECK(after.sql("SELECT loyalty || phone FROM clients WHERE id = 'C-1'") == "gold2");
  CHECK(run_replay(after, {"verify"}, folder) == 0);
  // Started again, it takes the definition from the database.
  CHECK(before.stop() == 0);
  before.start();
  CHECK(before.post("/api/clients", R"({"id":"C-1","phone":"3"})").status == 200);
  CHECK(before.sql("SELECT loyalty || phone FROM clients WHERE id = 'C-1'") == "gold3");
}

TEST_CASE("definition change: behind a view the table awaits its rebuild, and everybody is told so") {
  const definitions_folder folder;
  server_fixture server({.arguments = {"--entities", folder.path()}});
  fill_clients(server, 50);
  CHECK(server.stop() == 0);
  server.sql("CREATE VIEW cities AS SELECT DISTINCT city FROM clients");
  folder.put("clients.json",
             next_clients("\"x-search\": [\"full_name\", \"phone\",", "\"x-search\": [\"full_name\","));
  server.start();
  const auto awaiting = [&server] { return server.get("/readyz?verbose").body; };
  const std::string words = R"("awaiting_rebuild":[{"entity":"clients","table":"clients","last_failure":")";
  CHECK(wait_until([&] { return awaiting().find(words) != std::string::npos; }));
  CHECK(awaiting().find("view cities would be left with the old table") != std::string::npos);
  CHECK(awaiting().find("Drop it, rebuild, and make it again") != std::string::npos);
  CHECK(server.get("/readyz").status == 200);
  const auto metrics = server.get("/metrics").body;
  CHECK(metrics.find("\nsynclog_read_tables_awaiting_rebuild 1\n") != std::string::npos);
  CHECK(metrics.find("\nsynclog_read_tables_failing_rebuild 1\n") != std::string::npos);

  CHECK(server.post("/api/clients", R"({"id":"N-1","full_name":"New"})").status == 201);
  std::string output;
  CHECK(run_replay(server, {"verify"}, folder, &output) == 0);
  CHECK_MESSAGE(output.starts_with("clients awaits its rebuild (since 2"), output);
  CHECK(output.find("revision 2 of its definition was adopted)") != std::string::npos);
  CHECK(output.find("view cities stands on the table and keeps it: drop it, rebuild") != std::string::npos);
  CHECK(output.find("\nok: ") != std::string::npos);
  CHECK(run_replay(server, {"verify", "--json"}, folder, &output) == 0);
  CHECK(output.find(R"("notes":[{"kind":"awaits_rebuild","entity":"clients","table":"clients","since":"2)") !=
        std::string::npos);
  server.sql("UPDATE clients SET city = 'Linz' WHERE id = 'C-7'");
  CHECK(run_replay(server, {"verify"}, folder, &output) == 4);
  CHECK_MESSAGE(output.find("record C-7: city is Linz, the log says Graz") != std::string::npos, output);
  CHECK(output.find("clients awaits its rebuild") != std::string::npos);
  server.sql("DROP VIEW cities");
  CHECK(says(server, rebuilt));
  CHECK(wait_until([&] { return awaiting().find("\"awaiting_rebuild\":[]") != std::string::npos; }));
  CHECK(run_replay(server, {"verify"}, folder, &output) == 0);
  CHECK_MESSAGE(output.starts_with("ok: "), output);
}

TEST_CASE("definition change: where a unique field is gone, an outdated server says that it is outdated") {
  const definitions_folder folder;
  server_fixture before;
  const std::string body = R"({"id":"C-1","full_name":"A","reference_number":"R-1"})";
  CHECK(before.post("/api/clients", body).status == 201);
  std::string text =
      next_clients("\"reference_number\": {\"type\": \"string\"", "\"old_number\": {\"type\": \"string\"");
  for (auto at = text.find("\"reference_number\""); at != std::string::npos;
       at = text.find("\"reference_number\""))
    text.replace(at, std::string("\"reference_number\"").size(), "\"old_number\"");
  folder.put("clients.json", text);
  server_fixture after({.database = before.database(), .arguments = {"--entities", folder.path()}});
  CHECK(after.sql("SELECT count(*) FROM pg_attribute WHERE attrelid = 'clients'::regclass AND attname = "
                  "'reference_number'") == "0");
  for (const char* reference : {"R-1", "R-2"}) {
    const auto refused =
        before.post("/api/clients", fmt::format(R"({{"full_name":"B","reference_number":"{}"}})", reference));
    CHECK_MESSAGE(refused.status == 503, refused.body);
    CHECK(refused.body.find("\"code\":\"outdated_server\"") != std::string::npos);
    CHECK(refused.body.find("revision 2 of the definition of clients, this server has revision 1") !=
          std::string::npos);
    CHECK(refused.header("retry-after") != "");
  }
  // The others of a batch are not held up by it.
  CHECK(before.post("/api/visits", R"({"id":"V-1","visit_date":"2026-11-23"})").status == 201);
}

TEST_CASE("definition change: a file of an older revision than the database's is named at the start") {
  const definitions_folder folder;
  const auto revision = [](const char* number) {
    return replaced(clients_with_loyalty(), "\"x-revision\": 2", std::string("\"x-revision\": ") + number);
  };
  folder.put("clients.json", revision("3"));
  server_fixture server({.arguments = {"--entities", folder.path()}});
  CHECK(server.stop() == 0);
  CHECK(server.output().find("is passed over") == std::string::npos);
  folder.put("clients.json", revision("2"));
  server.start();
  CHECK(server.output().find("Entity clients: " + folder.path() +
                             " has x-revision 2, the database holds revision 3 and goes by it; the file is "
                             "passed over.") != std::string::npos);
  CHECK(server.post("/api/clients", R"({"id":"C-1","full_name":"A","loyalty":"gold"})").status == 201);
}

TEST_CASE("definition change: what old events cannot satisfy is refused with counts, the earlier definition "
          "serves on") {
  const definitions_folder folder;
  server_fixture server({.arguments = {"--entities", folder.path()}});
  for (int i = 0; i < 8; ++i)
    CHECK(server
              .post("/api/clients", "{\"id\":\"C-" + std::to_string(i) +
                                        "\",\"full_name\":\"A\",\"phone\":\"" + (i < 3 ? "none" : "0.5") +
                                        "\",\"email\":\"same\"}")
              .status == 201);
  CHECK(server.stop() == 0);
  folder.put("clients.json",
             replaced(next_clients("\"phone\": {\"type\": \"string\"", "\"phone\": {\"type\": \"number\""),
                      "\"x-search\": [\"full_name\", \"phone\",", "\"x-search\": [\"full_name\","));
  const std::string retyped = start_refusal(server);
  CHECK(retyped.find("3 records hold a value of \"phone\" that is no numeric (C-") != std::string::npos);
  folder.put("clients.json", next_clients("\"x-unique\": [", "\"x-unique\": [\"email\", "));
  const std::string unique = start_refusal(server);
  CHECK(unique.find("1 values of \"email\" stand more than once (\"same\" 8 times)") != std::string::npos);
  std::filesystem::remove(folder.path() + "/clients.json");
  server.start();
  CHECK(server.sql("SELECT revision FROM synclog.definitions WHERE name = 'clients'") == "1");
  CHECK(server.post("/api/clients", R"({"id":"C-1","phone":"still a text"})").status == 200);
  CHECK(run_replay(server, {"verify"}, folder) == 0);
}

TEST_CASE("replay rebuild: lists what would change, mends it beside the server, and knows its entities") {
  const definitions_folder folder;
  server_fixture server({.arguments = {"--entities", folder.path()}});
  fill_clients(server, 500);
  std::string output, errors;
  CHECK(run_replay(server, {"rebuild", "client"}, folder, &output, &errors) == 2);
  CHECK(errors.find("no entity is named client; there are appointments, campaigns, clients,") !=
        std::string::npos);
  CHECK(run_replay(server, {"rebuild", "--dry-run"}, folder, &output) == 0);

  server.sql("UPDATE clients SET city = 'Linz' WHERE id = 'C-7'; DELETE FROM clients WHERE id = 'C-8'");
  CHECK(run_replay(server, {"rebuild", "clients", "--dry-run"}, folder, &output) == 4);
  CHECK(output.find("clients: 2 of 499 rows would change\n") != std::string::npos);
  CHECK(output.find("  C-7: city is Linz, would be Graz\n") != std::string::npos);
  CHECK(output.find("  C-8: the row is missing\n") != std::string::npos);
  CHECK(run_replay(server, {"rebuild", "clients", "--dry-run", "--json"}, folder, &output) == 4);
  CHECK(output.find(
            "{\"ok\":false,\"dry_run\":true,\"entities\":[{\"entity\":\"clients\",\"rows_compared\":499,"
            "\"rows_differing\":2,\"layout\":[],\"obstacles\":[],\"differences\":[") == 0);
  CHECK(output.find(
            "{\"id\":\"C-7\",\"kind\":\"field\",\"field\":\"city\",\"is\":\"Linz\",\"would_be\":\"Graz\"}") !=
        std::string::npos);
  CHECK(server.sql("SELECT city FROM clients WHERE id = 'C-7'") == "Linz");

  callers requests(server, "phone");
  for (int round = 0; round < 3; ++round)
    CHECK(run_replay(server, {"rebuild", "clients", "--jobs", "2"}, folder, &output) == 0);
  CHECK(output.find("rows rebuilt and compared with the log in ") != std::string::npos);
  requests.stop();
  CHECK(requests.first_failure() == "");
  CHECK(server.sql("SELECT city FROM clients WHERE id = 'C-7'") == "Graz");
  CHECK(run_replay(server, {"rebuild", "--dry-run"}, folder, &output) == 0);
  CHECK(run_replay(server, {"verify"}, folder) == 0);
}

TEST_CASE("replay rebuild: takes nothing over from a log that was changed, or whose tail is missing") {
  const definitions_folder folder;
  server_fixture server({.arguments = {"--entities", folder.path()}});
  for (const char* name : {"A", "B", "C"})
    REQUIRE(server.post("/api/clients", fmt::format(R"({{"id":"C-{0}","full_name":"{0}"}})", name)).status ==
            201);
  const auto as_owner = [&server](const std::string& change) {
    server.sql("ALTER TABLE synclog.events DISABLE TRIGGER append_only; " + change +
               "; ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only");
  };
  std::string output, errors;
  as_owner("UPDATE synclog.events SET data = replace(data::text, '\"B\"', '\"X\"')::json WHERE position = 2");
  CHECK(run_replay(server, {"rebuild", "clients"}, folder, &output, &errors) == 4);
  CHECK_MESSAGE(errors.find("position 2: stored hash ") != std::string::npos, errors);
  CHECK(server.sql("SELECT full_name FROM clients WHERE id = 'C-B'") == "B");
  CHECK(run_replay(server, {"rebuild", "clients", "--unproven"}, folder, &output) == 0);
  CHECK(server.sql("SELECT full_name FROM clients WHERE id = 'C-B'") == "X");
  as_owner("UPDATE synclog.events SET data = replace(data::text, '\"X\"', '\"B\"')::json WHERE position = 2");
  CHECK(run_replay(server, {"rebuild", "clients"}, folder, &output) == 0);

  as_owner("DELETE FROM synclog.events WHERE position = 3");
  CHECK(run_replay(server, {"verify"}, folder, &output) == 4);
  CHECK_MESSAGE(
      output.find(
          "position 3: missing: the log ends at 2, but read table clients has record C-C of position 3: "
          "the log's tail is missing") == 0,
      output);
  CHECK(output.find("replay rebuild") == std::string::npos);
  CHECK(run_replay(server, {"rebuild", "clients"}, folder, &output, &errors) == 1);
  CHECK_MESSAGE(errors.find("the log's tail is missing") != std::string::npos, errors);
  CHECK(server.sql("SELECT count(*) FROM clients") == "3");
}
