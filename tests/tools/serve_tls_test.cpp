// serve --tls-cert --tls-key: other programs speak with it, the certificate is renewed under open streams,
// and what is wrong with the files is said.
#include "command_run.hpp"
#include "eventstore/pg/plain_connection.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/tls_files.hpp"
#include "tests/support/wait.hpp"
#include "tests/support/ws_client.hpp"
#include <array>
#include <csignal>
#include <cstdio>
#include <doctest/doctest.h>
#include <filesystem>

using namespace synclog;
using namespace synclog::tests;

namespace {

server_options with_tls(const tls_files& files, std::vector<std::string> more = {}) {
  server_options made;
  made.arguments = {"--tls-cert", files.chain(), "--tls-key", files.key()};
  made.arguments.insert(made.arguments.end(), more.begin(), more.end());
  return made;
}

http_client connect(const server_fixture& server) {
  return http_client(server.port(), {.tls = tls_client_options{.authority = test_authority()}});
}

// What a program prints on stdout.
std::string output_of(const std::vector<std::string>& words) {
  std::FILE* pipe = popen((shell_words(words) + " 2>/dev/null").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string out;
  std::array<char, 4'096> chunk{};
  while (const auto got = std::fread(chunk.data(), 1, chunk.size(), pipe))
    out.append(chunk.data(), got);
  pclose(pipe);
  return out;
}

std::string curl(const server_fixture& server, const tls_files& files, std::vector<std::string> more,
                 const std::string& target) {
  std::vector<std::string> words{"curl", "--silent", "--max-time", "60", "--cacert", files.authority()};
  words.insert(words.end(), more.begin(), more.end());
  words.push_back("https://127.0.0.1:" + std::to_string(server.port()) + target);
  return output_of(words);
}

bool logs(const server_fixture& server, const std::string& text) {
  return wait_until([&] { return server.output().find(text) != std::string::npos; });
}

} // namespace

TEST_CASE("serve tls: curl reads and writes, by 1.2 and 1.3, and is sent no cookie that goes elsewhere") {
  const tls_files files;
  server_fixture server(with_tls(files));
  CHECK(server.output().find("listening on https://127.0.0.1:") != std::string::npos);
  CHECK(server.output().find("TLS: CN=localhost, valid until 20") != std::string::npos);
  for (const auto& version : {"1.2", "1.3"}) {
    const auto id = std::string("CLT-tls-") + version;
    const auto made = curl(
        server, files,
        {"--tls-max", version, "--json", R"({"id":")" + id + R"(","full_name":"Over TLS","branch":"north"})"},
        "/api/clients");
    CHECK(made.find("\"" + id + "\"") != std::string::npos);
    CHECK(curl(server, files, {"--tls-max", version}, "/api/clients/" + id).find("Over TLS") !=
          std::string::npos);
  }
  const auto metrics = curl(server, files, {}, "/metrics");
  CHECK(metrics.find("synclog_http_tls_certificate_expiry_seconds ") != std::string::npos);
  CHECK(metrics.find("synclog_http_tls_handshakes_total{version=\"1.2\"} 2") != std::string::npos);
  CHECK(server.stop() == 0);
}

TEST_CASE("serve tls: SIGHUP changes the certificate of new connections, and open streams go on") {
  tls_files files(make_certificate({.name = "first"}));
  server_fixture server(with_tls(files));
  auto streaming = connect(server);
  streaming.send_request("GET", "/api/events", {{"Accept", "text/event-stream"}});
  sse_reader events(streaming);
  CHECK(streaming.tls().subject() == "first");

  files.put(make_certificate({.name = "second"}));
  ::kill(server.pid(), SIGHUP);
  REQUIRE(logs(server, "TLS: CN=second, valid until"));
  CHECK(connect(server).tls().subject() == "second");

  // Half of a renewal: the new key with the old certificate.
  tls_files::write(files.key(), make_certificate().key);
  ::kill(server.pid(), SIGHUP);
  REQUIRE(logs(server, "TLS: the certificate in use stays: "));
  CHECK(server.output().find("is not the key of the certificate in " + files.chain()) != std::string::npos);
  auto client = connect(server);
  CHECK(client.tls().subject() == "second");

  const auto saved = client.request("POST", "/api/clients", {{"Content-Type", "application/json"}},
                                    R"({"id":"CLT-renewed","full_name":"Still There","branch":"north"})");
  CHECK(saved.status == 201);
  std::optional<sse_event> seen;
  do
    seen = events.next();
  while (seen && seen->data.find("CLT-renewed") == std::string::npos);
  CHECK(seen);
  CHECK(server.stop() == 0);
}

TEST_CASE("serve tls: a WebSocket speaks both ways and closes in order") {
  const tls_files files;
  server_fixture server(with_tls(files));
  ws_client socket(server.port(), {.tls = tls_client_options{.authority = test_authority()}});
  CHECK(socket.next_text().starts_with(R"({"type":"hello")"));
  socket.send({.opcode = ws_opcode::ping, .masked = true, .payload = "there?"});
  const auto pong = socket.next_frame();
  REQUIRE(pong);
  CHECK(pong->opcode == ws_opcode::pong);
  CHECK(pong->payload == "there?");
  socket.send_text(R"({"type":"subscribe","channels":["clients"]})");
  socket.next_of("subscribed");
  auto writing = connect(server);
  CHECK(writing
            .request("POST", "/api/clients", {{"Content-Type", "application/json"}},
                     R"({"id":"CLT-wss","full_name":"Through The Socket","branch":"north"})")
            .status == 201);
  std::string text;
  while (text.find("CLT-wss") == std::string::npos)
    text = socket.next_text();
  socket.send({.opcode = ws_opcode::close, .masked = true, .payload = ws_close_payload(1000, "done")});
  CHECK(socket.next_close() == 1000);
  CHECK_FALSE(socket.next_frame());
}

TEST_CASE("serve tls: a session's cookie is the host's own") {
  const tls_files files;
  server_fixture server(with_tls(files, {"--auth=token"}));
  const auto made = run_command(
      {"token", "create", "--name", "tls", "--role", "viewer", "--database-url", server.database_url()});
  REQUIRE(made.code == 0);
  const auto token = made.output.substr(0, made.output.find('\n'));
  auto client = connect(server);
  const auto signed_in = client.request("POST", "/api/session", {{"Authorization", "Bearer " + token}});
  CHECK(signed_in.status == 201);
  const auto cookie = signed_in.header("set-cookie");
  CHECK(cookie.starts_with("__Host-synclog="));
  CHECK(cookie.ends_with("; Secure"));
  const auto shown = cookie.substr(0, cookie.find(';'));
  CHECK(client.request("GET", "/api/clients?limit=1", {{"Cookie", shown}}).status == 200);
}

TEST_CASE("serve tls: files that are no pair end it with a sentence, before a database is asked for") {
  const tls_files files;
  const auto refused = [](const std::vector<std::string>& more) {
    std::vector<std::string> words{"serve", "--data-dir", "/nonexistent/synclog"};
    words.insert(words.end(), more.begin(), more.end());
    const auto ended = run_command(words);
    CHECK(ended.code == 2);
    return ended.errors;
  };
  CHECK(refused({"--tls-cert", files.chain()}).find("go together: one is missing") != std::string::npos);
  CHECK(refused({"--tls-key", files.key()}).find("go together: one is missing") != std::string::npos);
  CHECK(refused({"--tls-cert", files.chain() + "x", "--tls-key", files.key()})
            .find("chain.pemx cannot be read: No such file") != std::string::npos);
  CHECK(refused({"--tls-cert", files.chain(), "--tls-key", files.authority()})
            .find("holds no private key in PEM") != std::string::npos);
  const auto other = make_certificate();
  tls_files::write(files.key(), other.encrypted_key);
  CHECK(refused({"--tls-cert", files.chain(), "--tls-key", files.key()}).find("is encrypted") !=
        std::string::npos);
  tls_files::write(files.key(), other.key);
  CHECK(refused({"--tls-cert", files.chain(), "--tls-key", files.key()})
            .find("is not the key of the certificate") != std::string::npos);
}

TEST_CASE("serve: SIGHUP without a certificate is noted and changes nothing") {
  server_fixture server;
  ::kill(server.pid(), SIGHUP);
  REQUIRE(logs(server, "there is no certificate to read again"));
  CHECK(server.get("/livez").status == 200);
  CHECK(server.stop() == 0);
}

TEST_CASE("serve: a SIGHUP that comes while it is starting is answered once it serves") {
  const tls_files files(make_certificate({.name = "first"}));
  const std::string database = migrated_database(durable_cluster());
  eventstore::pg::plain_connection holder(durable_cluster().conninfo(database), "", "test");
  holder.run("BEGIN");
  holder.run("LOCK TABLE synclog.definitions IN ACCESS EXCLUSIVE MODE");
  command_run serve({"serve", "--listen", "127.0.0.1:0", "--database-url", durable_cluster().url(database),
                     "--tls-cert", files.chain(), "--tls-key", files.key()});
  const auto waits = [&] {
    return durable_cluster().sql(database,
                                 "SELECT count(*) > 0 FROM pg_locks WHERE NOT granted AND database = "
                                 "(SELECT oid FROM pg_database WHERE datname = current_database())") == "t";
  };
  REQUIRE(wait_until(waits));
  tls_files::write(files.key(), make_certificate().key); // what it then reads is no pair
  ::kill(serve.pid(), SIGHUP);
  holder.run("COMMIT");
  REQUIRE(wait_until(
      [&] { return serve.errors().find("TLS: the certificate in use stays: ") != std::string::npos; }));
  CHECK(serve.output().find("listening on https://") != std::string::npos);
  CHECK(serve.end_by(SIGTERM) == 0);
}
