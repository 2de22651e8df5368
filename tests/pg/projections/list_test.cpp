// Lists against a reference in memory: filters, ranges, search, sort, scope and page cursors in random
// combinations.
#include "core/text_fold.hpp"
#include "core/validate.hpp"
#include "lab.hpp"
#include "projections/layout.hpp"
#include "projections/record_reader.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog;
using namespace synclog::tests;
using projections::comparison;

namespace {

using value = std::optional<std::string>;

value column_of(const core::entity& definition, const core::record& record, const core::column_ref& column) {
  (void)definition;
  if (column.field_index) {
    const auto text = record.fields.get(*column.field_index);
    return text == "null" ? value() : core::field_plain_text(text);
  }
  if (column.name == "id") return record.head.id;
  if (column.name == "version") return std::to_string(record.head.version);
  if (column.name == "position") return std::to_string(record.head.position.value);
  return core::to_rfc3339(column.name == "created_at" ? record.head.created_at : record.head.updated_at);
}

int compare(core::field_type type, const std::string& a, const std::string& b) {
  if (type == core::field_type::number || type == core::field_type::integer) {
    const long double left = std::stold(a), right = std::stold(b);
    return left < right ? -1 : left > right ? 1 : 0;
  }
  return a.compare(b);
}

bool passes(const core::entity& definition, const core::record& record,
            const projections::list_filter& filter) {
  const value held = column_of(definition, record, filter.column);
  const bool none = !held || (filter.column.type == core::field_type::text && held->empty());
  const std::string& first = filter.values.front();
  if (filter.op == comparison::equal)
    return std::any_of(filter.values.begin(), filter.values.end(), [&](const std::string& wanted) {
      return wanted.empty() ? none : held && compare(filter.column.type, *held, wanted) == 0;
    });
  if (filter.op == comparison::not_equal)
    return first.empty() ? !none : !held || compare(filter.column.type, *held, first) != 0;
  if (!held) return false;
  const int order = compare(filter.column.type, *held, first);
  switch (filter.op) {
  case comparison::less:
    return order < 0;
  case comparison::less_equal:
    return order <= 0;
  case comparison::greater:
    return order > 0;
  default:
    return order >= 0;
  }
}

// Empty values last when ascending, first when descending.
bool comes_before(const core::entity& definition, const projections::list_query& query, const core::record& a,
                  const core::record& b) {
  for (const core::order_key& key : query.order) {
    const value left = column_of(definition, a, key.column), right = column_of(definition, b, key.column);
    int order = 0;
    if (left && right)
      order = compare(key.column.type, *left, *right);
    else if (left || right)
      order = left ? -1 : 1;
    if (order != 0) return key.descending ? order > 0 : order < 0;
  }
  return false;
}

std::vector<std::string> reference(const lab& log, const projections::list_query& query) {
  const core::entity& definition = *query.definition;
  std::vector<std::pair<core::record, std::string>> found;
  for (const auto& [id, state] : log.records.at(definition.name)) {
    if (!state.live) continue;
    auto record = core::decode_record(definition, state.doc);
    REQUIRE(record.has_value());
    const bool shown = query.caller.sees_branch(core::branch_of(definition, record->fields)) &&
                       std::all_of(query.filters.begin(), query.filters.end(),
                                   [&](const auto& filter) { return passes(definition, *record, filter); }) &&
                       core::search_text(definition, record->fields).find(query.search) != std::string::npos;
    if (shown) found.emplace_back(*std::move(record), state.doc);
  }
  std::sort(found.begin(), found.end(),
            [&](const auto& a, const auto& b) { return comes_before(definition, query, a.first, b.first); });
  std::vector<std::string> docs;
  for (auto& [record, doc] : found)
    docs.push_back(std::move(doc));
  return docs;
}

using parameters = std::vector<std::pair<std::string, std::string>>;

projections::list_query parsed(const core::entity& definition, const parameters& params,
                               const core::scope& caller = {}) {
  auto query = projections::parse_list_query(definition, params, caller);
  REQUIRE_MESSAGE(query.has_value(), (query ? "" : query.error().detail));
  return *std::move(query);
}

std::string text_of(const parameters& params) {
  std::string text;
  for (const auto& [name, given] : params)
    text += fmt::format("{}={} ", name, given);
  return text;
}

// The whole list, page by page, each page's cursor through its text form.
std::vector<std::string> listed(lab& log, projections::record_reader& reader, const core::entity& definition,
                                const parameters& params, const core::scope& caller, std::size_t page_rows) {
  std::vector<std::string> docs;
  parameters asked = params;
  constexpr int max_pages = 10'000;
  for (int pages = 0; pages < max_pages; ++pages) {
    const auto query = parsed(definition, asked, caller);
    const auto page = log.threads.run(reader.page(query, page_rows, log.soon()));
    CHECK(page.head.position.value == log.head);
    CHECK(page.docs.size() <= page_rows);
    docs.insert(docs.end(), page.docs.begin(), page.docs.end());
    if (!page.more) return docs;
    REQUIRE(!page.docs.empty());
    asked = params;
    asked.emplace_back("cursor", projections::encode_page_cursor(query, page.last_values));
  }
  FAIL("the pages do not end");
  return docs;
}

// Random parameters, with values that occur.
class question {
 public:
  question(const lab& log, const core::entity& definition, std::mt19937_64& random)
      : log_(log), definition_(definition), random_(random) {}

