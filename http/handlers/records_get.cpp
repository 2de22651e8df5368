// GET of one record, and the choice between a record and a list.
#include "core/ids.hpp"
#include "http/handlers/conditions.hpp"
#include "http/handlers/list_answer.hpp"
#include "http/handlers/list_past_answer.hpp"
#include "http/handlers/record_lookup.hpp"
#include "http/handlers/records.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include "http/handlers/records_past.hpp"
#include <algorithm>
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

bool asks_for_the_past(const request& asked) {
  return asked.parameter("at") || asked.parameter("version");
}

asio::awaitable<void> send_one(const services& with, const request& asked, responder& answer,
                               std::string id) {
  if (asks_for_the_past(asked)) {
    auto past = co_await answer_past_record(with, asked, std::move(id));
    co_await answer.send(std::move(past));
    co_return;
  }
  auto made = co_await answer_one(with, asked, std::move(id));
  auto sent = made ? std::move(*made) : problem_answer(made.error());
  co_await answer.send(std::move(sent));
}

bool wants_stream(const request& asked) {
  constexpr std::array<std::string_view, 4> forms{media_json, media_csv, media_ndjson, media_sse};
  const auto form = negotiate(asked, forms);
  return form && forms[*form] == media_sse;
}

} // namespace

asio::awaitable<void> get_one(const services& with, const request& asked, responder& answer) {
  constexpr std::array<std::string_view, 2> known{"at", "version"};
  if (auto refused = refuse_unknown_parameters(asked, known)) {
    co_await send_problem(answer, std::move(*refused));
    co_return;
  }
  auto id = asked.segments.size() > 2 ? asked.segments[2] : std::string{};
  co_await send_one(with, asked, answer, std::move(id));
}

asio::awaitable<void> list_or_get(const services& with, const request& asked, responder& answer) {
  const auto id = asked.parameter("id");
  if (!id) {
    // A live query refuses `at` itself.
    if (asked.parameter("at") && !wants_stream(asked))
      co_await answer_past_list(with, asked, answer);
    else
      co_await answer_list(with, asked, answer);
    co_return;
  }
  const bool alone = std::all_of(asked.query.begin(), asked.query.end(), [](const auto& parameter) {
    return parameter.first == "id" || parameter.first == "at" || parameter.first == "version";
  });
  if (!alone || parameter_values(asked, "id").size() > 1) {
    auto refused = core::make_problem(core::problem_code::bad_request,
                                      "id goes alone, or with at or version: it names one record");
    co_await send_problem(answer, std::move(refused));
    co_return;
  }
  std::string record_id(*id);
  co_await send_one(with, asked, answer, std::move(record_id));
}

} // namespace synclog::http::handlers
