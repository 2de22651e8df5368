// The pipeline grammar: each rule by itself, then random conversations against a model, then random nonsense.
#include "eventstore/pg/pipeline.hpp"
#include <array>
#include <doctest/doctest.h>
#include <random>
#include <string>
#include <vector>

using synclog::eventstore::pg::pipeline;
using command = pipeline::command_kind;
using result = pipeline::result_kind;
using what = pipeline::action::kind;

namespace {

void send_executes(pipeline& machine, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i)
    machine.sent(command::execute, i);
  machine.sent_sync(count);
}

bool is(pipeline::action got, what kind, std::uint32_t query_index = 0, bool failed = false) {
  return got.what == kind && got.query_index == query_index && got.failed == failed;
}

} // namespace

TEST_CASE("pipeline: results belong to queries in order, a Sync ends the segment") {
  pipeline machine;
  send_executes(machine, 2);
  CHECK(machine.outstanding() == 1);
  CHECK(is(machine.received(result::rows), what::answered, 0));
  CHECK(is(machine.received(result::null), what::none));
  CHECK(is(machine.received(result::rows), what::answered, 1));
  CHECK(is(machine.received(result::null), what::none));
  CHECK(is(machine.received(result::sync), what::finished));
  CHECK(machine.outstanding() == 0);
}

TEST_CASE("pipeline: an error skips to the next Sync and leaves the next segment alone") {
  pipeline machine;
  send_executes(machine, 3);
  send_executes(machine, 1);
  machine.received(result::rows);
  machine.received(result::null);
  CHECK(is(machine.received(result::error), what::failed, 1));
  machine.received(result::null);
  CHECK(is(machine.received(result::aborted), what::none));
  machine.received(result::null);
  CHECK(is(machine.received(result::sync), what::finished));
  CHECK(is(machine.received(result::rows), what::answered, 0));
  machine.received(result::null);
  CHECK(is(machine.received(result::sync), what::finished));
}

TEST_CASE("pipeline: a prepare that worked, failed, or was skipped") {
  pipeline machine;
  for (int round = 0; round < 3; ++round) {
    machine.sent(command::execute, 0);
    machine.sent(command::prepare, 1);
    machine.sent(command::execute, 1);
    machine.sent_sync(2);
  }
  machine.received(result::rows);
  machine.received(result::null);
  CHECK(is(machine.received(result::rows), what::prepared, 1));
  machine.received(result::null);
  CHECK(is(machine.received(result::rows), what::answered, 1));
  machine.received(result::null);
  machine.received(result::sync);

  machine.received(result::rows);
  machine.received(result::null);
  CHECK(is(machine.received(result::error), what::unprepared, 1, true));
  machine.received(result::null);
  CHECK(is(machine.received(result::aborted), what::none));
  machine.received(result::null);
  machine.received(result::sync);

  CHECK(is(machine.received(result::error), what::failed, 0));
  machine.received(result::null);
  CHECK(is(machine.received(result::aborted), what::unprepared, 1, false));
  machine.received(result::null);
  CHECK(is(machine.received(result::aborted), what::none));
  machine.received(result::null);
  CHECK(is(machine.received(result::sync), what::finished));
}

TEST_CASE("pipeline: a failing commit is an error behind the last query, with or without a NULL") {
  for (const bool with_null : {true, false}) {
    pipeline machine;
    send_executes(machine, 2);
    for (int i = 0; i < 2; ++i) {
      machine.received(result::rows);
      machine.received(result::null);
    }
    CHECK(is(machine.received(result::error), what::failed, 2));
    if (with_null) CHECK(is(machine.received(result::null), what::none));
    CHECK(is(machine.received(result::sync), what::finished));
  }
}

TEST_CASE("pipeline: an empty segment is a Sync alone") {
  pipeline machine;
  machine.sent_sync(0);
  CHECK(is(machine.received(result::sync), what::finished));
}

TEST_CASE("pipeline: endless NULLs while a Sync is owed are a broken connection, a few are not") {
  pipeline machine;
  send_executes(machine, 1);
  for (int i = 0; i < pipeline::max_stray_nulls; ++i)
    CHECK(is(machine.received(result::null), what::none));
  CHECK_FALSE(machine.broken());
  CHECK(is(machine.received(result::rows), what::answered));
  machine.received(result::null);
  for (int i = 0; i < pipeline::max_stray_nulls; ++i)
    CHECK(is(machine.received(result::null), what::none));
  CHECK(is(machine.received(result::null), what::broken));
  CHECK(machine.broken());
  CHECK(is(machine.received(result::sync), what::broken));
}

