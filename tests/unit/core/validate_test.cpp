// Forgiving input to canonical fields, and every refusal with its pointer.
#include "core/field_value.hpp"
#include "core/record.hpp"
#include "core/validate.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <random>

using namespace synclog::core;

namespace {

const entity& named(std::string_view name) {
  static const catalog loaded = catalog::load("").value();
  return *loaded.find(name);
}

result<input_record> validated(std::string_view entity_name, std::string_view text,
                               std::string_view base = "") {
  const auto parsed = json::parse(text);
  REQUIRE(parsed.has_value());
  REQUIRE(parsed->defects().empty());
  return validate_object(named(entity_name), parsed->root(), base);
}

// The canonical text of one field, "absent" when not given.
std::string field_of(std::string_view entity_name, std::string_view text, std::string_view field_name) {
  const auto made = validated(entity_name, text);
  REQUIRE(made.has_value());
  const std::size_t index = *named(entity_name).field_index(field_name);
  return made->fields.has(index) ? std::string(made->fields.get(index)) : "absent";
}

std::string refused_pointer(std::string_view entity_name, std::string_view text) {
  const auto made = validated(entity_name, text);
  REQUIRE(made.has_error());
  CHECK(made.error().code == problem_code::invalid);
  REQUIRE(made.error().errors.size() == 1);
  return made.error().errors.front().pointer;
}

std::string number(std::string_view text, int decimals = -1) {
  std::string out;
  const std::string detail = append_canonical_number(out, text, decimals);
  if (!detail.empty()) CHECK(out.empty());
  return detail.empty() ? out : "refused";
}

} // namespace

TEST_CASE("validate: snake case, camel case and the other aliases") {
  CHECK(field_of("clients", R"({"fullName":"Hoa"})", "full_name") == "\"Hoa\"");
  CHECK(field_of("clients", R"({"full_name":"Hoa"})", "full_name") == "\"Hoa\"");
  CHECK(field_of("distributors", R"({"name":"A","code":"D1","mobile":"0812"})", "mobile_no") == "\"0812\"");
  CHECK(field_of("distributors", R"({"agreementData":{"a":1}})", "agreement_data") == "{\"a\":1}");
  CHECK(field_of("clients", R"({})", "full_name") == "absent");
  CHECK(field_of("clients", R"({"full_name":null})", "full_name") == "null");
}

TEST_CASE("validate: both spellings of one field are refused") {
  CHECK(refused_pointer("clients", R"({"full_name":"A","fullName":"A"})") == "/fullName");
  CHECK(refused_pointer("distributors", R"({"name":null,"distributorName":"A"})") == "/distributorName");
}

TEST_CASE("validate: bookkeeping is ignored, id and expected_version are taken") {
  const auto made = validated(
      "clients",
      R"({"id":"C1","version":"x","position":[],"created_at":1,"updated_at":null,"expected_version":3})");
  REQUIRE(made.has_value());
  CHECK(made->id == "C1");
  CHECK(made->expected_version == 3);
  CHECK(validated("clients", R"({"id":17})")->id == "17");
  CHECK(validated("clients", R"({"id":null})")->id.empty());
  CHECK(validated("clients", R"({"id":"","expected_version":null})")->id.empty());
  CHECK_FALSE(validated("clients", R"({"expected_version":null})")->expected_version.has_value());
  for (const char* bad :
       {R"({"id":"a/b"})", R"({"id":".."})", R"({"id":true})", R"({"id":{}})", R"({"id":"a\nb"})"})
    CHECK(refused_pointer("clients", bad) == "/id");
  for (const char* bad :
       {R"({"expected_version":-1})", R"({"expected_version":1.5})", R"({"expected_version":"x"})",
        R"({"expected_version":true})", R"({"expected_version":""})", R"({"expected_version":1e3})"})
    CHECK(refused_pointer("clients", bad) == "/expected_version");
}

