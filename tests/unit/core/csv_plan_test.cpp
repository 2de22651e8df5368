// Columns to fields, rows to records, and exports that come back as they were.
#include "core/csv.hpp"
#include "core/json.hpp"
#include "core/record.hpp"
#include <doctest/doctest.h>
#include <random>

using namespace synclog::core;

namespace {

const entity& named(std::string_view name) {
  static const catalog loaded = catalog::load("").value();
  return *loaded.find(name);
}

using overrides = std::vector<std::pair<std::string, std::string>>;

std::vector<result<input_record>> imported(const entity& definition, std::string_view bytes,
                                           const overrides& map = {}) {
  auto opened = csv::reader::open(bytes);
  REQUIRE(opened.has_value());
  const auto plan = csv::column_plan::make(definition, opened->header(), map, opened->dialect());
  REQUIRE(plan.has_value());
  std::vector<result<input_record>> records;
  csv::row row;
  while (opened->next(row))
    records.push_back(plan->to_record(row));
  return records;
}

std::string field_of(const entity& definition, const input_record& made, std::string_view name) {
  const std::size_t index = *definition.field_index(name);
  return made.fields.has(index) ? std::string(made.fields.get(index)) : "absent";
}

problem refused_plan(const entity& definition, const std::vector<std::string>& header, const overrides& map) {
  const auto plan = csv::column_plan::make(definition, header, map, {});
  REQUIRE(plan.has_error());
  CHECK(plan.error().code == problem_code::bad_request);
  return plan.error();
}

} // namespace

TEST_CASE(
    "csv plan: the distributors' map applies when its key column is there, and everything else is kept") {
  const entity& distributors = named("distributors");
  const auto records = imported(
      distributors, "DRN;DAF;NAME;MOBILE_TELE;SALES_OFFICE;CITY;EMAIL;STATUS;POSITION;ID;CODE;VERSION\r\n"
                    "NB1;7;A \"B\";0812;B19;HUE;;A;SD;x/y;?;N/A\r\n");
  REQUIRE(records.size() == 1);
  REQUIRE(records[0].has_value());
  const input_record& made = *records[0];
  CHECK(made.id.empty());
  CHECK(field_of(distributors, made, "distributor_code") == "\"NB1\"");
  CHECK(field_of(distributors, made, "distributor_name") == "\"A \\\"B\\\"\"");
  CHECK(field_of(distributors, made, "mobile_no") == "\"0812\"");
  CHECK(field_of(distributors, made, "branch") == "\"B19\"");
  CHECK(field_of(distributors, made, "location") == "\"HUE\"");
  CHECK(field_of(distributors, made, "email") == "absent");
  CHECK(field_of(distributors, made, "status") == "absent"); // the file's STATUS is another thing
  CHECK(field_of(distributors, made, "agreement_data") ==
        R"({"DAF":"7","STATUS":"A","POSITION":"SD","ID":"x/y","CODE":"?","VERSION":"N/A"})");
}

TEST_CASE("csv plan: headers match fields and aliases without regard to case, bookkeeping never") {
  const entity& clients = named("clients");
  const auto records = imported(clients, "ID,Full_Name,fullname,DATEOFBIRTH,version,POSITION,Shoe size,,\n"
                                         "C1,Hoa,other,1985-07-14,9,clerk,38,,\nC2,Lan,,,,,,x,\n");
  REQUIRE(records.size() == 2);
  REQUIRE(records[0].has_value());
  CHECK(records[0]->id == "C1");
  CHECK(field_of(clients, *records[0], "full_name") == "\"Hoa\"");
  CHECK(field_of(clients, *records[0], "date_of_birth") == "\"1985-07-14\"");
  CHECK(field_of(clients, *records[0], "data") ==
        R"({"fullname":"other","POSITION":"clerk","Shoe size":"38"})");
  CHECK(field_of(clients, *records[1], "date_of_birth") == "absent");
  CHECK(field_of(clients, *records[1], "data") ==
        R"({"fullname":"","POSITION":"","Shoe size":"","column_8":"x"})");
}

