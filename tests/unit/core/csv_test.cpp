// Reading what branches export: dialects, encodings, quotes that cannot be trusted, and rows that are broken.
#include "core/csv.hpp"
#include "core/utf8.hpp"
#include <doctest/doctest.h>
#include <random>

using namespace synclog::core;

namespace {

using table = std::vector<std::vector<std::string>>;

struct outcome {
  table good;
  std::vector<std::uint64_t> good_lines;
  std::vector<std::uint64_t> broken_lines;
  csv::dialect dialect;
};

outcome read_all(std::string_view bytes, csv::quote_trust trust = csv::quote_trust::look) {
  auto opened = csv::reader::open(bytes, trust);
  REQUIRE(opened.has_value());
  outcome found;
  found.dialect = opened->dialect();
  csv::row row;
  while (opened->next(row)) {
    if (row.defect) {
      REQUIRE(row.defect->place.has_value());
      CHECK(row.defect->place->line == row.line);
      found.broken_lines.push_back(row.line);
    } else {
      CHECK(row.cells.size() == opened->header().size());
      CHECK(row.quoted.size() == row.cells.size());
      found.good.push_back(row.cells);
      found.good_lines.push_back(row.line);
    }
  }
  return found;
}

using lines = std::vector<std::uint64_t>;

std::string utf16(std::string_view ascii, bool big, bool mark) {
  std::string out;
  const auto put = [&](char low, char high) {
    out.push_back(big ? high : low);
    out.push_back(big ? low : high);
  };
  if (mark) put('\xFF', '\xFE');
  for (const char each : ascii)
    put(each, '\0');
  return out;
}

} // namespace

TEST_CASE("csv: delimiters, line ends and byte order mark are detected") {
  for (const char delimiter : {',', ';', '\t', '|'})
    for (const std::string end : {"\n", "\r\n", "\r"})
      for (const std::string mark : {"", "\xEF\xBB\xBF"}) {
        const std::string d(1, delimiter);
        const auto found = read_all(mark + "a" + d + " b " + d + "c" + end + "1" + d + d + "x y" + end + "4" +
                                    d + "5" + d + "6");
        CHECK(found.dialect.delimiter == delimiter);
        CHECK(found.good == table{{"1", "", "x y"}, {"4", "5", "6"}});
        CHECK(found.good_lines == lines{2, 3});
      }
  CHECK(csv::reader::open(" name ;\"other, one\"\n")->header() ==
        std::vector<std::string>{"name", "other, one"});
  CHECK(read_all("only\nx\ny\n").good == table{{"x"}, {"y"}});
}

TEST_CASE("csv: encodings are told apart") {
  const std::string text = "a;b\r\n1;2\r\n";
  for (const bool big : {false, true})
    for (const bool mark : {false, true}) {
      const auto found = read_all(utf16(text, big, mark));
      CHECK(found.dialect.encoding == (big ? "utf-16be" : "utf-16le"));
      CHECK(found.good == table{{"1", "2"}});
    }
  const auto latin = read_all("a;b\nJos\xE9;\x80 5\nMar\xED;\x93x\x94\n");
  CHECK(latin.dialect.encoding == "windows-1252");
  CHECK(latin.good == table{{"Jos\xC3\xA9", "\xE2\x82\xAC 5"}, {"Mar\xC3\xAD", "\xE2\x80\x9Cx\xE2\x80\x9D"}});
  const auto utf8 = read_all("a;b\nJos\xC3\xA9;1\n");
  CHECK(utf8.dialect.encoding == "utf-8");
  const auto surrogates =
      read_all(utf16("a;b\n", false, true) + std::string("\x3D\xD8\x00\xDE;\000\061\000\n\000", 10));
  CHECK(surrogates.good == table{{"\xF0\x9F\x98\x80", "1"}});
}

TEST_CASE("csv: broken bytes cost their own row") {
  std::string text = "a;b\n";
  for (int at = 0; at < 20; ++at)
    text += "Jos\xC3\xA9;" + std::to_string(at) + "\n";
  const auto found = read_all(text + "bad\xFFpart;x\n" + std::string("nul;x\0y\n", 8) + "good;1\n");
  CHECK(found.dialect.encoding == "utf-8");
  CHECK(found.good.size() == 21);
  CHECK(found.broken_lines == lines{22, 23});
  auto opened = csv::reader::open(std::string("a;b\n1;x\0y\n", 10));
  csv::row row;
  REQUIRE(opened->next(row));
  CHECK(row.defect_column == 2);
  CHECK(row.defect->place->column == 2);
}

