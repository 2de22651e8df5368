// `synclog bench` from the outside: against the real server, and against servers that are away, slow or
// wrong.
#include "command_run.hpp"
#include "core/json.hpp"
#include "fake_server.hpp"
#include "tests/support/server_fixture.hpp"
#include "tests/support/wait.hpp"
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <thread>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;

namespace {

constexpr const char* good_answer = "HTTP/1.1 201 Created\r\nContent-Length: 2\r\n\r\n{}";
constexpr const char* busy_answer = "HTTP/1.1 503 Busy\r\nContent-Length: 11\r\n\r\ntoo \x1b[31mmuch";

struct finished {
  int code = -1;
  std::string output, errors;
};

finished bench(const words& arguments) {
  words all{"bench"};
  all.insert(all.end(), arguments.begin(), arguments.end());
  command_run run(all);
  finished made;
  made.code = run.wait(60s);
  made.output = run.output();
  made.errors = run.errors();
  return made;
}

// The report behind --json, and numbers in it by "a.b.c".
class report {
 public:
  explicit report(const std::string& text) : parsed_(core::json::parse(text)) {
    REQUIRE_MESSAGE(parsed_.has_value(), text);
  }
  const core::json::value& at(const std::string& path) const {
    const core::json::value* found = &parsed_->root();
    for (std::size_t from = 0; from <= path.size();) {
      const auto dot = std::min(path.find('.', from), path.size());
      found = found->find(path.substr(from, dot - from));
      REQUIRE_MESSAGE(found != nullptr, path);
      from = dot + 1;
    }
    return *found;
  }
  double number(const std::string& path) const {
    return std::strtod(std::string(at(path).text).c_str(), nullptr);
  }
  std::int64_t whole(const std::string& path) const {
    return std::strtoll(std::string(at(path).text).c_str(), nullptr, 10);
  }

 private:
  core::result<core::json::document> parsed_;
};

std::string url_of(const server_fixture& server) {
  return "http://127.0.0.1:" + std::to_string(server.port());
}

// Long enough for one thing to be done on a machine that stalls for a second.
constexpr const char* past_a_stall_s = "2";

// Short, with the report on stdout.
words quick(const std::string& mode, const std::string& url, const words& more = {},
            const std::string& duration_s = "0.5") {
  words made{mode, "--url", url, "--duration", duration_s, "--warmup", "0.1", "--json"};
  made.insert(made.end(), more.begin(), more.end());
  return made;
}

// A port on which nobody listens.
std::string url_of_nobody() {
  std::string url;
  {
    const fake_server gone({.answer = ""});
    url = gone.url();
  }
  return url;
}

} // namespace

TEST_CASE("bench: every mode does what it says to the real server") {
  const server_fixture server;
  const auto url = url_of(server);
  const auto wrote = bench(quick("write", url, {"--connections", "8"}));
  REQUIRE_MESSAGE(wrote.code == 0, wrote.errors);
  const report written(wrote.output);
  CHECK(written.whole("ok") > 0);
  CHECK(written.whole("errors.total") == 0);
  CHECK(written.whole("statuses.201") == written.whole("ok"));
  CHECK(written.whole("latency_ms.count") == written.whole("ok"));
  CHECK(written.number("rate") ==
        doctest::Approx(written.number("ok") / written.number("seconds")).epsilon(0.01));
  CHECK(written.number("generator.cpu_seconds") > 0);
  // Each request made a record of its own; those of the warm-up and the end are more than were counted.
  const auto events = server.event_count();
  CHECK(events >= written.whole("ok"));
  CHECK(std::to_string(events) == server.sql("SELECT count(DISTINCT record_id) FROM synclog.events"));

  const auto bulk = bench(quick("bulk", url, {"--connections", "2", "--size", "10"}));
  REQUIRE_MESSAGE(bulk.code == 0, bulk.errors);
  CHECK(report(bulk.output).whole("records") == 10 * report(bulk.output).whole("ok"));
  CHECK(report(bulk.output).whole("errors.total") == 0);
  const auto array = bench(quick("bulk", url, {"--connections", "2", "--size", "3", "--format", "array"}));
  CHECK_MESSAGE(array.code == 0, array.errors);

  for (const std::string mode : {"read", "list"}) {
    const auto before = server.event_count();
    const auto got = bench(quick(mode, url, {"--connections", "8", "--pipeline", "4", "--threads", "2"}));
    REQUIRE_MESSAGE(got.code == 0, got.errors);
    CHECK(report(got.output).whole("errors.total") == 0);
    CHECK(report(got.output).whole("statuses.200") > 0);
    CHECK(server.event_count() == before);
  }
  const auto mixed = bench(
      quick("mixed", url, {"--mix", "write=1,bulk=1,read=2,list=2", "--size", "5", "--connections", "8"}));
  REQUIRE_MESSAGE(mixed.code == 0, mixed.errors);
  const report parts(mixed.output);
  std::int64_t sum = 0;
  for (const std::string part : {"write", "bulk", "read", "list"}) {
    CHECK(parts.whole("operations." + part + ".ok") > 0);
    sum += parts.whole("operations." + part + ".ok");
  }
  CHECK(sum == parts.whole("ok"));
}

