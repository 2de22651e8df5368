// A list URL as server-sent events: the snapshot, what enters, changes in and leaves the result, resuming,
// and that folding the frames always ends at the list.
#include "records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <atomic>
#include <doctest/doctest.h>
#include <map>
#include <random>
#include <set>
#include <thread>

using namespace synclog::tests;

namespace {

const http_headers as_stream{{"Accept", "text/event-stream"}};

// A live query over a connection of its own, folding what it reads.
class live {
 public:
  live(const server_fixture& server, const std::string& target, http_headers headers = as_stream,
       http_client_options with = {})
      : client_(server.port(), with) {
    client_.send_request("GET", target, headers);
    reader_.emplace(client_);
  }

  int status() const { return reader_->head().status; }

  sse_event next() {
    for (;;) {
      auto event = reader_->next();
      if (!event) throw std::runtime_error("the live query ended");
      if (event->name.empty() && event->data.empty()) continue; // retry
      fold(*event);
      return std::move(*event);
    }
  }
  // Up to and including a frame of that name; its event.
  sse_event until(std::string_view name) {
    for (;;) {
      auto event = next();
      if (event.name == name) return event;
    }
  }
  // The next frame that is no checkpoint.
  sse_event next_telling() {
    for (;;) {
      auto event = next();
      if (event.name != "checkpoint") return event;
    }
  }

  std::map<std::string, std::string> rows; // by id
  std::set<std::string> snapshot_ids;
  std::int64_t start = -1, latest_in_snapshot = 0;
  std::string cursor; // as a browser keeps it

 private:
  void fold(const sse_event& event) {
    if (!event.id.empty()) cursor = event.id;
    if (event.name == "hello") start = std::stoll(at(event.data, "/cursor"));
    if (event.name == "resync") {
      rows.clear();
      snapshot_ids.clear();
      latest_in_snapshot = 0;
    }
    if (event.name == "snapshot") {
      snapshot_ids.insert(at(event.data, "/id"));
      latest_in_snapshot =
          std::max<std::int64_t>(latest_in_snapshot, std::stoll(at(event.data, "/position")));
    }
    if (event.name == "snapshot" || event.name == "upsert") rows[at(event.data, "/id")] = event.data;
    if (event.name == "remove") rows.erase(at(event.data, "/id"));
  }

  http_client client_;
  std::optional<sse_reader> reader_;
};

void save(const server_fixture& server, const std::string& body) {
  const auto saved = server.post("/api/clients", body);
  REQUIRE_MESSAGE(saved.status < 300, saved.body);
}

} // namespace

TEST_CASE("live query: a snapshot, then rows enter, change in and leave the result") {
  const server_fixture server;
  save(server, R"({"id":"A","full_name":"Ann","branch":"north"})");
  save(server, R"({"id":"B","full_name":"Bob","branch":"south"})");
  live north(server, "/api/clients?branch=north");
  CHECK(north.status() == 200);
  CHECK(at(north.until("hello").data, "/cursor").starts_with("2-"));
  const auto first = north.next();
  CHECK(first.name == "snapshot");
  CHECK(first.id.empty());
  CHECK(at(first.data, "/id") == "A");
  const auto caught_up = north.next();
  CHECK(caught_up.name == "caught_up");
  CHECK(caught_up.id.starts_with("2-"));

  save(server, R"({"id":"C","full_name":"Cid","branch":"south"})"); // was never in: no frame
  save(server, R"({"id":"B","full_name":"Bob","branch":"south","phone":"1"})");
  save(server, R"({"id":"D","full_name":"Dan","branch":"north"})");
  auto frame = north.next_telling();
  CHECK(frame.name == "upsert");
  CHECK(at(frame.data, "/id") == "D");
  CHECK(frame.id.starts_with("5-"));

  save(server, R"({"id":"B","branch":"north"})"); // enters
  frame = north.next_telling();
  CHECK(frame.name == "upsert");
  CHECK(at(frame.data, "/id") == "B");
  CHECK(at(frame.data, "/version") == "3");

  save(server, R"({"id":"A","branch":"south"})"); // leaves
  frame = north.next_telling();
  CHECK(frame.name == "remove");
  CHECK(frame.data == R"({"id":"A"})");
  CHECK(frame.id.starts_with("7-"));

  CHECK(server.request("DELETE", "/api/clients/B").status == 200);
  CHECK(server.request("DELETE", "/api/clients/A").status == 200); // not in: no frame
  frame = north.next_telling();
  CHECK(frame.name == "remove");
  CHECK(at(frame.data, "/id") == "B");
  save(server, R"({"id":"B","full_name":"Bob again","branch":"north"})"); // re-created
  frame = north.next_telling();
  CHECK(frame.name == "upsert");
  CHECK(at(frame.data, "/full_name") == "Bob again");
}

