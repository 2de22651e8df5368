// See log_reader.hpp.
#include "eventstore/log_reader.hpp"

#include "core/chain.hpp"
#include "core/problem.hpp"
#include "eventstore/event_row.hpp"
#include "eventstore/page_growth.hpp"
#include "eventstore/statements.hpp"
#include <algorithm>
#include <cstring>

namespace synclog::eventstore {

namespace asio = boost::asio;

namespace {

core::sha256_digest digest_of(std::string_view bytes) {
  core::sha256_digest digest{};
  std::memcpy(digest.data(), bytes.data(), std::min(bytes.size(), digest.size()));
  return digest;
}

record_state state_of_row(const pg::rows& rows, int row) {
  using presence = record_state::presence;
  if (rows.is_null(row, 0)) return {};
  if (rows.text(row, 0) == "deleted") return {presence::deleted, {}};
  if (rows.is_null(row, 1)) return {};
  return {presence::live, std::string(rows.text(row, 1))};
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
  page_growth growth(bounds);
  auto from = after.position;
  while (growth.next_rows() > 0) {
    pg::segment work;
    if (checked) {
      work.add(statements::hash_at, std::move(pg::params().int8(from.value)), pg::result_format::binary);
    }
    pg::params values;
    values.int8(from.value).int8(static_cast<std::int64_t>(growth.next_rows()));
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
      growth.took(read.data.size() + read.meta.size());
      from = read.position;
      events.push_back(std::move(read));
    }
    growth.ended_statement(static_cast<std::size_t>(rows.size()) < growth.next_rows());
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

asio::awaitable<std::vector<record_state>> log_reader::states_at(std::vector<record_version> wanted,
                                                                 std::size_t max_bytes, pg::deadline until) {
  std::vector<record_state> states;
  const page_bounds bounds{.max_events = wanted.size(), .max_bytes = max_bytes};
  page_growth growth(bounds);
  while (growth.next_rows() > 0) {
    const auto begin = states.size(), asked = growth.next_rows();
    std::vector<std::string_view> entities, ids;
    std::vector<std::int64_t> versions;
    for (std::size_t i = begin; i < begin + asked; ++i) {
      entities.push_back(wanted[i].entity);
      ids.push_back(wanted[i].record_id);
      versions.push_back(wanted[i].version);
    }
    pg::params values;
    values.text_array(entities).text_array(ids).int8_array(versions);
    values.int8(static_cast<std::int64_t>(growth.bytes_left()));
    pg::segment work;
    work.add(statements::states_at, std::move(values), pg::result_format::binary);
    const auto answer = co_await reads_->run_read(std::move(work), until);
    const auto& rows = answer.results.at(0);
    for (int row = 0; row < rows.size(); ++row) {
      states.push_back(state_of_row(rows, row));
      growth.took(states.back().doc.size());
    }
    growth.ended_statement(static_cast<std::size_t>(rows.size()) < asked);
  }
  co_return states;
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
