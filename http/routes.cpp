// Every route of the server. What is not here does not exist; names under /api that are not listed are
// entities.
#include "http/routes.hpp"
#include "http/handlers/admin.hpp"
#include "http/handlers/admin_access.hpp"
#include "http/handlers/assets.hpp"
#include "http/handlers/events.hpp"
#include "http/handlers/history.hpp"
#include "http/handlers/meta.hpp"
#include "http/handlers/records.hpp"
#include "http/handlers/session.hpp"
#include "http/handlers/socket.hpp"
#include "http/handlers/when_durable.hpp"
#include <array>

namespace synclog::http {
namespace {

using handlers::when_durable;

constexpr method_set get = only(method::get);
constexpr method_set post = only(method::post);
constexpr method_set change = any_of(method::put, method::patch);
constexpr method_set remove = only(method::delete_);

constexpr std::array routes{
    route{get, "/", handlers::front_page, access::none, pace::quick},
    route{get, "/livez", handlers::livez, access::none, pace::quick},
    route{get, "/readyz", handlers::readyz, access::none, pace::quick},
    route{get, "/version", handlers::version, access::none, pace::quick},
    route{get, "/asyncapi.json", handlers::asyncapi, access::none, pace::quick},
    route{get, "/openapi.json", handlers::openapi, access::none, pace::quick},
    route{get, "/client.js", handlers::embedded_file, access::none, pace::quick},
    route{get, "/docs", handlers::embedded_file, access::none, pace::quick},
    route{get, "/sw.js", handlers::embedded_file, access::none, pace::quick},
    route{get, "/manifest.webmanifest", handlers::embedded_file, access::none, pace::quick},
    route{get, "/icon.svg", handlers::embedded_file, access::none, pace::quick},
    route{get, "/assets/{name}", handlers::embedded_file, access::none, pace::quick},
    route{get, "/metrics", handlers::metrics_text, access::read_whole, pace::quick},
    route{get, "/api/session", handlers::show_session, access::read, pace::quick},
    route{post, "/api/session", handlers::open_session, access::read, pace::waits},
    route{remove, "/api/session", handlers::close_session, access::read, pace::waits},
    route{post, "/api/tickets", handlers::issue_ticket, access::read, pace::waits},
    route{get, "/api/admin/tokens", handlers::list_tokens, access::admin, pace::waits},
    route{post, "/api/admin/tokens", when_durable<handlers::create_token>, access::admin, pace::waits},
    route{remove, "/api/admin/tokens/{token}", handlers::revoke_token, access::admin, pace::waits},
    route{get, "/api/admin/sessions", handlers::list_sessions, access::admin, pace::waits},
    route{remove, "/api/admin/sessions/{session}", handlers::end_session, access::admin, pace::waits},
    route{get, "/ws", handlers::socket, access::read, pace::waits},
    route{get, "/api/admin/overview", handlers::admin_overview, access::audit, pace::waits},
    route{get, "/api/admin/events", handlers::admin_events, access::audit, pace::waits},
    route{get, "/api/admin/verify", handlers::admin_verify, access::audit, pace::waits},
    route{get, "/api/admin/checkpoints", handlers::admin_checkpoint, access::audit, pace::waits},
    route{post, "/api/admin/checkpoints/verify", handlers::admin_checkpoint_check, access::audit,
          pace::waits},
    route{post, "/api/admin/undo", when_durable<handlers::admin_undo>, access::admin, pace::waits},
    route{get, "/api/events", handlers::events, access::read, pace::waits},
    route{get, "/api/{entity}", handlers::list_or_get, access::read, pace::waits},
    route{post, "/api/{entity}", when_durable<handlers::save>, access::write, pace::waits},
    route{change, "/api/{entity}", when_durable<handlers::merge>, access::write, pace::waits},
    route{remove, "/api/{entity}", when_durable<handlers::remove>, access::write, pace::waits},
    route{get, "/api/{entity}/{id}", handlers::get_one, access::read, pace::waits},
    route{change, "/api/{entity}/{id}", when_durable<handlers::merge>, access::write, pace::waits},
    route{remove, "/api/{entity}/{id}", when_durable<handlers::remove>, access::write, pace::waits},
    route{get, "/api/{entity}/{id}/history", handlers::history, access::read, pace::waits},
    route{post, "/api/{entity}/{id}/revert", when_durable<handlers::revert>, access::write, pace::waits},
};

} // namespace

std::span<const route> all_routes() {
  return routes;
}

} // namespace synclog::http
