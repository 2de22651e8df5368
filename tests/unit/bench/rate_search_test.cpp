// The search for the highest rate that a server can do, against servers that are rules.
#include "bench/rate_search.hpp"
#include <doctest/doctest.h>
#include <functional>
#include <vector>

using synclog::tests::bench::rate_search;
using verdict = rate_search::verdict;

namespace {

struct walk {
  std::vector<double> tried;
  double best = 0;
};

walk search(double first, const std::function<verdict(double)>& server) {
  walk made;
  rate_search search(first, 5);
  while (const auto rate = search.next()) {
    REQUIRE(made.tried.size() < 50);
    made.tried.push_back(*rate);
    search.saw(server(*rate));
  }
  made.best = search.best();
  return made;
}

} // namespace

TEST_CASE("the gap above the best rate is halved three times") {
  const auto server = [](double rate) { return rate <= 700 ? verdict::good : verdict::too_much; };
  const auto found = search(100, server);
  CHECK(found.tried == std::vector<double>{100, 200, 400, 800, 600, 700, 750});
  CHECK(found.best == 700);
}

TEST_CASE("a rate that is late between two good ones does not end the climb") {
  const auto server = [](double rate) {
    if (rate < 300) return verdict::late;
    return rate <= 900 ? verdict::good : verdict::late;
  };
  const auto found = search(100, server);
  CHECK(found.tried == std::vector<double>{100, 200, 400, 800, 1600, 3200, 1200, 1000, 900});
  CHECK(found.best == 900);
}

TEST_CASE("a good rate above one that was late is the best, and the gap lies above it") {
  const auto server = [](double rate) {
    if (rate == 400) return verdict::late;
    return rate <= 1000 ? verdict::good : verdict::too_much;
  };
  const auto found = search(100, server);
  CHECK(found.tried == std::vector<double>{100, 200, 400, 800, 1600, 1200, 1000, 1100});
  CHECK(found.best == 1000);
}

TEST_CASE("where the first rates fail it goes down to the lowest one, and ends") {
  const auto nothing = [](double) { return verdict::too_much; };
  CHECK(search(40, nothing).tried == std::vector<double>{40, 20, 10, 5});
  CHECK(search(40, nothing).best == 0);
  const auto always_late = [](double) { return verdict::late; };
  CHECK(search(40, always_late).tried == std::vector<double>{40, 80, 160, 20, 10, 5});
  const auto slow = [](double rate) { return rate <= 12 ? verdict::good : verdict::late; };
  const auto found = search(40, slow);
  CHECK(found.tried == std::vector<double>{40, 80, 160, 20, 10, 15, 12.5, 11.25});
  CHECK(found.best == 11.25);
}

TEST_CASE("no rate below the lowest is tried") {
  const auto nothing = [](double) { return verdict::too_much; };
  CHECK(search(3, nothing).tried == std::vector<double>{5});
}

TEST_CASE("a server that nothing is too much for ends the search") {
  const auto everything = [](double) { return verdict::good; };
  const auto found = search(100, everything);
  CHECK(found.tried.size() == 12);
  CHECK(found.best == found.tried.back());
}
