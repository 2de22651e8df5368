// Searches with the texts in memory against searches of the table alone and a brute force over the records:
// at any lag of the memory, while it loads, and when what it was made of is gone.
#include "core/chain.hpp"
#include "core/text_fold.hpp"
#include "eventstore/feed.hpp"
#include "eventstore/log_reader.hpp"
#include "lab.hpp"
#include "nasty.hpp"
#include "projections/layout.hpp"
#include "projections/record_reader.hpp"
#include "projections/search_index.hpp"
#include "projections/search_load.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <set>

using namespace synclog;
using namespace synclog::tests;
using projections::search_index;

namespace {

using parameters = std::vector<std::pair<std::string, std::string>>;

constexpr projections::search_options small{.max_bytes = 1u << 30,
                                            .tuning = {.least_records = 0,
                                                       .common_count = 20,
                                                       .first_candidates = 4,
                                                       .most_candidates = 60,
                                                       .least_window = 16}};

// A server's feed and memory over the lab's log.
struct searched {
  explicit searched(lab& over, projections::search_options options = small)
      : log(over), events(log.pool),
        feed(log.threads.executor(), events, {.poll_interval = std::chrono::milliseconds(20)}),
        texts(log.threads.executor(), feed, log.pool, log.entities, options),
        reader(log.pool, log.pool, log.entities, &texts) {
    log.threads.run(feed.start(log.soon()));
    texts.start();
  }
  ~searched() {
    log.threads.run(texts.stop());
    log.threads.run(feed.stop());
  }
  bool is_ready() const {
    const auto now = texts.stats();
    return now.ready + now.refused == now.entities;
  }
  void wait_current() {
    feed.hint();
    REQUIRE(wait_until([&] {
      return is_ready() && feed.head().position.value == log.head && texts.stats().lag_positions == 0;
    }));
  }

  lab& log;
  eventstore::log_reader events;
  eventstore::feed feed;
  search_index texts;
  projections::record_reader reader;
};

projections::list_query parsed(const core::entity& definition, const parameters& params) {
  auto query = projections::parse_list_query(definition, params, {});
  REQUIRE_MESSAGE(query.has_value(), (query ? "" : query.error().detail));
  return *std::move(query);
}

std::vector<std::string> listed(lab& log, projections::record_reader& reader, const core::entity& definition,
                                const parameters& params, std::size_t page_rows) {
  std::vector<std::string> docs;
  auto query = parsed(definition, params);
  constexpr int max_pages = 10'000;
  for (int pages = 0; pages < max_pages; ++pages) {
    auto page = log.threads.run(reader.page(query, page_rows, log.soon()));
    CHECK(page.head.position.value == log.head);
    for (const auto doc : page.docs)
      docs.emplace_back(doc);
    if (!page.more) return docs;
    query.after = std::move(page.last_values);
  }
  FAIL("the pages do not end");
  return docs;
}

std::multiset<std::string> matching(const lab& log, const core::entity& definition, const std::string& term) {
  std::multiset<std::string> docs;
  const std::string folded = core::fold_text(term);
  for (const auto& [id, state] : log.records.at(definition.name)) {
    if (!state.live) continue;
    const auto record = core::decode_record(definition, state.doc);
    REQUIRE(record.has_value());
    if (core::search_text(definition, record->fields).find(folded) != std::string::npos)
      docs.insert(state.doc);
  }
  return docs;
}

// Creates, changes and deletes.
void change_some(lab& log, const core::entity& definition, nasty_values& values, int count) {
  std::vector<lab_change> changes;
  std::set<std::string> touched;
  for (int i = 0; i < count; ++i) {
    const std::string id = fmt::format("r{}", values.below(400));
    if (!touched.insert(id).second) continue;
    const auto known = log.records[definition.name].find(id);
    const bool lives = known != log.records[definition.name].end() && known->second.live;
    lab_change made{&definition, id, std::nullopt};
    if (!lives || values.below(4) != 0) made.fields = values.record(definition);
    changes.push_back(std::move(made));
  }
  REQUIRE(!log.append(changes));
}

std::string some_term(const lab& log, const core::entity& definition, nasty_values& values) {
  if (values.below(3) == 0) {
    const std::string piece = values.fragment();
    return piece.empty() ? "a" : piece;
  }
  const auto& all = log.records.at(definition.name);
  const auto picked = std::next(all.begin(), static_cast<std::ptrdiff_t>(values.below(all.size())));
  const auto record = core::decode_record(definition, picked->second.doc);
  REQUIRE(record.has_value());
  const std::string text = values.stretch(core::search_text(definition, record->fields));
  return text.empty() ? "r" : text;
}

parameters some_question(const core::entity& definition, nasty_values& values, const std::string& term) {
  parameters params = {{"search", term}};
  if (values.below(3) == 0 && definition.branch_field)
    params.emplace_back(definition.fields[*definition.branch_field].name + "[ne]",
                        values.below(2) == 0 ? "" : "north");
  const core::order_key& key = definition.default_order.front();
  switch (values.below(5)) {
  case 0:
    params.emplace_back("sort", (key.descending ? "" : "-") + key.column.name); // the other way round
    break;
  case 1:
    params.emplace_back("sort", values.below(2) == 0 ? "-updated_at" : "id");
    break;
  default:
    break;
  }
  return params;
}

void ask(searched& with, projections::record_reader& plain, const core::entity& definition,
         nasty_values& values, int rounds) {
  for (int round = 0; round < rounds; ++round) {
    const std::string term = some_term(with.log, definition, values);
    const parameters params = some_question(definition, values, term);
    INFO(definition.name, " search=", term, " ", params.back().first, "=", params.back().second);
    const std::size_t rows = 1 + values.below(40);
    const auto got = listed(with.log, with.reader, definition, params, rows);
    CHECK(got == listed(with.log, plain, definition, params, rows));
    if (params.size() == 1)
      CHECK(std::multiset<std::string>(got.begin(), got.end()) == matching(with.log, definition, term));
  }
}

std::uint64_t chosen_seed() {
  const char* const given = std::getenv("SYNCLOG_TEST_SEED");
  return given != nullptr ? std::stoull(given) : std::random_device{}();
}

} // namespace