TEST_CASE("live query: search and ranges decide as the list does") {
  const server_fixture server;
  live found(server, "/api/clients?search=%C3%A9va");
  found.until("caught_up");
  save(server, R"({"id":"1","full_name":"Mrs EVA Noe"})");
  save(server, R"({"id":"2","full_name":"Adam"})");
  save(server, R"({"id":"3","full_name":"Medieval"})");
  CHECK(at(found.next_telling().data, "/id") == "1");
  CHECK(at(found.next_telling().data, "/id") == "3");
  save(server, R"({"id":"1","full_name":"Mrs Noe"})");
  const auto gone = found.next_telling();
  CHECK(gone.name == "remove");
  CHECK(at(gone.data, "/id") == "1");
}

TEST_CASE("live query: it resumes without a snapshot, and starts anew from a void cursor") {
  const server_fixture server;
  save(server, R"({"id":"A","full_name":"Ann"})");
  std::string cursor;
  {
    live first(server, "/api/clients");
    first.until("caught_up");
    cursor = first.cursor;
  }
  save(server, R"({"id":"B","full_name":"Bob"})");
  CHECK(server.request("DELETE", "/api/clients/A").status == 200);
  live resumed(server, "/api/clients", {{"Accept", "text/event-stream"}, {"Last-Event-ID", cursor}});
  CHECK(at(resumed.next().data, "/cursor") == cursor); // hello
  CHECK(resumed.next().name == "upsert");
  CHECK(resumed.next().name == "remove");
  CHECK(resumed.next().name == "caught_up");

  live other(server, "/api/clients?after=2-00000000");
  const auto resync = other.next();
  CHECK(resync.name == "resync");
  CHECK(resync.id.empty());
  CHECK(at(resync.data, "/reason") == "other_history");
  CHECK(other.next().name == "hello");
  CHECK(other.next().name == "snapshot");
  CHECK(other.next().name == "caught_up");
  CHECK(other.rows.size() == 1);
}

TEST_CASE("live query: what has no meaning for it is refused") {
  const auto& server = server_fixture::shared();
  for (const char* query : {"?limit=5", "?cursor=x", "?at=3", "?brnch=north", "?after=nonsense", "?sort=nope",
                            "?after=0&after=0"}) {
    const auto answer = server.get(std::string("/api/clients") + query, as_stream);
    CHECK_MESSAGE(answer.status == 400, query, ": ", answer.body);
    CHECK(answer.header("content-type") == "application/problem+json");
  }
  CHECK(server.get("/api/nothing", as_stream).status == 404);
  const auto detail = at(server.get("/api/clients?brnch=north", as_stream).body, "/detail");
  CHECK(detail.find("sort, after, and column[") != std::string::npos);
  CHECK(detail.find("limit") == std::string::npos);
  CHECK(detail.find("cursor") == std::string::npos);
}

TEST_CASE("live query: a record whose earlier data was erased is taken away, one that was deleted is not") {
  const server_fixture server;
  save(server, R"({"id":"A","full_name":"Ann","branch":"north"})");
  save(server, R"({"id":"B","full_name":"Bob","branch":"north"})");
  CHECK(server.request("DELETE", "/api/clients/B").status == 200);
  std::string cursor;
  {
    live first(server, "/api/clients?branch=north");
    first.until("caught_up");
    cursor = first.cursor;
    CHECK(first.rows.count("A") == 1);
  }
  save(server, R"({"id":"B","full_name":"Bob","branch":"south"})");
  save(server, R"({"id":"A","full_name":"Ann","branch":"south"})");
  server.sql(R"(ALTER TABLE synclog.events DISABLE TRIGGER append_only;
                UPDATE synclog.events e SET data_hash = synclog.data_hash(e), data = NULL, salt = NULL
                WHERE record_id = 'A' AND version = 1;
                ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only)");
  live resumed(server, "/api/clients?branch=north",
               {{"Accept", "text/event-stream"}, {"Last-Event-ID", cursor}});
  resumed.until("hello");
  const auto frame = resumed.next_telling();
  CHECK(frame.name == "remove");
  CHECK(frame.data == R"({"id":"A"})");
  CHECK(resumed.next_telling().name == "caught_up");
}

