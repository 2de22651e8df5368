// A file is there whole or not at all; lines come out of it as they went in, compressed or not.
#include "eventstore/export_file.hpp"
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>
#include <stdlib.h>
#include <vector>

using namespace synclog;
using namespace synclog::eventstore;
namespace fs = std::filesystem;

namespace {

class folder {
 public:
  folder() {
    path_ = (fs::temp_directory_path() / "synclog-file-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary folder");
  }
  ~folder() { fs::remove_all(path_); }
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  std::size_t files() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path_), fs::directory_iterator{}));
  }

 private:
  std::string path_;
};

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_text(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

const std::atomic<bool> never{false};
const std::atomic<bool> at_once{true};

void write_whole(const std::string& path, const std::string& text, compression packed) {
  auto made = whole_file::create(path, existing_file::keep, packed);
  REQUIRE(made.has_value());
  REQUIRE(made->write(text, never).has_value());
  REQUIRE(made->finish(never).has_value());
}

struct read_lines {
  std::vector<std::string> lines;
  std::string refused; // with the number of its line
};

read_lines read_all(const std::string& path) {
  read_lines made;
  auto source = line_source::open(path);
  REQUIRE(source.has_value());
  while (true) {
    const auto line = source->next(never);
    if (!line) {
      made.refused = std::to_string(source->line()) + " " + line.error().detail;
      return made;
    }
    if (!*line) return made;
    made.lines.emplace_back(**line);
  }
}

} // namespace

TEST_CASE("whole file: it has its name when it is finished, and nothing is left of one that is not") {
  const folder where;
  const auto path = where.file("log");
  {
    auto made = whole_file::create(path, existing_file::keep, compression::none);
    REQUIRE(made.has_value());
    REQUIRE(made->write(std::string(3'000'000, 'x'), never).has_value());
    CHECK(fs::exists(path + ".part"));
    CHECK_FALSE(fs::exists(path));
  }
  CHECK(where.files() == 0);
  write_whole(path, "whole\n", compression::none);
  CHECK(text_of(path) == "whole\n");
  CHECK(where.files() == 1);
}

TEST_CASE("whole file: an existing file stays unless it is to be replaced, also one that came meanwhile") {
  const folder where;
  const auto path = where.file("log");
  {
    auto made = whole_file::create(path, existing_file::keep, compression::none);
    REQUIRE(made.has_value());
    write_text(path, "theirs");
    REQUIRE(made->write("ours", never).has_value());
    const auto finished = made->finish(never);
    REQUIRE_FALSE(finished.has_value());
    CHECK(finished.error().detail == path + " exists; --force replaces it");
  }
  CHECK(text_of(path) == "theirs");
  CHECK(where.files() == 1);
  CHECK_FALSE(whole_file::create(path, existing_file::keep, compression::none).has_value());
  auto replacing = whole_file::create(path, existing_file::replace, compression::none);
  REQUIRE(replacing.has_value());
  REQUIRE(replacing->write("ours", never).has_value());
  CHECK(text_of(path) == "theirs");
  REQUIRE(replacing->finish(never).has_value());
  CHECK(text_of(path) == "ours");
}

TEST_CASE("whole file: two exports do not write one file, and what a killed one left is taken over") {
  const folder where;
  const auto path = where.file("log");
  write_text(path + ".part", "left by a killed one, longer than what comes");
  auto first = whole_file::create(path, existing_file::keep, compression::none);
  REQUIRE(first.has_value());
  const auto second = whole_file::create(path, existing_file::keep, compression::none);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().detail == path + ".part is being written by another export");
  REQUIRE(first->write("short", never).has_value());
  REQUIRE(first->finish(never).has_value());
  CHECK(text_of(path) == "short");
}

TEST_CASE("whole file: stopping is a problem of its own, an unreachable folder one in the system's words") {
  const folder where;
  auto made = whole_file::create(where.file("log"), existing_file::keep, compression::none);
  REQUIRE(made.has_value());
  const auto stopped = made->write(std::string(1 << 20, 'x'), at_once);
  REQUIRE_FALSE(stopped.has_value());
  CHECK(stopped.error().code == core::problem_code::draining);
  const auto nowhere = whole_file::create(where.file("none/log"), existing_file::keep, compression::none);
  REQUIRE_FALSE(nowhere.has_value());
  CHECK(nowhere.error().detail ==
        "cannot write " + where.file("none/log") + ".part: No such file or directory");
}

TEST_CASE("lines: they come out as they went in, plain and compressed, empty and long ones too") {
  const folder where;
  const std::vector<std::string> lines{"first", "", std::string(2'000'000, 'l'), "\xC3\xA9\r", "last"};
  std::string text;
  for (const auto& line : lines)
    text += line + "\n";
  write_whole(where.file("plain"), text, compression::none);
  write_whole(where.file("packed"), text, compression::gzip);
  CHECK(text_of(where.file("packed")).size() < text.size() / 10);
  for (const char* name : {"plain", "packed"}) {
    const auto read = read_all(where.file(name));
    CHECK(read.refused.empty());
    CHECK(read.lines == lines);
  }
  write_text(where.file("empty"), "");
  CHECK(read_all(where.file("empty")).lines.empty());
}

TEST_CASE("lines: a cut, a broken compression and an endless line are refused with their number") {
  const folder where;
  write_text(where.file("cut"), "one\ntwo\nthr");
  CHECK(read_all(where.file("cut")).refused == "3 is cut off");

  std::string text;
  for (int i = 0; i < 50'000; ++i)
    text += std::to_string(i * 7919 % 50'021) + "\n";
  write_whole(where.file("packed"), text, compression::gzip);
  const auto packed = text_of(where.file("packed"));
  write_text(where.file("packed-cut"), packed.substr(0, packed.size() - 5));
  CHECK(read_all(where.file("packed-cut")).refused == "50001 is cut off: the compressed data ends here");
  write_text(where.file("packed-more"), packed + "garbage");
  CHECK(read_all(where.file("packed-more")).refused == "50001 the compressed data was changed, or is none");
  auto changed = packed;
  changed[changed.size() / 2] = static_cast<char>(changed[changed.size() / 2] ^ 0x10);
  write_text(where.file("packed-changed"), changed);
  CHECK_FALSE(read_all(where.file("packed-changed")).refused.empty());

  write_whole(where.file("endless"), std::string(line_source::max_line_bytes + (1 << 20), ' '),
              compression::gzip);
  CHECK(read_all(where.file("endless")).refused == "1 is longer than 16777216 bytes");
}
