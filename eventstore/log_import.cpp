// See log_import.hpp. Reads line by line, holds one batch.
#include "eventstore/log_import.hpp"

#include "core/bytes.hpp"
#include "core/chain.hpp"
#include "eventstore/import_batch.hpp"
#include "eventstore/statements.hpp"
#include <cstring>
#include <fmt/format.h>

namespace synclog::eventstore {

namespace {

// Of one transaction.
constexpr std::size_t max_batch_events = 2'000;
constexpr std::size_t max_batch_bytes = 8u << 20;
constexpr std::int64_t hash_page_events = 10'000;
constexpr const char* statement_timeout = "60s";
// Whose versions a dry run follows: about 150 bytes each.
constexpr std::size_t max_dry_run_records = 1'000'000;
// How far two clocks may be apart. What is written behind an event of the future gets its time, too, until
// the clock has come there.
constexpr std::int64_t max_clock_skew_us = std::int64_t{5} * 60 * 1'000'000;

core::problem other_log(const core::uuid& exported, const core::uuid& here) {
  return refuse_line(1, fmt::format("is of log {}; this database holds log {}", core::to_string(exported),
                                    core::to_string(here)));
}

// The stored hashes of positions that the log has, asked for in ascending order.
class stored_hashes {
 public:
  stored_hashes(pg::plain_connection& db, core::position after) : db_(db), first_(after.value + 1) {}

  // "" beyond the head.
  std::string at(core::position where) {
    while (where.value >= first_ + page_.size()) {
      first_ += page_.size();
      pg::query ask;
      ask.prepared = statements::hashes_after;
      ask.values.int8(first_ - 1).int8(hash_page_events);
      ask.format = pg::result_format::binary;
      page_ = db_.run(ask);
      if (page_.size() == 0) return {};
    }
    return std::string(page_.text(static_cast<int>(where.value - first_), 1));
  }

 private:
  pg::plain_connection& db_;
  std::int64_t first_; // position of page_'s first row
  pg::rows page_;
};

class log_importer {
 public:
  log_importer(const import_target& target, line_source& lines, import_mode mode,
               const progress_callback& progress, const std::atomic<bool>& stop)
      : target_(target), db_(target.conninfo, target.role, "synclog replay import"), checks_(target.entities),
        batch_(db_, target, checks_), lines_(lines), mode_(mode), progress_(progress), stop_(stop) {}

  import_report run() {
    db_.run("SELECT set_config('statement_timeout', $1, false)", {std::string(statement_timeout)});
    report_.refused = read_header();
    while (!report_.refused && !ended_)
      report_.refused = read_line();
    if (!report_.refused) report_.refused = flush();
    const auto end = read_end(db_);
    report_.head = end.position;
    if (end.position.value > 0) report_.head_hash_hex = core::to_hex(end.hash);
    report_.behind.assign(batch_.behind().begin(), batch_.behind().end());
    return std::move(report_);
  }

 private:
  using refusal = std::optional<core::problem>;

  refusal refuse(const std::string& what) const { return refuse_line(lines_.line(), what); }

  // What the source says of a line, with the line's number.
  core::problem placed(const core::problem& why) const {
    return why.code == core::problem_code::malformed ? refuse_line(lines_.line(), why.detail) : why;
  }

  refusal read_header() {
    const auto line = lines_.next(stop_);
    if (!line) return placed(line.error());
    if (!*line) return refuse("the file is empty");
    auto parsed = parse_export_line(**line);
    if (!parsed) return placed(parsed.error());
    auto* header = std::get_if<export_header>(&*parsed);
    if (header == nullptr) return refuse("an export begins with its header");
    header_ = std::move(*header);
    if (target_.fall_behind) checks_.allow_outgrown(header_.definitions);
    return place();
  }

