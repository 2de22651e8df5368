// GET /api/admin/checkpoints and POST /api/admin/checkpoints/verify. The private key stays where it is: a
// file that the server was told of; it signs, and only what it has signed travels.
#include "core/chain.hpp"
#include "eventstore/checkpoint_log.hpp"
#include "http/admin_services.hpp"
#include "http/handlers/admin.hpp"
#include "http/handlers/admin_common.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include "http/object_text.hpp"
#include "http/off_thread.hpp"
#include <atomic>
#include <fmt/format.h>

namespace synclog::http::handlers {

namespace asio = boost::asio;

namespace {

constexpr std::size_t most_checkpoint_bytes = 64u << 10; // one has 500
constexpr int most_at_once = 8;                          // one after the other, on one thread

// A place among those who wait for that thread.
class place {
 public:
  explicit place(std::atomic<int>& taken) : taken_(taken), is_free_(taken.fetch_add(1) < most_at_once) {}
  ~place() { taken_.fetch_sub(1); }
  place(const place&) = delete;
  place& operator=(const place&) = delete;
  bool is_free() const { return is_free_; }

 private:
  std::atomic<int>& taken_;
  const bool is_free_;
};

core::problem too_many_at_once() {
  return core::make_problem(core::problem_code::overloaded,
                            "too many checkpoints are being made or checked: try again");
}

// What came of a checkpoint that was given.
struct checked {
  bool is_signed = false; // by the key that it names
  std::optional<eventstore::difference> difference;
};

std::string checked_json(const core::signed_checkpoint& given, const checked& found,
                         const std::optional<core::private_key>& own) {
  std::string out;
  {
    object_text made(out);
    made.json("ok", found.is_signed && !found.difference ? "true" : "false");
    made.json("signature", found.is_signed ? "true" : "false");
    made.string("key", given.signer.id());
    // Whoever made the file chose the key in it: that it is ours is more than that it fits.
    made.json("own_key", own ? (own->public_half() == given.signer ? "true" : "false") : "null");
    made.json("position", std::to_string(given.about.position.value));
    made.string("hash", core::to_hex(given.about.hash));
    made.string("log_id", core::to_string(given.about.log_id));
    made.string("recorded_at", core::to_rfc3339(given.about.recorded_at));
    made.string("signed_at", core::to_rfc3339(given.about.signed_at));
    if (found.difference) {
      object_text difference(made.member("difference"));
      difference.json("position", std::to_string(found.difference->position.value));
      difference.string("kind", found.difference->kind);
      difference.string("detail", found.difference->detail);
    }
  }
  return out;
}

asio::awaitable<core::result<response>> sign(const services& with, const request& asked) {
  if (auto why = refuse_unknown_parameters(asked, {})) co_return std::move(*why);
  if (with.admin == nullptr) co_return no_admin_here();
  auto& admin = *with.admin;
  if (!admin.checkpoint_key)
    co_return core::make_problem(
        core::problem_code::not_found,
        "this server signs no checkpoints: start it with --checkpoint-key, or run synclog replay checkpoint");
  const place mine(admin.checkpoints);
  if (!mine.is_free()) co_return too_many_at_once();
  std::function<core::result<core::checkpoint>()> look = [&admin] {
    return eventstore::checkpoint_of(admin.conninfo);
  };
  const auto about = co_await off_thread(admin.blocking, std::move(look));
  if (!about) co_return about.error();
  auto made = admin_json(core::write_checkpoint(*about, *admin.checkpoint_key));
  made.headers.emplace_back("Content-Disposition", fmt::format("attachment; filename=\"checkpoint-{}.json\"",
                                                               about->position.value));
  co_return made;
}

asio::awaitable<core::result<response>> check(const services& with, const request& asked) {
  if (auto why = refuse_unknown_parameters(asked, {})) co_return std::move(*why);
  if (with.admin == nullptr) co_return no_admin_here();
  if (const auto form = body_form_of(asked, {.ndjson = false}); !form) co_return form.error();
  if (asked.body.size() > most_checkpoint_bytes)
    co_return core::make_problem(core::problem_code::too_large, "this is too large to be a checkpoint");
  const auto given = core::read_checkpoint(asked.body);
  if (!given) co_return given.error();
  auto& admin = *with.admin;
  checked found;
  found.is_signed = core::is_signed_by(*given, given->signer);
  if (found.is_signed) {
    const place mine(admin.checkpoints);
    if (!mine.is_free()) co_return too_many_at_once();
    std::function<std::optional<eventstore::difference>()> look = [&admin, about = given->about] {
      return eventstore::differs_from(admin.conninfo, about);
    };
    found.difference = co_await off_thread(admin.blocking, std::move(look));
  }
  co_return admin_json(checked_json(*given, found, admin.checkpoint_key));
}

} // namespace

asio::awaitable<void> admin_checkpoint(const services& with, const request& asked, responder& answer) {
  auto made = co_await sign(with, asked);
  auto sent = made ? std::move(*made) : problem_answer(made.error());
  co_await answer.send(std::move(sent));
}

asio::awaitable<void> admin_checkpoint_check(const services& with, const request& asked, responder& answer) {
  auto made = co_await check(with, asked);
  auto sent = made ? std::move(*made) : problem_answer(made.error());
  co_await answer.send(std::move(sent));
}

} // namespace synclog::http::handlers