TEST_CASE("csv: what is no text, or has no header, is malformed") {
  std::string binary = "\x89PNG\r\n\x1A\n";
  for (int at = 0; at < 500; ++at)
    binary.push_back(static_cast<char>(at * 7));
  for (const std::string& bad :
       {std::string(), std::string("\n\n  \n"), std::string(";;;\n1;2;3;4\n"), binary,
        std::string("PK\x03\x04\x14\0\0\0", 8), std::string("a\0b;c\n1;2\n", 10)}) {
    const auto opened = csv::reader::open(bad);
    REQUIRE(opened.has_error());
    CHECK(opened.error().code == problem_code::malformed);
  }
}

TEST_CASE("csv: a line with another number of fields is rejected by itself, blank lines are skipped") {
  const auto found = read_all("a;b;c\n1;2;3\n\nshort\n4;5;6\n  \n7;8\n;9;\ntoo;many;of;them\n;;\n");
  CHECK(found.good == table{{"1", "2", "3"}, {"4", "5", "6"}, {"", "9", ""}, {"", "", ""}});
  CHECK(found.good_lines == lines{2, 5, 8, 10});
  CHECK(found.broken_lines == lines{4, 7, 9});
  CHECK(read_all("a\tb\n \t\n1\t2\n").good == table{{" ", ""}, {"1", "2"}});
}

TEST_CASE("csv: RFC 4180 quotes enclose delimiters, quotes and line breaks") {
  const auto found = read_all(
      "a,b,c\r\n\"x,y\",\"he said \"\"hi\"\"\",\"line one\r\nline, two\r\n\r\nend\"\r\n1,\"\",3\r\n");
  CHECK(found.good == table{{"x,y", "he said \"hi\"", "line one\r\nline, two\r\n\r\nend"}, {"1", "", "3"}});
  CHECK(found.good_lines == lines{2, 6});
  CHECK(found.dialect.strict);
}

TEST_CASE("csv: a quote inside an unquoted field, or one that is not closed properly, is a character") {
  const auto found =
      read_all("a;b;c\n1;O\"NEIL;3\n2;\"X\" Y;3\n3;\"open;3\n4;5\"\";6\n5;\";\n6;7;\"\n7;\"q;r\";9\n");
  CHECK(found.good == table{{"1", "O\"NEIL", "3"},
                            {"2", "\"X\" Y", "3"},
                            {"3", "\"open", "3"},
                            {"4", "5\"\"", "6"},
                            {"5", "\"", ""},
                            {"6", "7", "\""},
                            {"7", "q;r", "9"}});
  CHECK(found.broken_lines.empty());
}

TEST_CASE("csv: stray quotes in one column of several rows do not swallow what stands between") {
  const auto found = read_all("a;b;c\n1;\"ANN;x\n2;BOB;y\n3;CY\";z\n4;DAN;w\n");
  CHECK(found.good.size() == 4);
  CHECK(found.good[0][1] == "\"ANN");
  CHECK(found.good[2][1] == "CY\"");
  // A line that is only complete without its quotes.
  CHECK(read_all("a;b;c\n1;\"x;y\"\n\"x;y;z\"\n").good == table{{"1", "\"x", "y\""}, {"\"x", "y", "z\""}});
}

TEST_CASE("csv: line breaks in quotes are kept also in files that have stray quotes elsewhere") {
  const auto found = read_all("a;b;c\n1;O\"NEIL;x\n2;\"two\nlines\";y\n3;z;\"last\ncolumn\"\n4;5;6\n");
  CHECK(found.good ==
        table{{"1", "O\"NEIL", "x"}, {"2", "two\nlines", "y"}, {"3", "z", "last\ncolumn"}, {"4", "5", "6"}});
  CHECK(found.good_lines == lines{2, 3, 5, 7});
}

TEST_CASE(
    "csv: line breaks in quotes are believed without other quotes where a line would break without them") {
  const std::string file = "a,b,c\r\n1,2,3\r\n\"one\r\ntwo\",5,6\r\n7,8,9\r\n";
  CHECK(read_all(file).good == table{{"1", "2", "3"}, {"one\r\ntwo", "5", "6"}, {"7", "8", "9"}});
  CHECK(read_all(file, csv::quote_trust::stray).broken_lines == lines{3});
  CHECK(read_all("a,b\n1,\"x\ny\"\n").good == table{{"1", "x\ny"}});
  // Nowhere else is there anything wrong with the file.
  CHECK(read_all(file + "O\"NEIL,x,y\n").broken_lines == lines{3});
}

