// CSV in and out: the dialect of the distributor export, broken rows among good ones, and other files that
// branches send.
#include "records_support.hpp"
#include "tests/support/server_fixture.hpp"
#include <doctest/doctest.h>
#include <random>

using namespace synclog::tests;

namespace {

const http_headers csv_body{{"Content-Type", "text/csv"}};

// The older system's export, made up: semicolons, CRLF, upper-case columns of which most go to
// agreement_data, stray quotes, N/A and ?, and now and then a row that a line break has cut in two.
struct export_file {
  std::string text;
  std::size_t good = 0;
  std::size_t broken_lines = 0;
  std::vector<std::size_t> broken_at; // physical lines
};

constexpr const char* header_line =
    "DRN;DAF;NAME;SEX;BIRTH_DATE;IC_NO;ADDR1;ADDR2;POST_CODE;CITY;MOBILE_TELE;POSITION;DATE_JOINED;SALES_"
    "OFFICE;RACE;STATUS;EMAIL;CARINGFUND;sUpline\r\n";

export_file make_export(std::size_t rows, unsigned seed) {
  std::mt19937 random(seed);
  const auto pick = [&](std::size_t among) { return random() % among; };
  constexpr const char* names[] = {"ANNE \"ANNIE\" OOI", "O'NEIL PAT", "ZAINAB \"Z", "LEE  MEI",
                                   "\xc3\x96ZG\xc3\x9cR"};
  constexpr const char* nothing[] = {"N/A", "?", ""};
  export_file made;
  made.text = header_line;
  std::size_t line = 1;
  for (std::size_t i = 0; i < rows; ++i) {
    ++line;
    const auto code = "NB" + std::to_string(100'000 + i);
    const auto head = code + ";" + std::to_string(pick(90'000)) + ";" + names[pick(5)] + " " +
                      std::to_string(i) + ";" + nothing[pick(3)];
    const auto rest = ";1985/07/14;;LOT " + std::to_string(pick(99)) + ";;" +
                      std::to_string(10'000 + pick(80'000)) + ";IPOH;08" + std::to_string(pick(99'999'999)) +
                      ";DM;2009/11/24;B" + std::to_string(pick(20)) + ";N/A;A;" +
                      (pick(2) == 0 ? "a" + std::to_string(i) + "@example.org" : "") + ";0;\r\n";
    if (pick(300) == 0) {
      // A line break inside a field: two physical lines, neither of which is a row.
      made.text += head + ";1985/07\r\n/14" + rest;
      made.broken_at.push_back(line);
      made.broken_at.push_back(++line);
      made.broken_lines += 2;
    } else {
      made.text += head + rest;
      ++made.good;
    }
  }
  return made;
}

std::size_t number_at(const http_reply& answer, const char* pointer) {
  return static_cast<std::size_t>(std::stoull(at(answer.body, pointer)));
}

} // namespace

TEST_CASE(
    "csv import: 12,000 rows of the distributor export, broken ones among them; again, and nothing changes") {
  const server_fixture server;
  const auto file = make_export(12'000, 20'261'123);
  REQUIRE(file.broken_lines > 0);
  http_client client(server.port(), {.patience = std::chrono::minutes(2)}); // a debug build on a busy machine
  const auto first = client.request("POST", "/api/distributors", csv_body, file.text);
  REQUIRE_MESSAGE(first.status == 207, first.body.substr(0, 500));
  CHECK(number_at(first, "/created") == file.good);
  CHECK(number_at(first, "/count") == file.good);
  CHECK(number_at(first, "/rejected") == file.broken_lines);
  CHECK(size_at(first.body, "/results") == file.good + file.broken_lines);
  CHECK(server.event_count() == static_cast<std::int64_t>(file.good));
  CHECK(number_at(first, "/results/0/version") == 1);

  const auto again = client.request("POST", "/api/distributors", csv_body, file.text);
  CHECK(again.status == 207);
  CHECK(number_at(again, "/unchanged") == file.good);
  CHECK(number_at(again, "/rejected") == file.broken_lines);
  CHECK(server.event_count() == static_cast<std::int64_t>(file.good));

  const auto one = server.get("/api/distributors?code=NB100001");
  REQUIRE(size_at(one.body) == 1);
  CHECK(at(one.body, "/0/location") == "IPOH");
  CHECK(at(one.body, "/0/branch").starts_with("B"));
  CHECK(at(one.body, "/0/agreement_data/BIRTH_DATE") == "1985/07/14");
  CHECK(at(one.body, "/0/agreement_data/STATUS") == "A");
  CHECK(at(one.body, "/0/agreement_data/NAME") == "(absent)");
  CHECK(at(one.body, "/0/status") == "active");
}

TEST_CASE("csv import: every broken line is reported by its number") {
  const server_fixture server;
  const auto file = make_export(2'000, 7);
  REQUIRE(file.broken_lines > 0);
  const auto answer = server.request("POST", "/api/distributors", csv_body, file.text);
  REQUIRE(answer.status == 207);
  std::vector<std::size_t> reported;
  for (std::size_t found = answer.body.find("\"line\":"); found != std::string::npos;
       found = answer.body.find("\"line\":", found + 1))
    reported.push_back(std::stoull(answer.body.substr(found + 7)));
  CHECK(reported == file.broken_at);
}

TEST_CASE("csv import: strict takes all rows or none, a dry run takes none") {
  const server_fixture server;
  auto headers = csv_body;
  headers.emplace_back("Prefer", "handling=strict");
  const auto refused = server.request("POST", "/api/clients", headers, "full_name,phone\nAnn,1\nBob\n");
  CHECK(refused.status == 422);
  CHECK(at(refused.body, "/results/0/status") == "aborted");
  CHECK(at(refused.body, "/results/1/line") == "3");
  const auto dry =
      server.request("POST", "/api/clients?dry_run=true", csv_body, "full_name,phone\nAnn,1\nBob\n");
  CHECK(dry.status == 207);
  CHECK(at(dry.body, "/created") == "1");
  CHECK(server.event_count() == 0);
}

TEST_CASE("csv import: a wrong cell is reported with line and column, its neighbours are saved") {
  const server_fixture server;
  const auto answer =
      server.request("POST", "/api/clients", csv_body,
                     "full_name,phone,date_of_birth\nAnn,1,1990-01-02\nBob,2,1990-02-30\n,3,\nDot,4,\n");
  CHECK(answer.status == 207);
  CHECK(at(answer.body, "/created") == "2");
  CHECK(at(answer.body, "/results/1/line") == "3");
  CHECK(at(answer.body, "/results/1/column") == "3");
  CHECK(at(answer.body, "/results/1/errors/0/pointer") == "/date_of_birth");
  CHECK(at(answer.body, "/results/2/line") == "4");
  CHECK(at(answer.body, "/results/2/errors/0/pointer") == "/full_name");
}

TEST_CASE("csv import: delimiters, byte order marks, encodings and quotes are found in the file") {
  const server_fixture server;
  const auto names_after = [&](const std::string& file) {
    const auto answer = server.request("POST", "/api/clients", csv_body, file);
    CHECK_MESSAGE(answer.status == 200, answer.body);
    const auto id = at(answer.body, "/results/0/id");
    return at(server.get("/api/clients/" + id).body, "/full_name");
  };
  CHECK(names_after("full_name,phone\nAnn,1\n") == "Ann");
  CHECK(names_after("\xef\xbb\xbf"
                    "full_name;phone\r\nBea;1\r\n") == "Bea");
  CHECK(names_after("Full_Name\tphone\nCid\t1\n") == "Cid");
  CHECK(names_after("fullName|phone\nDot|1\n") == "Dot");
  CHECK(names_after("phone,full_name,city\n1,\"Eve\nof two lines\",K\n") == "Eve\nof two lines");
  CHECK(names_after("full_name,phone\nJos\xe9,1\n") == "Jos\xc3\xa9");
  CHECK(names_after("full_name,phone\nFay \"F\" Fox,1\n") == "Fay \"F\" Fox");
  CHECK(names_after(std::string("\xff\xfe"
                                "f\0u\0l\0l\0_\0n\0a\0m\0e\0\n\0G\0u\0s\0\n\0",
                                28)) == "Gus");
}

TEST_CASE("csv import: what is no text or has no header is 400") {
  const auto& server = server_fixture::shared();
  for (const std::string& file :
       {std::string(), std::string("\n\n"), std::string("a\0b\0\x01\x02,c\n1,2\n", 13)}) {
    CAPTURE(file);
    const auto refused = server.request("POST", "/api/clients", csv_body, file);
    CHECK(refused.status == 400);
  }
}

TEST_CASE("csv import: columns without a field go to the rest object; map names them otherwise") {
  const server_fixture server;
  const auto rest = server.request("POST", "/api/clients", csv_body, "id,full_name,Shoe Size\nC-1,Ann,38\n");
  REQUIRE_MESSAGE(rest.status == 200, rest.body);
  CHECK(at(server.get("/api/clients/C-1").body, "/data/Shoe Size") == "38");
  const auto mapped = server.request("POST", "/api/clients?map=Wer:full_name,Tel:phone", csv_body,
                                     "id,Wer,Tel\nC-2,Bob,99\n");
  REQUIRE_MESSAGE(mapped.status == 200, mapped.body);
  CHECK(at(server.get("/api/clients/C-2").body, "/full_name") == "Bob");
  CHECK(at(server.get("/api/clients/C-2").body, "/phone") == "99");
  CHECK(server.request("POST", "/api/clients?map=Wer:nonsense", csv_body, "Wer\nBob\n").status == 400);
  CHECK(server.request("POST", "/api/clients?map=Wer", csv_body, "Wer\nBob\n").status == 400);
}

TEST_CASE("csv import: quotes= says of a part of a file whether line breaks in quotes are believed") {
  const auto& server = server_fixture::shared();
  const std::string part = "city;full_name\n\"one;Bo\ntwo\";Ann\n";
  const auto rows_with = [&](const std::string& query) {
    const auto answer = server.request("POST", "/api/clients?dry_run=true" + query, csv_body, part);
    return answer.status < 300 ? at(answer.body, "/count") : std::to_string(answer.status);
  };
  CHECK(rows_with("") == "2");
  CHECK(rows_with("&quotes=stray") == "2");
  CHECK(rows_with("&quotes=proper") == "1");
  CHECK(rows_with("&quotes=maybe") == "400");
  CHECK(rows_with("&quotes=proper&quotes=stray") == "400");
  CHECK(server.post("/api/clients?quotes=proper", R"({"full_name":"A"})").status == 400);
}

TEST_CASE("csv export: cells that a spreadsheet would run are made harmless and come back as they were") {
  const server_fixture server;
  const auto body =
      R"([{"id":"C-1","full_name":"=1+1","phone":"+60 12","address":"@home","city":"-x","email":"'=x"},{"id":"C-2","full_name":"'plain"}])";
  REQUIRE(server.post("/api/clients", body).status == 200);
  REQUIRE(server.post("/api/finance-cash-requests", R"({"branch":"n","amount":-5})").status == 201);
  const auto exported = server.get("/api/clients?sort=id", {{"Accept", "text/csv"}});
  CHECK(exported.body.find("'=1+1") != std::string::npos);
  CHECK(exported.body.find("'+60 12") != std::string::npos);
  CHECK(exported.body.find("''=x") != std::string::npos);
  CHECK(exported.body.find("'@home") != std::string::npos);
  CHECK(exported.body.find("'-x") != std::string::npos);
  CHECK(server.get("/api/finance-cash-requests", {{"Accept", "text/csv"}}).body.find(",-5") !=
        std::string::npos);
  const auto events = server.event_count();
  const auto back = server.request("POST", "/api/clients", csv_body, exported.body);
  CHECK(at(back.body, "/unchanged") == "2");
  CHECK(server.event_count() == events);
}
