// Content-Type, Accept, conditions and preferences, as the record routes read them.
#include "http/handlers/conditions.hpp"
#include "http/handlers/records_common.hpp"
#include "http/handlers/records_media.hpp"
#include "http/handlers/records_write.hpp"
#include <array>
#include <doctest/doctest.h>

namespace handlers = synclog::http::handlers;
using synclog::http::request;

namespace {

request with_header(std::string name, std::string value) {
  request made;
  made.headers.emplace_back(std::move(name), std::move(value));
  return made;
}

std::string chosen(std::string accept) {
  constexpr std::array<std::string_view, 3> offers{handlers::media_json, handlers::media_csv,
                                                   handlers::media_ndjson};
  const auto index = handlers::negotiate(with_header("accept", std::move(accept)), offers);
  return index ? std::string(offers[*index]) : "none";
}

} // namespace

TEST_CASE("accept: the highest weight wins, then what is named most exactly, then the client's order") {
  CHECK(chosen("*/*") == "application/json");
  CHECK(chosen("") == "application/json");
  CHECK(chosen("text/csv") == "text/csv");
  CHECK(chosen("TEXT/CSV; charset=utf-8") == "text/csv");
  CHECK(chosen("text/csv, */*") == "text/csv");
  CHECK(chosen("text/*") == "text/csv");
  CHECK(chosen("application/x-ndjson, application/json") == "application/x-ndjson");
  CHECK(chosen("application/json;q=0.5, text/csv;q=0.8") == "text/csv");
  CHECK(chosen("application/json, text/javascript, */*; q=0.01") == "application/json");
  CHECK(chosen("application/json;q=0, */*") == "text/csv");
  CHECK(chosen("text/event-stream") == "none");
  CHECK(chosen("image/png, text/html") == "none");
  CHECK(chosen("application/json;q=0") == "none");
}

TEST_CASE("accept: several header lines count as one") {
  request asked = with_header("accept", "text/html");
  asked.headers.emplace_back("accept", "text/csv");
  constexpr std::array<std::string_view, 2> offers{handlers::media_json, handlers::media_csv};
  CHECK(handlers::negotiate(asked, offers) == 1);
}

TEST_CASE("accept: no header takes the server's first offer") {
  constexpr std::array<std::string_view, 2> offers{handlers::media_json, handlers::media_csv};
  CHECK(handlers::negotiate(request{}, offers) == 0);
}

TEST_CASE("content type: forms are told apart and others are refused by name") {
  const auto form_of = [](std::string type, handlers::accepted_forms taken) {
    return handlers::body_form_of(with_header("content-type", std::move(type)), taken);
  };
  constexpr handlers::accepted_forms posts{.ndjson = true, .csv = true};
  constexpr handlers::accepted_forms patches{.ndjson = true, .csv = false, .merge_patch = true};
  CHECK(form_of("application/json", posts).value() == handlers::body_form::json);
  CHECK(form_of("application/json; charset=UTF-8", posts).value() == handlers::body_form::json);
  CHECK(form_of("application/json;charset=\"utf-8\"", posts).value() == handlers::body_form::json);
  CHECK(form_of("application/vnd.company+json", posts).value() == handlers::body_form::json);
  CHECK(form_of("application/x-ndjson", posts).value() == handlers::body_form::ndjson);
  CHECK(form_of("text/csv; charset=windows-1252", posts).value() == handlers::body_form::csv);
  CHECK(form_of("application/merge-patch+json", patches).value() == handlers::body_form::json);
  for (const char* refused :
       {"text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16",
        "application/json-patch+json", "application/merge-patch+json", ""}) {
    CAPTURE(refused);
    const auto form = form_of(refused, posts);
    REQUIRE(!form.has_value());
    CHECK(form.error().code == synclog::core::problem_code::unsupported_media);
    CHECK(form.error().detail.find("application/json") != std::string::npos);
  }
  CHECK(!form_of("text/csv", patches).has_value());
}

TEST_CASE("conditions: If-Match takes one strong version or *") {
  const auto read = [](std::string value) {
    return handlers::read_write_conditions(with_header("if-match", std::move(value)));
  };
  CHECK(read("\"7\"")->expected_version == 7);
  CHECK(read("*")->must_exist);
  CHECK(read("\"abc\"")->expected_version == -1);
  CHECK(read("\"0\"")->expected_version == -1);
  CHECK(!handlers::read_write_conditions(request{})->any());
  for (const char* refused : {"W/\"7\"", "7", "\"1\", \"2\"", "\"7"}) {
    CAPTURE(refused);
    REQUIRE(!read(refused).has_value());
    CHECK(read(refused).error().code == synclog::core::problem_code::bad_request);
  }
}

