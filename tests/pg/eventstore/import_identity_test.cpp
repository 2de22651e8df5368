// The step of an import that only the owner may take.
#include "exported_log.hpp"
#include <doctest/doctest.h>

using namespace synclog;
using namespace synclog::tests;

TEST_CASE(
    "import: an empty log whose first batch is not saved keeps its own identity, and takes the other one "
    "with the batch") {
  auto& cluster = test_cluster::shared();
  const auto source = fresh_log(cluster), target = fresh_log(cluster);
  const scratch_folder folder;
  const auto file = folder.file("log");
  {
    io_threads threads;
    log_server server(threads, cluster, source);
    write_clients(server, 3);
  }
  export_to(source, file);
  const auto id_of = [&cluster](const std::string& database) {
    return cluster.sql(database, "SELECT log_id FROM synclog.log_meta");
  };
  const auto own = id_of(target);
  // Found out only when the owner has done his part.
  cluster.sql(target, "REVOKE INSERT ON synclog.events FROM synclog_app");
  const auto refused = import_from(target, file);
  CHECK(refusal_of(refused).find("permission denied for table events") != std::string::npos);
  CHECK_FALSE(refused.adopted);
  CHECK(id_of(target) == own);
  cluster.sql(target, "GRANT INSERT ON synclog.events TO synclog_app");
  const auto done = import_from(target, file);
  CHECK(refusal_of(done) == "");
  CHECK(done.adopted);
  CHECK(id_of(target) == id_of(source));
  CHECK(head_of(target) == head_of(source));
}
