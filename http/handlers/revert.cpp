// POST /api/{entity}/{id}/revert. The version named is read before the commit: what it says never changes.
// Whether the record may become that again is decided under the head lock, as for every write.
#include "core/revert.hpp"
#include "core/ids.hpp"
#include "core/json.hpp"
#include "eventstore/past_reader.hpp"
#include "http/handlers/history.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include "http/handlers/records_past.hpp"
#include "http/handlers/records_write.hpp"
#include <array>
#include <charconv>
#include <fmt/format.h>

namespace synclog::http::handlers {

namespace asio = boost::asio;

namespace {

struct revert_body {
  std::optional<std::int64_t> version;
  std::optional<std::int64_t> expected_version;
};

std::optional<std::int64_t> whole_number(const core::json::value& given, std::int64_t least) {
  if (given.kind != core::json::kind::number) return std::nullopt;
  std::int64_t number = 0;
  const auto* const end = given.text.data() + given.text.size();
  const auto read = std::from_chars(given.text.data(), end, number);
  if (read.ec != std::errc{} || read.ptr != end || number < least) return std::nullopt;
  return number;
}

core::result<revert_body> read_body(const services& with, const request& asked) {
  const auto parsed = core::json::parse(asked.body, {.max_depth = with.limits.max_json_depth});
  if (!parsed) return parsed.error();
  if (parsed->root().kind != core::json::kind::object)
    return core::invalid_field("", R"(must be an object: {"version":N})");
  if (!parsed->defects().empty())
    return core::invalid_field(parsed->defects().front().pointer, parsed->defects().front().detail);
  revert_body made;
  for (const auto& [name, value] : parsed->root().members()) {
    const auto pointer = "/" + core::json::pointer_segment(name);
    if (name == "version") {
      made.version = whole_number(value, 1);
      if (!made.version) return core::invalid_field(pointer, "must be a whole number from 1");
    } else if (name == "expected_version") {
      made.expected_version = whole_number(value, 0);
      if (!made.expected_version) return core::invalid_field(pointer, "must be a whole number");
    } else {
      return core::invalid_field(pointer, "is unknown; known: version, expected_version");
    }
  }
  if (!made.version)
    return core::invalid_field("/version", "is required: the version that the record becomes again");
  return made;
}

// The record as it was at that version, as a command.
asio::awaitable<core::result<core::command>> read_version(const services& with, const request& asked,
                                                          const core::entity& definition, std::string id,
                                                          std::int64_t version) {
  if (!core::is_valid_record_id(id)) co_return no_such_version(definition);
  eventstore::past_reader past(with.reads);
  auto entity = definition.name;
  const auto found = co_await past.version(std::move(entity), std::move(id), version, asked.until);
  if (!found || !asked.caller.sees_branch(found->branch)) co_return no_such_version(definition);
  if (found->action == core::event_action::deleted)
    co_return core::invalid_field(
        "/version", fmt::format("version {} is a delete: there is nothing to restore", version));
  if (found->data == "null")
    co_return core::invalid_field("/version", fmt::format("what version {} said was erased", version));
  co_return core::revert_command(definition, found->data);
}

asio::awaitable<core::result<response>> answer_revert(const services& with, const request& asked) {
  constexpr std::array<std::string_view, 1> known{"dry_run"};
  const auto opened = open_write(with, asked, known);
  if (!opened) co_return opened.error();
  if (opened->conditions.create_only)
    co_return core::make_problem(core::problem_code::bad_request,
                                 "If-None-Match: * creates; a revert changes what was there");
  const auto form = body_form_of(asked, {.ndjson = false});
  if (!form) co_return form.error();
  const auto body = read_body(with, asked);
  if (!body) co_return body.error();
  auto id = asked.segments[2];
  auto wanted = co_await read_version(with, asked, *opened->definition, std::move(id), *body->version);
  if (!wanted) co_return wanted.error();
  wanted->expected_version = body->expected_version;
  if (auto why = add_conditions(*wanted, opened->conditions)) co_return std::move(*why);
  if (opened->conditions.must_exist) {
    auto record_id = wanted->id;
    auto why = co_await check_exists(with, asked, *opened, std::move(record_id));
    if (why) co_return std::move(*why);
  }
  co_return co_await submit_one(with, asked, *opened, std::move(*wanted));
}

} // namespace

asio::awaitable<void> revert(const services& with, const request& asked, responder& answer) {
  auto made = co_await answer_revert(with, asked);
  auto sent = made ? std::move(*made) : problem_answer(made.error());
  co_await answer.send(std::move(sent));
}

} // namespace synclog::http::handlers