TEST_CASE("pipeline: NULLs with nothing owed are harmless, anything else is not") {
  pipeline idle;
  for (int i = 0; i < 100; ++i)
    CHECK(is(idle.received(result::null), what::none));
  for (const result kind : {result::rows, result::error, result::aborted, result::sync, result::other}) {
    pipeline machine;
    CHECK(is(machine.received(kind), what::broken));
  }
}

TEST_CASE("pipeline: violations of the grammar") {
  const auto after = [](std::vector<result> before, result last) {
    pipeline machine;
    send_executes(machine, 2);
    for (const result one : before)
      machine.received(one);
    REQUIRE_FALSE(machine.broken());
    return machine.received(last).what == what::broken;
  };
  CHECK(after({}, result::sync));                             // too early
  CHECK(after({result::rows}, result::sync));                 //
  CHECK(after({result::rows}, result::rows));                 // no NULL between
  CHECK(after({result::rows}, result::error));                //
  CHECK(after({}, result::aborted));                          // without an error
  CHECK(after({result::error, result::null}, result::rows));  // rows after an error
  CHECK(after({result::error, result::null}, result::error)); // two errors
  CHECK(after({result::error, result::null}, result::sync));  // a skipped one is missing
  CHECK(after({result::rows, result::null, result::rows, result::null}, result::rows));        // one too many
  CHECK(after({result::error, result::null, result::aborted, result::null}, result::aborted)); //
  CHECK(after({}, result::other));                                                             // COPY
}

namespace {

// A server that follows the rules, and what the machine has to say about it.
struct conversation {
  std::vector<result> results;
  std::vector<pipeline::action> expected;
};

void converse(std::mt19937& random, pipeline& machine, conversation& out) {
  const auto below = [&random](std::uint32_t n) {
    return std::uniform_int_distribution<std::uint32_t>(0, n - 1)(random);
  };
  const std::uint32_t queries = below(5);
  bool failed = false;
  const bool commit_fails = below(6) == 0;
  const auto answer = [&](result kind, pipeline::action action) {
    out.results.push_back(kind);
    out.expected.push_back(action);
    out.results.push_back(result::null);
    out.expected.push_back({});
  };
  for (std::uint32_t i = 0; i < queries; ++i) {
    for (const command kind : {command::prepare, command::execute}) {
      const bool prepare = kind == command::prepare;
      if (prepare && below(2) == 0) continue;
      machine.sent(kind, i);
      if (failed) {
        answer(result::aborted, {prepare ? what::unprepared : what::none, prepare ? i : 0, false});
      } else if (below(6) == 0) {
        failed = true;
        answer(result::error, {prepare ? what::unprepared : what::failed, i, prepare});
      } else {
        answer(result::rows, {prepare ? what::prepared : what::answered, i, false});
      }
    }
  }
  machine.sent_sync(queries);
  if (!failed && commit_fails) answer(result::error, {what::failed, queries, false});
  out.results.push_back(result::sync);
  out.expected.push_back({what::finished, 0, false});
}

} // namespace

TEST_CASE("pipeline: any conversation by the rules is understood, however sending and receiving interleave") {
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    pipeline machine;
    conversation talk;
    std::size_t received = 0;
    std::size_t finished = 0;
    const std::size_t segments = 60;
    std::size_t sent = 0;
    while (finished < segments) {
      if (sent < segments && (received == talk.results.size() || random() % 3 == 0)) {
        converse(random, machine, talk);
        ++sent;
        continue;
      }
      const pipeline::action got = machine.received(talk.results[received]);
      const pipeline::action& wanted = talk.expected[received];
      REQUIRE(is(got, wanted.what, wanted.query_index, wanted.failed));
      ++received;
      if (got.what == what::finished) ++finished;
      REQUIRE(machine.outstanding() == sent - finished);
    }
    CHECK_FALSE(machine.broken());
  }
}

TEST_CASE("pipeline: nonsense breaks it for good and never finishes more than was sent") {
  constexpr std::array kinds{result::rows, result::error, result::aborted,
                             result::sync, result::null,  result::other};
  for (std::uint32_t seed = 1; seed <= 2'000; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    pipeline machine;
    std::size_t sent = 0;
    std::size_t finished = 0;
    bool broke = false;
    for (int step = 0; step < 60; ++step) {
      if (random() % 5 == 0) {
        send_executes(machine, static_cast<std::uint32_t>(random() % 3));
        ++sent;
      }
      const auto got = machine.received(kinds[random() % kinds.size()]).what;
      if (broke) REQUIRE(got == what::broken);
      broke = broke || got == what::broken;
      REQUIRE(machine.broken() == broke);
      if (got == what::finished) ++finished;
      REQUIRE(finished <= sent);
      if (!broke) REQUIRE(machine.outstanding() == sent - finished);
    }
  }
}
