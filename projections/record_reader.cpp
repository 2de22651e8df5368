// One statement a request; a search may take a few.
#include "projections/record_reader.hpp"
#include "core/record.hpp"
#include "projections/page_rows.hpp"
#include "projections/read_statements.hpp"
#include "projections/search_pages.hpp"
#include "projections/statement_cache.hpp"
#include <algorithm>

namespace synclog::projections {

namespace pg = eventstore::pg;
namespace asio = boost::asio;

namespace {

constexpr std::size_t max_cached_statements = 256;

constexpr std::size_t always_exact_limit = 100;

} // namespace

struct record_reader::impl {
  impl(pg::pool& shorts_, pg::pool& wholes_, search_index* texts) : shorts(shorts_), wholes(wholes_) {
    if (texts != nullptr) searches.emplace(*texts, wholes, statements);
  }
  pg::pool& shorts;
  pg::pool& wholes;
  statement_cache statements{max_cached_statements};
  std::optional<search_pages> searches;
};

record_reader::record_reader(pg::pool& shorts, pg::pool& wholes, const core::catalog&, search_index* texts)
    : impl_(std::make_unique<impl>(shorts, wholes, texts)) {}

record_reader::~record_reader() = default;

pg::pool& record_reader::whole_reads() const {
  return impl_->wholes;
}

asio::awaitable<std::optional<record_row>> record_reader::get(const core::entity& definition, std::string id,
                                                              core::scope caller, pg::deadline until) {
  if (!core::is_valid_record_id(id)) co_return std::nullopt;
  built_query built = build_get(definition, id, caller);
  auto prepared = impl_->statements.find_or_make(std::move(built.sql));
  pg::rows found = co_await run_statement(impl_->shorts, std::move(prepared), std::move(built.values), until);
  if (found.size() == 0) co_return std::nullopt;
  co_return record_row{std::string(found.text(0, 0)), found.int8(0, 1), {found.int8(0, 2)}};
}

asio::awaitable<list_page> record_reader::page(const list_query& query, std::size_t max_rows,
                                               pg::deadline until) {
  std::size_t wanted = std::clamp<std::size_t>(max_rows, 1, max_list_limit);
  if (!query.limit) wanted = std::max<std::size_t>(scaled_down(wanted + 1) - 1, 1);
  const bool is_common = query.limit == wanted && wanted <= always_exact_limit;
  // One row more tells whether there are more.
  const std::size_t rows = is_common ? wanted + 1 : scaled_up(wanted + 1);
  if (impl_->searches && !query.search.empty()) {
    auto found = co_await impl_->searches->page(query, wanted, rows, until);
    if (found) co_return std::move(*found);
  }
  built_query built = build_page(query, rows);
  auto prepared = impl_->statements.find_or_make(std::move(built.sql));
  // What may have to look at the whole table does not stand in front of the quick reads.
  const bool is_quick = query.limit && query.search.empty();
  pg::pool& from = is_quick ? impl_->shorts : impl_->wholes;
  pg::rows found = co_await run_statement(from, std::move(prepared), std::move(built.values), until);
  const std::size_t available = found.size() == 0 ? 0 : static_cast<std::size_t>(found.size() - 1);
  co_return page_of(query, std::move(found), available, wanted);
}

} // namespace synclog::projections
