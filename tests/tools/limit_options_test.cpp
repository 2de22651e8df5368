// The flags of `serve` that move limits: all of the list, and what the help says of them.
#include "command_run.hpp"
#include "http/limits.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog;
using namespace synclog::tests;

TEST_CASE("serve: each limit is in the help with its variable and its default") {
  const auto help = run_command({"serve", "--help"});
  REQUIRE(help.code == 0);
  const http::limits defaults;
  for (const auto& entry : http::all_limits()) {
    CAPTURE(entry.flag);
    const auto at = help.output.find(fmt::format("{} ", entry.flag));
    REQUIRE(at != std::string::npos);
    const auto words = help.output.substr(at, 200);
    CHECK(words.find(fmt::format("={} (Env:", entry.get(defaults))) != std::string::npos);
    CHECK(words.find(fmt::format("(Env:{})", http::variable_of(entry))) != std::string::npos);
  }
}

TEST_CASE("serve: a limit is a whole number, by its flag and by its variable") {
  for (const auto& entry : http::all_limits()) {
    CAPTURE(entry.flag);
    const auto flag = run_command({"serve", std::string(entry.flag), "much"});
    CHECK(flag.code == 2);
    CHECK(flag.errors.find("'much' is no whole number") != std::string::npos);
    command_run variable({"serve"}, fmt::format("env {}=-1", http::variable_of(entry)));
    CHECK(variable.wait() == 2);
    CHECK(variable.errors().find("'-1' is no whole number") != std::string::npos);
  }
}
