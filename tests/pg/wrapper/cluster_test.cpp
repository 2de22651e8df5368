// The throwaway cluster itself: everything else stands on it.
#include "support/cluster.hpp"
#include "support/process.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <stdexcept>

using synclog::tests::test_cluster;

TEST_CASE("cluster: it answers, makes databases from templates, and leaves nothing behind") {
  std::string folder;
  pid_t postmaster = 0;
  {
    test_cluster own;
    folder = own.folder();
    postmaster = own.postmaster_pid();
    own.create_database("template_a");
    own.sql("template_a", "CREATE TABLE t (n int); INSERT INTO t VALUES (7)");
    const std::string copy = own.fresh_database("template_a");
    CHECK(own.sql(copy, "SELECT n FROM t") == "7");
    CHECK_THROWS_AS(own.sql(copy, "SELECT no_such_column"), std::runtime_error);
    own.restart();
    CHECK(own.sql(copy, "SELECT n FROM t") == "7");
    own.kill9();
    CHECK_FALSE(own.running());
    CHECK_THROWS_AS(own.sql(copy, "SELECT 1"), std::runtime_error);
    own.start();
    CHECK(own.sql(copy, "SELECT n FROM t") == "7");
    postmaster = own.postmaster_pid();
  }
  CHECK_FALSE(std::filesystem::exists(folder));
  CHECK_FALSE(synclog::tests::is_alive(postmaster));
}

TEST_CASE("cluster: over TCP too, durable when asked") {
  test_cluster own({.durable = true, .tcp = true, .settings = {"max_connections=20"}});
  CHECK(own.tcp_port() > 0);
  CHECK(own.sql("postgres", "SHOW fsync") == "on");
  CHECK(own.sql("postgres", "SHOW max_connections") == "20");
}
