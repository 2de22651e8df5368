// The seeds of the targets: small text files in seeds/<target>, in which \xNN, \r, \n, \t and \\ stand for
// bytes and line ends for nothing, so that every byte of them can be seen and no editor changes them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace synclog::fuzz {

struct seed {
  std::string file;
  std::string bytes;
};

// Sorted by name. Throws std::runtime_error when there is none or one cannot be read.
std::vector<seed> read_seeds(std::string_view target);
// The words of dictionaries/<target>.dict, as libFuzzer reads them; none when there is no such file.
std::vector<std::string> read_words(std::string_view target);

std::string unescaped(std::string_view text);
// The inverse, on one line: what a failure shows.
std::string escaped(std::string_view bytes);

} // namespace synclog::fuzz
