// Definitions: the eight embedded ones, and what is refused at load.
#include "core/adopted_definitions.hpp"
#include "core/entity.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <unistd.h>

using namespace synclog::core;

namespace {

// A small valid definition with one spot replaced.
std::string definition_with(std::string_view spot, std::string_view replacement) {
  std::string text = R"({
  "type": "object", "additionalProperties": false, "x-prefix": "GAD", "x-table": "gadgets",
  "required": ["label"],
  "properties": {
    "label": {"type": "string", "maxLength": 40},
    "serial": {"type": "string"},
    "price": {"type": "number", "multipleOf": 0.01},
    "sold_on": {"type": "string", "format": "date"},
    "extras": {"type": "object"}
  },
  "x-unique": ["serial"], "x-key": "serial", "x-filters": {"label": "label"}, "x-search": ["label"],
  "x-order": ["-sold_on", "label"], "x-rest": "extras", "x-aliases": {"soldOn": "sold_on"},
  "x-csv": {"key": "SER", "columns": {"SER": "serial"}}
})";
  if (!spot.empty()) {
    const auto at = text.find(spot);
    REQUIRE(at != std::string::npos);
    text.replace(at, spot.size(), replacement);
  }
  return text;
}

bool has_error(const problem& refused, std::string_view pointer) {
  return std::any_of(refused.errors.begin(), refused.errors.end(),
                     [&](const field_error& error) { return error.pointer == pointer; });
}

class temporary_folder {
 public:
  temporary_folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "synclog-entities-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~temporary_folder() { std::filesystem::remove_all(path_); }
  void write(const std::string& name, const std::string& text) const {
    std::ofstream(std::filesystem::path(path_) / name) << text;
  }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

} // namespace

TEST_CASE("entities: the eight embedded definitions load and say what the domain says") {
  const auto loaded = catalog::load("");
  REQUIRE(loaded.has_value());
  REQUIRE(loaded->all().size() == 8);
  const std::array<std::string_view, 8> names{
      "appointments",          "campaigns",      "clients",        "distributors",
      "finance-cash-requests", "leave-requests", "stock-requests", "visits"};
  for (std::size_t at = 0; at < names.size(); ++at)
    CHECK(loaded->all()[at]->name == names[at]);

  const entity& distributors = *loaded->find("distributors");
  CHECK(distributors.table == "distributors");
  CHECK(distributors.prefix == "DIST");
  REQUIRE(distributors.natural_key);
  CHECK(distributors.fields[*distributors.natural_key].name == "distributor_code");
  CHECK(distributors.fields[*distributors.natural_key].unique);
  CHECK(distributors.fields[*distributors.field_index("commission_rate")].default_json == "0");
  CHECK(distributors.fields[*distributors.field_index("status")].default_json == "\"active\"");
  CHECK(distributors.fields[*distributors.rest_field].name == "agreement_data");
  REQUIRE(distributors.csv);
  CHECK(distributors.csv->key_column == "DRN");
  CHECK(distributors.csv->columns.size() == 6);
  CHECK(distributors.field_or_alias("mobile") == distributors.field_index("mobile_no"));
  CHECK(distributors.field_or_alias("distributorName") == distributors.field_index("distributor_name"));
  CHECK_FALSE(distributors.field_or_alias("Mobile").has_value());

  const entity& appointments = *loaded->find("appointments");
  REQUIRE(appointments.default_order.size() == 2);
  CHECK(appointments.default_order[0].column.name == "date");
  CHECK(appointments.default_order[0].descending);
  CHECK(appointments.fields[*appointments.field_index("time")].type == field_type::time);

  const entity& cash = *loaded->find("finance-cash-requests");
  CHECK(cash.table == "finance_cash_requests");
  CHECK(cash.fields[*cash.field_index("amount")].max_decimals == 2);
  CHECK(cash.fields[*cash.field_index("approved_at")].type == field_type::timestamp);
  const entity& stock = *loaded->find("stock-requests");
  CHECK(stock.fields[*stock.branch_field].name == "requesting_branch");
  CHECK(stock.fields[*stock.field_index("items")].type == field_type::array);
  CHECK(loaded->find("nothing") == nullptr);
}

TEST_CASE("entities: texts that stand in an index are bounded, others are not") {
  const auto loaded = catalog::load("");
  const entity& clients = *loaded->find("clients");
  CHECK(clients.fields[*clients.field_index("reference_number")].max_length == 255);
  CHECK(clients.fields[*clients.field_index("branch")].max_length == 255);
  CHECK(clients.fields[*clients.field_index("address")].max_length == 0);
  CHECK(parse_entity("gadgets", definition_with("", ""))->fields[0].max_length == 40);
}

TEST_CASE("entities: columns are fields and bookkeeping") {
  const auto made = parse_entity("gadgets", definition_with("", ""));
  REQUIRE(made.has_value());
  CHECK(made->column("price")->type == field_type::number);
  CHECK(made->column("created_at")->type == field_type::timestamp);
  CHECK_FALSE(made->column("created_at")->field_index.has_value());
  CHECK(made->column("version")->type == field_type::integer);
  CHECK_FALSE(made->column("soldOn").has_value());
}

