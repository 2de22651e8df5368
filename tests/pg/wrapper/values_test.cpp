// Parameters and rows there and back through a real server, in both formats.
#include "common.hpp"
#include "eventstore/pg/row_array.hpp"
#include <array>
#include <doctest/doctest.h>
#include <limits>
#include <optional>
#include <random>
#include <vector>

using namespace synclog::tests;

namespace {

constexpr std::int64_t least = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

pg::segment_result ask(io_threads& threads, pg::connection& one, const std::string& sql, pg::params values,
                       pg::result_format format) {
  pg::segment work;
  work.add(statement(sql, sql), std::move(values), format);
  auto answer = run(threads, one, std::move(work));
  if (answer.failed) FAIL(answer.failed->message);
  return answer;
}

} // namespace

TEST_CASE("values: integers, booleans, bytes and times in both formats") {
  io_threads threads;
  const auto one = connect(threads);
  const std::string bytes("\0\x01\xff'\\x", 6);
  for (const auto format : {pg::result_format::text, pg::result_format::binary}) {
    for (const std::int64_t number : {least, std::int64_t{-1}, std::int64_t{0}, most}) {
      pg::params values;
      values.int8(number).bytea(bytes).null().text("naïve ☃");
      const auto answer =
          ask(threads, *one,
              "SELECT $1::bigint, ($1 % 1000)::int4, ($1 % 100)::int2, $1 < 0, $2::bytea, $3::text, $4::text",
              std::move(values), format);
      const pg::rows& row = answer.results[0];
      CHECK(row.int8(0, 0) == number);
      CHECK(row.int8(0, 1) == number % 1000);
      CHECK(row.int8(0, 2) == number % 100);
      CHECK(row.boolean(0, 3) == (number < 0));
      CHECK(row.bytea(0, 4) == bytes);
      CHECK(row.is_null(0, 5));
      CHECK(row.text(0, 6) == "naïve ☃");
      CHECK_THROWS_AS(row.text(0, 5), std::logic_error);
      CHECK_THROWS_AS(row.int8(0, 6), std::logic_error);
      CHECK_THROWS_AS(row.text(1, 0), std::logic_error);
      CHECK_THROWS_AS(row.text(0, 7), std::logic_error);
    }
  }
}

