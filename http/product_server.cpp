// The server of the product: the whole table over the services. Apart from server.cpp so that tests with a
// table of their own need no database code.
#include "http/asyncapi.hpp"
#include "http/openapi.hpp"
#include "http/published_text.hpp"
#include "http/routes.hpp"
#include "http/server.hpp"
#include <memory>

namespace synclog::http {
namespace {

struct descriptions {
  published_text asyncapi, openapi;
};

dispatcher over(const services& with, metrics& counters) {
  services bound = with;
  if (bound.metrics == nullptr) bound.metrics = &counters;
  const auto described = std::make_shared<const descriptions>(descriptions{
      published_text::of(asyncapi_text(with.entities, SYNCLOG_VERSION)),
      published_text::of(openapi_text(with.entities, SYNCLOG_VERSION)),
  });
  bound.asyncapi = &described->asyncapi;
  bound.openapi = &described->openapi;
  return [bound, described](const route& target, const request& asked, responder& answer) {
    return target.run(bound, asked, answer);
  };
}

} // namespace

server::server(boost::asio::any_io_executor executor, server_options options, const services& with,
               metrics& counters)
    : server(std::move(executor), std::move(options), with.limits, all_routes(), over(with, counters),
             counters) {}

} // namespace synclog::http