  // Where the file meets the log.
  refusal place() {
    pg::query ask;
    ask.prepared = statements::read_log_id;
    ask.format = pg::result_format::binary;
    const auto rows = db_.run(ask);
    if (rows.size() != 1 || rows.text(0, 0).size() != report_.log_id.size())
      throw pg::unavailable("the database has no log");
    std::memcpy(report_.log_id.data(), rows.text(0, 0).data(), report_.log_id.size());
    stored_ = end_ = read_end(db_);
    hasher_.emplace(header_.log_id);
    if (header_.after.value == 0 && header_.after_hash != hasher_->genesis())
      return refuse("\"after_hash\" is not that of an empty log of this id");
    if (header_.log_id != report_.log_id && stored_.position.value > 0)
      return other_log(header_.log_id, report_.log_id);
    if (header_.after > stored_.position)
      return refuse(fmt::format("the export begins behind position {}, this log ends at {}: import what is "
                                "between them first",
                                header_.after.value, stored_.position.value));
    if (header_.log_id != report_.log_id) adopt_ = header_.log_id;
    stored_hashes_.emplace(db_, core::position{std::max<std::int64_t>(0, header_.after.value - 1)});
    if (header_.after.value > 0 && !is_stored(header_.after, header_.after_hash))
      return refuse(fmt::format("this log has another event at position {}", header_.after.value));
    last_ = {header_.after, header_.after_hash, last_.recorded_at};
    return {};
  }

  bool is_stored(core::position where, const core::sha256_digest& hash) {
    return stored_hashes_->at(where) == core::bytes_of(hash);
  }

  refusal read_line() {
    const auto line = lines_.next(stop_);
    if (!line) return placed(line.error());
    if (!*line) return refuse("the end is missing: the file was cut off");
    auto parsed = parse_export_line(**line);
    if (!parsed) return placed(parsed.error());
    if (const auto* trailer = std::get_if<export_trailer>(&*parsed)) return end_with(*trailer);
    auto* read = std::get_if<exported_event>(&*parsed);
    if (read == nullptr) return refuse("a second header");
    if (auto wrong = follow_chain(*read)) return wrong;
    report_.without_data += read->data_hash ? 1 : 0;
    const auto where = read->event.position;
    if (where <= stored_.position) {
      if (!is_stored(where, read->event.hash))
        return refuse(fmt::format("this log has another event at position {}", where.value));
      ++report_.compared;
    } else {
      if (auto wrong = refuse_future(read->event)) return wrong;
      const auto checked = checks_.check(*read);
      if (!checked.refused.empty()) return refuse_content(*read, checked.refused);
      if (auto wrong = add({std::move(*read), lines_.line(), checked.outgrown}, (*line)->size()))
        return wrong;
    }
    if (progress_)
      progress_({"import", where.value - header_.after.value, header_.head.value - header_.after.value});
    return {};
  }

  refusal refuse_content(const exported_event& read, const std::string& wrong) const {
    return refuse(fmt::format("position {}: {}", read.event.position.value, wrong));
  }

  refusal refuse_future(const core::event& event) const {
    const auto now = core::now();
    if (target_.future == future_times::accept || event.recorded_at.micros - now.micros <= max_clock_skew_us)
      return {};
    return refuse(fmt::format("position {}: recorded at {}, this machine's clock says {}: later events would "
                              "get that time, too; --accept-future-times takes it all the same",
                              event.position.value, core::to_rfc3339(event.recorded_at),
                              core::to_rfc3339(now)));
  }

  refusal follow_chain(const exported_event& read) {
    const auto& event = read.event;
    if (event.position != last_.position.next())
      return refuse(
          fmt::format("position {} where {} must be", event.position.value, last_.position.value + 1));
    const std::string_view salt = core::bytes_of(event.salt);
    const auto data_hash = read.data_hash ? *read.data_hash : hasher_->data_hash(salt, event.data);
    const auto computed = hasher_->next(last_.hash, event, data_hash);
    if (computed != event.hash)
      return refuse(fmt::format("position {}: its hash is {}, its content makes {}", event.position.value,
                                core::to_hex(event.hash), core::to_hex(computed)));
    if (event.recorded_at < last_.recorded_at)
      return refuse(fmt::format("position {}: recorded before its predecessor", event.position.value));
    last_ = {event.position, computed, event.recorded_at};
    return {};
  }

