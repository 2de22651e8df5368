// The filter in memory against SQL: random questions over nasty records, asked of the read tables page by
// page and of live_filter record by record, must name the same ids. SYNCLOG_TEST_SEED=s repeats a run,
// SYNCLOG_TEST_LONG=1 asks twenty times as many questions.
#include "core/json.hpp"
#include "core/text_fold.hpp"
#include "lab.hpp"
#include "nasty.hpp"
#include "projections/layout.hpp"
#include "projections/live_filter.hpp"
#include "projections/record_reader.hpp"
#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <set>

using namespace synclog;
using namespace synclog::tests;

namespace {

using parameters = std::vector<std::pair<std::string, std::string>>;
using id_set = std::set<std::string>;

// As it was and as it is: fields have gone, come, moved and changed their type.
const char* const old_aged_json = R"({
  "title": "Aged", "type": "object", "additionalProperties": false, "x-revision": 1, "x-table": "aged", "x-prefix": "AGE",
  "properties": {
    "gone": {"type": "string"}, "code": {"type": "number"}, "branch": {"type": "string"}, "count": {"type": "integer"},
    "name": {"type": "string"}, "kept": {"type": "object"}
  },
  "x-filters": {"name": "name"}, "x-search": ["gone", "name"], "x-order": ["name"], "x-branch": "branch", "x-rest": "kept"
})";
const char* const aged_json = R"({
  "title": "Aged", "type": "object", "additionalProperties": false, "x-revision": 2, "x-table": "aged", "x-prefix": "AGE",
  "properties": {
    "name": {"type": "string"}, "code": {"type": "string"}, "count": {"type": "number"}, "day": {"type": "string", "format": "date"},
    "flag": {"type": "boolean"}, "note": {"type": "string"}, "branch": {"type": "string"}
  },
  "x-filters": {"name": "name", "code": "code", "count": "count", "day": "day", "flag": "flag", "branch": "branch"},
  "x-search": ["note", "code", "name"], "x-order": ["-day"], "x-branch": "branch"
})";
// Nothing to search, no branch: callers of some branches see nothing.
const char* const plain_json = R"({
  "title": "Plain", "type": "object", "additionalProperties": false, "x-revision": 1, "x-table": "plain", "x-prefix": "PLA",
  "properties": {"label": {"type": "string"}, "weight": {"type": "number"}},
  "x-filters": {"label": "label", "weight": "weight"}, "x-order": ["weight"]
})";

const core::catalog& agreement_entities() {
  static const core::catalog made = [] {
    std::vector<core::entity> all;
    for (const auto& [file, text] : core::embedded_entity_files()) {
      const std::string name(file.substr(0, file.find('.')));
      if (name == "clients" || name == "distributors" || name == "appointments" ||
          name == "finance-cash-requests")
        all.push_back(parsed_entity(name, std::string(text)));
    }
    all.push_back(parsed_entity("exotic", exotic_json));
    all.push_back(parsed_entity("aged", aged_json));
    all.push_back(parsed_entity("plain", plain_json));
    auto catalog = core::catalog::from(std::move(all));
    REQUIRE(catalog.has_value());
    return *std::move(catalog);
  }();
  return made;
}