TEST_CASE("bench: in an open loop everything that was due is accounted for") {
  const server_fixture server;
  const auto got = bench({"write", "--url", url_of(server), "--duration", "1", "--warmup", "0.2", "--rate",
                          "150", "--connections", "4", "--json"});
  REQUIRE_MESSAGE(got.code == 0, got.errors);
  const report made(got.output);
  const auto all = made.whole("ok") + made.whole("errors.total") + made.whole("unsent");
  CHECK(all >= 149); // where the first one falls is a matter of nanoseconds
  CHECK(all <= 151);
}

TEST_CASE("bench: an open loop counts a stall for all that were due in it") {
  fake_server server({.answer = good_answer, .before = [](std::uint64_t number) {
                        if (number == 20) std::this_thread::sleep_for(500ms); // the stall itself
                      }});
  const auto got = bench({"write", "--url", server.url(), "--duration", "1.5", "--warmup", "0", "--rate",
                          "100", "--connections", "1", "--json"});
  REQUIRE_MESSAGE(got.code == 0, got.errors);
  const report made(got.output);
  CHECK(made.whole("ok") + made.whole("unsent") >= 149);
  // 50 of 150 were due during the stall, 40 of them more than 100 ms before its end.
  CHECK(made.number("latency_ms.p90") >= 100);
  CHECK(made.number("latency_ms.max") >= 490);
}

TEST_CASE("bench: subscribers get every event once, over both transports, filtered or not") {
  const server_fixture server;
  for (const std::string transport : {"sse", "ws"}) {
    for (const words& more : std::vector<words>{{}, {"--branches", "5", "--size", "7", "--threads", "2"}}) {
      auto arguments =
          quick("stream", url_of(server), {"--transport", transport, "--subscribers", "20", "--rate", "200"},
                past_a_stall_s);
      arguments.insert(arguments.end(), more.begin(), more.end());
      const auto got = bench(arguments);
      CAPTURE(transport);
      REQUIRE_MESSAGE(got.code == 0, got.errors);
      const report made(got.output);
      CHECK(made.whole("stream.received") > 0);
      CHECK(made.whole("stream.received") == made.whole("stream.expected"));
      CHECK(made.whole("stream.gaps") == 0);
      CHECK(made.whole("stream.repeated") == 0);
      CHECK(made.whole("stream.unchecked") == 0);
      CHECK(made.whole("stream.lost") == 0);
      CHECK(made.whole("stream.delay_ms.count") > 0);
    }
  }
}

TEST_CASE(
    "bench: subscribers that write nothing see what others write, and take the delay from recorded_at") {
  const server_fixture server;
  command_run follows({"bench", "stream", "--url", url_of(server), "--subscribers", "3", "--rate", "0",
                       "--duration", "60", "--warmup", "0", "--json"});
  // Interrupted as soon as enough was written: the figures so far.
  REQUIRE(wait_until([&] {
    return server.get("/metrics").body.find("synclog_streams_open{kind=\"sse\"} 3") != std::string::npos;
  }));
  for (int i = 0; i < 50; ++i) {
    REQUIRE(server.post("/api/clients", R"({"full_name":"A","branch":"north"})").status == 201);
    std::this_thread::sleep_for(2ms); // spread over the time in which it begins to count
  }
  REQUIRE(follows.end_by(SIGINT) == 0);
  const report made(follows.output());
  CHECK(made.at("interrupted").boolean);
  CHECK(made.at("stream.delay_from").text == "recorded_at");
  CHECK(made.whole("stream.delivered") > 0);
  CHECK(made.whole("stream.delay_ms.count") == made.whole("stream.delivered"));
  CHECK(made.whole("stream.gaps") == 0);
}

