// See lookup_answers.hpp. Results are libpq's own, made by hand in its binary format.
#include "bench/micro/lookup_answers.hpp"

#include "core/problem.hpp"
#include "eventstore/statements.hpp"
#include <bit>
#include <cstring>
#include <libpq-fe.h>
#include <optional>

namespace synclog::tests::bench {

namespace pg = eventstore::pg;

namespace {

constexpr std::int64_t epoch_shift_micros = 946'684'800'000'000; // PostgreSQL counts from the year 2000

std::string wire(std::int64_t number) {
  const auto swapped = __builtin_bswap64(static_cast<std::uint64_t>(number));
  return {reinterpret_cast<const char*>(&swapped), sizeof swapped};
}

std::uint32_t read_length(const char* at) {
  std::uint32_t wire_value = 0;
  std::memcpy(&wire_value, at, sizeof wire_value);
  return __builtin_bswap32(wire_value);
}

// The elements of a one-dimensional text array without NULLs.
std::vector<std::string> read_text_array(const char* at, int bytes) {
  constexpr std::size_t header_bytes = 20, count_offset = 12;
  std::vector<std::string> texts;
  if (static_cast<std::size_t>(bytes) < header_bytes) return texts;
  const auto count = read_length(at + count_offset);
  at += header_bytes;
  for (std::uint32_t index = 0; index < count; ++index) {
    const auto length = read_length(at);
    texts.emplace_back(at + sizeof length, length);
    at += sizeof length + length;
  }
  return texts;
}

using row_cells = std::vector<std::optional<std::string>>; // nullopt = SQL NULL

pg::rows make_rows(int columns, const std::vector<row_cells>& cells) {
  auto* const made = PQmakeEmptyPGresult(nullptr, PGRES_TUPLES_OK);
  if (made == nullptr) core::invariant_broken("out of memory");
  pg::rows owner(made);
  std::string name = "c";
  std::vector<PGresAttDesc> described(static_cast<std::size_t>(columns));
  for (auto& one : described) {
    one.name = name.data();
    one.format = 1;
  }
  bool good = PQsetResultAttrs(made, columns, described.data()) != 0;
  for (std::size_t row = 0; row < cells.size(); ++row)
    for (std::size_t column = 0; column < cells[row].size(); ++column) {
      auto bytes = cells[row][column].value_or("");
      const int length = cells[row][column] ? static_cast<int>(bytes.size()) : -1;
      good = good &&
             PQsetvalue(made, static_cast<int>(row), static_cast<int>(column), bytes.data(), length) != 0;
    }
  if (!good) core::invariant_broken("libpq makes no result");
  return owner;
}

} // namespace

void lookup_answers::keep(const std::vector<core::event>& committed) {
  for (const auto& made : committed)
    by_id_.insert_or_assign(made.record_id, made);
  if (!committed.empty()) last_ = committed.back();
}

pg::rows lookup_answers::head() const {
  const std::string revisions = wire(0);
  if (!last_) return make_rows(4, {{std::nullopt, std::nullopt, std::nullopt, revisions}});
  const std::string hash(reinterpret_cast<const char*>(last_->hash.data()), last_->hash.size());
  return make_rows(4, {{wire(last_->position.value), hash,
                        wire(last_->recorded_at.micros - epoch_shift_micros), revisions}});
}

pg::rows lookup_answers::latest(const pg::params& wanted) const {
  std::vector<row_cells> cells;
  std::int64_t ordinal = 0;
  for (const auto& id : read_text_array(wanted.value(1), wanted.lengths()[1])) {
    ++ordinal;
    const auto found = by_id_.find(id);
    if (found == by_id_.end()) continue;
    const auto& event = found->second;
    cells.push_back({wire(ordinal), wire(event.version), wire(event.position.value),
                     std::string(core::to_string(event.action)), event.data});
  }
  return make_rows(5, cells);
}

pg::segment_result lookup_answers::answer(const pg::segment& asked) const {
  pg::segment_result made;
  for (const auto& query : asked.queries()) {
    if (query.prepared == eventstore::statements::read_batch_head)
      made.results.push_back(head());
    else if (query.prepared == eventstore::statements::latest_of_records)
      made.results.push_back(latest(query.values));
    else
      made.results.push_back(make_rows(1, {}));
  }
  return made;
}

} // namespace synclog::tests::bench