TEST_CASE("csv: a row broken in two is two broken lines and nothing else") {
  const auto found = read_all("a;b;c;d\r\n1;2;3;4\r\n5;six and\r\na half;7;8\r\n9;10;11;12\r\n");
  CHECK(found.good.size() == 2);
  CHECK(found.broken_lines == lines{3, 4});
}

TEST_CASE("csv: a quote that never closes costs its own line at most, wherever it is") {
  for (int broken = 0; broken < 400; broken += 7) {
    std::string text = "a;b;c;d\n";
    for (int at = 0; at < 400; ++at)
      text += std::to_string(at) + (at == broken ? ";\"open" : ";x") + ";y;z\n";
    const auto found = read_all(text);
    CHECK(found.good.size() == 400);
    CHECK(found.broken_lines.empty());
  }
  std::string far = "a;b\n1;\"open\n";
  for (int at = 0; at < 5'000; ++at)
    far += "broken line " + std::to_string(at) + "\n";
  CHECK(read_all(far + "x;close\"\n").broken_lines.size() == 5'000);
}

TEST_CASE("csv: many quotes are read in linear time") {
  std::string text = "a;b\n";
  for (int at = 0; at < 200'000; ++at)
    text += "\"\n";
  CHECK(read_all(text).broken_lines.size() == 200'000);
  CHECK(read_all("a;b\n" + std::string(2'000'000, '"') + "\n1;2\n").good.size() == 1);
}

TEST_CASE("csv: a file in the distributors' dialect adds up") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  for (int round = 0; round < 20; ++round) {
    std::string text;
    for (int column = 0; column < 51; ++column)
      text += (column == 0 ? "C" : ";C") + std::to_string(column);
    text += "\r\n";
    std::size_t good = 0;
    std::size_t broken = 0;
    for (int at = 0; at < 300; ++at) {
      const bool split = random() % 20 == 0;
      const int split_column = 1 + static_cast<int>(random() % 49);
      for (int column = 0; column < 51; ++column) {
        static const std::vector<std::string> cells{"",       "N/A",     "?",       "1985/07/14", "A \"B\" C",
                                                    "\"LEAD", "TRAIL\"", "O\"NEIL", "x"};
        text += (column == 0 ? "" : ";") + cells[random() % cells.size()];
        if (split && column == split_column) text += "BREAK\r\nBREAK";
      }
      text += "\r\n";
      if (random() % 10 == 0) text += "\r\n";
      split ? broken += 2 : ++good;
    }
    const auto found = read_all(text);
    CHECK(found.good.size() == good);
    CHECK(found.broken_lines.size() == broken);
  }
}

TEST_CASE("csv: random bytes never crash, and every line is counted at most once") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const std::string pieces[] = {
      "\"", ";", ",", "\n", "\r\n", "\"\"", "a", "\t", "|", "\xC3\xA9", "\xFF", std::string(1, '\0'), " "};
  for (int round = 0; round < 5'000; ++round) {
    std::string text = random() % 2 == 0 ? "a;b;c\n" : "";
    for (std::size_t at = 0, count = random() % 60; at < count; ++at)
      text += pieces[random() % std::size(pieces)];
    auto opened = csv::reader::open(text);
    if (!opened) continue;
    csv::row row;
    std::uint64_t last = 0;
    while (opened->next(row)) {
      CHECK(row.line > last);
      last = row.line;
      if (row.defect) continue;
      for (const std::string& cell : row.cells)
        CHECK((is_valid_utf8(cell) && cell.find('\0') == std::string::npos));
    }
  }
}

TEST_CASE(
    "csv: of a part of a file, whoever has seen the whole says whether line breaks in quotes are believed") {
  // A record of which each line looks like a whole one, and no quotes elsewhere: by itself it looks like two
  // stray quotes.
  const std::string part = "a;b\n\"one;1\ntwo\";x\n";
  CHECK(read_all(part).good == table{{"\"one", "1"}, {"two\"", "x"}});
  CHECK(read_all(part, csv::quote_trust::proper).good == table{{"one;1\ntwo", "x"}});
  // Two stray quotes that pair up in a part where others are used properly.
  const std::string pair = "a;b\n\"1\";x\n2;\"y\n3;z\"\n";
  CHECK(read_all(pair).good.size() == 2);
  CHECK(read_all(pair, csv::quote_trust::stray).good.size() == 3);
}