std::string setting(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

std::uint64_t chosen_seed() {
  const std::string given = setting("SYNCLOG_TEST_SEED");
  return given.empty() ? std::random_device{}() : std::strtoull(given.c_str(), nullptr, 10);
}

// Creates records, changes some of them and deletes others.
void fill(lab& log, const core::entity& definition, nasty_values& values, int count) {
  std::vector<lab_change> created, changed;
  for (int i = 0; i < count; ++i) {
    created.push_back(
        {&definition, fmt::format("{}{}", values.one_of<std::string>({"", "x", "X", "é", "%", "_", "\\"}), i),
         values.record(definition)});
    if (values.below(4) == 0) changed.push_back({&definition, created.back().id, values.record(definition)});
    if (values.below(12) == 0) changed.push_back({&definition, created.back().id, std::nullopt});
  }
  REQUIRE(!log.append(created));
  REQUIRE(!log.append(changed));
}

// Random parameters, most of whose values occur in records, or nearly so.
class question {
 public:
  question(const lab& log, const core::entity& definition, nasty_values& values)
      : log_(log), definition_(definition), values_(values) {}

  parameters make() {
    for (std::uint64_t i = below(4) == 0 ? 0 : below(3); i > 0; --i)
      add_filter();
    for (std::uint64_t i = below(3); i > 0; --i)
      add_range();
    if (!definition_.search_fields.empty() && below(3) == 0) params_.emplace_back("search", search());
    return std::move(params_);
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return values_.below(bound); }

  void add_filter() {
    const auto& [name, column] = definition_.filters[below(definition_.filters.size())];
    for (std::uint64_t i = 1 + below(3); i > 0; --i)
      params_.emplace_back(name, value_of(*definition_.column(column)));
  }

  void add_range() {
    const core::column_ref column = any_column();
    const std::string op = values_.one_of<std::string>({"gte", "gt", "lte", "lt", "ne"});
    const std::string name = fmt::format("{}[{}]", column.name, op);
    const std::string given = value_of(column);
    const bool is_taken =
        std::any_of(params_.begin(), params_.end(), [&](const auto& each) { return each.first == name; });
    if (!is_taken && (!given.empty() || op == "ne")) params_.emplace_back(name, given);
  }

  std::string search() {
    const auto record = any_record();
    switch (below(4)) {
    case 0:
      return values_.fragment();
    case 1:
      return values_.stretch(core::search_text(definition_, record.fields));
    default: {
      const core::field& field = definition_.fields[values_.one_of(definition_.search_fields)];
      const std::string text = plain(*definition_.column(field.name), record);
      const std::string part = below(3) == 0 ? text : values_.stretch(text);
      return below(3) == 0 ? values_.near(part) : part;
    }
    }
  }

  core::column_ref any_column() {
    while (true) {
      const std::uint64_t pick = below(definition_.fields.size() + 5);
      if (pick >= definition_.fields.size())
        return *definition_.column(std::vector{"id", "version", "position", "created_at",
                                               "updated_at"}[pick - definition_.fields.size()]);
      const core::field& field = definition_.fields[pick];
      if (projections::is_ordered(field.type)) return *definition_.column(field.name);
    }
  }

  core::record any_record() {
    const auto& all = log_.records.at(definition_.name);
    const auto picked = std::next(all.begin(), static_cast<std::ptrdiff_t>(below(all.size())));
    auto record = core::decode_record(definition_, picked->second.doc);
    REQUIRE(record.has_value());
    return *std::move(record);
  }

  static std::string plain(const core::column_ref& column, const core::record& record) {
    if (!column.field_index) {
      if (column.name == "id") return record.head.id;
      if (column.name == "version") return std::to_string(record.head.version);
      if (column.name == "position") return std::to_string(record.head.position.value);
      return core::to_rfc3339(column.name == "created_at" ? record.head.created_at : record.head.updated_at);
    }
    const std::string_view text = record.fields.get(*column.field_index);
    return text == "null" ? "" : core::field_plain_text(text);
  }

  std::string value_of(const core::column_ref& column) {
    const std::uint64_t pick = below(10);
    if (pick == 0) return "";
    if (pick < 3) return values_.spelled(column.type);
    const std::string held = plain(column, any_record());
    return column.type == core::field_type::text && pick < 5 ? values_.near(held) : held;
  }

  const lab& log_;
  const core::entity& definition_;
  nasty_values& values_;
  parameters params_;
};

core::scope some_scope(const lab& log, const core::entity& definition, nasty_values& values) {
  core::scope caller;
  caller.all_branches = values.below(2) == 0;
  if (caller.all_branches) return caller;
  for (std::uint64_t i = values.below(5); i > 0; --i) {
    const auto& all = log.records.at(definition.name);
    const auto picked = std::next(all.begin(), static_cast<std::ptrdiff_t>(values.below(all.size())));
    const auto record = core::decode_record(definition, picked->second.doc);
    caller.branches.push_back(core::branch_of(definition, record->fields));
    if (values.below(4) == 0) caller.branches.back() = values.near(caller.branches.back());
  }
  return caller;
}

std::string id_of(const core::entity& definition, std::string_view doc) {
  const auto record = core::decode_record(definition, doc);
  REQUIRE(record.has_value());
  return record->head.id;
}

id_set ids_by_sql(lab& log, projections::record_reader& reader, projections::list_query query,
                  std::size_t page_rows) {
  id_set ids;
  constexpr int max_pages = 10'000;
  for (int pages = 0; pages < max_pages; ++pages) {
    auto page = log.threads.run(reader.page(query, page_rows, log.soon()));
    for (const std::string_view doc : page.docs)
      CHECK(ids.insert(id_of(*query.definition, doc)).second);
    if (!page.more) return ids;
    query.after = std::move(page.last_values);
  }
  FAIL("the pages do not end");
  return ids;
}

id_set ids_by_filter(const lab& log, const projections::live_filter& filter) {
  id_set ids;
  for (const auto& [id, state] : log.records.at(filter.definition().name))
    if (state.live && filter.matches(state.doc)) ids.insert(id);
  return ids;
}

// The records that only one side shows.
std::string difference(const lab& log, const core::entity& definition, const id_set& by_sql,
                       const id_set& by_filter) {
  std::string text;
  for (const auto& [id, state] : log.records.at(definition.name))
    if (by_sql.contains(id) != by_filter.contains(id))
      text += fmt::format("\n  only by {}: {}", by_sql.contains(id) ? "SQL" : "live_filter", state.doc);
  return text;
}

std::string text_of(const parameters& params, const core::scope& caller) {
  std::string text;
  for (const auto& [name, given] : params)
    text += fmt::format(" {}={}", name, core::json::quoted(given));
  if (!caller.all_branches) text += " branches:";
  for (const std::string& branch : caller.branches)
    text += " " + core::json::quoted(branch);
  return text;
}

// What the questions were worth: one that shows all or nothing tells little.
struct tally {
  int asked = 0, telling = 0, searches = 0, limited = 0;

  void count(const parameters& params, const core::scope& caller, std::size_t shown, std::size_t all) {
    ++asked;
    if (shown == 0 || shown == all) return;
    ++telling;
    searches += !params.empty() && params.back().first == "search" ? 1 : 0;
    limited += caller.all_branches ? 0 : 1;
  }
};

} // namespace

