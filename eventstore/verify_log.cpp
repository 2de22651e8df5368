// See verify_log.hpp. Pages of one statement each, so that no snapshot is held for long; memory is bounded by
// a page.
#include "eventstore/verify_log.hpp"

#include "core/chain.hpp"
#include "core/problem.hpp"
#include "eventstore/event_row.hpp"
#include <chrono>
#include <cstring>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <memory>

namespace synclog::eventstore {

namespace {

constexpr std::int64_t page_events = 4'000;

struct connection_closer {
  void operator()(PGconn* connection) const { PQfinish(connection); }
};
using connection_ptr = std::unique_ptr<PGconn, connection_closer>;

connection_ptr connect(const std::string& conninfo) {
  connection_ptr connection(PQconnectdb(conninfo.c_str()));
  if (!connection || PQstatus(connection.get()) != CONNECTION_OK) {
    throw pg::unavailable(connection ? PQerrorMessage(connection.get()) : "out of memory");
  }
  return connection;
}

// One statement with bigint parameters, binary results.
pg::rows query(PGconn* connection, const char* sql, std::initializer_list<std::int64_t> values) {
  std::vector<std::string> texts;
  for (const auto value : values) {
    texts.push_back(std::to_string(value));
  }
  std::vector<const char*> pointers;
  for (const auto& text : texts) {
    pointers.push_back(text.c_str());
  }
  PGresult* answer = PQexecParams(connection, sql, static_cast<int>(pointers.size()), nullptr,
                                  pointers.data(), nullptr, nullptr, 1);
  pg::rows rows(answer);
  if (PQresultStatus(answer) != PGRES_TUPLES_OK) {
    throw pg::unavailable(PQresultErrorMessage(answer));
  }
  return rows;
}

constexpr const char* page_sql = R"(
  SELECT position, recorded_at, version, action, entity, record_id, branch, previous_branch, data, salt, data_hash, meta, hash
  FROM synclog.events WHERE position > $1::bigint AND position <= $2::bigint ORDER BY position LIMIT $3::bigint)";

// Events whose predecessor in their record's own history is missing, later in the log, or does not allow this
// action.
constexpr const char* versions_sql = R"(
  SELECT e.position, e.entity, e.record_id, e.version, coalesce(p.version, 0)
  FROM synclog.events e
  LEFT JOIN synclog.events p ON p.entity = e.entity AND p.record_id = e.record_id AND p.version = e.version - 1
  WHERE e.position > $1::bigint AND e.position <= $2::bigint
    AND (e.version < 1
      OR (e.version > 1 AND (p.position IS NULL OR p.position > e.position))
      OR ((e.action = 'created') <> (e.version = 1 OR p.action = 'deleted') AND e.action <> 'reverted'))
  ORDER BY e.position LIMIT 1)";

constexpr int data_hash_column = 10;

class log_walk {
 public:
  log_walk(PGconn* connection, verify_report& report)
      : connection_(connection), report_(&report), hasher_(*report.log_id) {
    hash_ = hasher_.genesis();
  }

  // False when the first difference has been found.
  bool page(std::int64_t upto) {
    const auto rows = query(connection_, page_sql, {last_, upto, page_events});
    if (rows.size() == 0) {
      return fail("gap", {last_ + 1}, fmt::format("position {}: missing", last_ + 1));
    }
    const auto before = last_;
    for (int row = 0; row < rows.size(); ++row) {
      if (!check(event_of_row(rows, row), rows, row)) {
        return false;
      }
    }
    return check_versions(before);
  }

  std::int64_t last() const { return last_; }
  std::string hash_hex() const { return core::to_hex(hash_); }

 private:
  bool check(const core::event& read, const pg::rows& rows, int row) {
    if (read.position.value != last_ + 1) {
      return fail("gap", {last_ + 1}, fmt::format("position {}: missing", last_ + 1));
    }
    if (read.recorded_at < time_) {
      return fail("time", read.position,
                  fmt::format("position {}: recorded before its predecessor", read.position.value));
    }
    core::sha256_digest data_hash{};
    if (rows.is_null(row, data_hash_column)) {
      data_hash =
          hasher_.data_hash({reinterpret_cast<const char*>(read.salt.data()), read.salt.size()}, read.data);
    } else {
      const auto stored = rows.text(row, data_hash_column);
      std::memcpy(data_hash.data(), stored.data(), std::min(stored.size(), data_hash.size()));
    }
    const auto computed = hasher_.next(hash_, read, data_hash);
    if (computed != read.hash) {
      report_->difference =
          difference{read.position,
                     "hash",
                     fmt::format("position {}: stored hash {}, computed {}", read.position.value,
                                 core::to_hex(read.hash), core::to_hex(computed)),
                     read.entity,
                     read.record_id,
                     "hash",
                     core::to_hex(read.hash),
                     core::to_hex(computed)};
      return false;
    }
    hash_ = read.hash;
    time_ = read.recorded_at;
    last_ = read.position.value;
    ++report_->events;
    return true;
  }

  bool check_versions(std::int64_t before) {
    const auto rows = query(connection_, versions_sql, {before, last_});
    if (rows.size() == 0) {
      return true;
    }
    const auto where = rows.int8(0, 0);
    report_->difference =
        difference{{where},
                   "version",
                   fmt::format("position {}: version {} of {} {} does not follow from its history", where,
                               rows.int8(0, 3), rows.text(0, 1), rows.text(0, 2)),
                   std::string(rows.text(0, 1)),
                   std::string(rows.text(0, 2)),
                   "version",
                   std::to_string(rows.int8(0, 3)),
                   std::to_string(rows.int8(0, 4) + 1)};
    return false;
  }

  bool fail(const char* kind, core::position where, std::string detail) {
    report_->difference = difference{where, kind, std::move(detail), {}, {}, {}, {}, {}};
    return false;
  }

  PGconn* connection_;
  verify_report* report_;
  core::chain_hasher hasher_;
  core::sha256_digest hash_{};
  core::timestamp time_{std::numeric_limits<std::int64_t>::min()};
  std::int64_t last_ = 0;
};

} // namespace

void verify_log(const std::string& conninfo, verify_report& report, const progress_callback& progress) {
  const auto began = std::chrono::steady_clock::now();
  const auto connection = connect(conninfo);
  const auto meta = query(connection.get(), "SELECT log_id FROM synclog.log_meta", {});
  if (meta.size() != 1) {
    throw pg::unavailable("the database has no log");
  }
  core::uuid log_id{};
  std::memcpy(log_id.data(), meta.text(0, 0).data(), std::min(meta.text(0, 0).size(), log_id.size()));
  report.log_id = log_id;
  // Up to the head as it is now: what is appended meanwhile is the next run's.
  const auto head = query(connection.get(), "SELECT coalesce(max(position), 0) FROM synclog.events", {});
  const auto upto = head.int8(0, 0);
  log_walk walk(connection.get(), report);
  while (walk.last() < upto && walk.page(upto)) {
    if (progress) {
      progress({"log", walk.last(), upto});
    }
  }
  report.head = {walk.last()};
  report.head_hash_hex = walk.hash_hex();
  report.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - began).count();
}

} // namespace synclog::eventstore