TEST_CASE("search: it finds what a brute force finds, whatever the lag of the texts in memory") {
  const std::uint64_t seed = chosen_seed();
  MESSAGE("repeat with SYNCLOG_TEST_SEED=", seed);
  std::mt19937_64 random(seed);
  nasty_values values(random);
  lab log;
  projections::record_reader plain(log.pool, log.pool, log.entities);
  search_index::statistics total;
  for (const auto& entity : log.entities.all()) {
    if (entity->search_fields.empty()) continue;
    change_some(log, *entity, values, 250);
    searched with(log);
    with.wait_current();
    ask(with, plain, *entity, values, 12);
    change_some(log, *entity, values, 60); // the memory may or may not know
    ask(with, plain, *entity, values, 6);
    with.wait_current();
    ask(with, plain, *entity, values, 6);
    log.threads.run(with.texts.stop()); // from here on it knows nothing new
    for (int round = 0; round < 4; ++round) {
      change_some(log, *entity, values, 60);
      ask(with, plain, *entity, values, 8);
    }
    const auto now = with.texts.stats();
    total.from_candidates += now.from_candidates;
    total.from_order += now.from_order;
    total.from_table += now.from_table;
    CHECK(now.applied > 0);
  }
  MESSAGE(total.from_candidates, " pages from candidates, ", total.from_order, " from the order, ",
          total.from_table, " from the table");
  CHECK(total.from_candidates > 100);
  CHECK(total.from_order > 10);
}

TEST_CASE("search: what was written is found at once, what was deleted is not") {
  lab log;
  const core::entity& clients = *log.entities.find("clients");
  std::mt19937_64 random(11);
  searched with(log);
  with.wait_current();
  const auto name = clients.field_index("full_name").value();
  for (int i = 0; i < 200; ++i) {
    auto fields = random_fields(clients, random);
    fields.set(name, fmt::format("\"Zoë number-{}!\"", i));
    REQUIRE(!log.append({{&clients, "one", fields}}));
    const parameters now = {{"search", fmt::format("ZOE number-{}!", i)}};
    CHECK(listed(log, with.reader, clients, now, 10).size() == 1);
    const parameters before = {{"search", fmt::format("zoe number-{}!", i - 1)}};
    CHECK(listed(log, with.reader, clients, before, 10).empty());
    if (i % 10 != 9) continue;
    REQUIRE(!log.append({{&clients, "one", std::nullopt}}));
    CHECK(listed(log, with.reader, clients, now, 10).empty());
  }
  CHECK(with.texts.stats().from_table == 0);
}

