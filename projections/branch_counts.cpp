// See branch_counts.hpp.
#include "projections/branch_counts.hpp"

#include "projections/layout.hpp"
#include <algorithm>
#include <fmt/format.h>
#include <memory>

namespace synclog::projections {

namespace asio = boost::asio;
namespace pg = eventstore::pg;

namespace {

constexpr std::int64_t page_rows = 100'000;

std::string page_sql(const core::entity& definition) {
  const auto branch = definition.branch_field
                          ? quote_identifier(definition.fields[*definition.branch_field].name)
                          : std::string("NULL");
  return fmt::format("SELECT coalesce(s.branch, ''), count(*), max(s.id) FROM (SELECT {}::text AS branch, id "
                     "FROM {} WHERE id > $1::text ORDER BY id LIMIT {}) AS s GROUP BY 1",
                     branch, qualified_table(definition.table), page_rows);
}

} // namespace

asio::awaitable<branch_counts> count_by_branch(pg::pool& reads, const core::entity& definition,
                                               pg::deadline until) {
  const auto sql = page_sql(definition);
  branch_counts counted;
  std::string after; // ids are never empty
  for (std::int64_t seen = page_rows; seen == page_rows;) {
    pg::params values;
    values.text(after);
    pg::segment work;
    auto statement = sql;
    work.add_sql(std::move(statement), std::move(values));
    const auto answer = co_await reads.run_read(std::move(work), until);
    const auto& rows = answer.results.at(0);
    seen = 0;
    for (int row = 0; row < rows.size(); ++row) {
      counted[std::string(rows.text(row, 0))] += rows.int8(row, 1);
      seen += rows.int8(row, 1);
      after = std::max(after, std::string(rows.text(row, 2)));
    }
  }
  co_return counted;
}

} // namespace synclog::projections
