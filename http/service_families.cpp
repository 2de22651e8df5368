// The numbers of the services: committer, feed and the pool of readers.
#include "http/admin_services.hpp"
#include "http/answer_memory.hpp"
#include "http/log_watch.hpp"
#include "http/metric_families.hpp"
#include "http/metrics.hpp"
#include "http/services.hpp"
#include <algorithm>

namespace synclog::http::families {
namespace {

void append_committer(std::vector<prometheus::MetricFamily>& out, const eventstore::committer_stats& stats) {
  const auto count = [&out](const char* name, const char* help, std::uint64_t value) {
    out.push_back(counter(name, help, static_cast<double>(value)));
  };
  out.push_back(gauge("synclog_committer_queued_requests", "Requests that wait for a batch.",
                      static_cast<double>(stats.queued_requests)));
  out.push_back(gauge("synclog_committer_connected", "1 while it has a database.", stats.connected ? 1 : 0));
  out.push_back(gauge("synclog_committer_last_commit_seconds", "Duration of the last batch.",
                      static_cast<double>(stats.last_commit_us) / 1e6));
  count("synclog_committer_batches_total", "Transactions.", stats.batches);
  count("synclog_committer_events_total", "Events appended.", stats.events);
  count("synclog_committer_requests_total", "Write requests taken.", stats.requests);
  count("synclog_committer_unchanged_total", "Commands that changed nothing.", stats.unchanged);
  count("synclog_committer_rejected_total", "Commands refused by the state.", stats.rejected);
  count("synclog_committer_bisections_total", "Batches split because of one bad item.", stats.bisections);
  count("synclog_committer_unknown_outcomes_total", "Commits whose answer was lost.", stats.unknown_outcomes);
  count("synclog_committer_retries_total", "Batches tried again.", stats.retries);
  count("synclog_committer_overlapped_total", "Batches that set out while the one before committed.",
        stats.overlapped);
  count("synclog_commit_short_total", "Batches decided on what was known and saved in one round trip.",
        stats.short_batches);
  count("synclog_commit_pipelined_total", "Of those, sent before the one before had its answer.",
        stats.pipelined);
  count("synclog_commit_deferred_total",
        "Batches that set out only when the socket had taken the one before.", stats.deferred);
  count("synclog_commit_fenced_total", "Sent that way and looked up instead, because others had written.",
        stats.fenced);
  count("synclog_commit_disproven_total",
        "Sent that way and looked up instead, because a record, value or key was not new.", stats.disproven);
  count("synclog_committer_expired_total", "Requests whose deadline passed in the queue.", stats.expired);
  count("synclog_committer_refused_full_total", "Requests refused because the queue was full.",
        stats.refused_full);
}

void append_search(std::vector<prometheus::MetricFamily>& out,
                   const projections::search_index::statistics& stats) {
  out.push_back(gauge("synclog_search_bytes", "Bytes of search texts held in memory.",
                      static_cast<double>(stats.bytes)));
  out.push_back(gauge("synclog_search_records", "Records whose search texts are held.",
                      static_cast<double>(stats.records)));
  out.push_back(gauge("synclog_search_lag_positions", "Events that the search texts are behind the head.",
                      static_cast<double>(stats.lag_positions)));
  out.push_back(gauge("synclog_search_entities_loading", "Entities whose search texts are being loaded.",
                      static_cast<double>(stats.entities - stats.ready - stats.refused)));
  out.push_back(gauge("synclog_search_entities_refused", "Entities whose search texts take too much memory.",
                      static_cast<double>(stats.refused)));
  out.push_back(counter("synclog_search_applied_events_total", "Events taken into the search texts.",
                        static_cast<double>(stats.applied)));
  out.push_back(counter("synclog_search_loads_total", "Read tables loaded into memory for searches.",
                        static_cast<double>(stats.loads)));
  auto answers =
      empty("synclog_searches_total",
            "Pages of searches: from candidates in memory, from the table in its order up to a bound, or "
            "from the table.",
            prometheus::MetricType::Counter);
  for (const auto& [how, count] :
       {std::pair{"candidates", stats.from_candidates}, std::pair{"ordered", stats.from_order},
        std::pair{"table", stats.from_table}}) {
    auto one = labelled({{"from", how}});
    one.counter.value = static_cast<double>(count);
    answers.metric.push_back(std::move(one));
  }
  out.push_back(std::move(answers));
}

void append_answers(std::vector<prometheus::MetricFamily>& out, const answer_memory::statistics& stats) {
  out.push_back(
      gauge("synclog_kept_answers", "Lists kept ready in memory.", static_cast<double>(stats.answers)));
  out.push_back(gauge("synclog_kept_answers_bytes", "Bytes of lists kept ready in memory.",
                      static_cast<double>(stats.bytes)));
  out.push_back(counter("synclog_kept_answers_found_total", "Lists found in memory as they are now.",
                        static_cast<double>(stats.found)));
  out.push_back(counter("synclog_kept_answers_missed_total", "Lists that had to be read.",
                        static_cast<double>(stats.missed)));
}

} // namespace

void append_services(std::vector<prometheus::MetricFamily>& out, const services& with) {
  append_committer(out, with.committer.stats());
  if (with.answers != nullptr) append_answers(out, with.answers->stats());

  if (with.rebuilds != nullptr) {
    const auto awaited = with.rebuilds->all();
    const auto failing = std::count_if(awaited.begin(), awaited.end(),
                                       [](const auto& one) { return !one.last_failure.empty(); });
    out.push_back(gauge("synclog_read_tables_awaiting_rebuild",
                        "Read tables that serve a changed definition before their rebuild.",
                        static_cast<double>(awaited.size())));
    out.push_back(gauge("synclog_read_tables_failing_rebuild",
                        "Of these, tables whose last rebuild failed; /readyz?verbose says why.",
                        static_cast<double>(failing)));
  }

  if (with.admin != nullptr && with.admin->watch != nullptr) {
    const log_findings found = with.admin->watch->found();
    out.push_back(gauge("synclog_log_durable",
                        "0 when a setting or a table of the database can lose what was acknowledged.",
                        found.losses.empty() ? 1 : 0));
    out.push_back(
        gauge("synclog_log_protected",
              "0 when the database login of this server could alter the log; the server's log says how.",
              found.powers.empty() ? 1 : 0));
    out.push_back(gauge("synclog_log_watch_age_seconds",
                        "Since the database last answered what the two above say.",
                        static_cast<double>(with.admin->watch->age().count())));
  }

  const auto feed = with.feed.stats();
  out.push_back(gauge("synclog_log_head_position", "The newest event known here.",
                      static_cast<double>(with.feed.head().position.value)));
  out.push_back(gauge("synclog_feed_ring_bytes", "Bytes of events held in memory.",
                      static_cast<double>(feed.ring_bytes)));
  out.push_back(
      gauge("synclog_feed_ring_events", "Events held in memory.", static_cast<double>(feed.ring_events)));
  out.push_back(gauge("synclog_feed_waiting", "Readers that wait for the next event.",
                      static_cast<double>(feed.waiting)));
  out.push_back(counter("synclog_feed_published_total", "Events published by this server's commits.",
                        static_cast<double>(feed.published)));
  out.push_back(counter("synclog_feed_tail_reads_total", "Pages read from the log for others' events.",
                        static_cast<double>(feed.tail_reads)));

  append_search(out, with.texts.stats());

  const auto pool = with.reads.stats();
  out.push_back(
      gauge("synclog_pool_open", "Open connections of the readers' pool.", static_cast<double>(pool.open)));
  out.push_back(
      gauge("synclog_pool_in_flight", "Segments on their way.", static_cast<double>(pool.in_flight)));
  out.push_back(counter("synclog_pool_reconnects_total", "Connections replaced.",
                        static_cast<double>(pool.reconnects)));
}

} // namespace synclog::http::families

namespace synclog::http {

std::string metrics::text(const services& with) const {
  std::vector<prometheus::MetricFamily> all = collect();
  families::append_services(all, with);
  families::append_streams(all, with);
  return serialise(all);
}

} // namespace synclog::http
