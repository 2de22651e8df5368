// One statement a request. Order values of a page's last row come out of its doc, so a row carries nothing
// but the doc.
#include "projections/record_reader.hpp"
#include "core/record.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include "projections/read_statements.hpp"
#include "projections/statement_cache.hpp"
#include <algorithm>
#include <bit>
#include <stdexcept>

namespace synclog::projections {

namespace pg = eventstore::pg;
namespace asio = boost::asio;

namespace {

constexpr std::size_t max_cached_statements = 256;

constexpr std::size_t always_exact_limit = 100;

// Page sizes go into the statement's text (the planner must know them), so they come from a coarse scale:
// four steps to each power of two.
std::size_t scale_step(std::size_t rows) {
  return std::max<std::size_t>(1, std::bit_floor(rows) / 4);
}
std::size_t scaled_down(std::size_t rows) {
  return rows / scale_step(rows) * scale_step(rows);
}
std::size_t scaled_up(std::size_t rows) {
  const std::size_t down = scaled_down(rows);
  return down == rows ? rows : down + scale_step(rows);
}

// While a rebuilt table takes the place of the old one, a statement that waited for the old one finds it
// gone.
bool is_table_swap(const pg::failure& failed) {
  return pg::classify(failed.sqlstate) == pg::meaning::stale_plan || failed.sqlstate == "42P01" ||
         failed.sqlstate == "42703" || failed.sqlstate == "XX000";
}

asio::awaitable<pg::rows> read(pg::pool& from, std::shared_ptr<const pg::statement> prepared,
                               pg::params values, pg::deadline until) {
  constexpr int attempts = 2;
  for (int attempt = 1;; ++attempt) {
    pg::segment work;
    work.add(prepared, values);
    try {
      pg::segment_result answer = co_await from.run_read(std::move(work), until);
      co_return std::move(answer.results.at(0));
    } catch (const pg::query_failed& error) {
      if (attempt == attempts || !is_table_swap(error.info())) throw;
    }
  }
}

std::optional<std::string> order_value(const core::record& last, const core::column_ref& column) {
  if (column.field_index) {
    const std::string_view text = last.fields.get(*column.field_index);
    if (text == "null") return std::nullopt;
    return core::field_plain_text(text);
  }
  if (column.name == "id") return last.head.id;
  if (column.name == "version") return std::to_string(last.head.version);
  if (column.name == "position") return std::to_string(last.head.position.value);
  if (column.name == "created_at") return core::to_rfc3339(last.head.created_at);
  if (column.name == "updated_at") return core::to_rfc3339(last.head.updated_at);
  core::invariant_broken("a bookkeeping column that records do not have");
}

std::vector<std::optional<std::string>> order_values(const list_query& query, std::string_view doc) {
  const auto last = core::decode_record(*query.definition, doc);
  if (!last) throw std::runtime_error("a row of read table " + query.definition->table + " holds no record");
  std::vector<std::optional<std::string>> values;
  for (const core::order_key& key : query.order)
    values.push_back(order_value(*last, key.column));
  return values;
}

// "1042-9f3a6c1e" in quotes.
core::cursor head_of(std::string_view json_text) {
  if (json_text.size() > 2) {
    const auto head = core::parse_cursor(json_text.substr(1, json_text.size() - 2));
    if (head && head->fingerprint) return {head->position, *head->fingerprint};
  }
  throw std::runtime_error("the head of the log cannot be read");
}

} // namespace

struct record_reader::impl {
  impl(pg::pool& shorts_, pg::pool& wholes_) : shorts(shorts_), wholes(wholes_) {}
  pg::pool& shorts;
  pg::pool& wholes;
  statement_cache statements{max_cached_statements};
};

record_reader::record_reader(pg::pool& shorts, pg::pool& wholes, const core::catalog&)
    : impl_(std::make_unique<impl>(shorts, wholes)) {}

record_reader::~record_reader() = default;

asio::awaitable<std::optional<record_row>> record_reader::get(const core::entity& definition, std::string id,
                                                              core::scope caller, pg::deadline until) {
  if (!core::is_valid_record_id(id)) co_return std::nullopt;
  built_query built = build_get(definition, id, caller);
  auto prepared = impl_->statements.find_or_make(std::move(built.sql));
  pg::rows found = co_await read(impl_->shorts, std::move(prepared), std::move(built.values), until);
  if (found.size() == 0) co_return std::nullopt;
  co_return record_row{std::string(found.text(0, 0)), found.int8(0, 1)};
}

asio::awaitable<list_page> record_reader::page(const list_query& query, std::size_t max_rows,
                                               pg::deadline until) {
  std::size_t wanted = std::clamp<std::size_t>(max_rows, 1, max_list_limit);
  if (!query.limit) wanted = std::max<std::size_t>(scaled_down(wanted + 1) - 1, 1);
  const bool is_common = query.limit == wanted && wanted <= always_exact_limit;
  // One row more tells whether there are more.
  built_query built = build_page(query, is_common ? wanted + 1 : scaled_up(wanted + 1));
  auto prepared = impl_->statements.find_or_make(std::move(built.sql));
  // What may have to look at the whole table does not stand in front of the quick reads.
  const bool is_quick = query.limit && query.search.empty();
  pg::pool& from = is_quick ? impl_->shorts : impl_->wholes;
  list_page page;
  page.rows = co_await read(from, std::move(prepared), std::move(built.values), until);
  if (page.rows.size() == 0) throw std::runtime_error("a page came without the head of the log");
  page.head = head_of(page.rows.text(0, 0));
  const auto found = static_cast<std::size_t>(page.rows.size() - 1);
  page.more = found > wanted;
  page.docs.reserve(std::min(found, wanted));
  for (std::size_t i = 0; i < std::min(found, wanted); ++i)
    page.docs.push_back(page.rows.text(static_cast<int>(i + 1), 0));
  if (page.more) page.last_values = order_values(query, page.docs.back());
  co_return page;
}

} // namespace synclog::projections
