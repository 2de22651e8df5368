// Streams of events do not wait for what live queries ask of the log.
#include "http/streams/event_view.hpp"
#include "http/streams/hub.hpp"
#include "http/streams/live_view.hpp"
#include "pg/eventstore/log_fixture.hpp"
#include "projections/list_query.hpp"
#include <doctest/doctest.h>
#include <libpq-fe.h>
#include <optional>

using namespace synclog;
using namespace synclog::tests;
using namespace std::chrono_literals;
namespace streams = synclog::http::streams;

namespace {

struct deaf final : http::wakeable {
  void wake() override {}
};

// Nobody else can use the log as long as it lives.
class locked_log {
 public:
  explicit locked_log(const std::string& conninfo) : connection_(PQconnectdb(conninfo.c_str()), PQfinish) {
    for (const char* each : {"BEGIN", "LOCK TABLE synclog.events IN ACCESS EXCLUSIVE MODE"})
      PQclear(PQexec(connection_.get(), each));
    REQUIRE(PQtransactionStatus(connection_.get()) == PQTRANS_INTRANS);
  }

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

// A hub of its own over a log, one stream of all events and one live query of the north.
class two_followers {
 public:
  explicit two_followers(std::chrono::milliseconds before_patience)
      : database_(fresh_log(cluster_)), server_(threads_, cluster_, database_, {}, {.poll_interval = 1h}),
        hub_(threads_.executor(), server_.feed, server_.log, {.before_patience = before_patience}),
        bell_(hub_.sweep(), nobody_) {
    hub_.start();
    const std::vector<std::pair<std::string, std::string>> asked{{"branch", "north"}};
    const auto query = projections::parse_list_query(*entities().find("clients"), asked, {});
    REQUIRE(query.has_value());
    live = joined(std::make_shared<const streams::live_view>(*query));
    events = joined(
        std::make_shared<const streams::event_view>(core::event_filter{}, streams::shared_sse_format()));
    std::vector<core::command> one;
    one.push_back(
        command_of("clients", core::command_kind::save, R"({"id":"A","full_name":"x","branch":"north"})"));
    REQUIRE(server_.submit(request_of(std::move(one))).has_value());
    REQUIRE(wait_until([&] { return has(live, 1) && has(events, 1); }));
  }
  ~two_followers() {
    live = {};
    events = {};
    threads_.run(hub_.stop());
  }

  // The record leaves the north, at position 2; nobody has it in the log.
  void leave_north() {
    core::event leaves;
    leaves.position = {2};
    leaves.entity = "clients";
    leaves.record_id = "A";
    leaves.version = 2;
    leaves.action = core::event_action::updated;
    leaves.branch = "south";
    leaves.previous_branch = "north";
    leaves.data = R"({"id":"A","branch":"south"})";
    leaves.meta = "{}";
    server_.feed.publish(server_.feed.head(), {leaves});
  }
  std::string conninfo() const { return cluster_.conninfo(database_); }

  static bool has(const streams::hub::membership& of, std::int64_t position) {
    return of.where().at.position >= core::position{position};
  }
  static std::string behind_the_first(const streams::hub::membership& of) {
    const auto shown = of.shared().after({1});
    REQUIRE(shown);
    CHECK(shown->frames == 1);
    return std::string(shown->bytes);
  }

 private:
  streams::hub::membership joined(streams::stream_view_ptr view) {
    auto made = hub_.join(std::move(view), bell_);
    REQUIRE(made.has_value());
    return std::move(*made);
  }

  test_cluster& cluster_ = test_cluster::shared();
  const std::string database_;
  io_threads threads_;
  log_server server_;
  streams::hub hub_;
  deaf nobody_;
  streams::bell bell_;

 public:
  streams::hub::membership live, events;
};

} // namespace

TEST_CASE("followers: an event reaches its streams while the log is asked what live queries want to know") {
  two_followers both(1h);
  std::optional<locked_log> locked(std::in_place, both.conninfo());
  both.leave_north();
  REQUIRE(wait_until([&] { return both.has(both.events, 2); }));
  CHECK(both.behind_the_first(both.events).find(R"("position":2)") != std::string::npos);
  CHECK_FALSE(both.has(both.live, 2)); // nobody can have answered
  locked.reset();
  REQUIRE(wait_until([&] { return both.has(both.live, 2); }));
  CHECK(both.behind_the_first(both.live).find("event: remove") != std::string::npos);
}

TEST_CASE("followers: a live query gives up a log that does not answer, and takes away what may be there") {
  two_followers both(50ms);
  const locked_log locked(both.conninfo());
  both.leave_north();
  REQUIRE(wait_until([&] { return both.has(both.live, 2); }));
  CHECK(both.behind_the_first(both.live).find("event: remove") != std::string::npos);
}
