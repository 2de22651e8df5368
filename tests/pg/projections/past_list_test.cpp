// Lists of the past against what the lists answered then, and against the fold of the log in memory, for
// every position of a random history. SYNCLOG_TEST_SEED=s repeats a run.
#include "eventstore/moment.hpp"
#include "lab.hpp"
#include "nasty.hpp"
#include "projections/past_list.hpp"
#include "projections/record_reader.hpp"
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <thread>

using namespace synclog;
using namespace synclog::tests;

namespace {

using parameters = std::vector<std::pair<std::string, std::string>>;
using docs = std::vector<std::string>;
using random_source = std::mt19937_64;

std::uint64_t chosen_seed() {
  const char* const given = std::getenv("SYNCLOG_TEST_SEED");
  return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

projections::list_query query_of(const core::entity& definition, const parameters& params,
                                 const core::scope& caller = {}) {
  auto query = projections::parse_list_query(definition, params, caller);
  REQUIRE_MESSAGE(query.has_value(), (query ? "" : query.error().detail));
  return *std::move(query);
}

// Creates, changes, deletes and creates again: a few records, so that each has many versions.
std::vector<lab_change> random_changes(const lab& log, const core::entity& definition, nasty_values& values,
                                       random_source& random, int count) {
  std::vector<lab_change> changes;
  std::map<std::string, bool> live;
  if (const auto known = log.records.find(definition.name); known != log.records.end())
    for (const auto& [id, state] : known->second)
      live[id] = state.live;
  while (count-- > 0) {
    const auto id = fmt::format("{}{}", values.one_of<std::string>({"", "x", "X", "é", "%"}), random() % 12);
    const bool removes = live[id] && random() % 4 == 0;
    live[id] = !removes;
    changes.push_back(
        {&definition, id, removes ? std::optional<core::field_texts>() : values.record(definition)});
  }
  return changes;
}

std::vector<std::string> sort_names(const core::entity& definition) {
  std::vector<std::string> names{"id", "version", "position", "created_at", "updated_at"};
  for (const auto& field : definition.fields)
    if (field.type != core::field_type::object && field.type != core::field_type::array)
      names.push_back(field.name);
  return names;
}

// Any order; sometimes a comparison with a value that some record has, sometimes a search.
parameters random_question(const lab& log, const core::entity& definition, nasty_values& values,
                           random_source& random) {
  parameters params;
  const auto names = sort_names(definition);
  if (random() % 3 != 0) {
    std::string sort;
    std::vector<std::string> used;
    for (auto keys = 1 + random() % 3; keys > 0; --keys) {
      const auto& name = names[random() % names.size()];
      if (std::find(used.begin(), used.end(), name) != used.end()) continue;
      used.push_back(name);
      sort += (sort.empty() ? "" : ",") + std::string(random() % 2 == 0 ? "-" : "") + name;
    }
    params.emplace_back("sort", sort);
  }
  const auto& known = log.records.at(definition.name);
  auto some = known.begin();
  std::advance(some, static_cast<long>(random() % known.size()));
  const auto record = core::decode_record(definition, some->second.doc);
  REQUIRE(record.has_value());
  if (random() % 2 == 0) {
    const auto index = random() % definition.fields.size();
    const auto& field = definition.fields[index];
    const bool ordered = field.type != core::field_type::object && field.type != core::field_type::array;
    const auto text = record->fields.get(index);
    if (ordered && text != "null" && text != "\"\"")
      params.emplace_back(
          fmt::format("{}[{}]", field.name, values.one_of<std::string>({"gte", "gt", "lte", "lt", "ne"})),
          core::field_plain_text(text));
  }
  if (!definition.search_fields.empty() && random() % 4 == 0) {
    const auto text = record->fields.get(definition.search_fields.front());
    if (text != "null") params.emplace_back("search", values.stretch(core::field_plain_text(text)));
  }
  return params;
}

docs answer_now(lab& log, projections::record_reader& reader, projections::list_query query) {
  docs all;
  for (bool more = true; more;) {
    auto asked = reader.page(query, 100, log.soon());
    const auto page = log.threads.run(std::move(asked));
    all.insert(all.end(), page.docs.begin(), page.docs.end());
    more = page.more;
    if (more) query.after = page.last_values;
  }
  return all;
}

// In pages of `page_rows`, each by a new list that begins where the one before ended, or by one list;
// `between` runs behind every page.
template <class Between>
docs answer_then(lab& log, projections::record_reader& reader, eventstore::log_reader& events,
                 projections::list_query query, std::int64_t at, std::size_t page_rows, bool by_links,
                 projections::past_list_options options, const Between& between) {
  docs all;
  std::optional<projections::past_list> list;
  for (bool more = true; more;) {
    if (!list || by_links) list.emplace(reader, events, query, core::position{at}, options);
    auto asked = list->next(page_rows);
    const auto page = log.threads.run(std::move(asked));
    REQUIRE(page.docs.size() <= page_rows);
    REQUIRE((!page.docs.empty() || !page.more));
    all.insert(all.end(), page.docs.begin(), page.docs.end());
    more = page.more;
    if (by_links && more) {
      // As a link carries it.
      const auto decoded =
          projections::decode_page_cursor(query, projections::encode_page_cursor(query, list->place()));
      REQUIRE(decoded.has_value());
      query.after = *decoded;
    }
    between();
  }
  return all;
}

const auto nothing_between = [] {};

} // namespace

TEST_CASE("past list: at every position every question is answered as it was then") {
  const auto seed = chosen_seed();
  CAPTURE(seed);
  random_source random(seed);
  nasty_values values(random);
  lab log;
  projections::record_reader reader(log.pool, log.pool, log.entities);
  eventstore::log_reader events(log.pool);
  struct asked {
    const core::entity* definition;
    parameters params;
    core::scope caller;
    std::int64_t at;
    docs answer;
  };
  std::vector<asked> questions;
  const std::vector<const core::entity*> definitions{log.entities.find("exotic"),
                                                     log.entities.find("clients")};
  for (int round = 0; round < 30; ++round) {
    for (const auto* definition : definitions) {
      REQUIRE(
          !log.append(random_changes(log, *definition, values, random, 1 + static_cast<int>(random() % 5))));
      for (int count = 0; count < 3; ++count) {
        auto params = random_question(log, *definition, values, random);
        core::scope caller;
        if (random() % 5 == 0) {
          caller.all_branches = false;
          caller.branches = {"north", values.text()};
        }
        const auto query = query_of(*definition, params, caller);
        questions.push_back({definition, params, caller, log.head, answer_now(log, reader, query)});
      }
    }
  }
  for (const auto& one : questions) {
    const auto query = query_of(*one.definition, one.params, one.caller);
    CAPTURE(query.canonical);
    CAPTURE(one.at);
    projections::past_list_options options;
    options.max_held = 1 + random() % 20;
    const auto rows = 1 + random() % 12;
    const auto came =
        answer_then(log, reader, events, query, one.at, rows, random() % 2 == 0, options, nothing_between);
    CHECK(came == one.answer);
  }
}

TEST_CASE("past list: a page is of its moment whatever is written between the pages") {
  const auto seed = chosen_seed();
  CAPTURE(seed);
  random_source random(seed);
  nasty_values values(random);
  lab log;
  projections::record_reader reader(log.pool, log.pool, log.entities);
  eventstore::log_reader events(log.pool);
  const auto& definition = *log.entities.find("clients");
  for (int round = 0; round < 12; ++round) {
    REQUIRE(!log.append(random_changes(log, definition, values, random, 12)));
    const auto params = random_question(log, definition, values, random);
    const auto query = query_of(definition, params);
    CAPTURE(query.canonical);
    const auto at = log.head;
    const auto expected = answer_now(log, reader, query);
    const auto write = [&] {
      REQUIRE(
          !log.append(random_changes(log, definition, values, random, 1 + static_cast<int>(random() % 4))));
    };
    projections::past_list_options options;
    options.max_held = 1 + random() % 5;
    CHECK(answer_then(log, reader, events, query, at, 1 + random() % 3, random() % 2 == 0, options, write) ==
          expected);
  }
}

TEST_CASE("past list: a record that is changed while a page is read is in it once, as it was") {
  const auto seed = chosen_seed();
  CAPTURE(seed);
  random_source random(seed);
  nasty_values values(random);
  lab log;
  projections::record_reader reader(log.pool, log.pool, log.entities);
  eventstore::log_reader events(log.pool);
  const auto& definition = *log.entities.find("clients");
  for (int round = 0; round < 6; ++round) {
    REQUIRE(!log.append(random_changes(log, definition, values, random, 40)));
    const auto query = query_of(definition, random_question(log, definition, values, random));
    CAPTURE(query.canonical);
    const auto at = log.head;
    const auto expected = answer_now(log, reader, query);
    std::atomic<bool> over{false};
    std::thread writer([&, own = random_source(random())]() mutable {
      nasty_values others(own);
      const auto number = *definition.field_index("reference_number");
      while (!over) {
        auto changes = random_changes(log, definition, others, own, 2);
        for (auto& change : changes)
          if (change.fields) change.fields->set(number, "null"); // unique: not two sources of them
        if (log.append(changes)) break;
      }
    });
    bool same = true;
    for (int reading = 0; reading < 5; ++reading)
      same &= answer_then(log, reader, events, query, at, 1 + random() % 6, false, {}, nothing_between) ==
              expected;
    over = true;
    writer.join();
    CHECK(same);
  }
}

TEST_CASE("past: at every position the fold, each record and the list are what the events say") {
  const auto seed = chosen_seed();
  CAPTURE(seed);
  random_source random(seed);
  nasty_values values(random);
  lab log;
  projections::record_reader reader(log.pool, log.pool, log.entities);
  eventstore::log_reader events(log.pool);
  eventstore::past_reader past(log.pool);
  const auto& definition = *log.entities.find("clients");
  std::vector<std::map<std::string, std::string>> folds(1); // by position: id -> doc of the live ones
  while (log.head < 120) {
    // One event at a time, so that every position is met.
    const auto change = random_changes(log, definition, values, random, 1);
    REQUIRE(!log.append(change));
    auto fold = folds.back();
    const auto& state = log.records.at(definition.name).at(change.front().id);
    if (state.live)
      fold[change.front().id] = state.doc;
    else
      fold.erase(change.front().id);
    folds.push_back(std::move(fold));
  }
  const auto query = query_of(definition, {{"sort", "id"}});
  for (std::int64_t at = 0; at <= log.head; ++at) {
    CAPTURE(at);
    const auto& fold = folds[static_cast<std::size_t>(at)];
    docs expected;
    for (const auto& [id, doc] : fold)
      expected.push_back(doc);
    std::sort(expected.begin(), expected.end());
    auto listed = answer_then(log, reader, events, query, at, 7, false, {}, nothing_between);
    std::sort(listed.begin(), listed.end());
    CHECK(listed == expected);

    std::map<std::string, std::string> folded;
    std::string after;
    for (bool more = true; more;) {
      auto asked = past.fold(definition.name, after, {at}, 5, log.soon());
      const auto page = log.threads.run(std::move(asked));
      for (const auto& [id, state] : page.records) {
        CHECK(id > after);
        after = id;
        if (state.what == eventstore::past_state::presence::live) folded[id] = state.doc;
      }
      more = page.more;
    }
    CHECK(folded == fold);

    for (const auto& [id, unused] : log.records.at(definition.name)) {
      auto asked = past.at(definition.name, id, {at}, log.soon());
      const auto found = log.threads.run(std::move(asked));
      const bool live = found && found->action != core::event_action::deleted;
      REQUIRE(live == fold.contains(id));
      if (live) CHECK(found->data == fold.at(id));
    }
  }
}

TEST_CASE("past: what changed between two positions leads from the one state to the other") {
  const auto seed = chosen_seed();
  CAPTURE(seed);
  random_source random(seed);
  nasty_values values(random);
  lab log;
  eventstore::past_reader past(log.pool);
  const auto& clients = *log.entities.find("clients");
  const auto& exotic = *log.entities.find("exotic");
  using state = std::map<std::pair<std::string, std::string>, std::string>;
  std::vector<state> folds(1);
  while (log.head < 100) {
    const auto& definition = random() % 2 == 0 ? clients : exotic;
    const auto change = random_changes(log, definition, values, random, 1);
    REQUIRE(!log.append(change));
    auto fold = folds.back();
    const auto& record = log.records.at(definition.name).at(change.front().id);
    if (record.live)
      fold[{definition.name, change.front().id}] = record.doc;
    else
      fold.erase({definition.name, change.front().id});
    folds.push_back(std::move(fold));
  }
  for (int round = 0; round < 60; ++round) {
    std::int64_t from = static_cast<std::int64_t>(random() % 101),
                 to = static_cast<std::int64_t>(random() % 101);
    if (from > to) std::swap(from, to);
    const std::string entity = random() % 2 == 0 ? "" : "clients";
    CAPTURE(from);
    CAPTURE(to);
    auto reached = folds[static_cast<std::size_t>(from)];
    for (core::position after{from}; after.value < to;) {
      auto asked = past.changed(entity, {from}, {to}, after, 1 + random() % 30, log.soon());
      const auto page = log.threads.run(std::move(asked));
      REQUIRE(page.complete_to > after);
      after = page.complete_to;
      for (const auto& record : page.records) {
        const std::pair key{record.entity, record.record_id};
        using presence = eventstore::past_state::presence;
        REQUIRE((record.before.what == presence::live) == reached.contains(key));
        if (reached.contains(key)) CHECK(reached.at(key) == record.before.doc);
        if (record.after.what == presence::live)
          reached[key] = record.after.doc;
        else
          reached.erase(key);
      }
    }
    auto expected = folds[static_cast<std::size_t>(to)];
    if (!entity.empty()) {
      std::erase_if(reached, [](const auto& each) { return each.first.first != "clients"; });
      std::erase_if(expected, [](const auto& each) { return each.first.first != "clients"; });
    }
    CHECK(reached == expected);
  }
}

TEST_CASE(
    "moment: a time means the last event recorded until then, and moments are checked against the history") {
  lab log;
  eventstore::log_reader events(log.pool);
  eventstore::past_reader past(log.pool);
  const auto position_at = [&](std::int64_t micros) {
    auto asked = past.position_at({micros}, log.soon());
    return log.threads.run(std::move(asked)).value;
  };
  CHECK(position_at(1'800'000'000'000'000) == 0); // an empty log
  constexpr std::int64_t start = 1'795'000'000'000'000;
  std::string insert =
      "INSERT INTO synclog.events (position, version, recorded_at, action, entity, record_id, hash, "
      "salt, meta, data) SELECT p, 1, timestamptz '1970-01-01 00:00:00Z' + "
      "(1795000000000000 + (p / 3) * 1000000) * interval '1 microsecond', 'created', 'clients', "
      "'C' || p, sha256(int8send(p)), '\\x00000000000000000000000000000000', '{}', '{}' "
      "FROM generate_series(1, 37) AS p";
  (void)log.sql(insert);
  for (std::int64_t second = -1; second <= 14; ++second)
    for (const std::int64_t aside : {-1, 0, 1}) {
      std::int64_t expected = 0;
      for (std::int64_t position = 1; position <= 37; ++position)
        if (start + position / 3 * 1'000'000 <= start + second * 1'000'000 + aside) expected = position;
      CHECK(position_at(start + second * 1'000'000 + aside) == expected);
    }
  const auto find = [&](const char* text) {
    const auto wanted = eventstore::parse_moment(text);
    REQUIRE(wanted.has_value());
    auto asked = eventstore::find_moment(events, past, *wanted, log.soon());
    return log.threads.run(std::move(asked));
  };
  using check = eventstore::found_moment::check;
  const auto good = find("5");
  CHECK(good.what == check::good);
  CHECK(find(core::to_string(good.at).c_str()).what == check::good);
  CHECK(find("5-00000000").what == check::other_history);
  CHECK(find("38").what == check::beyond_head);
  CHECK(find("38").at.position.value == 37);
  CHECK(find("0").at.position.value == 0);
  CHECK(find("2100-01-01T00:00:00Z").at.position.value == 37);
  CHECK(find("2100-01-01T00:00:00 07:00").at.position.value == 37); // an unescaped plus
  for (const char* wrong : {"", "-1", "now", "2026-11-23", "5-zz", "1e3", "99999999999999999999"})
    CHECK(!eventstore::parse_moment(wrong).has_value());
}
