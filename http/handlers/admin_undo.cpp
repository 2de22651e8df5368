// POST /api/admin/undo. The undo and the telling of its progress are two coroutines on one strand: the one
// leaves what there is to say, the other says it.
#include "core/json.hpp"
#include "eventstore/undo.hpp"
#include "http/admin_services.hpp"
#include "http/auth/grant.hpp"
#include "http/handlers/admin.hpp"
#include "http/handlers/admin_common.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include "http/object_text.hpp"
#include "http/problem_response.hpp"
#include "http/sse.hpp"
#include "projections/record_reader.hpp"
#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/system/system_error.hpp>
#include <spdlog/spdlog.h>

namespace synclog::http::handlers {

namespace asio = boost::asio;
using eventstore::undo_item;

namespace {

constexpr std::array<std::string_view, 2> offers{media_json, media_sse};
// Of the records in the answer; the counts are of all.
constexpr std::size_t max_items = 500, max_items_bytes = 4u << 20;
// Before the deadline of a request that has no stream: the batch under way must end within it.
constexpr std::chrono::seconds spare_time{5};

struct undo_call {
  eventstore::undo_selection selection;
  eventstore::undo_options options;
  std::string from, to; // as they were given; "" = not at all
};

class one_at_a_time {
 public:
  explicit one_at_a_time(std::atomic<bool>& taken) : taken_(taken), mine_(!taken.exchange(true)) {}
  ~one_at_a_time() {
    if (mine_) taken_.store(false);
  }
  one_at_a_time(const one_at_a_time&) = delete;
  one_at_a_time& operator=(const one_at_a_time&) = delete;
  bool mine() const { return mine_; }

 private:
  std::atomic<bool>& taken_;
  const bool mine_;
};

// What a record that is undone goes through.
enum class effect : std::uint8_t { removed, set_back, brought_back };

effect effect_of(const undo_item& item) {
  if (item.restored_version == 0) return effect::removed;
  return item.was_live ? effect::set_back : effect::brought_back;
}

std::string_view word_of(effect what) {
  switch (what) {
  case effect::removed:
    return "removed";
  case effect::set_back:
    return "set_back";
  case effect::brought_back:
    return "brought_back";
  }
  core::invariant_broken("effect out of range");
}

// What an undo has come to, for whoever tells of it.
struct undo_state {
  std::int64_t done = 0, total = 0;
  eventstore::undo_report counted;
  std::array<std::int64_t, 3> effects{}; // of those undone, by effect
  std::string items;                     // JSON objects with commas between
  std::size_t listed = 0;
  std::atomic<bool> stop{false}; // the undo ends after the batch under way
  bool over = false;
  std::optional<core::problem> failed;
  asio::steady_timer* rhythm = nullptr; // of whoever tells; rung when it is over

