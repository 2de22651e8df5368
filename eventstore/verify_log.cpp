// See verify_log.hpp. Threads take the next page from one place, in ascending order, so whatever is in work
// or done is all that lies before the next page.
//
// Why pages prove the chain as a whole: a page takes the stored hash of the event before it as given and
// shows that each of its own events follows from the one before. The page in front shows the same of that
// event, whose stored hash was seen by both: the seam. The two are compared, since they were read in two
// snapshots. So by induction from the beginning's hash, every stored hash is the hash of everything up to it.
#include "eventstore/verify_log.hpp"

#include "core/chain.hpp"
#include "core/problem.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "eventstore/verify_page.hpp"
#include <algorithm>
#include <chrono>
#include <cstring>
#include <exception>
#include <fmt/format.h>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace synclog::eventstore {

namespace {

// Pages grow while they are quick: a row may have a hundred bytes or a million.
constexpr std::int64_t first_page_events = 256, least_page_events = 16, most_page_events = 32'768;
constexpr std::chrono::milliseconds quick_page{300}, slow_page{1'500};
// A thread more must be worth its connection.
constexpr std::int64_t least_events_a_job = 2'048;

struct log_bounds {
  std::optional<core::uuid> log_id;
  std::int64_t first = 0, head = 0; // 0: the log is empty
};

log_bounds bounds_of(pg::plain_connection& db) {
  log_bounds found;
  const auto meta = db.run("SELECT log_id FROM synclog.log_meta", pg::params(), pg::result_format::binary);
  core::uuid id{};
  if (meta.size() == 1 && meta.text(0, 0).size() == id.size()) {
    std::memcpy(id.data(), meta.text(0, 0).data(), id.size());
    found.log_id = id;
  }
  const auto ends =
      db.run("SELECT coalesce(min(position), 0), coalesce(max(position), 0) FROM synclog.events");
  found.first = ends.int8(0, 0);
  found.head = ends.int8(0, 1);
  return found;
}

// What the order of positions and the look at each record's versions rest on.
std::optional<difference> missing_index(pg::plain_connection& db) {
  const auto found = db.run(R"(
    SELECT coalesce(string_agg(names, '; '), '') FROM (
      SELECT (SELECT string_agg(a.attname, ', ' ORDER BY k.place)
              FROM unnest(i.indkey) WITH ORDINALITY AS k(number, place)
              JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number) AS names
      FROM pg_index AS i
      WHERE i.indrelid = 'synclog.events'::regclass AND i.indisunique AND i.indisvalid AND i.indpred IS NULL) AS unique_ones
    WHERE names IN ('position', 'entity, record_id, version') HAVING count(DISTINCT names) < 2)");
  if (found.size() == 0) {
    return std::nullopt;
  }
  difference lost;
  lost.kind = "index";
  lost.detail = "synclog.events lacks its unique index on position, or on entity, record_id, version";
  lost.stored = found.text(0, 0);
  return lost;
}

struct page {
  std::int64_t first = 0, last = 0;
};

// The whole range: which page is next, what was found, and whether pages meet. Any thread.
class range_walk {
 public:
  range_walk(std::int64_t from, std::int64_t upto, const verify_options& options, verify_report& report,
             const progress_callback& progress)
      : from_(from), next_(from), upto_(upto), report_(report), progress_(progress) {
    if (options.known_hash) {
      seams_.emplace(from - 1, *options.known_hash);
    }
  }

  // Empty when nothing is left, or when something was found before what is left.
  std::optional<page> take(std::int64_t events) {
    const std::lock_guard hold(mutex_);
    if (failed_ || next_ > upto_ || is_behind_difference(next_)) {
      return std::nullopt;
    }
    const page taken{next_, std::min(next_ + events - 1, upto_)};
    next_ = taken.last + 1;
    return taken;
  }

  // True when the rest of the page, behind what was reached, is still to be verified.
  bool add(const page& of, page_outcome outcome) {
    const std::lock_guard hold(mutex_);
    report_.events += outcome.events;
    report_.erased += outcome.erased;
    if (outcome.events > 0) {
      meet(of.first - 1, outcome.before);
      meet(outcome.reached, outcome.after);
    }
    if (outcome.difference) {
      differ(std::move(*outcome.difference));
      return false;
    }
    if (progress_) {
      progress_({"log", report_.events, upto_ - from_ + 1});
    }
    return !failed_ && outcome.reached < of.last && !is_behind_difference(outcome.reached + 1);
  }

  void fail(std::exception_ptr why) {
    const std::lock_guard hold(mutex_);
    if (!failed_) {
      failed_ = std::move(why);
    }
  }

  // After every thread has ended.
  void finish() {
    if (failed_) {
      std::rethrow_exception(failed_);
    }
    if (report_.difference) {
      return;
    }
    report_.head = {upto_};
    if (const auto last = seams_.find(upto_); last != seams_.end()) {
      report_.head_hash_hex = core::to_hex(last->second);
    }
  }

 private:
  bool is_behind_difference(std::int64_t position) const {
    return report_.difference && report_.difference->position.value < position;
  }

  void differ(difference found) {
    if (!report_.difference || found.position < report_.difference->position) {
      report_.difference = std::move(found);
    }
  }

  // Kept until the other side of the seam comes: as many as there are pages between the first and the last in
  // work.
  void meet(std::int64_t position, const core::sha256_digest& hash) {
    const auto [other, is_first] = seams_.emplace(position, hash);
    if (is_first) {
      return;
    }
    if (other->second != hash) {
      const auto one = core::to_hex(other->second), two = core::to_hex(hash);
      differ({{position},
              "hash",
              fmt::format("position {}: stored hash {}, and {} when it was read again", position, one, two),
              {},
              {},
              "hash",
              one,
              two});
    }
    seams_.erase(other);
  }

  const std::int64_t from_;
  std::mutex mutex_;
  std::int64_t next_;
  const std::int64_t upto_;
  verify_report& report_;
  const progress_callback& progress_;
  std::map<std::int64_t, core::sha256_digest> seams_;
  std::exception_ptr failed_;
};

void verify_pages(range_walk& walk, page_verifier& pages) {
  std::int64_t events = first_page_events;
  while (auto next = walk.take(events)) {
    const auto began = std::chrono::steady_clock::now();
    for (bool more = true; more;) {
      auto outcome = pages.verify(next->first, next->last);
      const auto reached = outcome.reached;
      more = walk.add(*next, std::move(outcome));
      next->first = reached + 1;
    }
    const auto took = std::chrono::steady_clock::now() - began;
    if (took < quick_page) {
      events = std::min(events * 2, most_page_events);
    } else if (took > slow_page) {
      events = std::max(events / 2, least_page_events);
    }
  }
}

// A thread beside the first. A server that has no connection left for it is no failure of the proof.
void verify_beside(range_walk& walk, const std::string& conninfo, const core::uuid& log_id) {
  std::unique_ptr<page_verifier> pages;
  try {
    pages = std::make_unique<page_verifier>(conninfo, log_id);
  } catch (const pg::unavailable&) {
    return;
  }
  try {
    verify_pages(walk, *pages);
  } catch (...) {
    walk.fail(std::current_exception());
  }
}

void verify_range(const std::string& conninfo, page_verifier& pages, range_walk& walk, std::int64_t events,
                  unsigned jobs, const core::uuid& log_id) {
  const auto useful = static_cast<unsigned>(
      std::clamp<std::int64_t>(events / least_events_a_job, 1, std::min(jobs, most_verify_jobs)));
  std::vector<std::jthread> beside;
  for (unsigned i = 1; i < useful; ++i) {
    beside.emplace_back([&walk, &conninfo, &log_id] { verify_beside(walk, conninfo, log_id); });
  }
  try {
    verify_pages(walk, pages);
  } catch (...) {
    walk.fail(std::current_exception());
  }
}

difference found(std::int64_t position, const char* kind, std::string why) {
  return {{position}, kind, fmt::format("position {}: {}", position, why), {}, {}, {}, {}, {}};
}

// False when the log is not even there to be walked.
bool has_range(const log_bounds& bounds, const verify_options& options, verify_report& report) {
  report.log_id = bounds.log_id;
  if (!bounds.log_id) {
    report.difference =
        difference{{}, "identity", "synclog.log_meta does not hold one log id", {}, {}, {}, {}, {}};
  } else if (bounds.first < 0) {
    report.difference = found(bounds.first, "position", "the log begins with 1");
  } else if (const auto last = std::max(options.from.value - 1, options.to.value_or(core::position{}).value);
             last > bounds.head) {
    report.difference = found(bounds.head + 1, "end", fmt::format("the log ends at {}", bounds.head));
  }
  return !report.difference;
}

} // namespace

unsigned default_verify_jobs() {
  return std::clamp(std::thread::hardware_concurrency(), 1u, most_verify_jobs);
}

void verify_log(const std::string& conninfo, verify_report& report, const progress_callback& progress,
                const verify_options& options) {
  const auto began = std::chrono::steady_clock::now();
  log_bounds bounds;
  {
    pg::plain_connection db(conninfo, "", "synclog verify");
    bounds = bounds_of(db);
  }
  if (has_range(bounds, options, report)) {
    page_verifier pages(conninfo, *bounds.log_id);
    // Up to the head as it is now: what is appended meanwhile is the next run's.
    const auto upto = options.to ? options.to->value : bounds.head;
    report.head = {options.from.value - 1};
    if (options.known_hash || options.from.value == 1) {
      report.head_hash_hex =
          core::to_hex(options.known_hash.value_or(core::chain_hasher(*bounds.log_id).genesis()));
    }
    range_walk walk(options.from.value, upto, options, report, progress);
    verify_range(conninfo, pages, walk, upto - options.from.value + 1, options.jobs, *bounds.log_id);
    walk.finish();
    if (!report.difference) {
      report.difference = missing_index(pages.connection());
    }
  }
  report.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

} // namespace synclog::eventstore
