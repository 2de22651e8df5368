// The server of the product: the whole table over the services. Apart from server.cpp so that tests with a
// table of their own need no database code.
#include "http/routes.hpp"
#include "http/server.hpp"

namespace synclog::http {
namespace {

dispatcher over(const services& with, metrics& counters) {
  services bound = with;
  if (bound.metrics == nullptr) bound.metrics = &counters;
  return [bound](const route& target, const request& asked, responder& answer) {
    return target.run(bound, asked, answer);
  };
}

} // namespace

server::server(boost::asio::any_io_executor executor, server_options options, const services& with,
               metrics& counters)
    : server(std::move(executor), std::move(options), with.limits, all_routes(), over(with, counters),
             counters) {}

} // namespace synclog::http
