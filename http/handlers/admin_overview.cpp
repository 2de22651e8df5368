// GET /api/admin/overview.
#include "http/admin_services.hpp"
#include "http/handlers/admin.hpp"
#include "http/handlers/admin_common.hpp"
#include "http/handlers/records_common.hpp"

namespace synclog::http::handlers {

boost::asio::awaitable<void> admin_overview(const services& with, const request& asked, responder& answer) {
  auto refused = refuse_unknown_parameters(asked, {});
  if (!refused && with.admin == nullptr) refused = no_admin_here();
  if (refused) {
    co_await send_problem(answer, std::move(*refused));
    co_return;
  }
  const auto text = co_await with.admin->overview.text(with, asked.until);
  auto made = admin_json(*text);
  co_await answer.send(std::move(made));
}

} // namespace synclog::http::handlers