TEST_CASE("bench: a stream that leaves out or repeats an event is found out") {
  const auto follow = [](const std::string& places) {
    fake_server server({.answer = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n"
                                  "event: caught_up\nid: 7-aa\ndata: {\"cursor\":\"7-aa\"}\n\n" +
                                  places});
    return bench(quick("stream", server.url(), {"--subscribers", "2", "--rate", "0"}));
  };
  const auto event = [](int position, int previous) {
    return "data: {\"type\":\"event\",\"position\":" + std::to_string(position) + ",\"cursor\":\"" +
           std::to_string(position) + "-bb\",\"previous\":" + std::to_string(previous) +
           ",\"resource\":\"x\"}\n\n";
  };
  const auto gap = follow(event(9, 6) + event(12, 10));
  CHECK(gap.code == 4);
  CHECK(report(gap.output).whole("stream.gaps") == 2);
  CHECK(report(gap.output).whole("stream.repeated") == 0);
  const auto twice = follow(event(9, 7) + event(9, 7));
  CHECK(twice.code == 4);
  CHECK(report(twice.output).whole("stream.repeated") == 2);
  CHECK(report(twice.output).whole("stream.gaps") == 0);
  const auto good = follow(event(8, 7) + event(9, 8));
  CHECK(report(good.output).whole("stream.gaps") + report(good.output).whole("stream.repeated") == 0);
}

TEST_CASE("bench: subscribers that are cut off are told, and the run fails") {
  for (const std::string transport : {"sse", "ws"}) {
    CAPTURE(transport);
    server_fixture server;
    command_run follows({"bench", "stream", "--url", url_of(server), "--subscribers", "3", "--rate", "100",
                         "--transport", transport, "--duration", "60", "--warmup", "0", "--timeout", "1",
                         "--json"});
    REQUIRE(wait_until([&] { return server.event_count() > 20; }));
    server.kill9();
    CHECK(follows.end_by(SIGINT) == 1);
    CHECK(follows.errors().find("3 of 3 subscribers were cut off") != std::string::npos);
    CHECK(report(follows.output()).whole("stream.lost") == 3);
  }
}

TEST_CASE("bench: a record without a stamp is counted when it comes, from recorded_at") {
  const server_fixture server;
  const auto got = bench(quick("stream", url_of(server),
                               {"--subscribers", "2", "--rate", "50", "--body-template",
                                R"({"full_name":"x {unique}","branch":"{branch}"})"}));
  CHECK(got.code == 0);
  const report made(got.output);
  CHECK(made.at("stream.delay_from").text == "recorded_at");
  CHECK(made.whole("stream.expected") > 0);
  CHECK(made.whole("stream.missing") == 0);
}

TEST_CASE("bench: a server that is away is said to be, and fails") {
  for (const std::string mode : {"write", "list", "stream"}) {
    const auto got = bench(quick(mode, url_of_nobody()));
    CAPTURE(mode);
    CHECK(got.code == 1);
    CHECK(got.errors.find("nobody listens") != std::string::npos);
    if (mode != "stream") CHECK(report(got.output).whole("errors.connect_refused") == 1);
  }
}

TEST_CASE("bench: answers that are errors are counted by their status, and not as work done") {
  fake_server server({.answer = busy_answer});
  const auto got = bench(quick("write", server.url(), {"--connections", "2"}));
  CHECK(got.code == 1);
  CHECK(got.errors.find("not one request succeeded") != std::string::npos);
  CHECK(got.errors.find('\x1b') == std::string::npos);
  const report made(got.output);
  CHECK(made.whole("ok") == 0);
  CHECK(made.whole("latency_ms.count") == 0);
  CHECK(made.whole("errors.total") > 0);
  CHECK(made.whole("errors.status.503") == made.whole("errors.total"));
}

TEST_CASE("bench: a server that never answers, one that closes and one that resets are told apart") {
  const auto kinds = [](fake_server::options how) {
    fake_server server(std::move(how));
    const auto got = bench(quick("list", server.url(), {"--connections", "2", "--timeout", "0.2"}));
    CHECK(got.code == 1);
    const report made(got.output);
    CHECK(made.whole("ok") == 0);
    std::string seen;
    for (const std::string kind :
         {"connect_refused", "connect_timeout", "connect_other", "reset", "closed", "timeout", "bad_answer"})
      if (made.whole("errors." + kind) > 0) seen += kind + " ";
    return seen;
  };
  CHECK(kinds({.answer = ""}) == "timeout ");
  CHECK(kinds({.answer = "", .closes = true}) == "closed ");
  CHECK(kinds({.answer = "", .resets = true}) == "reset ");
  CHECK(kinds({.answer = "220 mail.example.org\r\n\r\n"}) == "bad_answer ");
}