TEST_CASE("live filter: it shows exactly the records that SQL lists") {
  const std::uint64_t seed = chosen_seed();
  MESSAGE("repeat with SYNCLOG_TEST_SEED=", seed);
  std::mt19937_64 random(seed);
  nasty_values values(random);
  lab log(agreement_entities());
  projections::record_reader reader(log.pool, log.pool, log.entities);
  const core::entity old_aged = parsed_entity("aged", old_aged_json);
  fill(log, old_aged, values, 60);
  for (const auto& entity : log.entities.all()) {
    if (entity->name == "aged") // over some of the old ones, and beside them
      for (int i = 0; i < 60; ++i)
        REQUIRE(!log.append(
            {{entity.get(), fmt::format("{}{}", i % 2 == 0 ? "" : "x", i * 2), values.record(*entity)}}));
    else
      fill(log, *entity, values, 100);
  }
  const int rounds = setting("SYNCLOG_TEST_LONG").empty() ? 120 : 2'400;
  tally all;
  std::map<std::string, id_set> by_key;
  for (const auto& entity : log.entities.all())
    for (int round = 0; round < rounds; ++round) {
      const parameters params = question(log, *entity, values).make();
      const core::scope caller = some_scope(log, *entity, values);
      INFO(entity->name, text_of(params, caller));
      const auto query = projections::parse_list_query(*entity, params, caller);
      REQUIRE_MESSAGE(query.has_value(), (query ? "" : query.error().detail));
      const projections::live_filter filter(*query);
      const id_set by_sql = ids_by_sql(log, reader, *query, 1 + values.below(70));
      const id_set by_filter = ids_by_filter(log, filter);
      CHECK_MESSAGE(by_sql == by_filter, difference(log, *entity, by_sql, by_filter));
      CHECK(by_key.emplace(filter.key(), by_filter).first->second == by_filter);
      all.count(params, caller, by_sql.size(), log.records.at(entity->name).size());
    }
  MESSAGE(all.asked, " questions, ", all.telling, " show some and not all: ", all.searches,
          " of them searches, ", all.limited, " of callers with branches");
  CHECK(all.telling * 3 > all.asked);
  CHECK(all.searches * 20 > all.asked);
  CHECK(all.limited * 20 > all.asked);
}
