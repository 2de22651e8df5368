// The judge judged: a ledger finds what a server must not do.
#include "tests/streams/ledger.hpp"
#include <doctest/doctest.h>
#include <fmt/format.h>

using namespace synclog::tests::streams;

namespace {

std::string cursor_of(std::int64_t position) {
  return fmt::format("{}-0000{:04x}", position, position);
}

std::string envelope_of(std::int64_t position, std::int64_t previous, std::string_view branch = "north",
                        std::string_view data = "{}") {
  return fmt::format(R"({{"type":"event","position":{},"cursor":"{}","previous":{},"resource":"clients",)"
                     R"("action":"created","id":"C-{}","version":1,"branch":"{}","actor":"a",)"
                     R"("recorded_at":"2026-11-23T04:05:06.123456Z","data":{}}})",
                     position, cursor_of(position), previous, position, branch, data);
}

// All north but each third one.
std::string branch_of(std::int64_t position) {
  return position % 3 == 0 ? "south" : "north";
}

told event(std::int64_t position, std::int64_t previous) {
  return {"event", cursor_of(position), envelope_of(position, previous, branch_of(position))};
}

told control(std::string name, std::int64_t position) {
  return {std::move(name), cursor_of(position), fmt::format(R"({{"cursor":"{}"}})", cursor_of(position))};
}

// Positions 1 to `count`.
std::vector<logged> log_of(std::int64_t count) {
  std::vector<logged> log;
  for (std::int64_t position = 1; position <= count; ++position) {
    const auto branch = branch_of(position);
    const auto text = envelope_of(position, position - 1, branch);
    log.push_back({position, read_envelope(text).digest, cursor_of(position), "clients",
                   fmt::format("C-{}", position), "created", branch, ""});
  }
  return log;
}

struct north : ledger {
  explicit north(std::int64_t from) : ledger({.branches = {"north"}}, cursor_of(from)) {
    started(cursor_of(from));
  }
};

std::vector<std::string> judge(const ledger& book, std::int64_t head) {
  return differences(book.spans().back(), log_of(head));
}

} // namespace

TEST_CASE("ledger: what is complete, in order and over several connections has no differences") {
  north book(0);
  CHECK(book.cursor() == 0);
  book.take(event(1, 0));
  book.take(event(2, 1));
  book.take(control("checkpoint", 3));
  book.started(cursor_of(3)); // came back
  book.take(event(4, 2));
  book.take(event(5, 4));
  book.take(control("caught_up", 6));
  CHECK(book.cursor_text() == cursor_of(6));
  CHECK(judge(book, 6).empty());
  CHECK(!judge(book, 5).empty()); // it claims to have seen more than there is
}

TEST_CASE("ledger: a missing event, one too many and other content are found") {
  north missing(0);
  missing.take(event(1, 0));
  missing.take(event(4, 1));
  CHECK(judge(missing, 4) ==
        std::vector<std::string>{"missed " + cursor_of(2),
                                 fmt::format("got {} with previous 1, but 2 lies between", cursor_of(4))});
  north at_end(0);
  at_end.take(event(1, 0));
  at_end.take(control("caught_up", 3));
  CHECK(judge(at_end, 3) == std::vector<std::string>{"missed " + cursor_of(2)});
  north unasked(0);
  unasked.take(event(1, 0));
  unasked.take(event(2, 1));
  unasked.take(event(3, 2));
  CHECK(judge(unasked, 3) == std::vector<std::string>{"got 3 unasked"});
  north changed(0);
  changed.take({"event", cursor_of(1), envelope_of(1, 0, "north", R"({"a":1})")});
  CHECK(judge(changed, 1) == std::vector<std::string>{"got " + cursor_of(1) + " with other content"});
  north other(0);
  other.take({"checkpoint", "", R"({"cursor":"3-ffffffff"})"});
  CHECK(judge(other, 3).size() == 3); // two missed as well
}

TEST_CASE("ledger: what a client can see by itself is refused at once") {
  north book(2);
  CHECK_THROWS(book.take(event(2, 1)));             // again
  CHECK_THROWS(book.take(event(5, 4)));             // previous beyond what it holds
  CHECK_THROWS(book.take(event(4, 4)));             // previous is no earlier one
  CHECK_THROWS(book.take(control("caught_up", 1))); // back
  auto other_id = event(4, 2);
  other_id.id = cursor_of(5);
  CHECK_THROWS(book.take(other_id));
  book.take(event(4, 2));
  book.started(cursor_of(3)); // elsewhere than asked: only resync explains it
  CHECK_THROWS(book.take(event(5, 3)));
  book.take(
      {"resync", cursor_of(3), fmt::format(R"({{"reason":"other_history","cursor":"{}"}})", cursor_of(3))});
  book.take(event(5, 3));
  CHECK(book.spans().size() == 2);
  CHECK(book.spans()[0].voided);
  CHECK(book.resyncs() == 1);
  ledger silent({}, "");
  CHECK_THROWS(silent.take(event(1, 0))); // before any answer
}

TEST_CASE("ledger: a changed filter counts from where the server says") {
  north book(0);
  book.take(event(1, 0));
  book.changed({.branches = {"south"}}, cursor_of(2));
  book.take(event(3, 2));
  const auto log = log_of(3);
  CHECK(differences(book.spans()[0], log) == std::vector<std::string>{"missed " + cursor_of(2)});
  CHECK(differences(book.spans()[1], log).empty());
}
