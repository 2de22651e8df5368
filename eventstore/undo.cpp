// See undo.hpp. A record is met at the first of its selected events, which names the state before: no list of
// records is held.
#include "eventstore/undo.hpp"

#include "core/record.hpp"
#include "core/revert.hpp"
#include <algorithm>
#include <fmt/format.h>

namespace synclog::eventstore {

namespace asio = boost::asio;

namespace {

using statement_ptr = std::shared_ptr<const pg::statement>;

constexpr std::int64_t max_batch_records = 500;
constexpr std::int64_t max_batch_bytes = 4 << 20;                // of data, as stored; at least one record
constexpr std::int64_t first_window = 500, most_window = 20'000; // positions looked at by a statement
constexpr std::size_t max_waiting = 10'000; // records that wait for another one's unique value
constexpr std::chrono::seconds patience{30};

// $1 actor, $2 request, $3 entity, $4 from, $5 to, all of the selection; $6 and $7 the positions looked at.
// From the last to the first, as many as fit; `found` tells how many there would have been.
const statement_ptr plan_statement = std::make_shared<const pg::statement>(pg::statement{"undo_plan", R"(
  SELECT s.position, s.entity, s.record_id, s.old_version, s.old_action, s.old_data, s.new_version, s.new_action,
         s.new_data, s.changed_again, s.found
  FROM (
    SELECT e.position, e.entity, e.record_id,
           p.version AS old_version, p.action AS old_action,
           CASE WHEN p.action <> 'deleted' THEN p.data END AS old_data,
           l.version AS new_version, l.action AS new_action, CASE WHEN l.action <> 'deleted' THEN l.data END AS new_data,
           EXISTS (
             SELECT FROM synclog.events x
             WHERE x.entity = e.entity AND x.record_id = e.record_id AND x.version > e.version
               AND NOT (x.position BETWEEN $4::bigint AND $5::bigint
                 AND ($1::text = '' OR coalesce(x.meta->>'actor', '') = $1::text)
                 AND ($2::text = '' OR coalesce(x.meta->>'request_id', '') = $2::text))) AS changed_again,
           count(*) OVER () AS found,
           row_number() OVER (ORDER BY e.position DESC) AS ordinal,
           sum(coalesce(octet_length(p.data::text), 0) + coalesce(octet_length(l.data::text), 0))
             OVER (ORDER BY e.position DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS bytes_before
    FROM synclog.events e
    LEFT JOIN LATERAL (
      SELECT version, position, action, data FROM synclog.events b
      WHERE b.entity = e.entity AND b.record_id = e.record_id AND b.version = e.version - 1 LIMIT 1) p ON true
    CROSS JOIN LATERAL (
      SELECT version, action, data FROM synclog.events l
      WHERE l.entity = e.entity AND l.record_id = e.record_id ORDER BY l.version DESC LIMIT 1) l
    WHERE e.position > $6::bigint AND e.position <= $7::bigint AND e.position BETWEEN $4::bigint AND $5::bigint
      AND ($3::text = '' OR e.entity = $3::text)
      AND ($1::text = '' OR coalesce(e.meta->>'actor', '') = $1::text)
      AND ($2::text = '' OR coalesce(e.meta->>'request_id', '') = $2::text)
      AND NOT EXISTS (
        SELECT FROM synclog.events x
        WHERE x.entity = e.entity AND x.record_id = e.record_id AND x.version < e.version
          AND x.position BETWEEN $4::bigint AND $5::bigint
          AND ($1::text = '' OR coalesce(x.meta->>'actor', '') = $1::text)
          AND ($2::text = '' OR coalesce(x.meta->>'request_id', '') = $2::text))) s
  WHERE s.ordinal <= $8::bigint AND coalesce(s.bytes_before, 0) < $9::bigint
  ORDER BY s.position DESC)"});

// One side of a record: before the selected events, or now.
struct side {
  std::int64_t version = 0; // 0 = no event
  bool live = false, erased = false;
  std::string doc;
};

side read_side(const pg::rows& rows, int row, int version_column) {
  side made;
  if (rows.is_null(row, version_column)) return made;
  made.version = rows.int8(row, version_column);
  if (rows.text(row, version_column + 1) == "deleted") return made;
  made.erased = rows.is_null(row, version_column + 2);
  made.live = !made.erased;
  if (made.live) made.doc = rows.text(row, version_column + 2);
  return made;
}

struct planned {
  core::position first_event;
  undo_item item;
  std::optional<core::command> wanted; // what would undo it
};

bool stands_already(const core::entity& definition, const side& now, const core::field_texts& fields) {
  const auto present = core::decode_record(definition, now.doc);
  if (!present) return false;
  for (std::size_t index = 0; index < fields.size(); ++index)
    if (fields.get(index) != present->fields.get(index)) return false;
  return true;
}

std::string sentence(const core::problem& why) {
  std::string text = why.detail;
  for (const auto& error : why.errors)
    text += fmt::format("; {}: {}", error.pointer, error.detail);
  return text;
}

// The command that brings `before` back, or why there is none.
void plan_command(planned& plan, const core::entity& definition, const side& before, const side& now) {
  using verdict = undo_item::verdict;
  auto& item = plan.item;
  if (!before.live) {
    if (!now.live) return;
    core::command removal;
    removal.definition = &definition;
    removal.kind = core::command_kind::remove;
    removal.id = item.record_id;
    removal.fields = core::field_texts(definition.fields.size());
    removal.expected_version = now.version;
    plan.wanted = std::move(removal);
    item.what = verdict::undone;
    return;
  }
  auto restored = core::revert_command(definition, before.doc);
  if (!restored) {
    item.what = verdict::refused;
    item.detail = sentence(restored.error());
    return;
  }
  if (now.live && stands_already(definition, now, restored->fields)) return;
  restored->expected_version = now.live ? now.version : 0;
  plan.wanted = std::move(*restored);
  item.what = verdict::undone;
}

class undo_run {
 public:
  undo_run(const core::catalog& entities, pg::pool& reads, committer& writer, undo_selection selection,
           undo_options options, const undo_listener& listener)
      : entities_(entities), reads_(reads), writer_(writer), selection_(std::move(selection)),
        options_(std::move(options)), listener_(listener) {}

  // The selected events of a stretch of positions, from its end; returns where it stopped.
  asio::awaitable<core::result<core::position>> step(core::position below, core::position upto) {
    const auto rows = co_await read_plan(below, upto);
    std::vector<planned> plans;
    for (int row = 0; row < rows.size(); ++row)
      plans.push_back(plan_row(rows, row));
    last_found_ = rows.size();
    const bool whole = rows.size() == 0 || rows.int8(0, 10) == rows.size();
    const auto stopped = whole ? below : core::position{plans.back().first_event.value - 1};
    const auto refused = co_await submit(std::move(plans));
    if (refused) co_return *refused;
    co_return stopped;
  }

  // Those that waited, each by itself, as long as one of them comes through.
  asio::awaitable<core::result<void>> retry() {
    for (bool progress = true; progress && !waiting_.empty();) {
      const auto before = report_.undone;
      const auto again = std::exchange(waiting_, {});
      for (const auto position : again) {
        const core::position below{position.value - 1};
        const auto stepped = co_await step(below, position);
        if (!stepped) co_return stepped.error();
      }
      progress = report_.undone > before;
    }
    may_wait_ = false;
    const auto left = std::exchange(waiting_, {});
    for (const auto position : left) {
      const core::position below{position.value - 1};
      const auto stepped = co_await step(below, position);
      if (!stepped) co_return stepped.error();
    }
    co_return core::result<void>();
  }

  int last_found() const { return last_found_; }
  undo_report& report() { return report_; }

 private:
  asio::awaitable<pg::rows> read_plan(core::position below, core::position upto) {
    pg::params values;
    values.text(selection_.actor).text(selection_.request_id).text(selection_.entity);
    values.int8(selection_.from.value).int8(selection_.to.value).int8(below.value).int8(upto.value);
    values.int8(max_batch_records).int8(max_batch_bytes);
    pg::segment work;
    work.add(plan_statement, std::move(values), pg::result_format::binary);
    auto answer = co_await reads_.run_read(std::move(work), pg::clock::now() + patience);
    co_return std::move(answer.results.at(0));
  }

  planned plan_row(const pg::rows& rows, int row) const {
    using verdict = undo_item::verdict;
    planned plan;
    plan.first_event = {rows.int8(row, 0)};
    auto& item = plan.item;
    item.entity = rows.text(row, 1);
    item.record_id = rows.text(row, 2);
    const auto before = read_side(rows, row, 3), now = read_side(rows, row, 6);
    item.version = now.version;
    item.restored_version = before.live ? before.version : 0;
    const auto* definition = entities_.find(item.entity);
    if (definition == nullptr) {
      item.what = verdict::refused;
      item.detail = "this program has no definition of the entity: name it by --entities";
      return plan;
    }
    if (before.erased) {
      item.what = verdict::refused;
      item.detail = fmt::format("what version {} said was erased", before.version);
      return plan;
    }
    plan_command(plan, *definition, before, now);
    if (plan.wanted) item.changes = core::differences(now.doc, before.doc);
    if (plan.wanted && rows.boolean(row, 9) && !options_.force) {
      plan.wanted.reset();
      item.what = verdict::conflict;
      item.detail = "changed again by events that are not selected";
    }
    return plan;
  }

  write_request request_of(std::vector<planned>& plans) const {
    write_request made;
    for (auto& plan : plans)
      if (plan.wanted) made.commands.push_back(std::move(*plan.wanted));
    made.caller.actor = options_.actor;
    made.request_id = options_.request_id;
    made.user_agent = "synclog";
    made.dry_run = options_.dry_run;
    made.until = pg::clock::now() + patience;
    return made;
  }

  asio::awaitable<std::optional<core::problem>> submit(std::vector<planned> plans) {
    auto request = request_of(plans);
    std::vector<core::item_outcome> outcomes;
    if (!request.commands.empty()) {
      auto done = co_await writer_.submit(std::move(request));
      if (!done) co_return done.error();
      outcomes = std::move(done->items);
      if (!options_.dry_run) report_.at = done->at;
    }
    std::size_t next = 0;
    for (auto& plan : plans) {
      if (plan.wanted && !settle(plan, outcomes.at(next++))) continue;
      tell(plan.item);
    }
    co_return std::nullopt;
  }

  // What the committer made of it. False when the record waits to be tried again.
  bool settle(planned& plan, const core::item_outcome& outcome) {
    using verdict = undo_item::verdict;
    if (!outcome.error) {
      if (outcome.status == core::item_status::unchanged) plan.item.what = verdict::nothing;
      return true;
    }
    if (outcome.error->code == core::problem_code::taken && may_wait_ && !options_.dry_run &&
        waiting_.size() < max_waiting) {
      waiting_.push_back(plan.first_event);
      return false;
    }
    const bool raced = outcome.error->code == core::problem_code::stale_version;
    plan.item.what = raced ? verdict::conflict : verdict::refused;
    plan.item.detail = raced ? "changed while it was being undone" : sentence(*outcome.error);
    return true;
  }

  void tell(const undo_item& item) {
    switch (item.what) {
    case undo_item::verdict::undone:
      ++report_.undone;
      break;
    case undo_item::verdict::nothing:
      ++report_.nothing;
      break;
    case undo_item::verdict::conflict:
      ++report_.conflicts;
      break;
    case undo_item::verdict::refused:
      ++report_.refused;
      break;
    }
    if (listener_) listener_(item);
  }

  const core::catalog& entities_;
  pg::pool& reads_;
  committer& writer_;
  const undo_selection selection_;
  const undo_options options_;
  const undo_listener& listener_;
  undo_report report_;
  std::vector<core::position> waiting_; // first selected events of records that wait
  bool may_wait_ = true;
  int last_found_ = 0;
};

} // namespace

asio::awaitable<core::result<undo_report>> undo(const core::catalog& entities, pg::pool& reads,
                                                log_reader& log, committer& writer, undo_selection selection,
                                                undo_options options, const undo_listener& listener,
                                                const undo_progress& progress) {
  const auto head = co_await log.head(pg::clock::now() + patience);
  // What the undo itself appends lies behind.
  if (selection.to.value == 0 || selection.to > head.position) selection.to = head.position;
  selection.from = std::max(selection.from, core::position{1});
  const auto first = selection.from.value - 1;
  const auto total = std::max<std::int64_t>(selection.to.value - first, 0);
  undo_run run(entities, reads, writer, selection, std::move(options), listener);
  run.report().at = head;
  std::int64_t window = first_window;
  for (auto upto = selection.to; upto.value > first;) {
    const core::position below{std::max(first, upto.value - window)};
    const auto stepped = co_await run.step(below, upto);
    if (!stepped) co_return stepped.error();
    upto = *stepped;
    if (progress) progress(selection.to.value - upto.value, total);
    window = run.last_found() < max_batch_records / 2 ? std::min(window * 2, most_window) : first_window;
  }
  const auto retried = co_await run.retry();
  if (!retried) co_return retried.error();
  co_return run.report();
}

} // namespace synclog::eventstore
