// The form of the log's lines.
#include "tools/log_lines.hpp"

#include <doctest/doctest.h>
#include <spdlog/details/log_msg.h>
#include <spdlog/formatter.h>
#include <string>

namespace {

std::string line_of(const std::string& message) {
  spdlog::memory_buf_t out;
  synclog::tools::make_log_formatter()->format(
      spdlog::details::log_msg("synclog", spdlog::level::warn, message), out);
  return {out.data(), out.size()};
}

} // namespace

TEST_CASE("log lines: a message has one line and moves no cursor, whatever it quotes") {
  const auto line = line_of("Key (x)=(a\r\nforged info \x1b[2J\x7f \xc2\x9b"
                            "31m \xff) is there");
  CHECK(line.ends_with(
      "warning Key (x)=(a\\u000d\\u000aforged info \\u001b[2J\\u007f \\u009b31m \\xff) is there\n"));
  CHECK(line.find('\n') == line.size() - 1);
  CHECK(line_of("Grüße, 你好").ends_with(" warning Grüße, 你好\n"));
}
