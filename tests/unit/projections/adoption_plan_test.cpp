// Columns to fields, rows to records: the guess, what it shows, and what each type becomes.
#include "projections/adoption_plan.hpp"
#include <doctest/doctest.h>

using namespace synclog;
using namespace synclog::projections;

namespace {

const core::entity& clients() {
  static const auto loaded = core::catalog::load("");
  REQUIRE(loaded.has_value());
  return *loaded->find("clients");
}

source_column column(const std::string& name, cell_kind kind = cell_kind::text,
                     const std::string& type = "text") {
  source_column made;
  made.name = name;
  made.type = type;
  made.kind = kind;
  return made;
}

adoption_plan planned(std::vector<source_column> columns, const adoption_options& options = {}) {
  auto made = adoption_plan::make(clients(), std::move(columns), options);
  REQUIRE_MESSAGE(made.has_value(), (made ? std::string() : made.error().detail));
  return *std::move(made);
}

std::string field(const core::input_record& record, const char* name) {
  const auto index = clients().field_index(name).value();
  return record.fields.has(index) ? std::string(record.fields.get(index)) : "absent";
}

} // namespace

TEST_CASE(
    "adoption plan: names and aliases in any case feed fields, id the id, the rest its object by type") {
  const auto plan = planned({column("ID"), column("FULLNAME"), column("Branch"),
                             column("n", cell_kind::number), column("b", cell_kind::boolean),
                             column("j", cell_kind::json), column("t"), column("updated_at")});
  const auto record =
      plan.to_record({"key", {"X-1", "Zoë", std::nullopt, "1.50", "true", "{ \"a\" : 1e5 }", "", "now"}});
  REQUIRE(record.has_value());
  CHECK(record->id == "X-1");
  CHECK(field(*record, "full_name") == "\"Zoë\"");
  CHECK(field(*record, "branch") == "absent");
  CHECK(field(*record, "data") == R"({"n":1.50,"b":true,"j":{"a":1e5},"t":""})");
  const auto nothing = plan.to_record({"key", std::vector<std::optional<std::string>>(8)});
  REQUIRE(nothing.has_value());
  CHECK(nothing->id == "key");
  CHECK(field(*nothing, "data") == "absent");
}

TEST_CASE("adoption plan: what the door refuses is refused with its pointer, all of it at once") {
  const auto plan = planned({column("date_of_birth"), column("j", cell_kind::json)});
  const auto refused = plan.to_record({"k", {"2026-02-30", R"({"x":"\u0000"})"}});
  REQUIRE_FALSE(refused.has_value());
  REQUIRE(refused.error().errors.size() == 2);
  CHECK(refused.error().errors[0].pointer == "/date_of_birth");
  CHECK(refused.error().errors[1].pointer == "/data/j");
  CHECK(refused.error().errors[1].detail == "contains \\u0000, which cannot be stored");
  const auto no_id = plan.to_record({"a/b", {std::nullopt, std::nullopt}});
  REQUIRE_FALSE(no_id.has_value());
  CHECK(no_id.error().errors[0].pointer == "/id");
}

TEST_CASE("adoption plan: the rest object itself may be a column, and the others join it") {
  const auto plan = planned({column("data", cell_kind::json, "jsonb"), column("n", cell_kind::number)});
  const auto record = plan.to_record({"k", {R"({"a":1,"n":2})", "3"}});
  REQUIRE(record.has_value());
  CHECK(field(*record, "data") == R"({"a":1,"n":3})");
}

TEST_CASE("adoption plan: a branch is for rows that have none") {
  const auto plan = planned({column("branch")}, {.branch = "west"});
  CHECK(field(*plan.to_record({"k", {std::nullopt}}), "branch") == "\"west\"");
  CHECK(field(*plan.to_record({"k", {"north"}}), "branch") == "\"north\"");
}

TEST_CASE("adoption plan: what it makes of each column is shown, with an example and what is wrong") {
  auto seen = column("seen", cell_kind::text, "timestamp without time zone");
  seen.zoneless = true;
  const auto plan = planned({column("key"), column("dateOfBirth", cell_kind::text, "text"), seen,
                             column("version"), column("secret")},
                            {.map = {{"key", "id"}}, .skip = {"secret"}});
  const std::vector<source_row> sample{{"1", {"1", std::nullopt, "2026-11-23T04:05:06.000000Z", "7", "s"}},
                                       {"2", {"2", "soon", std::nullopt, "8", "s"}}};
  const auto shown = plan.guesses(sample);
  REQUIRE(shown.size() == 5);
  CHECK(shown[0].field == "id");
  CHECK(shown[1].field == "date_of_birth");
  CHECK(shown[1].example == "soon");
  CHECK(shown[1].remark == "1 of the first 2 rows: must be a date that exists, like 2026-11-23");
  CHECK(shown[2].field == "data.seen");
  CHECK(shown[2].remark == "without a zone: taken as UTC");
  CHECK(shown[3].field == "");
  CHECK(shown[3].remark == "not taken");
  CHECK(shown[4].field == "");
}
