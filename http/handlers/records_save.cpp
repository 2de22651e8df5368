// POST, PUT and PATCH of /api/{entity}[/{id}]: one record, or a bulk. Everything that can be refused without
// the state is refused here, on the session's strand, in parallel with all other sessions; the committer
// decides the rest.
#include "core/ids.hpp"
#include "core/json.hpp"
#include "core/validate.hpp"
#include "http/handlers/bulk.hpp"
#include "http/handlers/bulk_answer.hpp"
#include "http/handlers/csv_import.hpp"
#include "http/handlers/records.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include "http/handlers/records_write.hpp"
#include "http/handlers/write_answer.hpp"
#include "http/quotas.hpp"
#include <array>

namespace synclog::http::handlers {

namespace asio = boost::asio;

namespace {

using answered = asio::awaitable<core::result<response>>;

core::problem bad_request(std::string detail) {
  return core::make_problem(core::problem_code::bad_request, std::move(detail));
}

bulk_bounds bounds_of(const services& with) {
  return {.max_items = with.limits.max_bulk_items, .max_depth = with.limits.max_json_depth};
}

answered submit_bulk(const services& with, const request& asked, const opened_write& opened,
                     core::result<bulk_items> items) {
  if (!items) co_return items.error();
  if (opened.conditions.any())
    co_return bad_request("If-Match and If-None-Match go with one record; items carry expected_version");
  if (auto wait = refuse_records(asked, items->commands.size())) co_return std::move(*wait);
  eventstore::write_outcome outcome;
  if (items->commands.empty()) {
    outcome.at = with.feed.head();
  } else {
    auto wanted = make_write_request(asked, opened, std::move(items->commands));
    auto came = co_await with.committer.submit(std::move(wanted));
    if (!came) co_return came.error();
    outcome = std::move(*came);
  }
  co_return bulk_answer(opened, outcome, items->lines);
}

// One object as a command, without the conditions of the headers.
core::result<core::command> read_object(const opened_write& opened, core::command_kind kind,
                                        const core::json::document& parsed) {
  if (parsed.root().kind != core::json::kind::object)
    return core::invalid_field("", "must be an object, or an array of objects");
  if (!parsed.defects().empty()) {
    auto why = core::make_problem(core::problem_code::invalid, "the JSON cannot be stored");
    for (const auto& defect : parsed.defects())
      why.errors.push_back({defect.pointer, defect.detail});
    return why;
  }
  auto given = core::validate_object(*opened.definition, parsed.root(), "");
  if (!given) return given.error();
  return make_command(*opened.definition, kind, std::move(*given));
}

answered save_json(const services& with, const request& asked, const opened_write& opened) {
  auto parsed = core::json::parse(asked.body, {.max_depth = with.limits.max_json_depth});
  if (!parsed) co_return parsed.error();
  constexpr auto kind = core::command_kind::save;
  if (parsed->root().kind == core::json::kind::array) {
    auto items = co_await read_json_items(*opened.definition, kind, *parsed, bounds_of(with));
    co_return co_await submit_bulk(with, asked, opened, std::move(items));
  }
  auto wanted = read_object(opened, kind, *parsed);
  if (!wanted) co_return wanted.error();
  if (auto why = add_conditions(*wanted, opened.conditions)) co_return std::move(*why);
  if (opened.conditions.must_exist) {
    auto id = wanted->id;
    auto why = co_await check_exists(with, asked, opened, std::move(id));
    if (why) co_return std::move(*why);
  }
  co_return co_await submit_one(with, asked, opened, std::move(*wanted));
}

// ?quotes= of a part of a file, by whoever has seen the whole.
core::result<core::csv::quote_trust> read_quote_trust(const request& asked) {
  const auto given = parameter_values(asked, "quotes");
  if (given.empty()) return core::csv::quote_trust::look;
  if (given.size() == 1 && given.front() == "proper") return core::csv::quote_trust::proper;
  if (given.size() == 1 && given.front() == "stray") return core::csv::quote_trust::stray;
  return bad_request("quotes is proper or stray, once");
}

// A bulk whose sender has to wait anyway is not read first. A JSON body may be one record: it shows.
std::optional<response> refuse_early(const request& asked, body_form form) {
  const auto first = asked.body.find_first_not_of(" \t\r\n");
  const bool is_bulk = form != body_form::json || (first != std::string::npos && asked.body[first] == '[');
  return is_bulk ? refuse_records(asked, 0) : std::nullopt;
}

answered answer_save(const services& with, const request& asked) {
  constexpr std::array<std::string_view, 3> known{"dry_run", "map", "quotes"};
  const auto opened = open_write(with, asked, known);
  if (!opened) co_return opened.error();
  const auto form = body_form_of(asked, {.ndjson = true, .csv = true});
  if (!form) co_return form.error();
  if (*form != body_form::csv && !opened->column_map.empty()) co_return bad_request("map goes with text/csv");
  const auto trust = read_quote_trust(asked);
  if (!trust) co_return trust.error();
  if (*form != body_form::csv && *trust != core::csv::quote_trust::look)
    co_return bad_request("quotes goes with text/csv");
  if (auto wait = refuse_early(asked, *form)) co_return std::move(*wait);
  if (*form == body_form::json) co_return co_await save_json(with, asked, *opened);
  if (*form == body_form::ndjson) {
    constexpr auto kind = core::command_kind::save;
    auto items = co_await read_ndjson_items(*opened->definition, kind, asked.body, bounds_of(with));
    co_return co_await submit_bulk(with, asked, *opened, std::move(items));
  }
  auto rows = co_await read_csv_items(*opened->definition, asked.body, opened->column_map,
                                      with.limits.max_bulk_items, *trust);
  co_return co_await submit_bulk(with, asked, *opened, std::move(rows));
}

// The record named by the path or by the body's id: both only when they are the same.
std::optional<core::problem> settle_id(core::command& wanted, std::string_view path_id) {
  if (path_id.empty()) {
    if (wanted.id.empty())
      return core::invalid_field("/id", "is required: the path or the body names the record");
    return std::nullopt;
  }
  if (!wanted.id.empty() && wanted.id != path_id)
    return core::invalid_field("/id", "differs from the id in the path");
  wanted.id = path_id;
  return std::nullopt;
}

answered merge_json(const services& with, const request& asked, const opened_write& opened,
                    std::string_view path_id) {
  auto parsed = core::json::parse(asked.body, {.max_depth = with.limits.max_json_depth});
  if (!parsed) co_return parsed.error();
  constexpr auto kind = core::command_kind::merge;
  if (parsed->root().kind == core::json::kind::array) {
    if (!path_id.empty()) co_return bad_request("an array goes to the entity's own path, not to one record");
    auto items = co_await read_json_items(*opened.definition, kind, *parsed, bounds_of(with));
    co_return co_await submit_bulk(with, asked, opened, std::move(items));
  }
  auto wanted = read_object(opened, kind, *parsed);
  if (!wanted) co_return wanted.error();
  if (auto why = settle_id(*wanted, path_id)) co_return std::move(*why);
  if (auto why = add_conditions(*wanted, opened.conditions)) co_return std::move(*why);
  co_return co_await submit_one(with, asked, opened, std::move(*wanted));
}

answered answer_merge(const services& with, const request& asked) {
  constexpr std::array<std::string_view, 1> known{"dry_run"};
  const auto opened = open_write(with, asked, known);
  if (!opened) co_return opened.error();
  // It changes what exists, so If-Match: * holds whenever it finds the record at all (RFC 9110, 13.2.1).
  if (opened->conditions.create_only) co_return bad_request("If-None-Match: * goes with POST");
  const auto form = body_form_of(asked, {.ndjson = true, .csv = false, .merge_patch = true});
  if (!form) co_return form.error();
  const std::string_view path_id = asked.segments.size() > 2 ? std::string_view(asked.segments[2]) : "";
  if (asked.segments.size() > 2 && !core::is_valid_record_id(path_id))
    co_return core::make_problem(core::problem_code::not_found, "no record can have this id");
  if (auto wait = refuse_early(asked, *form)) co_return std::move(*wait);
  if (*form == body_form::json) co_return co_await merge_json(with, asked, *opened, path_id);
  if (!path_id.empty()) co_return bad_request("NDJSON goes to the entity's own path, not to one record");
  constexpr auto kind = core::command_kind::merge;
  auto items = co_await read_ndjson_items(*opened->definition, kind, asked.body, bounds_of(with));
  co_return co_await submit_bulk(with, asked, *opened, std::move(items));
}

} // namespace

asio::awaitable<void> save(const services& with, const request& asked, responder& answer) {
  auto made = co_await answer_save(with, asked);
  auto sent = made ? std::move(*made) : problem_answer(made.error());
  co_await answer.send(std::move(sent));
}

asio::awaitable<void> merge(const services& with, const request& asked, responder& answer) {
  auto made = co_await answer_merge(with, asked);
  auto sent = made ? std::move(*made) : problem_answer(made.error());
  co_await answer.send(std::move(sent));
}

} // namespace synclog::http::handlers