TEST_CASE("search: loading beside writes, stopped in the middle and begun again, leaves nothing out") {
  const std::uint64_t seed = chosen_seed();
  MESSAGE("repeat with SYNCLOG_TEST_SEED=", seed);
  std::mt19937_64 random(seed);
  nasty_values values(random);
  lab log;
  const core::entity& clients = *log.entities.find("clients");
  projections::record_reader plain(log.pool, log.pool, log.entities);
  change_some(log, clients, values, 400);
  for (int life = 0; life < 12; ++life) {
    searched with(log);
    for (int i = 0; i < 5; ++i)
      change_some(log, clients, values, 30);
    if (life % 3 == 0) continue; // gone before it was loaded
    ask(with, plain, clients, values, 4);
    REQUIRE(wait_until([&] { return with.is_ready(); }));
    ask(with, plain, clients, values, 8);
  }
}

TEST_CASE("search: memory of another history, another table or too far behind is not believed") {
  std::mt19937_64 random(5);
  nasty_values values(random);
  lab log;
  const core::entity& clients = *log.entities.find("clients");
  const core::entity& visits = *log.entities.find("visits");
  projections::record_reader plain(log.pool, log.pool, log.entities);
  change_some(log, clients, values, 300);
  searched with(log);
  with.wait_current();
  log.threads.run(with.texts.stop());
  const parameters params = {{"search", "n"}, {"sort", "id"}};
  const auto from_table = [&] {
    const auto before = with.texts.stats().from_table;
    CHECK(listed(log, with.reader, clients, params, 10'000) == listed(log, plain, clients, params, 10'000));
    return with.texts.stats().from_table > before;
  };
  CHECK_FALSE(from_table());

  log.sql("UPDATE synclog.read_tables SET fingerprint = sha256('other') WHERE entity = 'clients'");
  CHECK(from_table());
  log.sql(fmt::format("UPDATE synclog.read_tables SET fingerprint = '\\x{}' WHERE entity = 'clients'",
                      core::to_hex(projections::table_fingerprint(clients))));
  CHECK_FALSE(from_table());

  const std::string last = std::to_string(log.head);
  const auto rewrite = [&](const std::string& hash) {
    log.sql("ALTER TABLE synclog.events DISABLE TRIGGER ALL; UPDATE synclog.events SET hash = " + hash +
            " WHERE position = " + last + "; ALTER TABLE synclog.events ENABLE TRIGGER ALL");
  };
  rewrite("sha256('restored')");
  CHECK(from_table());
  rewrite("sha256(int8send(position))");
  CHECK_FALSE(from_table());

  std::vector<lab_change> many;
  for (int i = 0; i < 20'000; ++i)
    many.push_back({&visits, fmt::format("v{}", i), random_fields(visits, random)});
  log.append_to_log(many);
  CHECK_FALSE(from_table());
  log.append_to_log({{&visits, "one more", random_fields(visits, random)}});
  CHECK(from_table());
}

TEST_CASE("search: an entity that takes more memory than allowed is let go, and still searched") {
  std::mt19937_64 random(6);
  nasty_values values(random);
  lab log;
  const core::entity& clients = *log.entities.find("clients");
  projections::record_reader plain(log.pool, log.pool, log.entities);
  change_some(log, clients, values, 300);
  auto options = small;
  options.max_bytes = 8'000;
  {
    searched with(log, options);
    REQUIRE(wait_until([&] { return with.is_ready(); }));
    CHECK(with.texts.stats().refused == 1);
    CHECK(with.texts.stats().bytes <= options.max_bytes);
    ask(with, plain, clients, values, 5);
    CHECK(with.texts.stats().from_candidates + with.texts.stats().from_order == 0);
  }
  options.max_bytes = 0;
  searched none(log, options);
  CHECK(none.texts.stats().entities == 0);
  ask(none, plain, clients, values, 5);
}

TEST_CASE("search: a table that is read stretch by stretch knows when it was rewritten or replaced") {
  std::mt19937_64 random(7);
  nasty_values values(random);
  lab log;
  const core::entity& clients = *log.entities.find("clients");
  change_some(log, clients, values, 300);
  const core::column_ref key = projections::order_column_of(clients);
  const auto is_whole_after = [&](const std::string& statements) {
    projections::table_stretches stretches(clients, key);
    log.threads.run(stretches.open(log.pool, log.soon()));
    std::size_t rows = 0;
    while (!stretches.is_done())
      rows += static_cast<std::size_t>(log.threads.run(stretches.next(log.pool, log.soon())).size());
    CHECK(rows == matching(log, clients, "").size());
    log.sql(statements);
    return log.threads.run(stretches.is_whole(log.pool, log.soon()));
  };
  CHECK(is_whole_after("VACUUM clients"));
  CHECK_FALSE(is_whole_after("VACUUM FULL clients"));
  CHECK_FALSE(is_whole_after("ALTER TABLE clients RENAME TO former; CREATE TABLE clients (LIKE former)"));
}
