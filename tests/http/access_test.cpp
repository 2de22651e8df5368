// Which role may use which kind of route, as the connection layer decides it before a handler runs.
#include "http/server.hpp"
#include "records_support.hpp"
#include "tests/support/http_client.hpp"
#include "tests/support/wait.hpp"
#include <array>
#include <doctest/doctest.h>

using namespace synclog;
using namespace synclog::tests;

namespace {

constexpr std::array table{
    http::route{http::only(http::method::get), "/none", nullptr, http::access::none, http::pace::quick},
    http::route{http::only(http::method::get), "/read", nullptr, http::access::read, http::pace::quick},
    http::route{http::only(http::method::get), "/write", nullptr, http::access::write, http::pace::quick},
    http::route{http::only(http::method::get), "/audit", nullptr, http::access::audit, http::pace::quick},
    http::route{http::only(http::method::get), "/admin", nullptr, http::access::admin, http::pace::quick},
};

boost::asio::awaitable<void> answer_ok(const http::route&, const http::request&, http::responder& answer) {
  http::response made;
  made.body = "ok";
  co_await answer.send(std::move(made));
}

// The caller is what the header says: role, or role@branch.
boost::asio::awaitable<core::result<core::scope>> caller_of(const http::request& asked, http::access) {
  constexpr std::array<std::pair<std::string_view, core::role>, 4> roles{{{"viewer", core::role::viewer},
                                                                          {"editor", core::role::editor},
                                                                          {"auditor", core::role::auditor},
                                                                          {"admin", core::role::admin}}};
  const auto who = asked.header("x-caller");
  const auto at = who.find('@');
  for (const auto& [name, role] : roles) {
    if (who.substr(0, at) != name) continue;
    core::scope made;
    made.role = role;
    made.all_branches = at == std::string_view::npos;
    if (!made.all_branches) made.branches.emplace_back(who.substr(at + 1));
    co_return made;
  }
  co_return core::make_problem(core::problem_code::unauthorized, "");
}

} // namespace

TEST_CASE(
    "access: each role may use what it is for, and whoever is limited to branches nothing of the whole") {
  io_threads threads;
  http::metrics counters(table);
  http::server_options options;
  options.listen = {{"127.0.0.1", 0}};
  options.authenticate = caller_of;
  http::server server(threads.executor(), options, http::limits{}, table, answer_ok, counters);
  server.start();
  const auto port = server.endpoints().front().port();
  struct expected {
    const char* caller;
    std::array<int, 5> status; // of none, read, write, audit, admin
  };
  for (const auto& [caller, status] : std::array<expected, 7>{{{"nobody", {200, 401, 401, 401, 401}},
                                                               {"viewer", {200, 200, 403, 403, 403}},
                                                               {"editor", {200, 200, 200, 403, 403}},
                                                               {"auditor", {200, 200, 403, 200, 403}},
                                                               {"admin", {200, 200, 200, 200, 200}},
                                                               {"auditor@north", {200, 200, 403, 403, 403}},
                                                               {"admin@north", {200, 200, 200, 403, 403}}}}) {
    for (std::size_t i = 0; i < table.size(); ++i) {
      CAPTURE(caller);
      CAPTURE(table[i].pattern);
      const auto got = http_client(port).request("GET", table[i].pattern, {{"X-Caller", caller}});
      CHECK(got.status == status[i]);
      if (got.status == 403) CHECK(at(got.body, "/code") == "forbidden");
    }
  }
  threads.run(server.stop(std::chrono::steady_clock::now()));
}
