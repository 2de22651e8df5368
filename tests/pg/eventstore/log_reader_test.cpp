// Records at their versions: what the log says of each, in pages bounded in bytes.
#include "log_fixture.hpp"

#include <fmt/format.h>
#include <random>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;
using presence = eventstore::record_state::presence;

namespace {

// Letters that do not compress.
std::string noise(std::size_t bytes, std::mt19937& random) {
  std::string made(bytes, ' ');
  for (char& each : made)
    each = static_cast<char>('!' + 2 + random() % 57); // no quote, no backslash
  return made;
}

void write(log_server& server, core::command_kind kind, const std::string& text) {
  std::vector<core::command> one;
  one.push_back(command_of("clients", kind, text));
  const auto done = server.submit(request_of(std::move(one)));
  REQUIRE(done.has_value());
}

} // namespace

TEST_CASE("log reader: large records come in pages of about the bound, all of them, in order") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  io_threads threads;
  log_server server(threads, cluster, database);
  constexpr std::size_t records = 60, large = 200'000, small_records = 20, bound = 1 << 20;
  std::vector<eventstore::record_version> wanted;
  std::vector<std::string> notes;
  for (std::size_t i = 0; i < records; ++i) {
    notes.push_back(noise(i < small_records ? 10 : large, random));
    write(server, core::command_kind::save,
          fmt::format(R"({{"id":"R{}","full_name":"x","data":{{"n":"{}"}}}})", i, notes.back()));
    wanted.push_back({"clients", fmt::format("R{}", i), 1});
  }
  std::size_t taken = 0;
  while (taken < records) {
    const std::vector<eventstore::record_version> rest(wanted.begin() + static_cast<std::ptrdiff_t>(taken),
                                                       wanted.end());
    const auto states = threads.run(server.log.states_at(rest, bound, eventstore::pg::clock::now() + 20s));
    REQUIRE(!states.empty());
    std::size_t bytes = 0;
    for (const auto& state : states) {
      REQUIRE(state.what == presence::live);
      REQUIRE(state.doc.find(notes[taken++]) != std::string::npos);
      bytes += state.doc.size();
    }
    CHECK(bytes <= bound + 2 * large);
  }
  const auto one = threads.run(server.log.states_at({wanted.back()}, 1, eventstore::pg::clock::now() + 20s));
  CHECK(one.size() == 1); // whatever its size
  CHECK(threads.run(server.log.states_at({}, bound, eventstore::pg::clock::now() + 20s)).empty());
}

TEST_CASE(
    "log reader: a deleted record, one whose data was erased and one that is not there are told apart") {
  auto& cluster = test_cluster::shared();
  const auto database = fresh_log(cluster);
  io_threads threads;
  log_server server(threads, cluster, database);
  write(server, core::command_kind::save, R"({"id":"A","full_name":"one"})");
  write(server, core::command_kind::save, R"({"id":"A","full_name":"two"})");
  write(server, core::command_kind::remove, R"({"id":"A"})");
  cluster.sql(database, R"(ALTER TABLE synclog.events DISABLE TRIGGER append_only;
                           UPDATE synclog.events e SET data_hash = synclog.data_hash(e), data = NULL, salt = NULL
                           WHERE version = 1;
                           ALTER TABLE synclog.events ENABLE ALWAYS TRIGGER append_only)");
  const auto states = threads.run(server.log.states_at({{"clients", "A", 4},
                                                        {"clients", "A", 1},
                                                        {"clients", "A", 2},
                                                        {"clients", "A", 3},
                                                        {"clients", "Z", 1}},
                                                       1 << 20, eventstore::pg::clock::now() + 20s));
  REQUIRE(states.size() == 5);
  CHECK(states[0].what == presence::unknown);
  CHECK(states[1].what == presence::unknown);
  CHECK(states[2].what == presence::live);
  CHECK(states[2].doc.find("two") != std::string::npos);
  CHECK(states[3].what == presence::deleted);
  CHECK(states[3].doc.empty());
  CHECK(states[4].what == presence::unknown);
}