TEST_CASE(
    "csv plan: a column for the rest object and others besides are joined; equal names are told apart") {
  const entity& clients = named("clients");
  const auto records = imported(clients, "full_name;data;X;X\nHoa;{\"a\":1,\"X\":0};p;q\n");
  REQUIRE(records[0].has_value());
  CHECK(field_of(clients, *records[0], "data") == R"json({"a":1,"X":"p","X (2)":"q"})json");
}

TEST_CASE("csv plan: map= overrides, and its mistakes are named") {
  const entity& clients = named("clients");
  const auto records =
      imported(clients, "who,key,full_name\nHoa,K1,x\n", {{"who", "fullName"}, {"KEY", "id"}});
  REQUIRE(records[0].has_value());
  CHECK(records[0]->id == "K1");
  CHECK(field_of(clients, *records[0], "full_name") == "\"Hoa\"");
  CHECK(field_of(clients, *records[0], "data") == R"({"full_name":"x"})");
  CHECK(refused_plan(clients, {"a"}, {{"b", "phone"}}).detail.find("\"b\"") != std::string::npos);
  CHECK(refused_plan(clients, {"a"}, {{"a", "fone"}}).detail.find("\"fone\"") != std::string::npos);
  refused_plan(clients, {"a", "b"}, {{"a", "phone"}, {"b", "phone"}});
  refused_plan(clients, {"a"}, {{"a", "phone"}, {"a", "email"}});
  refused_plan(clients, {"a"}, {{"a", "version"}});
  const auto plain = parse_entity("plains", R"({"type":"object","additionalProperties":false,"x-prefix":"P",
    "properties":{"label":{"type":"string"}}})");
  refused_plan(*plain, {"label", "other"}, {});
  CHECK(csv::column_plan::make(*plain, {"label", "", "version"}, {}, {}).has_value());
}

TEST_CASE("csv plan: wrong cells are told with line and column, all of a row at once") {
  const entity& appointments = named("appointments");
  const auto records =
      imported(appointments, "full_name,date,time\nA,2026-11-23,10:00\n\nB,N/A,25:00\nshort\n");
  REQUIRE(records.size() == 3);
  CHECK(records[0].has_value());
  REQUIRE(records[1].has_error());
  const problem why = records[1].error();
  CHECK(why.code == problem_code::invalid);
  CHECK(why.place->line == 4);
  CHECK(why.place->column == 2);
  REQUIRE(why.errors.size() == 2);
  CHECK(why.errors[0].pointer == "/date");
  CHECK(why.errors[1].pointer == "/time");
  REQUIRE(records[2].has_error());
  CHECK(records[2].error().place->line == 5);
  CHECK(imported(appointments, "id,date\n../x,\na/b,\n")[1].error().errors[0].pointer == "/id");
}

TEST_CASE("csv plan: an apostrophe is taken away only from our own exports") {
  const entity& clients = named("clients");
  CHECK(field_of(clients, *imported(clients, "full_name,city\n'=x,y\n")[0], "full_name") == "\"'=x\"");
}

TEST_CASE("csv export: formulas are neutralised, numbers are not, null and the empty text differ") {
  const entity& cash = named("finance-cash-requests");
  field_texts fields(cash.fields.size());
  fields.set(*cash.field_index("branch"), "\"=1+1\"");
  fields.set(*cash.field_index("amount"), "-12.5");
  fields.set(*cash.field_index("purpose"), "\"\"");
  fields.set(*cash.field_index("data"), "{\"a\":\"b\"}");
  std::string out;
  csv::append_export_header(out, cash);
  csv::append_export_row(out, cash, encode_record(cash, {"@1", 1, {1}, {0}, {0}}, fields));
  CHECK(out == "id,request_number,branch,amount,purpose,status,requested_by,approved_by,approved_at,data\r\n"
               "'@1,,'=1+1,-12.5,\"\",,,,,\"{\"\"a\"\":\"\"b\"\"}\"\r\n");
  CHECK_THROWS(csv::append_export_row(out, cash, "{}"));
}