TEST_CASE("conditions: If-None-Match on a write is * and nothing else") {
  CHECK(handlers::read_write_conditions(with_header("if-none-match", "*"))->create_only);
  CHECK(!handlers::read_write_conditions(with_header("if-none-match", "\"1\"")).has_value());
  request both = with_header("if-none-match", "*");
  both.headers.emplace_back("if-match", "\"1\"");
  CHECK(!handlers::read_write_conditions(both).has_value());
}

TEST_CASE("conditions: If-None-Match on a read compares weakly and takes lists") {
  const auto same = [](std::string value, std::string_view etag) {
    return handlers::not_modified(with_header("if-none-match", std::move(value)), etag);
  };
  CHECK(same("\"3\"", "\"3\""));
  CHECK(same("W/\"3\"", "\"3\""));
  CHECK(same("\"1\", \"3\"", "W/\"3\""));
  CHECK(same("*", "\"3\""));
  CHECK_FALSE(same("\"4\"", "\"3\""));
  CHECK_FALSE(same("3", "\"3\""));
  CHECK_FALSE(handlers::not_modified(request{}, "\"3\""));
}

TEST_CASE("preferences: known words are read, the first of a kind counts, the rest is ignored") {
  const auto read = handlers::read_preferences(with_header(
      "prefer", "respond-async, return=minimal; x=1, Handling = \"strict\", return=representation"));
  CHECK(read.returned == handlers::return_preference::minimal);
  CHECK(read.handling == synclog::eventstore::bulk_handling::strict);
  CHECK(read.applied(false) == "return=minimal");
  CHECK(read.applied(true) == "handling=strict");
  CHECK(handlers::read_preferences(request{}).applied(true).empty());
}

TEST_CASE("fingerprint: every part of a request counts, the order of different parameters does not") {
  request first;
  first.method = synclog::http::method::post;
  first.path = "/api/clients";
  first.query = {{"dry_run", "false"}, {"map", "A:b"}};
  first.headers = {{"content-type", "application/json"}, {"x-other", "1"}};
  first.body = "{}";
  const auto base = handlers::request_fingerprint(first);
  request other = first;
  std::swap(other.query[0], other.query[1]);
  other.headers[1].second = "2";
  CHECK(handlers::request_fingerprint(other) == base);
  other = first;
  other.body = "[]";
  CHECK(handlers::request_fingerprint(other) != base);
  other = first;
  other.method = synclog::http::method::put;
  CHECK(handlers::request_fingerprint(other) != base);
  other = first;
  other.query[1].second = "A:c";
  CHECK(handlers::request_fingerprint(other) != base);
  other = first;
  other.headers.emplace_back("prefer", "handling=strict");
  CHECK(handlers::request_fingerprint(other) != base);
}

TEST_CASE("links: the next page keeps every parameter and is relative to the request") {
  request asked;
  asked.query = {{"branch", "Kuala Lumpur & more"}, {"cursor", "old"}, {"date[gte]", "2026-01-01"}};
  CHECK(handlers::next_link(asked, "cursor", "a/b") ==
        "<?branch=Kuala%20Lumpur%20%26%20more&date%5Bgte%5D=2026-01-01&cursor=a%2Fb>; rel=\"next\"");
}

TEST_CASE("parameters: an unknown one is refused and the known ones are named") {
  request asked;
  asked.query = {{"dry_run", "1"}, {"dryrun", "1"}};
  constexpr std::array<std::string_view, 1> known{"dry_run"};
  const auto why = handlers::refuse_unknown_parameters(asked, known);
  REQUIRE(why);
  CHECK(why->detail == "unknown parameter 'dryrun'; known: dry_run");
  CHECK(handlers::flag_parameter(asked, "dry_run").value());
  asked.query = {{"dry_run", "yes"}};
  CHECK(!handlers::flag_parameter(asked, "dry_run").has_value());
}

TEST_CASE("user agents: only a class is kept") {
  CHECK(handlers::user_agent_class("curl/7.88.1") == "curl");
  CHECK(handlers::user_agent_class("Mozilla/5.0 (X11; Linux x86_64) Chrome/120") == "browser");
  CHECK(handlers::user_agent_class("python-requests/2.31") == "script");
  CHECK(handlers::user_agent_class("\x1b[31m") == "other");
  CHECK(handlers::user_agent_class("").empty());
}

TEST_CASE("links: every byte but the unreserved ones is percent-encoded, alone and among others") {
  const std::string_view plain = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    std::string written(1, c);
    if (plain.find(c) == std::string_view::npos)
      written = std::string("%") + "0123456789ABCDEF"[byte / 16] + "0123456789ABCDEF"[byte % 16];
    CHECK(handlers::percent_encoded(std::string(1, c)) == written);
    CHECK(handlers::percent_encoded(std::string("a-") + c + "~ z") == "a-" + written + "~%20z");
  }
}
