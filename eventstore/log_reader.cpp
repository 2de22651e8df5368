// See log_reader.hpp.
#include "eventstore/log_reader.hpp"

#include "core/chain.hpp"
#include "core/problem.hpp"
#include "eventstore/event_row.hpp"
#include "eventstore/statements.hpp"
#include <algorithm>
#include <cstring>

namespace synclog::eventstore {

namespace asio = boost::asio;

namespace {

// The first statement of a page asks for few rows; their size tells how many more fit the bound.
constexpr std::size_t first_rows = 32;

core::sha256_digest digest_of(std::string_view bytes) {
  core::sha256_digest digest{};
  std::memcpy(digest.data(), bytes.data(), std::min(bytes.size(), digest.size()));
  return digest;
}

asio::awaitable<core::uuid> read_log_id(pg::pool& reads, pg::deadline until) {
  pg::segment work;
  work.add(statements::read_log_id, {}, pg::result_format::binary);
  const auto answer = co_await reads.run_read(std::move(work), until);
  const auto& rows = answer.results.at(0);
  core::uuid id{};
  if (rows.size() != 1 || rows.text(0, 0).size() != id.size()) {
    throw pg::unavailable("the database has no log");
  }
  std::memcpy(id.data(), rows.text(0, 0).data(), id.size());
  co_return id;
}

asio::awaitable<core::cursor> read_head(pg::pool& reads, pg::deadline until) {
  pg::segment work;
  work.add(statements::read_head, {}, pg::result_format::binary);
  const auto answer = co_await reads.run_read(std::move(work), until);
  const auto& rows = answer.results.at(0);
  if (rows.size() == 0) {
    const auto id = co_await read_log_id(reads, until);
    co_return core::cursor::of({0}, core::chain_hasher(id).genesis());
  }
  co_return core::cursor::of({rows.int8(0, 0)}, digest_of(rows.text(0, 1)));
}

} // namespace

log_reader::log_reader(pg::pool& reads)
    : reads_(&reads), heads_(std::make_unique<shared_head>(
                          [&reads](pg::deadline until) { return read_head(reads, until); })) {}

asio::awaitable<core::uuid> log_reader::log_id(pg::deadline until) {
  return read_log_id(*reads_, until);
}

asio::awaitable<core::cursor> log_reader::head(pg::deadline until) {
  return heads_->get(until);
}

// False when `checked` and the log does not have `after`. The check travels with the first statement.
asio::awaitable<bool> log_reader::append_page(std::vector<core::event>& events, core::cursor after,
                                              page_bounds bounds, bool checked, pg::deadline until) {
  std::size_t bytes = 0;
  std::size_t largest = 0;
  auto from = after.position;
  auto wanted = std::min(first_rows, bounds.max_events);
  while (events.size() < bounds.max_events && bytes < bounds.max_bytes) {
    pg::segment work;
    if (checked) {
      work.add(statements::hash_at, std::move(pg::params().int8(from.value)), pg::result_format::binary);
    }
    pg::params values;
    values.int8(from.value).int8(static_cast<std::int64_t>(wanted));
    work.add(statements::page_after, std::move(values), pg::result_format::binary);
    const auto answer = co_await reads_->run_read(std::move(work), until);
    if (checked) {
      const auto& known = answer.results.at(0);
      if (known.size() == 0 ||
          core::cursor::of(from, digest_of(known.text(0, 0))).fingerprint != after.fingerprint) {
        co_return false;
      }
      checked = false;
    }
    const auto& rows = answer.results.back();
    for (int row = 0; row < rows.size(); ++row) {
      auto read = event_of_row(rows, row);
      bytes += read.data.size() + read.meta.size();
      largest = std::max(largest, read.data.size() + read.meta.size());
      from = read.position;
      events.push_back(std::move(read));
    }
    if (static_cast<std::size_t>(rows.size()) < wanted) {
      break;
    }
    // By the largest event seen, and at most four times as many: large events may follow small ones.
    const auto room =
        bounds.max_bytes > bytes ? (bounds.max_bytes - bytes) / std::max<std::size_t>(1, largest) : 0;
    if (room == 0) {
      break;
    }
    wanted = std::min({room, wanted * 4, bounds.max_events - events.size()});
  }
  co_return true;
}

asio::awaitable<std::vector<core::event>> log_reader::page(core::position after, page_bounds bounds,
                                                           pg::deadline until) {
  std::vector<core::event> events;
  co_await append_page(events, {after, 0}, bounds, false, until);
  co_return events;
}

asio::awaitable<std::optional<std::vector<core::event>>>
log_reader::page_continuing(core::cursor after, page_bounds bounds, pg::deadline until) {
  std::vector<core::event> events;
  const bool has_hash = after.position.value > 0; // position 0 is before the first event of any history
  if (!co_await append_page(events, after, bounds, has_hash, until)) {
    co_return std::nullopt;
  }
  co_return events;
}

asio::awaitable<std::vector<std::optional<std::string>>>
log_reader::docs_at(std::vector<record_version> wanted, pg::deadline until) {
  std::vector<std::optional<std::string>> docs(wanted.size());
  if (wanted.empty()) {
    co_return docs;
  }
  std::vector<std::string_view> entities, ids;
  std::vector<std::int64_t> versions;
  for (const auto& one : wanted) {
    entities.push_back(one.entity);
    ids.push_back(one.record_id);
    versions.push_back(one.version);
  }
  pg::params values;
  values.text_array(entities).text_array(ids).int8_array(versions);
  pg::segment work;
  work.add(statements::docs_at, std::move(values), pg::result_format::binary);
  const auto answer = co_await reads_->run_read(std::move(work), until);
  const auto& rows = answer.results.at(0);
  for (int row = 0; row < rows.size(); ++row) {
    if (!rows.is_null(row, 1)) {
      docs.at(static_cast<std::size_t>(rows.int8(row, 0) - 1)) = std::string(rows.text(row, 1));
    }
  }
  co_return docs;
}

asio::awaitable<std::optional<core::event>> log_reader::at(core::position where, pg::deadline until) {
  pg::segment work;
  work.add(statements::event_at, std::move(pg::params().int8(where.value)), pg::result_format::binary);
  const auto answer = co_await reads_->run_read(std::move(work), until);
  const auto& rows = answer.results.at(0);
  if (rows.size() == 0) {
    co_return std::nullopt;
  }
  co_return event_of_row(rows, 0);
}

asio::awaitable<std::optional<core::cursor>> log_reader::cursor_at(core::position where, pg::deadline until) {
  if (where.value == 0) {
    const auto id = co_await log_id(until);
    co_return core::cursor::of({0}, core::chain_hasher(id).genesis());
  }
  pg::segment work;
  work.add(statements::hash_at, std::move(pg::params().int8(where.value)), pg::result_format::binary);
  const auto answer = co_await reads_->run_read(std::move(work), until);
  const auto& rows = answer.results.at(0);
  if (rows.size() == 0) {
    co_return std::nullopt;
  }
  co_return core::cursor::of(where, digest_of(rows.text(0, 0)));
}

asio::awaitable<std::vector<core::event>> log_reader::history(std::string entity, std::string record_id,
                                                              std::int64_t after_version,
                                                              std::size_t max_events, pg::deadline until) {
  pg::segment work;
  pg::params values;
  values.text(entity).text(record_id).int8(after_version).int8(static_cast<std::int64_t>(max_events));
  work.add(statements::record_history, std::move(values), pg::result_format::binary);
  const auto answer = co_await reads_->run_read(std::move(work), until);
  const auto& rows = answer.results.at(0);
  std::vector<core::event> events;
  for (int row = 0; row < rows.size(); ++row) {
    events.push_back(event_of_row(rows, row));
  }
  co_return events;
}

} // namespace synclog::eventstore
