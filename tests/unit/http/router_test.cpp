// The router over a table of its own.
#include "http/router.hpp"
#include <array>
#include <doctest/doctest.h>

using namespace synclog::http;

namespace {

constexpr std::array table{
    route{only(method::get), "/", nullptr, access::none, pace::quick},
    route{only(method::get), "/livez", nullptr, access::none, pace::quick},
    route{only(method::get), "/api/events", nullptr, access::read, pace::waits},
    route{only(method::get), "/api/{entity}", nullptr, access::read, pace::waits},
    route{only(method::post), "/api/{entity}", nullptr, access::write, pace::waits},
    route{any_of(method::put, method::patch), "/api/{entity}/{id}", nullptr, access::write, pace::waits},
    route{only(method::get), "/api/{entity}/{id}/history", nullptr, access::read, pace::waits},
};

const router routes{table};

} // namespace

TEST_CASE("router: a literal path and a pattern are found with their row") {
  CHECK(routes.find({}, method::get).index == 0);
  CHECK(routes.find({"livez"}, method::get).index == 1);
  CHECK(routes.find({"api", "clients"}, method::get).index == 3);
  CHECK(routes.find({"api", "clients"}, method::post).index == 4);
  CHECK(routes.find({"api", "clients", "CLT-1"}, method::patch).index == 5);
  CHECK(routes.find({"api", "clients", "CLT-1", "history"}, method::get).index == 6);
}

TEST_CASE("router: a reserved name is never an entity") {
  CHECK(routes.find({"api", "events"}, method::get).index == 2);
  const auto post = routes.find({"api", "events"}, method::post);
  CHECK(post.found == nullptr);
  CHECK(allow_header(post.allowed) == "GET, HEAD, OPTIONS");
  for (const char* name : {"session", "tickets", "admin"}) {
    CHECK(routes.find({"api", name}, method::get).allowed == 0);
    CHECK(routes.find({"api", name, "x"}, method::put).allowed == 0);
  }
}

TEST_CASE("router: HEAD goes where GET goes") {
  CHECK(routes.find({"livez"}, method::head).index == 1);
  CHECK(routes.find({"api", "clients", "1"}, method::head).found == nullptr);
}

TEST_CASE("router: a known path with another method names all its methods") {
  const auto got = routes.find({"api", "clients"}, method::delete_);
  CHECK(got.found == nullptr);
  CHECK(allow_header(got.allowed) == "GET, HEAD, POST, OPTIONS");
}

TEST_CASE("router: an unknown path allows nothing") {
  for (const auto& path : std::vector<std::vector<std::string>>{{"nothing"},
                                                                {"api"},
                                                                {"api", ""},
                                                                {"api", "clients", ""},
                                                                {"livez", ""},
                                                                {""},
                                                                {"API", "clients"}}) {
    CHECK(routes.find(path, method::get).allowed == 0);
  }
}