TEST_CASE("values: timestamptz is microseconds since 1970") {
  io_threads threads;
  const auto one = connect(threads);
  for (const std::int64_t micros : {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1'795'444'027'123'456}}) {
    pg::params values;
    values.timestamptz(micros);
    const auto answer =
        ask(threads, *one, "SELECT $1::timestamptz, (extract(epoch from $1::timestamptz) * 1000000)::bigint",
            std::move(values), pg::result_format::binary);
    CHECK(answer.results[0].timestamptz(0, 0) == micros);
    CHECK(answer.results[0].int8(0, 1) == micros);
  }
}

TEST_CASE("values: every array type arrives element by element, empty ones too") {
  io_threads threads;
  const auto one = connect(threads);
  for (std::uint32_t seed = 0; seed < 6; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random(seed);
    const std::size_t count = seed == 0 ? 0 : 1 + random() % 500;
    std::vector<std::string> texts;
    std::vector<std::int64_t> numbers;
    std::vector<std::int64_t> times;
    for (std::size_t i = 0; i < count; ++i) {
      texts.push_back(std::string(random() % 40, static_cast<char>('a' + random() % 26)) + "\"{},\\☃");
      numbers.push_back(static_cast<std::int64_t>(random()));
      times.push_back(static_cast<std::int64_t>(random() % 4'000'000'000'000'000));
    }
    const std::vector<std::string_view> views(texts.begin(), texts.end());
    pg::params values;
    values.text_array(views).int8_array(numbers).bytea_array(views).timestamptz_array(times);
    const auto answer = ask(threads, *one,
                            "SELECT * FROM unnest($1::text[], $2::bigint[], $3::bytea[], $4::timestamptz[])"
                            " WITH ORDINALITY ORDER BY ordinality",
                            std::move(values), pg::result_format::binary);
    const pg::rows& rows = answer.results[0];
    REQUIRE(rows.size() == static_cast<int>(count));
    for (int i = 0; i < rows.size(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      REQUIRE(rows.text(i, 0) == views[at]);
      REQUIRE(rows.int8(i, 1) == numbers[at]);
      REQUIRE(rows.bytea(i, 2) == views[at]);
      REQUIRE(rows.timestamptz(i, 3) == times[at]);
    }
  }
}

TEST_CASE("values: json arrays keep the exact text") {
  io_threads threads;
  const auto one = connect(threads);
  const std::array<std::string_view, 2> documents{R"({"b": 1.50,  "a":[ ]})", R"("x")"};
  pg::params values;
  values.text_array(documents, pg::oid_json);
  const auto answer =
      ask(threads, *one, "SELECT * FROM unnest($1::json[])", std::move(values), pg::result_format::text);
  CHECK(answer.results[0].text(0, 0) == documents[0]);
  CHECK(answer.results[0].text(1, 0) == documents[1]);
}

TEST_CASE("values: an array of rows arrives row by row, NULLs and arrays within rows too") {
  io_threads threads;
  const auto one = connect(threads);
  run_sql(threads, *one,
          "CREATE TYPE pg_temp.sent AS (number bigint, moment timestamptz, name text, more json, raw bytea, "
          "parts text[])");
  const std::string unnested =
      "SELECT number, moment, name, more, raw, cardinality(parts)::bigint, parts[1], "
      "parts[2] FROM unnest($1::pg_temp.sent[])";
  using maybe = std::optional<std::string_view>;
  for (const int count : {1, 2, 700}) {
    CAPTURE(count);
    pg::row_array sent(6);
    for (int i = 0; i < count; ++i) {
      sent.int8(i - 1).timestamptz(1'795'444'027'123'456 + i);
      sent.bytes_or_null(pg::oid_text, i % 2 == 0 ? maybe("") : std::nullopt);
      sent.bytes(pg::oid_json, R"({"b": 1.50,  "a":[ ]})")
          .bytes(pg::oid_bytea, std::string_view("\0\xff", 2));
      const std::array<maybe, 2> parts{std::nullopt, "\"{},\\☃"};
      sent.text_array(std::span(parts).first(static_cast<std::size_t>(i % 3)));
      CHECK(sent.rows() == static_cast<std::size_t>(i) + 1);
    }
    const auto answer =
        ask(threads, *one, unnested, std::move(sent).as_parameter(), pg::result_format::binary);
    const pg::rows& rows = answer.results[0];
    REQUIRE(rows.size() == count);
    for (int i = 0; i < count; ++i) {
      REQUIRE(rows.int8(i, 0) == i - 1);
      REQUIRE(rows.timestamptz(i, 1) == 1'795'444'027'123'456 + i);
      REQUIRE(rows.is_null(i, 2) == (i % 2 != 0));
      REQUIRE(rows.text(i, 3) == R"({"b": 1.50,  "a":[ ]})");
      REQUIRE(rows.bytea(i, 4) == std::string("\0\xff", 2));
      REQUIRE(rows.int8(i, 5) == i % 3);
      REQUIRE(rows.is_null(i, 6));
      REQUIRE(rows.is_null(i, 7) == (i % 3 != 2));
      if (i % 3 == 2) REQUIRE(rows.text(i, 7) == "\"{},\\☃");
    }
  }
  SUBCASE("a value of another type than the attribute's is refused") {
    pg::row_array sent(6);
    sent.bytes(pg::oid_text, "1").timestamptz(0).null(pg::oid_text).null(pg::oid_json).null(pg::oid_bytea);
    sent.null(pg::oid_text_array);
    pg::segment work;
    work.add(statement("rows of another type", unnested), std::move(sent).as_parameter());
    CHECK(run(threads, *one, std::move(work)).failed.value().sqlstate == "42804");
  }
  SUBCASE("no rows, and half a row, are nothing to send") {
    CHECK_THROWS_AS(pg::row_array(6).as_parameter(), std::logic_error);
    pg::row_array half(6);
    half.int8(1);
    CHECK_THROWS_AS(std::move(half).as_parameter(), std::logic_error);
    CHECK_THROWS_AS(pg::row_array(0), std::logic_error);
  }
}

TEST_CASE("values: bytes that are no text fail as a bad value, not as a broken connection") {
  io_threads threads;
  const auto one = connect(threads);
  pg::params values;
  const std::array<std::string_view, 1> invalid{"\xff"};
  values.text_array(invalid);
  pg::segment work;
  work.add_sql("SELECT $1::text[]", std::move(values));
  const auto answer = run(threads, *one, std::move(work));
  REQUIRE(answer.failed);
  CHECK(answer.failed->sqlstate == "22021");
}

TEST_CASE("values: affected rows and command tags") {
  io_threads threads;
  const auto one = connect(threads);
  pg::segment work;
  work.add_sql("CREATE TEMP TABLE a (n int)")
      .add_sql("INSERT INTO a SELECT generate_series(1, 7)")
      .add_sql("DELETE FROM a");
  const auto answer = run(threads, *one, std::move(work));
  REQUIRE(answer.ok());
  CHECK(answer.results[0].command_tag() == "CREATE TABLE");
  CHECK(answer.results[0].affected() == 0);
  CHECK(answer.results[1].command_tag() == "INSERT 0 7");
  CHECK(answer.results[1].affected() == 7);
  CHECK(answer.results[2].affected() == 7);
  CHECK(answer.results[2].size() == 0);
}