  parameters make() {
    parameters params;
    std::vector<std::string> names;
    for (std::uint64_t i = below(3); i > 0; --i) {
      const auto& [name, column] = definition_.filters[below(definition_.filters.size())];
      const std::uint64_t values = 1 + below(3);
      for (std::uint64_t v = 0; v < values; ++v)
        params.emplace_back(name, value_of(*definition_.column(column)));
    }
    for (std::uint64_t i = below(2); i > 0; --i) {
      const core::column_ref column = any_column();
      const char* const op = std::array{"gte", "gt", "lte", "lt", "ne"}[below(5)];
      const std::string given = value_of(column);
      if (!given.empty() || std::string_view(op) == "ne")
        params.emplace_back(fmt::format("{}[{}]", column.name, op), given);
    }
    if (below(4) == 0 && !definition_.search_fields.empty())
      params.emplace_back("search",
                          std::array{"É", "nor", "%", "_", "\\", "\"", "日", "a", "u-1", "'"}[below(10)]);
    if (below(3) != 0) params.emplace_back("sort", sort());
    return params;
  }

 private:
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

  core::column_ref any_column() {
    while (true) {
      const std::uint64_t pick = below(definition_.fields.size() + 5);
      if (pick >= definition_.fields.size())
        return *definition_.column(std::array{"id", "version", "position", "created_at",
                                              "updated_at"}[pick - definition_.fields.size()]);
      const core::field& field = definition_.fields[pick];
      if (projections::is_ordered(field.type)) return *definition_.column(field.name);
    }
  }

  std::string value_of(const core::column_ref& column) {
    const auto& all = log_.records.at(definition_.name);
    const auto picked = std::next(all.begin(), static_cast<std::ptrdiff_t>(below(all.size())));
    const auto record = core::decode_record(definition_, picked->second.doc);
    return column_of(definition_, *record, column).value_or("");
  }

  std::string sort() {
    std::string text;
    std::vector<std::string> used;
    for (std::uint64_t i = 1 + below(3); i > 0; --i) {
      const std::string name = any_column().name;
      if (std::find(used.begin(), used.end(), name) != used.end()) continue;
      used.push_back(name);
      text += (text.empty() ? "" : ",") + std::string(below(2) == 0 ? "-" : "") + name;
    }
    return text;
  }

  const lab& log_;
  const core::entity& definition_;
  std::mt19937_64& random_;
};

core::scope some_scope(std::uint64_t pick) {
  core::scope caller;
  caller.all_branches = pick >= 4;
  if (pick == 1) caller.branches = {"north"};
  if (pick == 2) caller.branches = {"north", "Ärger", ""};
  if (pick == 3) caller.branches = {""};
  return caller;
}

void fill(lab& log, const core::entity& definition, int count, std::mt19937_64& random) {
  std::vector<lab_change> changes;
  for (int i = 0; i < count; ++i)
    changes.push_back(
        {&definition, fmt::format("{}-{}", random() % 100, i), random_fields(definition, random)});
  REQUIRE(!log.append(changes));
}

} // namespace

TEST_CASE("list: filters, ranges, search, sort, scope and paging agree with a reference in memory") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  lab log;
  projections::record_reader reader(log.pool, log.pool, log.entities);
  for (const auto& entity : log.entities.all()) {
    const core::entity& definition = *entity;
    fill(log, definition, 150, random);
    for (int round = 0; round < 40; ++round) {
      const parameters params = question(log, definition, random).make();
      const core::scope caller = some_scope(random() % 8);
      INFO(definition.name, " ", text_of(params), " all_branches ", caller.all_branches);
      const auto expected = reference(log, parsed(definition, params, caller));
      const auto got = listed(log, reader, definition, params, caller, 1 + random() % 60);
      CHECK(got == expected);
    }
  }
}