  void take(const undo_item& item);
};

std::string_view word_of(undo_item::verdict what) {
  switch (what) {
  case undo_item::verdict::undone:
    return "undone";
  case undo_item::verdict::nothing:
    return "nothing";
  case undo_item::verdict::conflict:
    return "conflict";
  case undo_item::verdict::refused:
    return "refused";
  }
  core::invariant_broken("verdict out of range");
}

void undo_state::take(const undo_item& item) {
  using verdict = undo_item::verdict;
  if (item.what == verdict::undone) {
    ++counted.undone;
    ++effects.at(static_cast<std::size_t>(effect_of(item)));
  }
  if (item.what == verdict::nothing) ++counted.nothing;
  if (item.what == verdict::conflict) ++counted.conflicts;
  if (item.what == verdict::refused) ++counted.refused;
  if (item.what == verdict::nothing || listed == max_items || items.size() > max_items_bytes) return;
  if (listed++ > 0) items += ',';
  object_text one(items);
  one.string("what", word_of(item.what));
  if (item.what == verdict::undone) one.string("effect", word_of(effect_of(item)));
  one.string("resource", item.entity);
  one.string("id", item.record_id);
  one.json("version", std::to_string(item.version));
  one.json("restored_version",
           item.restored_version > 0 ? std::to_string(item.restored_version) : std::string("null"));
  if (!item.detail.empty()) one.string("detail", item.detail);
  core::append_changes(one.member("changes"), item.changes);
}

// ---- the request

std::optional<core::problem> read_member(undo_call& made, const core::json::member& given) {
  using core::json::kind;
  const auto& [name, value] = given;
  const auto pointer = "/" + core::json::pointer_segment(name);
  const std::array<std::pair<std::string_view, std::string*>, 3> texts{
      {{"actor", &made.selection.actor},
       {"request_id", &made.selection.request_id},
       {"resource", &made.selection.entity}}};
  for (const auto& [known, into] : texts) {
    if (name != known) continue;
    if (value.kind != kind::string || value.text.empty())
      return core::invalid_field(pointer, "must be a text that is not empty");
    *into = value.text;
    return std::nullopt;
  }
  if (name == "dry_run" || name == "force") {
    if (value.kind != kind::boolean) return core::invalid_field(pointer, "must be true or false");
    (name == "force" ? made.options.force : made.options.dry_run) = value.boolean;
    return std::nullopt;
  }
  if (name == "from" || name == "to") {
    if ((value.kind != kind::number && value.kind != kind::string) || value.text.empty())
      return core::invalid_field(pointer, "must be a position or a time");
    (name == "from" ? made.from : made.to) = value.text;
    return std::nullopt;
  }
  return core::invalid_field(pointer,
                             "is unknown; known: actor, request_id, resource, from, to, dry_run, force");
}

core::result<undo_call> read_call(const services& with, const request& asked) {
  if (auto why = refuse_unknown_parameters(asked, {})) return std::move(*why);
  if (const auto form = body_form_of(asked, {.ndjson = false}); !form) return form.error();
  const auto parsed = core::json::parse(asked.body, {.max_depth = with.limits.max_json_depth});
  if (!parsed) return parsed.error();
  if (parsed->root().kind != core::json::kind::object) return core::invalid_field("", "must be an object");
  if (!parsed->defects().empty())
    return core::invalid_field(parsed->defects().front().pointer, parsed->defects().front().detail);
  undo_call made;
  for (const auto& member : parsed->root().members())
    if (auto why = read_member(made, member)) return std::move(*why);
  const auto& chosen = made.selection;
  if (made.from.empty() && made.to.empty() && chosen.actor.empty() && chosen.request_id.empty())
    return core::invalid_field("", "must name what to undo: actor, request_id, from or to");
  if (!chosen.entity.empty() && with.entities.find(chosen.entity) == nullptr)
    return core::invalid_field("/resource", "is no entity of this server");
  made.options.actor = asked.caller.actor;
  made.options.request_id = asked.request_id;
  return made;
}

// What `from` and `to` come to. Empty when the selection can be undone.
asio::awaitable<std::optional<core::problem>> find_ends(const services& with, const request& asked,
                                                        undo_call& call) {
  if (!call.from.empty()) {
    auto text = call.from;
    const auto from = co_await find_edge(with, std::move(text), edge::first, asked.until);
    if (!from) co_return core::invalid_field("/from", from.error().detail);
    call.selection.from = *from;
  }
  if (!call.to.empty()) {
    auto text = call.to;
    const auto to = co_await find_edge(with, std::move(text), edge::last, asked.until);
    if (!to) co_return core::invalid_field("/to", to.error().detail);
    if (*to < call.selection.from)
      co_return core::invalid_field("/to", "there is no event between from and to");
    call.selection.to = *to;
  }
  co_return std::nullopt;
}

// ---- the work

std::string result_json(const undo_call& call, const undo_state& state) {
  const auto& report = state.counted;
  std::string out;
  {
    object_text made(out);
    made.json("dry_run", call.options.dry_run ? "true" : "false");
    // False: it was stopped; the same request again goes on.
    made.json("complete", report.stopped ? "false" : "true");
    made.json("undone", std::to_string(report.undone));
    for (const auto what : {effect::removed, effect::set_back, effect::brought_back})
      made.json(word_of(what), std::to_string(state.effects.at(static_cast<std::size_t>(what))));
    made.json("nothing", std::to_string(report.nothing));
    made.json("conflicts", std::to_string(report.conflicts));
    made.json("refused", std::to_string(report.refused));
    // What a run after this one must name to select the same events, and no later ones.
    made.json("to", std::to_string(report.to.value));
    if (report.stopped) made.json("left", report.left ? std::to_string(*report.left) : "null");
    made.string("cursor", core::to_string(report.at));
    made.string("request_id", call.options.request_id);
    auto& items = made.member("items");
    items += '[';
    items += state.items;
    items += ']';
  }
  return out;
}

// Never throws: what went wrong is in the state.
asio::awaitable<void> work(const services& with, const undo_call& call, undo_state& state) {
  const eventstore::undo_listener listener = [&state](const undo_item& item) { state.take(item); };
  const eventstore::undo_progress progress = [&state](std::int64_t done, std::int64_t total) {
    state.done = done;
    state.total = total;
  };
  try {
    auto selection = call.selection;
    auto options = call.options;
    options.stop = &state.stop;
    const auto done =
        co_await eventstore::undo(with.entities, with.records.whole_reads(), with.log, with.committer,
                                  std::move(selection), std::move(options), listener, progress);
    if (done)
      state.counted = *done;
    else
      state.failed = done.error();
  } catch (const std::exception& error) {
    spdlog::warn("request {}: undo stopped: {}", call.options.request_id, error.what());
    state.failed = core::make_problem(core::problem_code::database_unavailable,
                                      "stopped by the database: what was undone until then stays undone; "
                                      "the same request goes on");
  }
  state.over = true;
  if (state.rhythm != nullptr) state.rhythm->cancel();
}

std::string progress_json(const undo_state& state) {
  std::string out;
  {
    object_text made(out);
    made.json("done", std::to_string(state.done));
    made.json("total", std::to_string(state.total));
    made.json("undone", std::to_string(state.counted.undone));
    made.json("conflicts", std::to_string(state.counted.conflicts));
    made.json("refused", std::to_string(state.counted.refused));
  }
  return out;
}

bool lost_access(const request& asked) {
  return asked.grant && asked.grant->ended();
}

// Until the work is over. Never throws: the work is stopped when nobody may have it done any more, or nobody
// waits for it. `tells`: the answer is a stream, which has no deadline.
asio::awaitable<void> follow(const request& asked, undo_state& state, responder& answer, bool tells) {
  asio::steady_timer rhythm(co_await asio::this_coro::executor);
  state.rhythm = &rhythm;
  std::int64_t told = -1;
  bool gone = false;
  while (!state.over) {
    gone = gone || answer.peer_closed();
    const bool is_late = !tells && eventstore::pg::clock::now() + spare_time > asked.until;
    if (gone || is_late || answer.draining() || lost_access(asked)) state.stop = true;
    if (tells && !state.stop && state.done != told) {
      told = state.done;
      try {
        auto data = progress_json(state);
        co_await tell(answer, "progress", std::move(data));
      } catch (const boost::system::system_error&) {
        gone = true;
      }
      if (state.over) break;
    }
    boost::system::error_code rung;
    rhythm.expires_after(progress_interval);
    co_await rhythm.async_wait(asio::redirect_error(asio::use_awaitable, rung));
  }
  state.rhythm = nullptr;
}

asio::awaitable<void> work_and_follow(const services& with, const request& asked, const undo_call& call,
                                      undo_state& state, responder& answer, bool tells) {
  using namespace asio::experimental::awaitable_operators;
  // The one who follows first: it has the timer that the work rings.
  auto following = follow(asked, state, answer, tells);
  auto working = work(with, call, state);
  co_await (std::move(following) && std::move(working));
}

asio::awaitable<void> undo_told(const services& with, const request& asked, const undo_call& call,
                                responder& answer) {
  if (!co_await begin_progress(answer)) co_return;
  undo_state state;
  co_await work_and_follow(with, asked, call, state, answer, true);
  if (lost_access(asked)) {
    // The items are records, which are not this caller's to see any more.
    co_await say_bye(answer, "token");
  } else {
    auto data = state.failed ? problem_body(*state.failed) : result_json(call, state);
    co_await tell(answer, state.failed ? "failed" : "result", std::move(data));
  }
  co_await answer.finish();
}

asio::awaitable<response> undo_answered(const services& with, const request& asked, const undo_call& call,
                                        responder& answer) {
  undo_state state;
  co_await work_and_follow(with, asked, call, state, answer, false);
  if (lost_access(asked))
    co_return problem_answer(core::make_problem(
        core::problem_code::unauthorized,
        "this token has ended meanwhile: what was undone until then stays undone, the rest was not touched"));
  co_return state.failed ? problem_answer(*state.failed) : admin_json(result_json(call, state));
}

} // namespace

asio::awaitable<void> admin_undo(const services& with, const request& asked, responder& answer) {
  const auto form = negotiate(asked, offers);
  auto refused = form ? std::optional<core::problem>() : not_acceptable(offers);
  if (!refused && with.admin == nullptr) refused = no_admin_here();
  auto call = read_call(with, asked);
  if (!refused && !call) refused = call.error();
  if (!refused) refused = co_await find_ends(with, asked, *call);
  if (refused) {
    co_await send_problem(answer, std::move(*refused));
    co_return;
  }
  const one_at_a_time turn(with.admin->undoing);
  if (!turn.mine()) {
    auto why = core::make_problem(core::problem_code::overloaded, "another undo runs here: try again");
    co_await send_problem(answer, std::move(why));
    co_return;
  }
  if (offers[*form] == media_sse) {
    co_await undo_told(with, asked, *call, answer);
    co_return;
  }
  auto made = co_await undo_answered(with, asked, *call, answer);
  co_await answer.send(std::move(made));
}

} // namespace synclog::http::handlers
