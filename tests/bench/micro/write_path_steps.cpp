// See write_path_steps.hpp. None of the measured functions may be inlined into its caller, or end in a jump
// to another function: callgrind switches counting at their entry and at their return.
#include "bench/micro/write_path_steps.hpp"

#include "core/json.hpp"
#include "core/problem.hpp"
#include "core/validate.hpp"
#include "eventstore/feed.hpp"
#include "http/answer_head.hpp"
#include "http/handlers/bulk.hpp"
#include "http/handlers/records_media.hpp"
#include "http/handlers/write_answer.hpp"
#include "http/query_string.hpp"
#include "http/request_id.hpp"
#include <array>

namespace synclog::tests::bench {

namespace {

[[noreturn]] void refused(const core::problem& why) {
  core::invariant_broken("a sample was refused: " + why.detail);
}

void check(const std::optional<core::problem>& why) {
  if (why) refused(*why);
}

// Keeps a call in front of it from becoming the function's last jump.
void stay() {
  asm volatile("" ::: "memory");
}

std::size_t read_head(const write_path& path, std::string_view bytes, http::request_parser& parser) {
  const auto& limits = path.with.limits;
  http::head_scanner scanner(limits.max_target_bytes, limits.max_header_bytes);
  if (scanner.scan(bytes) != http::head_scanner::verdict::complete)
    core::invariant_broken("a sample's head is not complete");
  check(parser.read_head(bytes.substr(0, scanner.head_bytes())));
  return scanner.head_bytes();
}

void find_route(const write_path& path, http::request_parser& parser) {
  auto& asked = parser.request();
  asked.request_id = http::choose_request_id(asked.header("x-request-id"));
  auto target = http::parse_target(parser.target());
  if (!target) refused(target.error());
  asked.path = std::move(target->path);
  asked.segments = std::move(target->segments);
  asked.raw_query = std::move(target->raw_query);
  asked.query = std::move(target->query);
  const auto host = asked.header("host");
  check(path.guard.check_host(host));
  check(path.guard.check_origin(asked, host));
  const auto match = path.routes.find(asked.segments, asked.method);
  if (match.found == nullptr) core::invariant_broken("a sample has no route");
}

// As handlers::save does it for one object.
void read_record(const write_path& path, write_exchange& out) {
  constexpr std::array<std::string_view, 2> known{"dry_run", "map"};
  const auto& asked = out.parser->request();
  auto opened = http::handlers::open_write(path.with, asked, known);
  if (!opened) refused(opened.error());
  out.opened = std::move(*opened);
  const auto form = http::handlers::body_form_of(asked, {.ndjson = true, .csv = true});
  if (!form) refused(form.error());
  const auto parsed = core::json::parse(asked.body, {.max_depth = path.with.limits.max_json_depth});
  if (!parsed) refused(parsed.error());
  auto given = core::validate_object(*out.opened.definition, parsed->root(), "");
  if (!given) refused(given.error());
  std::vector<core::command> commands;
  commands.push_back(
      http::handlers::make_command(*out.opened.definition, core::command_kind::save, std::move(*given)));
  out.wanted = http::handlers::make_write_request(asked, out.opened, std::move(commands));
}

} // namespace

[[gnu::noinline]] void measured_request(const write_path& path, std::string_view bytes, write_exchange& out) {
  out.parser = std::make_unique<http::request_parser>(path.with.limits.max_body_bytes, path.bodies);
  bytes.remove_prefix(read_head(path, bytes, *out.parser));
  find_route(path, *out.parser);
  const auto used = out.parser->read_body(bytes);
  if (!used || !out.parser->done()) core::invariant_broken("a sample's body is not complete");
  read_record(path, out);
  stay();
}

[[gnu::noinline]] eventstore::pg::segment measured_decision(eventstore::batch& work,
                                                            const std::vector<write_exchange>& exchanges,
                                                            eventstore::known_log& known,
                                                            core::timestamp now) {
  for (const auto& one : exchanges)
    work.add(one.wanted);
  if (!work.decide_on_known(known, now)) core::invariant_broken("a sample would have to be looked up");
  auto rows = work.writes_whole();
  work.teach(known);
  stay();
  return rows;
}

[[gnu::noinline]] void measured_answers(eventstore::batch& work, std::vector<write_exchange>& exchanges,
                                        std::string& out) {
  std::vector<eventstore::feed_event_ptr> published;
  for (const auto& made : work.events())
    published.push_back(eventstore::make_feed_event(made));
  auto answers = work.take_answers();
  for (std::size_t index = 0; index < exchanges.size(); ++index) {
    if (!answers[index]) refused(answers[index].error());
    const auto answer = http::handlers::record_answer(exchanges[index].opened, *answers[index]);
    append_answer_head(
        out, answer,
        {.body_bytes = answer.body.size(), .request_id = exchanges[index].parser->request().request_id});
    out += answer.body;
  }
  exchanges.clear();
  stay();
}

} // namespace synclog::tests::bench
