// Problems as HTTP answers.
#include "http/problem_response.hpp"
#include <doctest/doctest.h>

using namespace synclog;
using code = core::problem_code;

TEST_CASE("problem: every code has a status, a title and a word") {
  for (int i = 0; i <= static_cast<int>(code::internal); ++i) {
    const auto each = static_cast<code>(i);
    CAPTURE(core::to_string(each));
    CHECK(http::status_of(each) >= 400);
    CHECK_FALSE(http::title_of(each).empty());
    if (each != code::internal) CHECK(http::status_of(each) != 500);
  }
  CHECK(http::status_of(code::taken) == 409);
  CHECK(http::status_of(code::invalid) == 422);
  CHECK(http::status_of(code::precondition_failed) == 412);
}

TEST_CASE("problem: the body has the members of RFC 9457, escaped") {
  core::problem problem = core::make_problem(code::stale_version, "version \"3\" is\nstale");
  problem.current = R"({"id":"x"})";
  problem.errors = {{"/a~1b", "too <long>"}};
  CHECK(
      http::problem_body(problem) ==
      R"({"type":"/problems/stale_version","title":"The record has changed","status":409,"detail":"version \"3\" is\nstale",)"
      R"("code":"stale_version","errors":[{"pointer":"/a~1b","detail":"too <long>"}],"current":{"id":"x"}})");
}

TEST_CASE("problem: a place is given as line and column") {
  core::problem problem = core::make_problem(code::malformed, "no");
  problem.place = core::text_place{3, 14};
  CHECK(http::problem_body(problem).find(R"("line":3,"column":14)") != std::string::npos);
}

TEST_CASE("problem: 503 and 429 say when to come again, 401 says how") {
  const auto has = [](const http::response& answer, std::string_view name) {
    for (const auto& [key, value] : answer.headers) {
      if (key == name) return value;
    }
    return std::string();
  };
  CHECK(has(http::to_response(core::make_problem(code::database_unavailable, "")), "Retry-After") == "2");
  CHECK_FALSE(has(http::to_response(core::make_problem(code::too_many_requests, "")), "Retry-After").empty());
  CHECK(has(http::to_response(core::make_problem(code::unauthorized, "")), "WWW-Authenticate") == "Bearer");
  CHECK(has(http::to_response(core::make_problem(code::invalid, "")), "Content-Type") ==
        "application/problem+json");
}
