// GET of one record, and the choice between a record and a list.
#include "core/ids.hpp"
#include "http/handlers/conditions.hpp"
#include "http/handlers/list_answer.hpp"
#include "http/handlers/record_lookup.hpp"
#include "http/handlers/records.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include <array>

namespace synclog::http::handlers {

namespace asio = boost::asio;

namespace {

asio::awaitable<core::result<response>> answer_one(const services& with, const request& asked,
                                                   std::string id) {
  const auto definition = find_entity(with, asked);
  if (!definition) co_return definition.error();
  constexpr std::array<std::string_view, 1> offers{media_json};
  if (!negotiate(asked, offers)) co_return not_acceptable(offers);
  auto missing = core::make_problem(core::problem_code::not_found,
                                    "no record of " + (*definition)->name + " has this id");
  if (!core::is_valid_record_id(id)) co_return missing;
  auto caller = asked.caller;
  auto found = co_await find_record(with, **definition, std::move(id), std::move(caller), asked.until);
  if (!found) co_return missing;
  const auto etag = version_etag(found->version);
  const bool same = not_modified(asked, etag);
  auto made = same ? response{} : json_response(200, std::move(found->doc));
  if (same) {
    made.status = 304;
    add_common_headers(made);
  }
  made.headers.emplace_back("ETag", etag);
  co_return made;
}

std::optional<core::problem> refuse_time_travel(const request& asked) {
  for (const std::string_view name : {"at", "version"})
    if (asked.parameter(name))
      return core::make_problem(core::problem_code::bad_request,
                                "this server does not answer ?" + std::string(name) + "= yet");
  return std::nullopt;
}

} // namespace

asio::awaitable<void> get_one(const services& with, const request& asked, responder& answer) {
  auto refused = refuse_time_travel(asked);
  if (!refused) refused = refuse_unknown_parameters(asked, {});
  if (refused) {
    co_await send_problem(answer, std::move(*refused));
    co_return;
  }
  auto id = asked.segments.size() > 2 ? asked.segments[2] : std::string{};
  auto made = co_await answer_one(with, asked, std::move(id));
  auto sent = made ? std::move(*made) : problem_answer(made.error());
  co_await answer.send(std::move(sent));
}

asio::awaitable<void> list_or_get(const services& with, const request& asked, responder& answer) {
  if (auto refused = refuse_time_travel(asked)) {
    co_await send_problem(answer, std::move(*refused));
    co_return;
  }
  const auto id = asked.parameter("id");
  if (!id) {
    co_await answer_list(with, asked, answer);
    co_return;
  }
  if (asked.query.size() > 1) {
    auto refused = core::make_problem(core::problem_code::bad_request, "id goes alone: it names one record");
    co_await send_problem(answer, std::move(refused));
    co_return;
  }
  std::string record_id(*id);
  auto made = co_await answer_one(with, asked, std::move(record_id));
  auto sent = made ? std::move(*made) : problem_answer(made.error());
  co_await answer.send(std::move(sent));
}

} // namespace synclog::http::handlers
