#include "tools/progress_line.hpp"
#include <doctest/doctest.h>

using synclog::tools::progress_text;

TEST_CASE("progress: a stage says how far it is, how fast and how long it will take") {
  CHECK(progress_text({"log", 1'200, 5'000, 400}) == "log: 1200 of 5000 (24 %), 400/s, 9 s left");
  CHECK(progress_text({"log", 1, 1'000'001, 1'000}) == "log: 1 of 1000001 (0 %), 1000/s, 16 min left");
  CHECK(progress_text({"log", 0, 36'000, 1}) == "log: 0 of 36000 (0 %), 1/s, 10 h 0 min left");
}

TEST_CASE("progress: without a rate or a total it says what is known") {
  CHECK(progress_text({"clients", 5, 10, 0}) == "clients: 5 of 10 (50 %)");
  CHECK(progress_text({"clients", 5, 0, 7}) == "clients: 5");
  // An estimate that was too small never reads as more than everything.
  CHECK(progress_text({"clients", 12, 10, 0}) == "clients: 12 of 12 (100 %)");
}
