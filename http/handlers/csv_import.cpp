// See csv_import.hpp.
#include "http/handlers/csv_import.hpp"

namespace synclog::http::handlers {

namespace {

core::command command_of_row(const core::entity& definition, const core::csv::column_plan& plan,
                             core::csv::row& source) {
  constexpr auto kind = core::command_kind::save;
  if (source.defect) {
    auto why = std::move(*source.defect);
    why.place = core::text_place{source.line, source.defect_column};
    return rejected_command(definition, kind, std::move(why));
  }
  auto given = plan.to_record(source);
  if (!given) {
    auto why = given.error();
    why.place = core::text_place{source.line, why.place ? why.place->column : 0};
    return rejected_command(definition, kind, std::move(why));
  }
  return make_command(definition, kind, std::move(*given));
}

} // namespace

boost::asio::awaitable<core::result<bulk_items>>
read_csv_items(const core::entity& definition, std::string_view text, const column_map& overrides,
               std::size_t max_items, core::csv::quote_trust trust) {
  auto opened = core::csv::reader::open(text, trust);
  if (!opened) co_return opened.error();
  core::csv::reader& file = *opened;
  auto plan = core::csv::column_plan::make(definition, file.header(), overrides, file.dialect());
  if (!plan) co_return plan.error();
  bulk_items made;
  core::csv::row source;
  breather pause;
  while (file.next(source)) {
    if (made.commands.size() == max_items) co_return too_many_items(max_items);
    made.commands.push_back(command_of_row(definition, *plan, source));
    made.lines.push_back(source.line);
    co_await pause.breathe();
  }
  co_return made;
}

} // namespace synclog::http::handlers