TEST_CASE("live query: opened at any moment under writes, the fold of its frames ends at the list") {
  const server_fixture server;
  constexpr int queries = 100, openers = 4, writers = 3, ids = 400;
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  const char* branches[] = {"north", "south", "east"};
  const char* filters[] = {"",
                           "branch=north",
                           "branch=south&branch=east",
                           "search=ann",
                           "gender[ne]=x",
                           "version[gte]=3",
                           "branch=east&search=1"};
  for (int i = 0; i < ids; ++i)
    save(server, R"({"id":"R)" + std::to_string(i) + R"(","full_name":"Ann )" + std::to_string(i) +
                     R"(","branch":"north"})");

  std::atomic<bool> writing{true};
  std::atomic<std::int64_t> written{0};
  std::vector<std::string> wrong(queries + writers);
  std::vector<std::thread> threads;
  for (int writer = 0; writer < writers; ++writer)
    threads.emplace_back([&, writer] {
      try {
        std::mt19937 random(seed + static_cast<unsigned>(writer));
        auto client = server.connect();
        while (writing) {
          const auto id = "R" + std::to_string(random() % ids);
          http_reply saved;
          if (random() % 8 == 0) {
            saved = client.request("DELETE", "/api/clients/" + id);
          } else {
            const auto body = R"({"id":")" + id + R"(","full_name":")" +
                              (random() % 3 == 0 ? "Bob " : "Ann ") + std::to_string(random() % 20) +
                              R"(","branch":")" + branches[random() % 3] + "\"}";
            saved = client.request("POST", "/api/clients", {{"Content-Type", "application/json"}}, body);
          }
          if (saved.status >= 300 && saved.status != 404) throw std::runtime_error(saved.body);
          ++written;
        }
      } catch (const std::exception& error) {
        wrong[static_cast<std::size_t>(queries + writer)] = error.what();
      }
    });

  std::vector<std::unique_ptr<live>> opened(queries);
  const auto target_of = [&filters](int query) {
    return std::string("/api/clients?") + filters[static_cast<std::size_t>(query) % std::size(filters)];
  };
  std::atomic<int> next{0};
  std::vector<std::thread> opening;
  for (int opener = 0; opener < openers; ++opener)
    opening.emplace_back([&] {
      for (int query = next++; query < queries; query = next++) {
        try {
          const auto enough = [&written, query] { return written >= 4 * query; };
          if (!wait_until(enough)) throw std::runtime_error("the writers are stuck");
          const http_client_options patient{.patience = std::chrono::minutes(1)};
          auto& one = opened[static_cast<std::size_t>(query)];
          one = std::make_unique<live>(server, target_of(query), as_stream, patient);
          one->until("caught_up");
          if (one->latest_in_snapshot > one->start)
            throw std::runtime_error("the snapshot is of no one position");
        } catch (const std::exception& error) {
          wrong[static_cast<std::size_t>(query)] = error.what();
        }
      }
    });
  for (auto& thread : opening)
    thread.join();
  writing = false;
  for (auto& thread : threads)
    thread.join();
  for (const auto& why : wrong)
    REQUIRE(why == "");

  // The last events of the log enter every result, and leave those of the north with the one before the last.
  std::int64_t last = 0, last_of_north = 0;
  for (const char* branch : {"north", "south", "east", "north", "south", "east"}) {
    last_of_north = last;
    save(server, std::string(R"({"id":"LAST","full_name":"Ann 1","branch":")") + branch + "\"}");
    last = server.event_count();
  }
  for (int query = 0; query < queries; ++query) {
    auto& one = *opened[static_cast<std::size_t>(query)];
    const auto target = target_of(query);
    const bool is_north = target.find("branch=north") != std::string::npos;
    while (std::stoll(one.cursor) < (is_north ? last_of_north : last))
      one.next();
    const auto list = server.get(target);
    std::map<std::string, std::string> expected;
    for (std::size_t row = 0; row < size_at(list.body); ++row) {
      const auto record = at(list.body, "/" + std::to_string(row));
      expected[at(record, "/id")] = record;
    }
    CAPTURE(target);
    REQUIRE(one.rows.size() == expected.size());
    for (const auto& [id, record] : expected)
      REQUIRE(one.rows[id] == record);
  }
}
