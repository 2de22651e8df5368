// See log_export.hpp. No snapshot is held while the file waits: a page is read whole, then written.
#include "eventstore/log_export.hpp"

#include "core/bytes.hpp"
#include "core/chain.hpp"
#include "eventstore/event_row.hpp"
#include "eventstore/export_format.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "eventstore/statements.hpp"
#include <algorithm>
#include <cstring>
#include <fmt/format.h>
#include <limits>

namespace synclog::eventstore {

namespace {

constexpr int data_hash_column = 10; // of page_within

// Of a page; the bytes as they are stored, so compressed texts are larger.
constexpr std::int64_t max_page_events = 4'000;
constexpr std::int64_t max_page_bytes = 16 << 20;
constexpr const char* statement_timeout = "60s";

template <class Bytes>
Bytes bytes_of(std::string_view stored) {
  Bytes bytes{};
  if (stored.size() != bytes.size()) throw pg::unavailable("the log holds a value of another size");
  std::memcpy(bytes.data(), stored.data(), bytes.size());
  return bytes;
}

pg::query binary(const statements::statement_ptr& statement, pg::params values = {}) {
  pg::query asked;
  asked.prepared = statement;
  asked.values = std::move(values);
  asked.format = pg::result_format::binary;
  return asked;
}

class log_exporter {
 public:
  log_exporter(const std::string& conninfo, const std::string& role, whole_file& out,
               const progress_callback& progress, const std::atomic<bool>& stop)
      : db_(conninfo, role, "synclog replay export"), out_(out), progress_(progress), stop_(stop) {}

  core::result<export_report> run(const export_options& options) {
    db_.run("SELECT set_config('statement_timeout', $1, false)", {std::string(statement_timeout)});
    const auto asked = db_.run(binary(statements::read_log_id));
    if (asked.size() != 1) throw pg::unavailable("the database has no log");
    header_.log_id = bytes_of<core::uuid>(asked.text(0, 0));
    hasher_.emplace(header_.log_id);
    if (auto placed = place(options); !placed) return placed.error();
    if (auto begun = write_header(); !begun) return begun.error();
    while (last_ < header_.head.value && !report_.difference) {
      if (auto written = page(); !written) return written.error();
      if (progress_) progress_({"export", report_.events, header_.head.value - header_.after.value});
    }
    report_.log_id = header_.log_id;
    report_.after = header_.after;
    report_.head = {last_};
    report_.head_hash_hex = core::to_hex(hash_);
    if (report_.difference) return std::move(report_);
    std::string line;
    append_line(line, export_trailer{report_.events, {last_}, hash_});
    if (auto written = out_.write(line, stop_); !written) return written.error();
    return std::move(report_);
  }

 private:
  core::sha256_digest hash_at(core::position where) {
    if (where.value == 0) return hasher_->genesis();
    const auto found = db_.run(binary(statements::hash_at, std::move(pg::params().int8(where.value))));
    if (found.size() == 0) throw pg::unavailable(fmt::format("position {} is not in the log", where.value));
    return bytes_of<core::sha256_digest>(found.text(0, 0));
  }

  // From where to where; what is appended meanwhile is the next export's.
  core::result<void> place(const export_options& options) {
    const auto found = db_.run(binary(statements::read_head));
    const std::int64_t head = found.size() == 0 ? 0 : found.int8(0, 0);
    header_.after = {options.from.value - 1};
    header_.head = options.to.value_or(core::position{head});
    if (header_.after.value > head || header_.head.value > head)
      return core::make_problem(core::problem_code::bad_request, fmt::format("the log ends at {}", head));
    if (header_.after.value > header_.head.value)
      return core::make_problem(core::problem_code::bad_request, "--from is behind --to");
    header_.after_hash = hash_at(header_.after);
    header_.head_hash = hash_at(header_.head);
    hash_ = header_.after_hash;
    last_ = header_.after.value;
    return {};
  }

  core::result<void> write_header() {
    const auto stored = db_.run("SELECT name, revision, definition FROM synclog.definitions ORDER BY name");
    for (int row = 0; row < stored.size(); ++row)
      header_.definitions.push_back(
          {std::string(stored.text(row, 0)), stored.int8(row, 1), std::string(stored.text(row, 2))});
    std::string line;
    append_line(line, header_);
    return out_.write(line, stop_);
  }

  core::result<void> page() {
    pg::params values;
    values.int8(last_).int8(std::min(max_page_events, header_.head.value - last_)).int8(max_page_bytes);
    const auto rows = db_.run(binary(statements::page_within, std::move(values)));
    if (rows.size() == 0) differ("gap", last_ + 1, "missing");
    std::string line;
    for (int row = 0; row < rows.size() && !report_.difference; ++row) {
      exported_event read{event_of_row(rows, row), std::nullopt};
      if (!rows.is_null(row, data_hash_column))
        read.data_hash = bytes_of<core::sha256_digest>(rows.text(row, data_hash_column));
      check(read);
      if (report_.difference) break;
      line.clear();
      append_line(line, read);
      if (auto written = out_.write(line, stop_); !written) return written;
      ++report_.events;
    }
    if (stop_) return core::make_problem(core::problem_code::draining, "stopped");
    return {};
  }

  void check(const exported_event& read) {
    const auto& event = read.event;
    if (event.position.value != last_ + 1) return differ("gap", last_ + 1, "missing");
    if (event.recorded_at < time_) return differ("time", last_ + 1, "recorded before its predecessor");
    const std::string_view salt = core::bytes_of(event.salt);
    const auto data_hash = read.data_hash ? *read.data_hash : hasher_->data_hash(salt, event.data);
    const auto computed = hasher_->next(hash_, event, data_hash);
    if (computed != event.hash) {
      differ("hash", last_ + 1,
             fmt::format("stored hash {}, computed {}", core::to_hex(event.hash), core::to_hex(computed)));
      report_.difference->stored = core::to_hex(event.hash);
      report_.difference->computed = core::to_hex(computed);
      return;
    }
    hash_ = computed;
    time_ = event.recorded_at;
    last_ = event.position.value;
  }

  void differ(const char* kind, std::int64_t where, const std::string& what) {
    difference found;
    found.position = {where};
    found.kind = kind;
    found.detail = fmt::format("position {}: {}", where, what);
    report_.difference = std::move(found);
  }

  pg::plain_connection db_;
  whole_file& out_;
  const progress_callback& progress_;
  const std::atomic<bool>& stop_;
  std::optional<core::chain_hasher> hasher_;
  export_header header_;
  export_report report_;
  core::sha256_digest hash_{};
  core::timestamp time_{std::numeric_limits<std::int64_t>::min()};
  std::int64_t last_ = 0;
};

} // namespace

core::result<export_report> export_log(const std::string& conninfo, const std::string& role,
                                       const export_options& options, whole_file& out,
                                       const progress_callback& progress, const std::atomic<bool>& stop) {
  return log_exporter(conninfo, role, out, progress, stop).run(options);
}

} // namespace synclog::eventstore
