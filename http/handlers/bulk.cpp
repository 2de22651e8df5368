// See bulk.hpp.
#include "http/handlers/bulk.hpp"
#include "core/ids.hpp"
#include <boost/asio/post.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>
#include <map>

namespace synclog::http::handlers {

namespace {

// The id that a refused object names, so that its sender finds it again; "" when it names none that could be
// one.
std::string named_id(const core::json::value& object) {
  const auto* id = object.find("id");
  if (id == nullptr || id->kind != core::json::kind::string || !core::is_valid_record_id(id->text)) return {};
  return std::string(id->text);
}

core::command refused_object(const core::entity& definition, core::command_kind kind,
                             const core::json::value& object, core::problem why) {
  auto made = rejected_command(definition, kind, std::move(why));
  made.id = named_id(object);
  return made;
}

core::command command_of(const core::entity& definition, core::command_kind kind,
                         const core::json::value& item) {
  if (item.kind != core::json::kind::object)
    return rejected_command(definition, kind, core::invalid_field("", "must be an object"));
  auto given = core::validate_object(definition, item, "");
  if (!given) return refused_object(definition, kind, item, given.error());
  if (kind == core::command_kind::merge && given->id.empty())
    return rejected_command(definition, kind, core::invalid_field("/id", "is required to change a record"));
  return make_command(definition, kind, std::move(*given));
}

core::problem defects_problem(std::vector<core::field_error> errors) {
  auto why = core::make_problem(core::problem_code::invalid, "the JSON cannot be stored");
  why.errors = std::move(errors);
  return why;
}

// Defects by the item they lie in, with pointers relative to it. "/12/data/x" lies in item 12.
using item_defects = std::map<std::size_t, std::vector<core::field_error>>;

item_defects defects_by_item(const std::vector<core::json::defect>& defects) {
  item_defects sorted;
  for (const auto& defect : defects) {
    const std::string_view pointer = defect.pointer;
    const auto end = pointer.find('/', 1);
    const auto digits = pointer.substr(0, end).substr(pointer.empty() ? 0 : 1);
    std::size_t index = 0;
    for (const char c : digits)
      index = index * 10 + static_cast<std::size_t>(c - '0');
    const auto rest = end == std::string_view::npos ? std::string_view{} : pointer.substr(end);
    sorted[index].push_back({std::string(rest), defect.detail});
  }
  return sorted;
}

core::command command_of_line(const core::entity& definition, core::command_kind kind, std::string_view line,
                              std::uint64_t number, std::size_t max_depth) {
  auto parsed = core::json::parse(line, {.max_depth = max_depth});
  if (!parsed) {
    auto why = parsed.error();
    if (why.place) why.place->line = number;
    return rejected_command(definition, kind, std::move(why));
  }
  if (!parsed->defects().empty()) {
    std::vector<core::field_error> errors;
    for (const auto& defect : parsed->defects())
      errors.push_back({defect.pointer, defect.detail});
    return refused_object(definition, kind, parsed->root(), defects_problem(std::move(errors)));
  }
  return command_of(definition, kind, parsed->root());
}

} // namespace

boost::asio::awaitable<void> breather::breathe() {
  if (++items_ % items_between != 0) co_return;
  const auto executor = co_await boost::asio::this_coro::executor;
  co_await boost::asio::post(executor, boost::asio::use_awaitable);
}

core::problem too_many_items(std::size_t max_items) {
  return core::make_problem(
      core::problem_code::too_large,
      fmt::format("a bulk request holds at most {} items: send it in parts", max_items));
}

core::command make_command(const core::entity& definition, core::command_kind kind,
                           core::input_record given) {
  core::command made;
  made.definition = &definition;
  made.kind = kind;
  made.id = std::move(given.id);
  made.fields = std::move(given.fields);
  made.expected_version = given.expected_version;
  made.expected_from = core::version_source::body;
  return made;
}

core::command rejected_command(const core::entity& definition, core::command_kind kind, core::problem why) {
  core::command made;
  made.definition = &definition;
  made.kind = kind;
  made.fields = core::field_texts(definition.fields.size());
  made.rejected = std::move(why);
  return made;
}

boost::asio::awaitable<core::result<bulk_items>> read_json_items(const core::entity& definition,
                                                                 core::command_kind kind,
                                                                 const core::json::document& parsed,
                                                                 bulk_bounds bounds) {
  const auto items = parsed.root().items();
  if (items.size() > bounds.max_items) co_return too_many_items(bounds.max_items);
  auto defects = defects_by_item(parsed.defects());
  bulk_items made;
  made.commands.reserve(items.size());
  breather pause;
  for (std::size_t index = 0; index < items.size(); ++index) {
    const auto defective = defects.find(index);
    if (defective == defects.end()) {
      made.commands.push_back(command_of(definition, kind, items[index]));
    } else {
      auto why = defects_problem(std::move(defective->second));
      made.commands.push_back(refused_object(definition, kind, items[index], std::move(why)));
    }
    co_await pause.breathe();
  }
  co_return made;
}

boost::asio::awaitable<core::result<bulk_items>> read_ndjson_items(const core::entity& definition,
                                                                   core::command_kind kind,
                                                                   std::string_view text,
                                                                   bulk_bounds bounds) {
  bulk_items made;
  breather pause;
  std::uint64_t number = 0;
  for (std::size_t start = 0; start < text.size();) {
    const auto end = std::min(text.find('\n', start), text.size());
    const auto line = text.substr(start, end - start);
    start = end + 1;
    ++number;
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    if (made.commands.size() == bounds.max_items) co_return too_many_items(bounds.max_items);
    made.commands.push_back(command_of_line(definition, kind, line, number, bounds.max_depth));
    made.lines.push_back(number);
    co_await pause.breathe();
  }
  co_return made;
}

} // namespace synclog::http::handlers
