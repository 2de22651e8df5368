// Read tables follow the append: the fold, unique values, probes.
#include "lab.hpp"
#include "projections/layout.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog;
using namespace synclog::tests;

namespace {

std::uint64_t fresh_seed() {
  return std::random_device{}();
}

core::field_texts with(const core::entity& definition,
                       const std::vector<std::pair<std::string, std::string>>& values) {
  core::field_texts fields(definition.fields.size());
  for (std::size_t i = 0; i < fields.size(); ++i)
    fields.set(i, "null");
  for (const auto& [name, json_text] : values)
    fields.set(definition.field_index(name).value(), json_text);
  return fields;
}

} // namespace

TEST_CASE("append: after any sequence of changes every read table equals the fold of the log") {
  const std::uint64_t seed = fresh_seed();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  lab log;
  for (int batch = 0; batch < 25; ++batch) {
    std::vector<lab_change> changes;
    const std::size_t count = 1 + random() % 40;
    for (std::size_t i = 0; i < count; ++i) {
      const auto& definition = *log.entities.all()[random() % log.entities.all().size()];
      const std::string id = fmt::format("{}-{}-é", definition.prefix, random() % 12);
      lab_change change{&definition, id, random_fields(definition, random)};
      const auto& known = log.records[definition.name];
      const auto state = known.find(id);
      bool live = state != known.end() && state->second.live;
      for (const lab_change& earlier : changes)
        if (earlier.definition == &definition && earlier.id == id) live = earlier.fields.has_value();
      if (live && random() % 4 == 0) change.fields.reset();
      changes.push_back(std::move(change));
    }
    const auto failed = log.append(changes);
    REQUIRE_MESSAGE(!failed, (failed ? failed->message : ""));
  }
  for (const auto& definition : log.entities.all())
    log.check_table(*definition);
  CHECK(table_difference(log) == "");
}

TEST_CASE("append: two records may exchange a unique value in one batch, and a delete frees its value") {
  lab log;
  const core::entity& clients = *log.entities.find("clients");
  const auto named = [&](const char* reference) {
    return with(clients, {{"full_name", "\"A\""}, {"reference_number", reference}});
  };
  REQUIRE(!log.append({{&clients, "a", named("\"R1\"")}, {&clients, "b", named("\"R2\"")}}));
  REQUIRE(!log.append({{&clients, "a", named("\"R2\"")}, {&clients, "b", named("\"R1\"")}}));
  CHECK(log.sql("SELECT reference_number FROM clients WHERE id = 'a'") == "R2");
  REQUIRE(!log.append({{&clients, "a", std::nullopt}, {&clients, "c", named("\"R2\"")}}));
  log.check_table(clients);

  const auto failed = log.append({{&clients, "d", named("\"R1\"")}});
  REQUIRE(failed.has_value());
  CHECK(failed->sqlstate == "23505");
  CHECK(log.tables.field_of_constraint(failed->table, failed->constraint) == "reference_number");
  CHECK(log.tables.field_of_constraint("clients", "clients_pkey") == "");
  CHECK(log.tables.field_of_constraint("nobody", failed->constraint) == "");
  log.check_table(clients);
}

TEST_CASE("append: values are exchanged across the statements of a large batch, and a clash there is still "
          "refused") {
  lab log;
  const core::entity& distributors = *log.entities.find("distributors");
  constexpr int count = 4'100;
  const auto code = [&](int number) {
    return with(distributors,
                {{"distributor_name", "\"D\""}, {"distributor_code", fmt::format("\"C{}\"", number)}});
  };
  std::vector<lab_change> changes;
  for (int i = 0; i < count; ++i)
    changes.push_back({&distributors, fmt::format("id{:05}", i), code(i)});
  REQUIRE(!log.append(changes));
  for (int i = 0; i < count; ++i)
    changes[static_cast<std::size_t>(i)].fields = code(count - 1 - i);
  const auto failed = log.append(changes);
  REQUIRE_MESSAGE(!failed, (failed ? failed->message : ""));
  CHECK(log.sql("SELECT distributor_code FROM distributors WHERE id = 'id00000'") ==
        fmt::format("C{}", count - 1));
  changes.back().fields = code(count - 1);
  const auto clash = log.append(changes);
  REQUIRE(clash.has_value());
  CHECK(log.tables.field_of_constraint(clash->table, clash->constraint) == "distributor_code");
  CHECK(table_difference(log) == "");
}