  // Nothing may follow, and nothing may be missing; only then the last batch is saved.
  refusal end_with(const export_trailer& trailer) {
    const bool whole = trailer.head == last_.position && trailer.head_hash == last_.hash &&
                       trailer.events == last_.position.value - header_.after.value &&
                       header_.head == last_.position && header_.head_hash == last_.hash;
    if (!whole)
      return refuse(fmt::format("the end does not fit: {} events up to position {} were announced, {} came, "
                                "up to position {}",
                                trailer.events, header_.head.value,
                                last_.position.value - header_.after.value, last_.position.value));
    const auto more = lines_.next(stop_);
    if (!more) return placed(more.error());
    if (*more) return refuse("something follows the end of the export");
    ended_ = true;
    return {};
  }

  refusal add(numbered_event read, std::size_t bytes) {
    waiting_.push_back(std::move(read));
    waiting_bytes_ += bytes;
    if (waiting_.size() < max_batch_events && waiting_bytes_ < max_batch_bytes) return {};
    if (auto wrong = flush()) return wrong;
    if (stop_) return core::make_problem(core::problem_code::draining, "stopped");
    return {};
  }

  refusal flush() {
    if (waiting_.empty()) return {};
    refusal wrong;
    if (mode_ == import_mode::dry_run) {
      wrong = try_versions();
      if (!wrong) {
        batch_.find_behind(waiting_);
        count(waiting_);
      }
    } else {
      std::size_t saved = 0;
      wrong = batch_.save_to_culprit(waiting_, end_, adopt_, saved);
      count(std::span(waiting_).first(saved));
      if (saved > 0 && adopt_) {
        report_.adopted = true;
        report_.log_id = *std::exchange(adopt_, std::nullopt);
      }
    }
    const auto& last = waiting_.back().read.event;
    end_ = {last.position, last.hash, last.recorded_at};
    waiting_.clear();
    waiting_bytes_ = 0;
    return wrong;
  }

  void count(std::span<const numbered_event> saved) {
    report_.saved += static_cast<std::int64_t>(saved.size());
    for (const auto& each : saved)
      report_.outgrown += each.outgrown ? 1 : 0;
  }

  refusal try_versions() {
    const auto& first = waiting_.front();
    if (first.read.event.recorded_at < end_.recorded_at)
      return refuse_line(first.line, "is recorded before the last event of this log");
    if (report_.versions_unchecked) return {};
    dry_histories_.load(db_, waiting_);
    report_.versions_unchecked = dry_histories_.size() > max_dry_run_records;
    return dry_histories_.follow(waiting_, checks_);
  }

  const import_target& target_;
  pg::plain_connection db_;
  import_checks checks_;
  import_batch batch_;
  line_source& lines_;
  const import_mode mode_;
  const progress_callback& progress_;
  const std::atomic<bool>& stop_;

  import_report report_;
  export_header header_;
  std::optional<core::chain_hasher> hasher_;
  std::optional<stored_hashes> stored_hashes_;
  std::optional<core::uuid> adopt_;
  log_end stored_; // of the log when the import began
  log_end end_;    // of the log with what was saved
  log_end last_;   // of the file, as far as it was read
  std::vector<numbered_event> waiting_;
  std::size_t waiting_bytes_ = 0;
  record_histories dry_histories_;
  bool ended_ = false;
};

} // namespace

import_report import_log(const import_target& target, line_source& lines, import_mode mode,
                         const progress_callback& progress, const std::atomic<bool>& stop) {
  return log_importer(target, lines, mode, progress, stop).run();
}

} // namespace synclog::eventstore
