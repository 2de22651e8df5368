// The locks that processes share a cluster by.
#include "eventstore/pg/embedded_lock.hpp"
#include "pg/embedded/folder.hpp"
#include <doctest/doctest.h>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;
using eventstore::pg::embedded::folder_lock;

TEST_CASE("folder lock: whoever must wait is told in time who holds it") {
  const throwaway_folder folder;
  const std::string path = folder.path() + "/lock";
  auto held = folder_lock::take(path, folder_lock::mode::exclusive, 0ms);
  REQUIRE(held.has_value());
  held->sign("starting PostgreSQL");
  const auto refused = folder_lock::take(path, folder_lock::mode::shared, 30ms);
  REQUIRE(!refused.has_value());
  CHECK(refused.error().detail.find("(starting PostgreSQL)") != std::string::npos);
  held->release();
  CHECK(folder_lock::take(path, folder_lock::mode::shared, 0ms).has_value());
}

TEST_CASE("folder lock: only the last of several users gets it alone") {
  const throwaway_folder folder;
  const std::string path = folder.path() + "/lock";
  auto first = folder_lock::take(path, folder_lock::mode::shared, 0ms);
  auto second = folder_lock::take(path, folder_lock::mode::shared, 0ms);
  REQUIRE((first.has_value() && second.has_value()));
  CHECK(!first->become_exclusive());
  CHECK(second->become_exclusive());
}
