// See records_past.hpp.
#include "http/handlers/records_past.hpp"
#include "core/ids.hpp"
#include "eventstore/past_reader.hpp"
#include "http/handlers/asked_moment.hpp"
#include "http/handlers/conditions.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include <array>
#include <charconv>

namespace synclog::http::handlers {

namespace asio = boost::asio;

namespace {

core::problem bad_request(std::string detail) {
  return core::make_problem(core::problem_code::bad_request, std::move(detail));
}

core::result<std::int64_t> read_version(const request& asked) {
  const auto text = *asked.parameter("version");
  std::int64_t version = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), version);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size() || version < 1)
    return bad_request("version is a whole number from 1");
  return version;
}

core::problem no_such_moment(const core::entity& definition) {
  return core::make_problem(core::problem_code::not_found,
                            "no record of " + definition.name + " had this id at that moment");
}

bool is_shown(const std::optional<core::event>& found, const core::scope& caller) {
  return found && found->action != core::event_action::deleted && found->data != "null" &&
         caller.sees_branch(found->branch);
}

response record_then(const request& asked, core::event found) {
  const auto etag = version_etag(found.version);
  const bool same = not_modified(asked, etag);
  auto made = same ? response{} : json_response(200, std::move(found.data));
  if (same) {
    made.status = 304;
    add_common_headers(made);
  }
  made.headers.emplace_back("ETag", etag);
  return made;
}

asio::awaitable<response> answer_version(const services& with, const request& asked,
                                         const core::entity& definition, std::string id) {
  const auto version = read_version(asked);
  if (!version) co_return problem_answer(version.error());
  if (!core::is_valid_record_id(id)) co_return problem_answer(no_such_version(definition));
  eventstore::past_reader past(with.reads);
  auto entity = definition.name;
  auto found = co_await past.version(std::move(entity), std::move(id), *version, asked.until);
  if (!is_shown(found, asked.caller)) co_return problem_answer(no_such_version(definition));
  co_return record_then(asked, std::move(*found));
}

asio::awaitable<response> answer_moment(const services& with, const request& asked,
                                        const core::entity& definition, std::string id) {
  auto moment = co_await find_asked_moment(with, asked);
  if (auto* refused = std::get_if<response>(&moment)) co_return std::move(*refused);
  const auto at = std::get<core::cursor>(moment);
  if (!core::is_valid_record_id(id)) co_return problem_answer(no_such_moment(definition));
  eventstore::past_reader past(with.reads);
  auto entity = definition.name;
  auto found = co_await past.at(std::move(entity), std::move(id), at.position, asked.until);
  auto made = is_shown(found, asked.caller) ? record_then(asked, std::move(*found))
                                            : problem_answer(no_such_moment(definition));
  made.headers.emplace_back("Sync-Position", core::to_string(at));
  co_return made;
}

} // namespace

core::problem no_such_version(const core::entity& definition) {
  return core::make_problem(core::problem_code::not_found,
                            "no record of " + definition.name + " has this id and such a version");
}

asio::awaitable<response> answer_past_record(const services& with, const request& asked, std::string id) {
  const auto definition = find_entity(with, asked);
  if (!definition) co_return problem_answer(definition.error());
  constexpr std::array<std::string_view, 1> offers{media_json};
  if (!negotiate(asked, offers)) co_return problem_answer(not_acceptable(offers));
  constexpr std::array<std::string_view, 1> single{"version"};
  if (const auto twice = refuse_repeated_parameters(asked, single)) co_return problem_answer(*twice);
  const bool by_version = asked.parameter("version").has_value();
  if (by_version && asked.parameter("at"))
    co_return problem_answer(bad_request("version and at exclude each other"));
  if (by_version) co_return co_await answer_version(with, asked, **definition, std::move(id));
  co_return co_await answer_moment(with, asked, **definition, std::move(id));
}

} // namespace synclog::http::handlers
