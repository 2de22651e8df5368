// The SQLSTATE table and the statements' first words.
#include "eventstore/pg/sqlstate.hpp"
#include "eventstore/pg/types.hpp"
#include <doctest/doctest.h>

using namespace synclog::eventstore::pg;

TEST_CASE("sqlstate: each code means what the table says") {
  CHECK(classify("23505") == meaning::unique_violation);
  CHECK(classify("23503") == meaning::bad_value);
  CHECK(classify("22P02") == meaning::bad_value);
  CHECK(classify("22021") == meaning::bad_value);
  CHECK(classify("40001") == meaning::retry);
  CHECK(classify("40P01") == meaning::retry);
  CHECK(classify("55P03") == meaning::retry);
  CHECK(classify("26000") == meaning::stale_plan);
  CHECK(classify("0A000") == meaning::stale_plan);
  CHECK(classify("42P05") == meaning::stale_plan);
  CHECK(classify("53100") == meaning::out_of_resources);
  CHECK(classify("53300") == meaning::out_of_resources);
  CHECK(classify("57P01") == meaning::shutting_down);
  CHECK(classify("57014") == meaning::timed_out);
  CHECK(classify("25P03") == meaning::timed_out);
  CHECK(classify("42501") == meaning::not_allowed);
  CHECK(classify("28P01") == meaning::not_allowed);
  CHECK(classify("42P01") == meaning::bug);
  CHECK(classify("25P02") == meaning::bug);
  CHECK(classify("XX000") == meaning::bug);
}

TEST_CASE("sqlstate: what is not a code is a bug, not a class") {
  CHECK(classify("") == meaning::bug);
  CHECK(classify("2") == meaning::bug);
  CHECK(classify("22") == meaning::bug);
  CHECK(classify("22000000") == meaning::bug);
}

TEST_CASE("sqlstate: only a server in trouble is unavailable") {
  CHECK(is_unavailable("53100"));
  CHECK(is_unavailable("57P03"));
  CHECK(is_unavailable("57014"));
  CHECK_FALSE(is_unavailable("23505"));
  CHECK_FALSE(is_unavailable("40001"));
  CHECK_FALSE(is_unavailable("42501"));
  CHECK_FALSE(is_unavailable("XX000"));
}

TEST_CASE("effect_of: the first word decides, behind comments and in any case") {
  CHECK(effect_of("BEGIN") == transaction_effect::opens);
  CHECK(effect_of(" begin isolation level repeatable read") == transaction_effect::opens);
  CHECK(effect_of("start transaction") == transaction_effect::opens);
  CHECK(effect_of("COMMIT;") == transaction_effect::closes);
  CHECK(effect_of("end") == transaction_effect::closes);
  CHECK(effect_of("-- why\n/* and how */ Rollback") == transaction_effect::closes);
  CHECK(effect_of("ROLLBACK TO SAVEPOINT a") == transaction_effect::inside);
  CHECK(effect_of("savepoint a") == transaction_effect::inside);
  CHECK(effect_of("SELECT 'BEGIN'") == transaction_effect::none);
  CHECK(effect_of("BEGINNING") == transaction_effect::none);
  CHECK(effect_of("") == transaction_effect::none);
  CHECK(effect_of("-- only a comment") == transaction_effect::none);
  CHECK(effect_of("/* open") == transaction_effect::none);
}

TEST_CASE("segment: transaction control marks it explicit") {
  segment plain;
  plain.add_sql("SELECT 1");
  CHECK_FALSE(plain.explicit_transaction());
  CHECK(plain.mark_explicit_transaction().explicit_transaction());
  segment own;
  own.add(std::make_shared<statement>(statement{"begin", "BEGIN"}));
  CHECK(own.explicit_transaction());
}

TEST_CASE("params: a NUL byte in text is refused, not cut") {
  params values;
  CHECK_THROWS_AS(values.text(std::string_view("a\0b", 3)), std::invalid_argument);
  CHECK(values.size() == 0);
  values.text("ab").null().int8(1);
  CHECK(values.size() == 3);
  CHECK(std::string_view(values.value(0)) == "ab");
  CHECK(values.value(1) == nullptr);
  CHECK(values.lengths()[2] == 8);
}
