// DELETE /api/{entity}/{id} and /api/{entity}?id=X[&id=Y]. Several ids are one request and one transaction.
#include "core/ids.hpp"
#include "http/handlers/bulk.hpp"
#include "http/handlers/bulk_answer.hpp"
#include "http/handlers/records.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_write.hpp"
#include "http/handlers/write_answer.hpp"
#include "http/quotas.hpp"
#include <algorithm>
#include <array>

namespace synclog::http::handlers {

namespace asio = boost::asio;

namespace {

core::problem bad_request(std::string detail) {
  return core::make_problem(core::problem_code::bad_request, std::move(detail));
}

// The ids that the request names, each once.
core::result<std::vector<std::string>> named_ids(const request& asked, std::size_t max_ids) {
  auto ids = parameter_values(asked, "id");
  if (asked.segments.size() > 2) {
    if (!ids.empty()) return bad_request("the id is in the path already");
    ids.push_back(asked.segments[2]);
  }
  if (ids.empty()) return bad_request("name the records to delete: ?id=X[&id=Y]");
  std::vector<std::string> once;
  for (auto& id : ids)
    if (std::find(once.begin(), once.end(), id) == once.end()) once.push_back(std::move(id));
  if (once.size() > max_ids) return too_many_items(max_ids);
  return once;
}

core::command removal(const opened_write& opened, const std::string& id) {
  const auto& definition = *opened.definition;
  constexpr auto kind = core::command_kind::remove;
  if (!core::is_valid_record_id(id)) {
    auto why = core::make_problem(core::problem_code::not_found, "no record can have this id");
    return rejected_command(definition, kind, std::move(why));
  }
  core::command made;
  made.definition = &definition;
  made.kind = kind;
  made.id = id;
  made.fields = core::field_texts(definition.fields.size());
  made.expected_version = opened.conditions.expected_version;
  made.expected_from = core::version_source::header;
  return made;
}

asio::awaitable<core::result<response>> answer_remove(const services& with, const request& asked) {
  constexpr std::array<std::string_view, 2> known{"id", "dry_run"};
  const auto opened = open_write(with, asked, known);
  if (!opened) co_return opened.error();
  if (opened->conditions.create_only) co_return bad_request("If-None-Match: * goes with POST");
  const auto ids = named_ids(asked, with.limits.max_bulk_items);
  if (!ids) co_return ids.error();
  if (ids->size() > 1 && opened->conditions.any()) co_return bad_request("If-Match goes with one id");
  if (ids->size() > 1)
    if (auto wait = refuse_records(asked, ids->size())) co_return std::move(*wait);
  std::vector<core::command> commands;
  commands.reserve(ids->size());
  for (const auto& id : *ids)
    commands.push_back(removal(*opened, id));
  auto wanted = make_write_request(asked, *opened, std::move(commands));
  auto outcome = co_await with.committer.submit(std::move(wanted));
  if (!outcome) co_return outcome.error();
  co_return removal_answer(*outcome);
}

} // namespace

asio::awaitable<void> remove(const services& with, const request& asked, responder& answer) {
  auto made = co_await answer_remove(with, asked);
  auto sent = made ? std::move(*made) : problem_answer(made.error());
  co_await answer.send(std::move(sent));
}

} // namespace synclog::http::handlers