TEST_CASE("validate: an unknown name is refused with the nearest known one") {
  const auto made = validated("clients", R"({"full_nam":"A"})");
  REQUIRE(made.has_error());
  CHECK(made.error().errors.front().pointer == "/full_nam");
  CHECK(made.error().errors.front().detail.find("did you mean full_name?") != std::string::npos);
  CHECK(validated("clients", R"({"orders~/x":1})").error().errors.front().pointer == "/orders~0~1x");
  CHECK(validated("clients", R"({"zzz":1})").error().errors.front().detail.find("did you mean") ==
        std::string::npos);
  CHECK(validated("clients", R"({"Full_Name":"case matters"})").has_error());
}

TEST_CASE("validate: every error is reported, but not without bound") {
  const auto made =
      validated("appointments", R"({"date":"2026-02-30","time":"25:00","email":true,"nope":1})", "/3");
  REQUIRE(made.has_error());
  std::vector<std::string> pointers;
  for (const auto& error : made.error().errors)
    pointers.push_back(error.pointer);
  CHECK(pointers == std::vector<std::string>{"/3/date", "/3/time", "/3/email", "/3/nope"});
  CHECK(made.error().detail.find("3 more") != std::string::npos);

  std::string many = "{";
  for (int at = 0; at < 5'000; ++at)
    many += "\"unknown" + std::to_string(at) + "\":1,";
  const auto flooded = validated("clients", many + "\"" + std::string(5'000, 'x') + "\":1}");
  REQUIRE(flooded.has_error());
  CHECK(flooded.error().errors.size() <= 50);
  CHECK(
      validated("clients", "{\"" + std::string(5'000, 'x') + "\":1}").error().errors.front().pointer.size() <
      100);
}

TEST_CASE("validate: what is no object is refused") {
  for (const char* bad : {"[]", "3", "\"x\"", "null"})
    CHECK(validated("clients", bad, "/7").error().errors.front().pointer == "/7");
}

TEST_CASE("validate: texts are kept as they came") {
  CHECK(field_of("clients", R"({"city":"  Hue "})", "city") == "\"  Hue \"");
  CHECK(field_of("clients", R"({"city":""})", "city") == "\"\"");
  CHECK(field_of("clients", R"({"phone":812345678})", "phone") == "\"812345678\"");
  CHECK(field_of("clients", R"({"phone":1.50e2})", "phone") == "\"1.50e2\"");
  CHECK(field_of("clients", R"({"reference_number":""})", "reference_number") == "null"); // unique
  for (const char* bad : {R"({"city":true})", R"({"city":[]})", R"({"city":{}})"})
    CHECK(refused_pointer("clients", bad) == "/city");
}

TEST_CASE("validate: lengths count characters") {
  std::string fits;
  for (int at = 0; at < 255; ++at)
    fits += "\xE1\xBB\x85";
  CHECK(field_of("clients", "{\"phone\":\"" + fits + "\"}", "phone") == "\"" + fits + "\"");
  CHECK(refused_pointer("clients", "{\"phone\":\"" + fits + "x\"}") == "/phone");
  CHECK(validated("clients", "{\"address\":\"" + std::string(65'536, 'x') + "\"}").has_value());
  CHECK(refused_pointer("clients", "{\"address\":\"" + std::string(65'537, 'x') + "\"}") == "/address");
}

TEST_CASE("validate: dates, times and moments") {
  CHECK(field_of("appointments", R"({"date":"2026-11-23"})", "date") == "\"2026-11-23\"");
  CHECK(field_of("appointments", R"({"date":"2026-11-23T23:30:00-05:00"})", "date") == "\"2026-11-23\"");
  CHECK(field_of("appointments", R"({"date":""})", "date") == "null");
  CHECK(field_of("appointments", R"({"time":"10:00"})", "time") == "\"10:00:00\"");
  CHECK(field_of("appointments", R"({"time":"23:59:59"})", "time") == "\"23:59:59\"");
  CHECK(field_of("appointments", R"({"time":""})", "time") == "null");
  CHECK(field_of("stock-requests", R"({"approvedAt":"2026-11-23T11:05:06.5+07:00"})", "approved_at") ==
        "\"2026-11-23T04:05:06.500000Z\"");
  for (const char* bad :
       {"2026-02-30", "23/11/2026", "2026-11-23T25:00:00Z", "2026-11-23x", "2026-11-23T10:00", "today"})
    CHECK(refused_pointer("appointments", std::string(R"({"date":")") + bad + "\"}") == "/date");
  for (const char* bad :
       {"24:00", "10:60", "10:00:60", "1:00", "10", "10:00 ", "10.00", "10:00:00.5", "ab:cd", "-1:00"}) {
    CAPTURE(bad);
    const bool trimmed = std::string_view(bad) == "10:00 ";
    CHECK(validated("appointments", std::string(R"({"time":")") + bad + "\"}").has_value() == trimmed);
  }
  CHECK(refused_pointer("appointments", R"({"date":20261123})") == "/date");
  CHECK(refused_pointer("stock-requests", R"({"approved_at":"2026-11-23"})") == "/approved_at");
}

TEST_CASE("validate: numbers become plain decimals") {
  CHECK(number("0") == "0");
  CHECK(number("-0") == "0");
  CHECK(number("-0.000") == "0");
  CHECK(number("0e5") == "0");
  CHECK(number("007") == "7");
  CHECK(number("+5") == "5");
  CHECK(number("12.500", 2) == "12.5");
  CHECK(number("12.500", 1) == "12.5");
  CHECK(number("12.505", 2) == "refused");
  CHECK(number("1.5e3") == "1500");
  CHECK(number("1.5E-3") == "0.0015");
  CHECK(number("-12e-1") == "-1.2");
  CHECK(number("100e-2", 0) == "1");
  CHECK(number("1.5", 0) == "refused");
  CHECK(number(".5") == "0.5");
  CHECK(number("5.") == "5");
  CHECK(number("9007199254740993") == "9007199254740993");
  CHECK(number("0.1000000000000000055511151231257827021") == "0.1000000000000000055511151231257827021");
  CHECK(number(std::string(38, '9')) == std::string(38, '9'));
  CHECK(number(std::string(39, '9')) == "refused");
  CHECK(number("1e37") == "1" + std::string(37, '0'));
  CHECK(number("1e38") == "refused");
  CHECK(number("1e-38") == "0." + std::string(37, '0') + "1");
  CHECK(number("1e-39") == "refused");
  CHECK(number("1e999999999999") == "refused");
  CHECK(number("1e-999999999999") == "refused");
  for (const char* bad : {"", "-", ".", "1,000", "1e", "1e+", "0x10", "NaN", "Infinity", "1 2", "--1",
                          "1.2.3", "1e1.5", "e5"}) {
    CAPTURE(bad);
    CHECK(number(bad) == "refused");
  }
}

TEST_CASE("validate: canonical numbers stay what they are and keep their value") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 5000; ++round) {
    std::string text = random() % 2 == 0 ? "-" : "";
    text += std::to_string(random() % 100'000);
    if (random() % 2 == 0) text += "." + std::to_string(random() % 100'000);
    if (random() % 3 == 0) text += "e" + std::to_string(static_cast<int>(random() % 12) - 6);
    const std::string canonical = number(text);
    REQUIRE(canonical != "refused");
    CHECK(number(canonical) == canonical);
    CHECK(std::stod(canonical) == doctest::Approx(std::stod(text)));
    CHECK(canonical.find_first_of("eE+") == std::string::npos);
    CHECK(canonical != "-0");
    if (canonical.find('.') != std::string::npos) CHECK(canonical.back() != '0');
  }
}

TEST_CASE("validate: numbers of fields, also as strings") {
  CHECK(field_of("finance-cash-requests", R"({"amount":"12.50"})", "amount") == "12.5");
  CHECK(field_of("finance-cash-requests", R"({"amount":" 12 "})", "amount") == "12");
  CHECK(field_of("finance-cash-requests", R"({"amount":""})", "amount") == "null");
  CHECK(field_of("leave-requests", R"({"daysRequested":"3"})", "days_requested") == "3");
  CHECK(field_of("leave-requests", R"({"daysRequested":3.0})", "days_requested") == "3");
  CHECK(field_of("leave-requests", R"({"days_requested":9223372036854775807})", "days_requested") ==
        "9223372036854775807");
  CHECK(refused_pointer("leave-requests", R"({"days_requested":9223372036854775808})") == "/days_requested");
  CHECK(refused_pointer("leave-requests", R"({"days_requested":1.5})") == "/days_requested");
  CHECK(refused_pointer("finance-cash-requests", R"({"amount":12.505})") == "/amount");
  CHECK(refused_pointer("finance-cash-requests", R"({"amount":"twelve"})") == "/amount");
  CHECK(refused_pointer("finance-cash-requests", R"({"amount":true})") == "/amount");
}

TEST_CASE("validate: objects and arrays, also as strings of JSON") {
  CHECK(field_of("clients", R"({"data":{"b":1.50,"a":[ ]}})", "data") == R"({"b":1.50,"a":[]})");
  CHECK(field_of("clients", R"({"data":"{\"b\": 1, \"a\": {}}"})", "data") == R"({"b":1,"a":{}})");
  CHECK(field_of("clients", R"({"data":""})", "data") == "null");
  CHECK(field_of("stock-requests", R"({"items":"[{\"sku\":1}]"})", "items") == R"([{"sku":1}])");
  CHECK(refused_pointer("clients", R"({"data":"not json"})") == "/data");
  CHECK(refused_pointer("clients", R"({"data":"[1]"})") == "/data");
  CHECK(refused_pointer("clients", R"({"data":[1]})") == "/data");
  CHECK(refused_pointer("clients", R"({"data":3})") == "/data");
  CHECK(refused_pointer("stock-requests", R"({"items":{}})") == "/items");
  CHECK(refused_pointer("clients", R"({"data":"{\"a\":\"\\u0000\"}"})") == "/data/a");
  CHECK(refused_pointer("clients", R"({"data":"{\"a\":1,\"a\":2}"})") == "/data/a");
  CHECK(refused_pointer("clients", R"({"data":"{\"a\":\"\\ud800\"}"})") == "/data/a");
  const std::string deep = "{\\\"a\\\":" + std::string(62, '[') + std::string(62, ']') + "}";
  CHECK(validated("clients", "{\"data\":\"" + deep + "\"}").has_value());
  const std::string deeper = "{\\\"a\\\":" + std::string(63, '[') + std::string(63, ']') + "}";
  CHECK(validated("clients", "{\"data\":\"" + deeper + "\"}").has_error());
}

TEST_CASE("validate: enum, boolean and nested schemas of a definition") {
  const auto made =
      parse_entity("gadgets", R"({"type":"object","additionalProperties":false,"x-prefix":"G","properties":{
    "size":{"type":"string","enum":["small","large"],"default":"small"}, "on":{"type":"boolean","default":false},
    "dims":{"type":"object","properties":{"w":{"type":"number"}},"required":["w"]},
    "tags":{"type":"array","items":{"type":"string"}}}})");
  REQUIRE(made.has_value());
  const auto check = [&](std::string_view text) {
    const auto parsed = json::parse(text);
    return validate_object(*made, parsed->root(), "");
  };
  CHECK(check(R"({"size":"large","on":true,"dims":{"w":1},"tags":["a"]})").has_value());
  CHECK(check(R"({"size":""})")->fields.is_null(0));
  CHECK(check(R"({"on":"true"})")->fields.get(1) == "true");
  CHECK(check(R"({"on":"0"})")->fields.get(1) == "false");
  CHECK(check(R"({"size":"medium"})").error().errors.front().detail == "must be one of small, large");
  CHECK(check(R"({"on":1})").has_error());
  CHECK(check(R"({"on":"maybe"})").has_error());
  CHECK(check(R"({"dims":{"w":"x"}})").error().errors.front().pointer == "/dims/w");
  CHECK(check(R"({"dims":"{}"})").error().errors.front().pointer == "/dims");
  CHECK(check(R"({"tags":["a",1]})").error().errors.front().pointer == "/tags/1");
}

TEST_CASE("validate: what a create lacks, and defaults") {
  const entity& appointments = named("appointments");
  const auto given = validated("appointments", R"({"full_name":"","date":null})");
  REQUIRE(given.has_value());
  const auto missing = check_required(appointments, given->fields, "/2");
  REQUIRE(missing.size() == 3);
  CHECK(missing[0].pointer == "/2/full_name");
  CHECK(missing[1].pointer == "/2/date");
  CHECK(missing[2].pointer == "/2/time");
  field_texts fields =
      validated("appointments", R"({"full_name":"A","date":"2026-01-01","time":"10:00","status":null})")
          ->fields;
  CHECK(check_required(appointments, fields, "").empty());
  fill_defaults(appointments, fields);
  CHECK(fields.get(*appointments.field_index("status")) == "\"pending\"");
  CHECK(fields.is_null(*appointments.field_index("notes")));
  CHECK(fields.get(*appointments.field_index("full_name")) == "\"A\"");
}

TEST_CASE("validate: what was stored and is sent back stays the same bytes") {
  for (
      const char* sent :
      {R"({"id":"A1","fullName":"H\u00f2a \"x\"","date":"2026-11-23","time":"9:00"})",
       R"({"fullName":"A","date":"2026-11-23T00:00:00Z","time":"09:00","data":"{\"n\":1.0,\"z\":[1e2]}"})"}) {
    const auto first = validated("appointments", sent);
    if (first.has_error()) continue; // "9:00" is none
    field_texts fields = first->fields;
    fill_defaults(named("appointments"), fields);
    const std::string doc = encode_record(named("appointments"), {"A1", 1, {1}, {0}, {0}}, fields);
    const auto again = validated("appointments", doc);
    REQUIRE(again.has_value());
    CHECK(encode_record(named("appointments"), {"A1", 1, {1}, {0}, {0}}, again->fields) == doc);
  }
}

TEST_CASE("validate: text cells follow the same rules") {
  field amount;
  amount.name = "amount";
  amount.type = field_type::number;
  CHECK(validate_text(amount, "12.50").value() == "12.5");
  CHECK(validate_text(amount, "").value() == "null");
  CHECK(validate_text(amount, "N/A").error().errors.front().pointer == "/amount");
  field label;
  label.name = "label";
  CHECK(validate_text(label, "").value() == "null");
  CHECK(validate_text(label, "N/A").value() == "\"N/A\"");
}

TEST_CASE("validate: filter values are canonical or a bad request") {
  CHECK(canonical_filter_text(field_type::date, "2026-11-23T10:00:00Z").value() == "2026-11-23");
  CHECK(canonical_filter_text(field_type::time, "10:00").value() == "10:00:00");
  CHECK(canonical_filter_text(field_type::number, "1.50").value() == "1.5");
  CHECK(canonical_filter_text(field_type::timestamp, "2026-11-23T04:05:06Z").value() ==
        "2026-11-23T04:05:06.000000Z");
  CHECK(canonical_filter_text(field_type::boolean, "true").value() == "true");
  CHECK(canonical_filter_text(field_type::text, "").value().empty());
  CHECK(canonical_filter_text(field_type::text, "a\"b").value() == "a\"b");
  CHECK(canonical_filter_text(field_type::date, "").error().code == problem_code::bad_request);
  CHECK(canonical_filter_text(field_type::integer, "1.5").has_error());
  CHECK(canonical_filter_text(field_type::text, "\xFF").has_error());
  CHECK(canonical_filter_text(field_type::text, std::string_view("a\0b", 3)).has_error());
  CHECK(canonical_filter_text(field_type::object, "{}").has_error());
}