TEST_CASE("bench: a server that closes each connection after its answer is served to the end") {
  fake_server server({.answer = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nwhatever", .closes = true});
  const auto got = bench(quick("list", server.url(), {"--connections", "2"}));
  REQUIRE_MESSAGE(got.code == 0, got.errors);
  CHECK(report(got.output).whole("ok") > 5);
  CHECK(report(got.output).whole("errors.total") == 0);
}

TEST_CASE("bench: another machine is refused until it is owned, and wrong options say what is right") {
  const auto refused = [](const words& arguments, const std::string& hint) {
    const auto got = bench(arguments);
    CAPTURE(hint);
    CAPTURE(got.errors);
    CHECK(got.code == 2);
    CHECK(got.errors.find(hint) != std::string::npos);
  };
  // 192.0.2.0/24 is nobody's (RFC 5737).
  refused({"write", "--url", "http://192.0.2.1:8080"}, "--i-own-this-server");
  refused({"stream", "--url", "http://192.0.2.1:8080"}, "--i-own-this-server");
  refused({"write", "--url", "localhost:8080"}, "http://127.0.0.1:8080");
  refused({"write", "--connections", "0"}, "--connections");
  refused({"write", "--duration", "soon"}, "--duration");
  refused({"write", "--duration", "nan"}, "--duration");
  refused({"write", "--rate", "nan"}, "--rate");
  refused({"stream", "--rate", "-1"}, "--rate");
  refused({"write", "--timeout", "inf"}, "--timeout");
  refused({"write", "--path", "/x/{uid}"}, "{uuid}");
  refused({"write", "--entity", "visits"}, "--body-template");
  refused({"write", "--body-template", "@/no/such/file"}, "/no/such/file");
  refused({"mixed", "--mix", "write=0"}, "write=20,bulk=1");
  refused({"mixed", "--mix", "delete=1"}, "write=20,bulk=1");
  refused({"list", "--header", "nothing"}, "Name: value");
  refused({"stream", "--transport", "udp"}, "sse");
  refused({"destroy"}, "subcommand");
  refused({}, "subcommand");
  const auto owned = bench({"write", "--url", "http://192.0.2.1:8080", "--i-own-this-server", "--timeout",
                            "0.05", "--duration", "0.05", "--warmup", "0"});
  CHECK(owned.code == 1); // it was tried
}

TEST_CASE("bench: a read of nothing says how to get something, and a refused one why") {
  const server_fixture server;
  const auto got = bench(quick("read", url_of(server)));
  CHECK(got.code == 1);
  CHECK(got.errors.find("synclog bench write") != std::string::npos);
  fake_server busy({.answer = busy_answer});
  const auto refused = bench(quick("read", busy.url()));
  CHECK(refused.code == 1);
  CHECK(refused.errors.find("503 too") != std::string::npos);
  fake_server page({.answer = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>"});
  CHECK(bench(quick("read", page.url())).errors.find("for records to read: not valid JSON") !=
        std::string::npos);
}

TEST_CASE("bench: Ctrl-C ends it early with the figures so far, also in a file beside the text") {
  fake_server server({.answer = good_answer});
  const auto file =
      (std::filesystem::temp_directory_path() / ("bench-" + std::to_string(::getpid()) + ".json")).string();
  command_run run({"bench", "write", "--url", server.url(), "--duration", "600", "--warmup", "0",
                   "--connections", "2", "--json", file, "--header", "X-Unique: {unique}", "--body-template",
                   R"({"n":{number},"b":"{branch}"})"});
  REQUIRE(wait_until([&] { return server.requests() > 100; }));
  CHECK(run.end_by(SIGINT) == 0);
  CHECK(run.output().find("interrupted") != std::string::npos);
  std::ifstream in(file);
  const report made(std::string{std::istreambuf_iterator<char>(in), {}});
  std::filesystem::remove(file);
  CHECK(made.at("interrupted").boolean);
  CHECK(made.whole("ok") > 0);
  CHECK(made.number("seconds") < 600);
  CHECK(made.number("seconds") > 0);
}