TEST_CASE("entities: each mistake in a definition is reported at its place") {
  struct mistake {
    std::string_view spot, replacement, pointer;
  };
  const mistake mistakes[] = {
      {R"("x-key": "serial")", R"("x-key": "label")", "/x-key"},
      {R"("x-key": "serial")", R"("x-keys": "serial")", "/x-keys"},
      {R"("additionalProperties": false)", R"("additionalProperties": true)", "/additionalProperties"},
      {R"("type": "object", "add)", R"("type": "array", "add)", "/type"},
      {R"("x-prefix": "GAD")", R"("x-prefix": "gad")", "/x-prefix"},
      {R"("x-table": "gadgets")", R"("x-table": "pg_gadgets")", "/x-table"},
      {R"("x-table": "gadgets")", R"("x-table": "gad; drop")", "/x-table"},
      {R"("required": ["label"])", R"("required": ["lable"])", "/required/0"},
      {R"("maxLength": 40)", R"("maxLength": 400)", "/properties/label/maxLength"},
      {R"("maxLength": 40)", R"("maxLength": -1)", "/properties/label/maxLength"},
      {R"("maxLength": 40)", R"("minLength": 4)", "/properties/label/minLength"},
      {R"("multipleOf": 0.01)", R"("multipleOf": 0.25)", "/properties/price/multipleOf"},
      {R"("format": "date")", R"("format": "email")", "/properties/sold_on/format"},
      {R"("price": {"type": "number")", R"("price": {"type": "money")", "/properties/price/type"},
      {R"("price")", R"("version")", "/properties/version"},
      {R"("price")", R"("Price")", "/properties/Price"},
      {R"("multipleOf": 0.01)", R"("default": "much")", "/properties/price/default"},
      {R"("x-unique": ["serial"])", R"("x-unique": ["price"])", "/x-unique/0"},
      {R"({"label": "label"})", R"({"limit": "label"})", "/x-filters/limit"},
      {R"({"label": "label"})", R"({"label": "extras"})", "/x-filters/label"},
      {R"({"label": "label"})", R"({"a b": "label"})", "/x-filters/a b"},
      {R"("x-search": ["label"])", R"("x-search": ["price"])", "/x-search/0"},
      {R"(["-sold_on", "label"])", R"(["-sold", "label"])", "/x-order/0"},
      {R"("x-rest": "extras")", R"("x-rest": "label")", "/x-rest"},
      {R"({"soldOn": "sold_on"})", R"({"label": "sold_on"})", "/x-aliases/label"},
      {R"({"soldOn": "sold_on"})", R"({"id": "sold_on"})", "/x-aliases/id"},
      {R"({"soldOn": "sold_on"})", R"({"soldOn": "sold"})", "/x-aliases/soldOn"},
      {R"({"SER": "serial"})", R"({"DRN": "serial"})", "/x-csv/key"},
      {R"({"SER": "serial"})", R"({"SER": "cereal"})", "/x-csv/columns/SER"},
      {R"("x-unique")", R"("x-indexes": [["extras"]], "x-unique")", "/x-indexes/0/0"},
      {R"("x-unique")", R"("x-revision": 0, "x-unique")", "/x-revision"},
      {R"("x-unique")", R"("x-branch": "price", "x-unique")", "/x-branch"},
      {R"({"type": "object"})", R"({"type": "object", "properties": {"a": {"format": "date"}}})",
       "/properties/extras/properties/a/format"},
      {R"({"type": "object"})", R"({"type": "object", "$ref": "http://x"})", "/properties/extras/$ref"},
  };
  for (const mistake& each : mistakes) {
    CAPTURE(each.replacement);
    const auto made = parse_entity("gadgets", definition_with(each.spot, each.replacement));
    REQUIRE(made.has_error());
    CHECK(made.error().code == problem_code::invalid);
    CHECK(has_error(made.error(), each.pointer));
  }
}

TEST_CASE("entities: all mistakes of one definition are told at once") {
  std::string text = definition_with(R"("x-key": "serial")", R"("x-key": "label", "x-what": 1)");
  text.replace(text.find("GAD"), 3, "g d");
  const auto made = parse_entity("gadgets", text);
  REQUIRE(made.has_error());
  CHECK(made.error().errors.size() == 3);
  CHECK(made.error().detail.find("3 errors") != std::string::npos);
}

TEST_CASE("entities: an index that a long text could overflow is refused") {
  std::string text = R"({"type": "object", "additionalProperties": false, "x-prefix": "W", "properties": {
    "a": {"type": "string"}, "b": {"type": "string"}, "c": {"type": "string"}},
    "x-order": ["a", "b"], "x-indexes": [["c"]]})";
  const auto made = parse_entity("wides", text);
  REQUIRE(made.has_error());
  CHECK(has_error(made.error(), "/x-indexes/0"));
}

