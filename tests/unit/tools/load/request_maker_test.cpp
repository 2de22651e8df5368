// Requests made from texts with places: what they hold, and that their length is what they say.
#include "core/json.hpp"
#include "tools/load/request_maker.hpp"
#include <algorithm>
#include <doctest/doctest.h>
#include <map>
#include <set>
#include <string>

using namespace synclog;
using namespace synclog::tools::load;

namespace {

const std::vector<std::string> no_ids;
const target_url server{"127.0.0.1", 8080, ""};

std::vector<std::string> branch_names(std::size_t count) {
  std::vector<std::string> made;
  for (std::size_t i = 0; i < count; ++i)
    made.push_back(branch_name(i, count));
  return made;
}

operation make(const operation_texts& texts, std::size_t branch_bytes = 9) {
  auto made = operation::make(texts, server, branch_bytes);
  REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().detail));
  return std::move(*made);
}

operation_texts write_texts(body_form form = body_form::object, std::size_t records = 1) {
  operation_texts made;
  made.name = "write";
  made.path = "/api/clients";
  made.form = form;
  made.record = client_record();
  made.records = records;
  return made;
}

std::string refusal(const operation_texts& texts) {
  const auto made = operation::make(texts, server, 9);
  return made ? "" : made.error().detail;
}

struct split {
  std::string head, body;
};
split split_of(const std::string& request) {
  const auto end = request.find("\r\n\r\n");
  REQUIRE(end != std::string::npos);
  return {request.substr(0, end + 4), request.substr(end + 4)};
}

std::size_t said_length(const std::string& head) {
  const auto at = head.find("Content-Length: ");
  REQUIRE(at != std::string::npos);
  return std::stoul(head.substr(at + 16));
}

} // namespace

TEST_CASE("request maker: a body is as long as it says, whatever its form and branches") {
  for (const std::size_t branches : {1, 20, 100, 1'000}) {
    for (const auto form : {body_form::object, body_form::array, body_form::ndjson}) {
      for (const std::size_t records : {1, 2, 7}) {
        if (form == body_form::object && records > 1) continue;
        const auto names = branch_names(branches);
        const std::vector<operation> operations{make(write_texts(form, records), names.front().size())};
        request_maker maker(operations, names, no_ids, branches);
        std::string request;
        const auto what = maker.append(request, 42);
        CHECK(what.operation == 0);
        CHECK(what.first_branch < branches);
        const auto [head, body] = split_of(request);
        CHECK(head.starts_with("POST /api/clients HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"));
        CHECK(said_length(head) == body.size());
        CHECK(operations.front().body_bytes == body.size());
      }
    }
  }
}

TEST_CASE(
    "request maker: records are JSON with ids of their own, and follow each other through the branches") {
  const auto names = branch_names(20);
  const std::vector<operation> operations{make(write_texts(body_form::array, 50))};
  request_maker maker(operations, names, no_ids, 7);
  std::set<std::string, std::less<>> ids, references;
  std::map<std::string, int, std::less<>> branches;
  for (int i = 0; i < 40; ++i) {
    std::string request;
    const auto what = maker.append(request, 1'234'567'890'123);
    const auto parsed = core::json::parse(split_of(request).body);
    REQUIRE(parsed.has_value());
    REQUIRE(parsed->defects().empty());
    std::size_t index = what.first_branch;
    for (const auto& record : parsed->root().items()) {
      CHECK(ids.emplace(record.find("id")->text).second);
      CHECK(references.emplace(record.find("reference_number")->text).second);
      CHECK(record.find("branch")->text == names[index++ % 20]);
      CHECK(record.find("data")->find("sent_ns")->text == "0000001234567890123");
      ++branches[std::string(record.find("branch")->text)];
    }
  }
  CHECK(ids.size() == 2'000);
  CHECK(branches.size() == 20);
}

TEST_CASE("request maker: two seeds share no id and no reference, and ids are UUIDs of version 7 in order of "
          "time") {
  fill_source left(1), right(2);
  std::set<std::string> uniques;
  for (int i = 0; i < 1'000; ++i) {
    for (auto* source : {&left, &right}) {
      std::string unique, uuid;
      source->append_unique(unique);
      CHECK(unique.size() == 16);
      CHECK(uniques.insert(unique).second);
      source->append_uuid(uuid);
      REQUIRE(uuid.size() == 36);
      CHECK(uuid[14] == '7');
      CHECK(std::string("89ab").find(uuid[19]) != std::string::npos);
      CHECK(uniques.insert(uuid).second);
    }
  }
}

TEST_CASE("request maker: reads name every id that there is, lists every branch") {
  operation_texts read;
  read.name = "read";
  read.path = "/api/clients/{id}?of={branch}";
  read.headers = {"Authorization: Bearer abc"};
  const std::vector<operation> operations{make(read)};
  const auto names = branch_names(5);
  const std::vector<std::string> ids{"A", "a-much-longer-one", "C%20D"};
  request_maker maker(operations, names, ids, 3);
  std::set<std::string> seen;
  for (int i = 0; i < 500; ++i) {
    std::string request;
    maker.append(request, 0);
    CHECK(request.ends_with("HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAuthorization: Bearer abc\r\n\r\n"));
    seen.insert(request.substr(0, request.find(" HTTP")));
  }
  CHECK(seen.size() == 15);
  CHECK(seen.contains("GET /api/clients/a-much-longer-one?of=branch-04"));
}

TEST_CASE("request maker: operations are drawn by their weights") {
  auto first = write_texts(), second = write_texts();
  first.weight = 1;
  second.weight = 9;
  const std::vector<operation> operations{make(first), make(second)};
  const auto names = branch_names(1);
  request_maker maker(operations, names, no_ids, 11);
  int drawn = 0;
  std::string request;
  for (int i = 0; i < 10'000; ++i) {
    request.clear();
    drawn += maker.append(request, 0).operation == 0 ? 1 : 0;
  }
  CHECK(drawn > 800);
  CHECK(drawn < 1'200);
}

TEST_CASE("request maker: wrong texts are refused, with what is right") {
  auto texts = write_texts();
  texts.record = R"({"id":"{uid}"})";
  CHECK(refusal(texts).find("{uuid}") != std::string::npos);
  texts.record = R"({"id":"{id}"})"; // its length varies
  CHECK(refusal(texts).find("'{id}'") != std::string::npos);
  texts.record = R"({"a":{},"b":{"c":1},"d":"{ not one }"})";
  CHECK(refusal(texts) == "");
  texts.path = "api";
  CHECK(refusal(texts).find("slash") != std::string::npos);
  texts.path = "/a b";
  CHECK(refusal(texts).find("%20") != std::string::npos);
  texts.path = "/a";
  for (const char* header : {"nothing", ": x", "A B: c", "A: b\r\nC: d"}) {
    texts.headers = {header};
    CAPTURE(header);
    CHECK(refusal(texts).find("Name: value") != std::string::npos);
  }
  auto lines = write_texts(body_form::ndjson, 2);
  lines.record = "{\n}";
  CHECK(refusal(lines).find("line break") != std::string::npos);
}
