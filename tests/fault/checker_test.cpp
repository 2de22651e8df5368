// The checker is not blind: histories and logs with one thing wrong must be reported, by the right invariant.
#include "fault/checker.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>

namespace {

using namespace synclog::tests::fault;

// Three creates one after another, then a strict bulk of three: what a healthy run looks like.
struct sample {
  std::vector<operation> operations;
  std::vector<logged_event> log;

  sample() {
    for (int number = 1; number <= 3; ++number)
      add(op_kind::create, fmt::format("key-{}", number), 1);
    add(op_kind::strict_bulk, "bulk", 3);
  }

  void add(op_kind kind, const std::string& key, std::size_t events) {
    operation done{key, kind, "clients", 0, events, {}};
    attempt told;
    told.sent_us = clock_ += 10;
    told.answered_us = clock_ += 10;
    told.status = kind == op_kind::strict_bulk ? 200 : 201;
    for (std::size_t index = 0; index < events; ++index) {
      const auto position = static_cast<std::int64_t>(log.size()) + 1;
      const auto id = fmt::format("{}-{}", key, index);
      log.push_back({position, "clients", id, 1, "created", key, fmt::format("{}-abcd", position), true});
      told.effects.push_back({id, 1, position});
      told.cursor = log.back().cursor;
    }
    done.attempts.push_back(told);
    operations.push_back(done);
  }

  // Takes the event at `index` out and closes the gap that it leaves, as a truly lost write would.
  void lose(std::size_t index) {
    log.erase(log.begin() + static_cast<std::ptrdiff_t>(index));
    renumber();
  }
  void renumber() {
    for (std::size_t index = 0; index < log.size(); ++index)
      log[index].position = static_cast<std::int64_t>(index) + 1;
  }

 private:
  std::int64_t clock_ = 0;
};

bool reports(const sample& given, std::string_view invariant) {
  const auto found = check(given.operations, given.log);
  for (const std::string& sentence : found) {
    if (sentence.starts_with(invariant)) return true;
  }
  return false;
}

attempt unanswered(std::int64_t sent_us) {
  attempt made;
  made.sent_us = sent_us;
  return made;
}

} // namespace

TEST_CASE("checker: a healthy history is accepted") {
  const sample healthy;
  const auto found = check(healthy.operations, healthy.log);
  CHECK_MESSAGE(found.empty(), (found.empty() ? "" : found.front()));
}

TEST_CASE("checker: an acknowledged write that is not in the log is reported") {
  sample doctored;
  doctored.lose(5); // at the end, so that no other position moves
  CHECK(reports(doctored, "I1"));
  sample single;
  single.add(op_kind::create, "last", 1);
  single.log.pop_back();
  CHECK(reports(single, "I1"));
}

TEST_CASE("checker: a write that is in the log twice is reported") {
  sample doctored;
  auto again = doctored.log[1];
  again.position = static_cast<std::int64_t>(doctored.log.size()) + 1;
  again.version = 2;
  doctored.log.push_back(again);
  CHECK(reports(doctored, "I1"));
}

TEST_CASE("checker: the same version twice is reported") {
  sample doctored;
  doctored.log[1].record_id = doctored.log[0].record_id;
  CHECK(reports(doctored, "I1"));
}

TEST_CASE("checker: a gap in the positions is reported") {
  sample doctored;
  for (std::size_t index = 2; index < doctored.log.size(); ++index)
    ++doctored.log[index].position;
  CHECK(reports(doctored, "I4"));
}

TEST_CASE("checker: an answer that names another version, position or history is reported") {
  for (const int what : {0, 1, 2}) {
    CAPTURE(what);
    sample doctored;
    attempt& told = doctored.operations[1].attempts.front();
    if (what == 0) told.effects.front().version = 2;
    if (what == 1) told.effects.front().position = 1;
    if (what == 2) told.cursor = "2-0000";
    CHECK(reports(doctored, "I1"));
  }
}

TEST_CASE("checker: a key with another write's content is reported") {
  sample doctored;
  doctored.log[0].has_mark = false;
  CHECK(reports(doctored, "I1"));
}

TEST_CASE("checker: a refused write that is in the log is reported") {
  for (const int status : {409, 422, 503}) {
    CAPTURE(status);
    sample doctored;
    attempt& told = doctored.operations[1].attempts.front();
    told.status = status;
    told.code = status == 503 ? "database_unavailable" : "taken";
    told.effects.clear();
    CHECK(reports(doctored, "I2"));
  }
}

TEST_CASE("checker: an unanswered write may be there once or not at all, but never in part") {
  sample absent;
  absent.operations.push_back({"lost", op_kind::lenient_bulk, "clients", 0, 2, {unanswered(500)}});
  CHECK(check(absent.operations, absent.log).empty());

  sample whole = absent;
  for (const char* id : {"x", "y"}) {
    const auto position = static_cast<std::int64_t>(whole.log.size()) + 1;
    whole.log.push_back(
        {position, "clients", id, 1, "created", "lost", fmt::format("{}-abcd", position), true});
  }
  CHECK(check(whole.operations, whole.log).empty());

  sample in_part = whole;
  in_part.log.pop_back();
  CHECK(reports(in_part, "I2"));
}

TEST_CASE("checker: an event that nobody sent is reported") {
  sample doctored;
  doctored.operations.erase(doctored.operations.begin());
  CHECK(reports(doctored, "I2"));
}

TEST_CASE("checker: a retry that landed at another position, or was refused, is reported") {
  sample doctored;
  attempt retry = doctored.operations[0].attempts.front();
  retry.sent_us = 900;
  retry.answered_us = 910;
  retry.replayed = true;
  doctored.operations[0].attempts.push_back(retry);
  REQUIRE(check(doctored.operations, doctored.log).empty());

  attempt& second = doctored.operations[0].attempts.back();
  second.cursor = "3-abcd";
  CHECK(reports(doctored, "I2"));
  second = retry;
  second.replayed = false;
  CHECK(reports(doctored, "I2"));
  second = retry;
  second.status = 409;
  CHECK(reports(doctored, "I2"));
}

TEST_CASE("checker: a strict bulk that is torn or incomplete is reported") {
  sample torn;
  std::swap(torn.log[2].key, torn.log[3].key);
  CHECK(reports(torn, "I3"));

  sample incomplete;
  incomplete.operations.back().attempts = {unanswered(500)};
  REQUIRE(check(incomplete.operations, incomplete.log).empty());
  incomplete.log.pop_back();
  CHECK(reports(incomplete, "I3"));
}

TEST_CASE("checker: positions against the order of answers are reported") {
  sample doctored;
  // The second write claims to have been sent after everything else was answered.
  attempt& told = doctored.operations[1].attempts.front();
  told.sent_us = 5'000;
  told.answered_us = 5'010;
  CHECK(reports(doctored, "I4"));

  // Two that overlapped may be in either order.
  sample overlapping;
  overlapping.operations[0].attempts.front().sent_us = 0;
  overlapping.operations[0].attempts.front().answered_us = 10'000;
  CHECK(check(overlapping.operations, overlapping.log).empty());
}