TEST_CASE("csv export: every way for a text or an id to begin a formula is neutralised") {
  const entity& cash = named("finance-cash-requests");
  for (const std::string text : {"=1", "+1", "-1", "@a", "'=1", "'-1", "-", "@"}) {
    CAPTURE(text);
    field_texts fields(cash.fields.size());
    fields.set(*cash.field_index("branch"), '"' + text + '"');
    fields.set(*cash.field_index("amount"), "-1");
    std::string out;
    csv::append_export_row(out, cash, encode_record(cash, {text, 1, {1}, {0}, {0}}, fields));
    CHECK(out.starts_with("'" + text + ",,'" + text + ",-1,"));
  }
}

TEST_CASE("csv: import(export(x)) is x for every entity and naughty text") {
  const std::vector<std::string> naughty{"",
                                         "=1+1",
                                         "+1",
                                         "-1",
                                         "@x",
                                         "'=1",
                                         "''=1",
                                         "'",
                                         "''",
                                         "'x",
                                         "\"",
                                         "\"\"",
                                         "\"a\"",
                                         "a,b",
                                         "a;b",
                                         "line\nbreak",
                                         "line\r\nbreak",
                                         "\r",
                                         "\n",
                                         ",",
                                         "a,b,c\nd,e,f",
                                         " lead",
                                         "trail ",
                                         "\t",
                                         "N/A",
                                         "?",
                                         "null",
                                         "\xEF\xBB\xBFx",
                                         "nh\xC3\xA0",
                                         "\xF0\x9F\x98\x80",
                                         "\x01",
                                         "\x1A",
                                         "',=",
                                         "\"=\"",
                                         "'\"=",
                                         "=\"\"",
                                         "x\"y",
                                         "0012",
                                         "1e5",
                                         "2026-11-23"};
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (const char* name :
       {"clients", "distributors", "appointments", "stock-requests", "visits", "finance-cash-requests"}) {
    const entity& definition = named(name);
    for (int round = 0; round < 60; ++round) {
      std::string file;
      csv::append_export_header(file, definition);
      std::vector<field_texts> written;
      std::vector<std::string> ids;
      for (std::size_t count = 1 + random() % 6, at = 0; at < count; ++at) {
        field_texts fields(definition.fields.size());
        for (std::size_t index = 0; index < fields.size(); ++index) {
          const std::string& text = naughty[random() % naughty.size()];
          const field& each = definition.fields[index];
          if (random() % 4 == 0 || (each.unique && text.empty())) {
            fields.set(index, "null");
            continue;
          }
          switch (each.type) {
          case field_type::number:
          case field_type::integer:
            fields.set(index, std::to_string(static_cast<int>(random() % 100) - 50));
            break;
          case field_type::boolean:
            fields.set(index, "true");
            break;
          case field_type::date:
            fields.set(index, "\"2026-11-23\"");
            break;
          case field_type::time:
            fields.set(index, "\"10:00:00\"");
            break;
          case field_type::timestamp:
            fields.set(index, "\"2026-11-23T04:05:06.000000Z\"");
            break;
          case field_type::object:
            fields.set(index, "{" + json::quoted(text) + ":[1.50," + json::quoted(text) + "]}");
            break;
          case field_type::array:
            fields.set(index, "[" + json::quoted(text) + "]");
            break;
          case field_type::text:
            fields.set(index, json::quoted(text));
            break;
          }
        }
        ids.push_back(random() % 3 == 0 ? "=id" : random() % 2 == 0 ? "'-id\"," : "ID-1");
        csv::append_export_row(file, definition,
                               encode_record(definition, {ids.back(), 3, {9}, {0}, {0}}, fields));
        written.push_back(std::move(fields));
      }
      CAPTURE(file);
      const auto records = imported(definition, file);
      REQUIRE(records.size() == written.size());
      for (std::size_t at = 0; at < records.size(); ++at) {
        REQUIRE(records[at].has_value());
        CHECK(records[at]->id == ids[at]);
        for (std::size_t index = 0; index < definition.fields.size(); ++index) {
          REQUIRE(records[at]->fields.has(index));
          CHECK(records[at]->fields.get(index) == written[at].get(index));
        }
      }
    }
  }
}