TEST_CASE(
    "list: a limit keeps its exact size whatever the scale of statements, and says whether there is more") {
  lab log;
  std::mt19937_64 random(3);
  const core::entity& visits = *log.entities.find("visits");
  projections::record_reader reader(log.pool, log.pool, log.entities);
  fill(log, visits, 300, random);
  for (const std::size_t limit : {1U, 2U, 50U, 100U, 137U, 299U, 300U, 301U, 10'000U}) {
    const auto query = parsed(visits, {{"limit", std::to_string(limit)}});
    const auto page = log.threads.run(reader.page(query, limit, log.soon()));
    CHECK(page.docs.size() == std::min<std::size_t>(limit, 300));
    CHECK(page.more == (limit < 300));
    CHECK(page.last_values.empty() == (limit >= 300));
  }
}

TEST_CASE("list: an empty log and an empty list still carry the head") {
  lab log;
  const core::entity& clients = *log.entities.find("clients");
  projections::record_reader reader(log.pool, log.pool, log.entities);
  auto page = log.threads.run(reader.page(parsed(clients, {}), 10, log.soon()));
  CHECK(page.docs.empty());
  CHECK(page.head.position.value == 0);
  CHECK(core::to_string(page.head) ==
        "0-" + log.sql("SELECT left(encode(synclog.genesis_hash(log_id), 'hex'), 8) FROM synclog.log_meta"));
  std::mt19937_64 random(4);
  fill(log, *log.entities.find("visits"), 3, random);
  page = log.threads.run(reader.page(parsed(clients, {}), 10, log.soon()));
  CHECK(page.docs.empty());
  CHECK(core::to_string(page.head) ==
        "3-" + log.sql("SELECT left(encode(hash, 'hex'), 8) FROM synclog.events WHERE position = 3"));
}

TEST_CASE("get: one record, and another branch's looks like none") {
  lab log;
  const core::entity& clients = *log.entities.find("clients");
  projections::record_reader reader(log.pool, log.pool, log.entities);
  std::mt19937_64 random(5);
  auto fields = random_fields(clients, random);
  fields.set(clients.branch_field.value(), "\"north\"");
  auto homeless = random_fields(clients, random);
  homeless.set(clients.branch_field.value(), "null");
  REQUIRE(!log.append({{&clients, "it's", fields}, {&clients, "homeless", homeless}}));
  const auto get = [&](const std::string& id, const core::scope& caller) {
    return log.threads.run(reader.get(clients, id, caller, log.soon()));
  };
  core::scope north, east, nowhere;
  for (auto* scope : {&north, &east, &nowhere})
    scope->all_branches = false;
  north.branches = {"east", "north"};
  east.branches = {"east"};
  REQUIRE(get("it's", {}).has_value());
  CHECK(get("it's", {})->doc == log.records["clients"]["it's"].doc);
  CHECK(get("it's", {})->version == 1);
  CHECK(get("it's", north).has_value());
  CHECK_FALSE(get("it's", east).has_value());
  CHECK_FALSE(get("it's", nowhere).has_value());
  CHECK(get("homeless", {}).has_value());
  CHECK_FALSE(get("homeless", north).has_value());
  CHECK_FALSE(get("none", {}).has_value());
  CHECK_FALSE(get(std::string("a\0b", 3), {}).has_value());
  CHECK_FALSE(get("\xff", {}).has_value());
}

TEST_CASE("paging: under concurrent writes nothing that stays unchanged is repeated or skipped") {
  const std::uint64_t seed = std::random_device{}();
  INFO("seed ", seed);
  std::mt19937_64 random(seed);
  lab log;
  const core::entity& clients = *log.entities.find("clients");
  projections::record_reader reader(log.pool, log.pool, log.entities);
  std::vector<lab_change> changes;
  std::map<std::string, int> steady;
  for (int i = 0; i < 400; ++i) {
    const std::string id = fmt::format("{}-steady{}", random() % 1000, i);
    steady[id] = 0;
    changes.push_back({&clients, id, random_fields(clients, random)});
    changes.push_back(
        {&clients, fmt::format("{}-moving{}", random() % 1000, i), random_fields(clients, random)});
  }
  REQUIRE(!log.append(changes));
  std::vector<std::string> moving;
  for (const auto& [id, state] : log.records["clients"])
    if (!steady.contains(id)) moving.push_back(id);

  std::atomic<bool> stop = false;
  std::atomic<int> written = 0;
  std::thread writer([&] {
    std::mt19937_64 own(seed + 1);
    while (!stop) {
      const std::string& id = moving[own() % moving.size()];
      lab_change change{&clients, id, random_fields(clients, own)};
      if (own() % 3 == 0 && log.records["clients"][id].live) change.fields.reset();
      if (!log.append({change})) ++written;
    }
  });
  for (const char* sort : {"-created_at", "full_name,-phone", "city", "-updated_at,email"}) {
    INFO("sort ", sort);
    for (auto& [id, times] : steady)
      times = 0;
    parameters params = {{"sort", sort}};
    for (bool more = true; more;) {
      const int before = written;
      CHECK(wait_until([&] { return written > before; })); // each page meets another table
      const auto query = parsed(clients, params);
      const auto page = log.threads.run(reader.page(query, 25, log.soon()));
      for (const auto doc : page.docs) {
        const auto record = core::decode_record(clients, doc);
        if (const auto known = steady.find(record->head.id); known != steady.end()) ++known->second;
      }
      more = page.more;
      if (more)
        params = {{"sort", sort}, {"cursor", projections::encode_page_cursor(query, page.last_values)}};
    }
    CHECK(std::all_of(steady.begin(), steady.end(), [](const auto& each) { return each.second == 1; }));
  }
  stop = true;
  writer.join();
}
