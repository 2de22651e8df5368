// Subcommands know the entities that a database has adopted, without the file that defined them.
#include "command_run.hpp"
#include "tests/support/server_fixture.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <stdlib.h>

using namespace synclog::tests;

TEST_CASE("definitions: a command without the folder verifies the table of an entity that came from it") {
  auto folder = (std::filesystem::temp_directory_path() / "synclog-entities-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  std::ofstream(folder + "/orders.json")
      << R"({"title":"Orders","type":"object","additionalProperties":false,"x-prefix":"ORD",)"
      << R"("properties":{"name":{"type":"string"}}})";
  server_options options;
  options.arguments = {"--entities", folder};
  const server_fixture server(options);
  std::filesystem::remove_all(folder);
  REQUIRE(server.post("/api/orders", R"({"id":"O-1","name":"one"})").status == 201);
  const std::vector<std::string> verify{"replay", "verify", "--database-url", server.database_url()};
  command_run good(verify);
  CHECK(good.wait() == 0);
  CHECK_MESSAGE(good.output().find("(1 rows) agree") != std::string::npos, good.output());
  server.sql("UPDATE public.orders SET name = 'two'");
  command_run bad(verify);
  CHECK(bad.wait() == 4);
  CHECK_MESSAGE(bad.output().find("O-1") != std::string::npos, bad.output());
}

TEST_CASE("definitions: a folder that contradicts what the database has adopted is refused") {
  const server_fixture server;
  auto folder = (std::filesystem::temp_directory_path() / "synclog-entities-XXXXXX").string();
  REQUIRE(::mkdtemp(folder.data()) != nullptr);
  std::ofstream(folder + "/orders.json") << "{";
  command_run broken({"replay", "verify", "--database-url", server.database_url(), "--entities", folder});
  CHECK(broken.wait() != 0);
  CHECK_MESSAGE(broken.errors().find("orders.json") != std::string::npos, broken.errors());
  std::filesystem::remove_all(folder);
}
