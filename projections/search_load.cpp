// See search_load.hpp. A row keeps its place while nothing changes it, and what changes it is an event. A
// table whose rebuild is pending has search texts of an earlier definition: it is not read.
#include "projections/search_load.hpp"
#include "core/chain.hpp"
#include "core/clock.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "projections/layout.hpp"
#include <fmt/format.h>
#include <optional>
#include <string_view>

namespace synclog::projections {

namespace asio = boost::asio;
namespace pg = eventstore::pg;

namespace {

constexpr std::int64_t blocks_a_stretch = 256; // 2 MB; some 3,000 records

// As text that equals the canonical text.
std::string canonical_sql(const core::column_ref& column) {
  const std::string name = quote_identifier(column.name);
  if (column.type == core::field_type::timestamp)
    return "to_char(" + name + " AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";
  return name + "::text";
}

asio::awaitable<pg::rows> read(pg::pool& from, std::string sql, pg::params values, pg::deadline until) {
  pg::segment work;
  work.add_sql(std::move(sql), std::move(values));
  pg::segment_result answer = co_await from.run_read(std::move(work), until);
  co_return std::move(answer.results.at(0));
}

} // namespace

core::column_ref order_column_of(const core::entity& definition) {
  return complete_order(definition.default_order).front().column;
}

order_prefix key_of_row(const column_block& block, const core::column_ref& column) {
  if (column.field_index) return prefix_of(column.type, block.fields()[*column.field_index][0]);
  if (column.name == "created_at") return prefix_of_moment(block.created_at()[0]);
  if (column.name == "updated_at") return prefix_of_moment(block.updated_at()[0]);
  if (column.name == "version") return prefix_of(column.type, std::to_string(block.versions()[0]));
  if (column.name == "position") return prefix_of(column.type, std::to_string(block.positions()[0]));
  return prefix_of(column.type, block.ids()[0]);
}

order_prefix key_of_stretch(const pg::rows& found, int row, const core::column_ref& column) {
  constexpr int key = 2;
  if (found.is_null(row, key)) return prefix_of(column.type, std::nullopt);
  return prefix_of(column.type, found.text(row, key));
}

table_stretches::table_stretches(const core::entity& definition, const core::column_ref& key)
    : table_(qualified_table(definition.table)) {
  select_ = "SELECT id, search_text, " + canonical_sql(key) + " FROM " + table_ +
            " WHERE ctid >= $1::tid AND ctid < $2::tid AND search_text IS NOT NULL";
  look_ = "SELECT pg_relation_size(c.oid) / current_setting('block_size')::bigint, "
          "c.oid::text || '/' || pg_relation_filenode(c.oid)::text FROM pg_class AS c WHERE c.oid = "
          "to_regclass($1) AND EXISTS (SELECT FROM synclog.read_tables AS t WHERE t.entity = " +
          quote_literal(definition.name) + " AND t.fingerprint = '\\x" +
          core::to_hex(table_fingerprint(definition)) + "'::bytea)";
}

asio::awaitable<void> table_stretches::open(pg::pool& from, pg::deadline until) {
  pg::params name;
  name.text(table_);
  const pg::rows found = co_await read(from, look_, std::move(name), until);
  if (found.size() == 0)
    throw pg::unavailable("the read table " + table_ + " is not there, or being rebuilt");
  blocks_ = found.int8(0, 0);
  identity_ = found.text(0, 1);
  next_block_ = 0;
}

asio::awaitable<pg::rows> table_stretches::next(pg::pool& from, pg::deadline until) {
  pg::params between;
  between.text(fmt::format("({},0)", next_block_));
  between.text(fmt::format("({},0)", next_block_ + blocks_a_stretch));
  pg::rows found = co_await read(from, select_, std::move(between), until);
  next_block_ += blocks_a_stretch;
  co_return found;
}

asio::awaitable<bool> table_stretches::is_whole(pg::pool& from, pg::deadline until) {
  pg::params name;
  name.text(table_);
  const pg::rows found = co_await read(from, look_, std::move(name), until);
  co_return found.size() == 1 && found.text(0, 1) == identity_;
}

} // namespace synclog::projections
