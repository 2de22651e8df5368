// Order values of a page's last row come out of its doc, so a row carries nothing but the doc.
#include "projections/page_rows.hpp"
#include "core/record.hpp"
#include "eventstore/pg/sqlstate.hpp"
#include <algorithm>
#include <bit>
#include <stdexcept>

namespace synclog::projections {

namespace asio = boost::asio;
namespace pg = eventstore::pg;

namespace {

std::size_t scale_step(std::size_t rows) {
  return std::max<std::size_t>(1, std::bit_floor(rows) / 4);
}

// While a rebuilt table takes the place of the old one, a statement that waited for the old one finds it
// gone.
bool is_table_swap(const pg::failure& failed) {
  return pg::classify(failed.sqlstate) == pg::meaning::stale_plan || failed.sqlstate == "42P01" ||
         failed.sqlstate == "42703" || failed.sqlstate == "XX000";
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

// "1042-9f3a6c1e" in quotes.
core::cursor head_of(std::string_view json_text) {
  if (json_text.size() > 2) {
    const auto head = core::parse_cursor(json_text.substr(1, json_text.size() - 2));
    if (head && head->fingerprint) return {head->position, *head->fingerprint};
  }
  throw std::runtime_error("the head of the log cannot be read");
}

} // namespace

std::size_t scaled_down(std::size_t rows) {
  return rows / scale_step(rows) * scale_step(rows);
}
std::size_t scaled_up(std::size_t rows) {
  const std::size_t down = scaled_down(rows);
  return down == rows ? rows : down + scale_step(rows);
}

asio::awaitable<pg::rows> run_statement(pg::pool& from, std::shared_ptr<const pg::statement> prepared,
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

std::vector<std::optional<std::string>> order_values(const list_query& query, std::string_view doc) {
  const auto last = core::decode_record(*query.definition, doc);
  if (!last) throw std::runtime_error("a row of read table " + query.definition->table + " holds no record");
  std::vector<std::optional<std::string>> values;
  for (const core::order_key& key : query.order)
    values.push_back(order_value(*last, key.column));
  return values;
}

list_page page_of(const list_query& query, pg::rows found, std::size_t available, std::size_t wanted) {
  if (found.size() == 0) throw std::runtime_error("a page came without the head of the log");
  list_page page;
  page.rows = std::move(found);
  page.head = head_of(page.rows.text(0, 0));
  page.more = available > wanted;
  const std::size_t shown = std::min(available, wanted);
  page.docs.reserve(shown);
  for (std::size_t i = 0; i < shown; ++i)
    page.docs.push_back(page.rows.text(static_cast<int>(i + 1), 0));
  if (page.more) page.last_values = order_values(query, page.docs.back());
  return page;
}

} // namespace synclog::projections