TEST_CASE("entities: reserved routes and odd names are refused") {
  for (const char* name : {"events", "session", "tickets", "admin", "Gadgets", "a/b", "", "../x", "1st"}) {
    CAPTURE(name);
    CHECK(parse_entity(name, definition_with("", "")).has_error());
  }
}

TEST_CASE("entities: text that is no JSON is malformed with its place") {
  const auto made = parse_entity("gadgets", "{\n  \"type\": }");
  REQUIRE(made.has_error());
  CHECK(made.error().code == problem_code::malformed);
  REQUIRE(made.error().place.has_value());
  CHECK(made.error().place->line == 2);
  CHECK(parse_entity("gadgets", R"({"type":"object","type":"object"})").error().errors.front().pointer ==
        "/type");
  CHECK(parse_entity("gadgets", "[]").has_error());
  CHECK(parse_entity("gadgets", "3").has_error());
}

TEST_CASE("entities: the fingerprint follows the contents, not the white space") {
  const auto made = parse_entity("gadgets", definition_with("", ""));
  const auto spaced = parse_entity("gadgets", "  " + definition_with("\"x-prefix\": ", "\"x-prefix\"   :  "));
  const auto other = parse_entity("gadgets", definition_with("GAD", "GAT"));
  CHECK(made->fingerprint == spaced->fingerprint);
  CHECK(made->fingerprint != other->fingerprint);
}

TEST_CASE("catalog: a ninth file gives a ninth entity, a higher revision replaces, the same revision must be "
          "the same") {
  const temporary_folder folder;
  folder.write("gadgets.json", definition_with("", ""));
  folder.write("notes.txt", "not a definition");
  auto loaded = catalog::load(folder.path());
  REQUIRE(loaded.has_value());
  CHECK(loaded->all().size() == 9);
  CHECK(loaded->find("gadgets") != nullptr);

  const std::string_view own_table = R"("x-prefix": "GAD", "x-table": "gadgets")";
  folder.write("clients.json", definition_with(own_table, R"("x-revision": 2, "x-prefix": "GAD")"));
  loaded = catalog::load(folder.path());
  REQUIRE(loaded.has_value());
  CHECK(loaded->find("clients")->prefix == "GAD");

  // Same table under another name.
  folder.write("widgets.json", definition_with("", ""));
  CHECK(catalog::load(folder.path()).has_error());
  std::filesystem::remove(std::filesystem::path(folder.path()) / "widgets.json");

  folder.write("clients.json", definition_with(own_table, R"("x-prefix": "GAD")"));
  const auto clash = catalog::load(folder.path());
  REQUIRE(clash.has_error());
  CHECK(clash.error().detail.find("raise its x-revision") != std::string::npos);
  CHECK(catalog::load(folder.path() + "/missing").has_error());
}

TEST_CASE(
    "adopted definitions: what a program lacks comes from the database, and the higher revision counts") {
  const auto own = catalog::load("").value();
  auto clients = own.find("clients")->definition_json;
  const auto at = clients.find("\"x-revision\": 1");
  REQUIRE(at != std::string::npos);
  const std::string same(clients);
  const std::string higher = std::string(clients).replace(at, 15, "\"x-revision\": 2");
  const std::string other = std::string(clients).replace(clients.find("\"Phone\""), 7, "\"Telephone\"");
  const auto with = [&own](const std::string& name, const std::string& text) {
    const std::vector<adopted_definition> adopted{{name, text}};
    return with_adopted(own, adopted);
  };
  const auto ninth = with("gadgets", definition_with("", ""));
  REQUIRE(ninth.has_value());
  CHECK(ninth->all().size() == own.all().size() + 1);
  REQUIRE(ninth->find("gadgets") != nullptr);
  CHECK(ninth->find("clients")->fingerprint == own.find("clients")->fingerprint);
  CHECK(with("clients", same)->find("clients")->revision == 1);
  CHECK(with("clients", higher)->find("clients")->revision == 2);
  const auto refused = with("clients", other);
  REQUIRE(!refused.has_value());
  CHECK(refused.error().detail.find("entity clients: the database holds another definition") == 0);
  const auto unreadable = with("gadgets", "{}");
  REQUIRE(!unreadable.has_value());
  CHECK(unreadable.error().detail.find("entity gadgets: this program cannot read the definition") == 0);
}

TEST_CASE("adopted definitions: a lower revision in the database changes nothing") {
  auto revised =
      parse_entity("gadgets", definition_with("\"x-prefix\"", "\"x-revision\": 3, \"x-prefix\"")).value();
  std::vector<entity> all;
  all.push_back(std::move(revised));
  const auto own = catalog::from(std::move(all)).value();
  const std::vector<adopted_definition> adopted{{"gadgets", definition_with("", "")}};
  CHECK(with_adopted(own, adopted)->find("gadgets")->revision == 3);
}
