// See overview.hpp.
#include "http/overview.hpp"

#include "core/clock.hpp"
#include "eventstore/statements.hpp"
#include "http/admin_services.hpp"
#include "http/metrics.hpp"
#include "http/object_text.hpp"
#include "http/streams/hub.hpp"
#include "projections/record_reader.hpp"
#include <algorithm>
#include <cstring>
#include <spdlog/spdlog.h>

namespace synclog::http {

namespace asio = boost::asio;
namespace pg = eventstore::pg;

namespace {

constexpr std::chrono::seconds fresh{3};
// Counting reads whole tables: it takes at most a twentieth of the time, however large they are.
constexpr int rests_for_each_count = 20;
constexpr std::chrono::seconds shortest_rest{5};
// Of one count, and of all counts of one overview: somebody waits for it.
constexpr std::chrono::seconds count_patience{10}, counts_patience{15};

const auto about_database = std::make_shared<const pg::statement>(pg::statement{"overview_database", R"(
  SELECT current_database()::text, current_setting('server_version'), pg_database_size(current_database()))"});

struct seen {
  core::cursor head;
  std::optional<core::timestamp> recorded_at; // none: the log is empty
  std::string database, version;
  std::int64_t database_bytes = 0;
};

asio::awaitable<seen> look(const services& with, pg::deadline until) {
  pg::segment work;
  work.add(eventstore::statements::read_head, {}, pg::result_format::binary);
  work.add(about_database, {}, pg::result_format::binary);
  const auto answer = co_await with.records.whole_reads().run_read(std::move(work), until);
  seen made;
  const auto& head = answer.results.at(0);
  if (head.size() > 0) {
    core::sha256_digest hash{};
    const auto bytes = head.text(0, 1);
    std::memcpy(hash.data(), bytes.data(), std::min(bytes.size(), hash.size()));
    made.head = core::cursor::of({head.int8(0, 0)}, hash);
    made.recorded_at = core::timestamp{head.timestamptz(0, 2)};
  } else {
    made.head = co_await with.log.head(until);
  }
  const auto& database = answer.results.at(1);
  made.database = database.text(0, 0);
  made.version = database.text(0, 1);
  made.database_bytes = database.int8(0, 2);
  co_return made;
}

void append_head(object_text& document, const seen& now) {
  object_text head(document.member("head"));
  head.json("position", std::to_string(now.head.position.value));
  head.string("cursor", core::to_string(now.head));
  if (now.recorded_at)
    head.string("recorded_at", core::to_rfc3339(*now.recorded_at));
  else
    head.json("recorded_at", "null");
}

void append_minutes(object_text& document, const std::vector<eventstore::minute_count>& minutes) {
  auto& out = document.member("minutes");
  out += '[';
  const char* separator = "";
  for (const auto& each : minutes) {
    out += separator;
    separator = ",";
    object_text one(out);
    one.string("at", core::to_rfc3339(each.minute));
    one.json("events", std::to_string(each.events));
  }
  out += ']';
}

void append_entity(std::string& out, const core::entity& definition,
                   const projections::branch_counts& branches) {
  object_text entity(out);
  entity.string("entity", definition.name);
  entity.string("title", definition.title.empty() ? definition.name : definition.title);
  std::int64_t all = 0;
  for (const auto& [branch, records] : branches)
    all += records;
  entity.json("records", std::to_string(all));
  auto& list = entity.member("branches");
  list += '[';
  const char* separator = "";
  for (const auto& [branch, records] : branches) {
    list += separator;
    separator = ",";
    object_text one(list);
    if (branch.empty())
      one.json("branch", "null");
    else
      one.string("branch", branch);
    one.json("records", std::to_string(records));
  }
  list += ']';
}

std::int64_t open_streams(const services& with) {
  std::int64_t all = 0;
  for (const auto& kind : with.streams.counters().open)
    all += kind.load(std::memory_order_relaxed);
  return all;
}

} // namespace

asio::awaitable<void> overview::count(const services& with, const core::entity& definition,
                                      pg::deadline until) {
  const auto changed = with.feed.last_change(definition.name).position;
  const auto known = counts_.find(definition.name);
  if (known != counts_.end()) {
    const auto& last = known->second;
    const auto rest = std::max<clock::duration>(shortest_rest, last.took * rests_for_each_count);
    if (last.as_of == changed || clock::now() < last.at + rest) co_return;
  }
  const auto began = clock::now();
  auto& kept = counts_[definition.name];
  try {
    kept.branches = co_await projections::count_by_branch(with.records.whole_reads(), definition,
                                                          std::min(until, began + count_patience));
    kept.as_of = changed;
    kept.known = true;
  } catch (const std::exception& failed) {
    spdlog::warn("records of {} were not counted: {}", definition.name, failed.what());
  }
  kept.at = clock::now();
  kept.took = kept.at - began;
}

asio::awaitable<std::string> overview::write(const services& with, pg::deadline until) {
  const auto now = co_await look(with, until);
  const auto generation = with.feed.generation();
  const auto minutes = co_await rate_.minutes(with.records.whole_reads(), core::now(), generation, until);
  const auto counted_until = std::min(until, clock::now() + counts_patience);
  for (const auto& definition : with.entities.all())
    if (clock::now() < counted_until) co_await count(with, *definition, counted_until);
  std::string out;
  {
    object_text document(out);
    append_head(document, now);
    append_minutes(document, minutes);
    auto& entities = document.member("entities");
    entities += '[';
    const char* separator = "";
    for (const auto& definition : with.entities.all()) {
      const auto& kept = counts_[definition->name];
      if (!kept.known) continue;
      entities += separator;
      separator = ",";
      append_entity(entities, *definition, kept.branches);
    }
    entities += ']';
    document.json("streams", std::to_string(open_streams(with)));
    if (with.metrics != nullptr)
      document.json("connections", std::to_string(with.metrics->connections.load(std::memory_order_relaxed)));
    if (with.admin != nullptr && with.admin->checkpoint_key)
      document.string("checkpoint_key", with.admin->checkpoint_key->public_half().id());
    else
      document.json("checkpoint_key", "null");
    object_text database(document.member("database"));
    database.string("name", now.database);
    database.string("version", now.version);
    database.json("bytes", std::to_string(now.database_bytes));
    database.json("connected", with.committer.stats().connected ? "true" : "false");
  }
  co_return out;
}

// By whoever has the turn.
asio::awaitable<overview::made> overview::make(const services& with, pg::deadline until) {
  made answer;
  try {
    auto written = co_await write(with, until);
    answer.text = std::make_shared<const std::string>(std::move(written));
  } catch (...) {
    answer.failed = std::current_exception();
  }
  std::vector<waiter> sharing;
  {
    const std::lock_guard hold(mutex_);
    making_ = false;
    sharing.swap(waiting_);
    if (answer.text) {
      text_ = answer.text;
      made_at_ = clock::now();
    }
  }
  for (const auto& each : sharing)
    each->complete(answer);
  co_return answer;
}

asio::awaitable<overview::text_ptr> overview::text(const services& with, pg::deadline until) {
  bool leads = false;
  {
    const std::lock_guard hold(mutex_);
    if (text_ && clock::now() < made_at_ + fresh) co_return text_;
    leads = !std::exchange(making_, true);
  }
  made answer;
  if (leads) {
    answer = co_await make(with, until);
  } else {
    auto keep = [this](waiter slot) {
      made ready;
      {
        const std::lock_guard hold(mutex_);
        if (making_) {
          waiting_.push_back(std::move(slot));
          return;
        }
        ready.text = text_; // it was finished in between
      }
      slot->complete(std::move(ready));
    };
    answer = co_await eventstore::wait_for_reply<made>(std::move(keep));
  }
  if (answer.failed) std::rethrow_exception(answer.failed);
  if (!answer.text) throw pg::unavailable("the overview could not be made");
  co_return answer.text;
}

} // namespace synclog::http