TEST_CASE("append: a fresh record may take what a changed one gives away in the same batch") {
  lab log;
  const core::entity& clients = *log.entities.find("clients");
  const auto named = [&](const char* reference) {
    return with(clients, {{"full_name", "\"A\""}, {"reference_number", reference}});
  };
  REQUIRE(!log.append({{&clients, "z", named("\"R1\"")}}));
  REQUIRE(!log.append({{&clients, "a", named("\"R1\"")}, {&clients, "z", named("\"R2\"")}}));
  // Gone and there again is a change: its version goes on counting.
  REQUIRE(!log.append({{&clients, "a", std::nullopt}}));
  REQUIRE(!log.append({{&clients, "a", named("\"R3\"")}, {&clients, "b", named("\"R1\"")}}));
  REQUIRE(!log.append({{&clients, "c", named("\"R4\"")}, {&clients, "c", named("\"R5\"")}}));
  log.check_table(clients);
  CHECK(table_difference(log) == "");
}

TEST_CASE("probes: the holder of a unique value comes with the latest event of its record") {
  lab log;
  const core::entity& exotic = *log.entities.find("exotic");
  const core::entity& clients = *log.entities.find("clients");
  const std::size_t user = exotic.field_index("user").value(), table = exotic.field_index("table").value();
  const std::size_t reference = clients.field_index("reference_number").value();
  REQUIRE(!log.append({{&exotic, "x", with(exotic, {{"user", "\"u1\""}, {"table", "\"t1\""}})}}));
  REQUIRE(!log.append({{&exotic, "x", with(exotic, {{"user", "\"u1\""}, {"table", "\"t2\""}})},
                       {&clients, "c", with(clients, {{"reference_number", "\"o'R\\\\é\""}})},
                       {&clients, "gone", with(clients, {{"reference_number", "\"G\""}})}}));
  REQUIRE(!log.append({{&clients, "gone", std::nullopt}}));

  const std::vector<eventstore::unique_probe> probes = {
      {&clients, reference, "nobody"}, {&exotic, user, "u1"},  {&clients, reference, "o'R\\é"},
      {&exotic, table, "t1"},          {&exotic, table, "t2"}, {&clients, reference, "G"}};
  eventstore::pg::segment work;
  log.tables.add_probes(work, probes);
  const auto asked = work.size();
  const auto done = log.threads.run(log.pool.run(std::move(work), log.soon()));
  REQUIRE_MESSAGE(done.ok(), (done.failed ? done.failed->message : ""));
  std::vector<eventstore::unique_holder> holders;
  CHECK(log.tables.read_probes(done.results, probes, holders) == asked);
  std::map<std::size_t, core::record_state> found;
  for (const auto& holder : holders)
    found[holder.probe] = holder.state;
  CHECK(found.size() == 3);
  REQUIRE(found.contains(1));
  CHECK(found[1].id == "x");
  CHECK(found[1].version == 2);
  CHECK(found[1].position.value == 2);
  CHECK(found[1].live);
  CHECK(found[1].doc == log.records["exotic"]["x"].doc);
  CHECK(found[2].id == "c");
  CHECK(found[4].id == "x");

  eventstore::pg::segment none;
  log.tables.add_probes(none, {});
  CHECK(none.size() == 0);
  CHECK(log.tables.read_probes({}, {}, holders) == 0);
}
