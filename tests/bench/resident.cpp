// See resident.hpp.
#include "bench/resident.hpp"
#include <fstream>
#include <sstream>
#include <string>

namespace synclog::tests::bench {

resident_kb resident_of(pid_t pid) {
  resident_kb made;
  std::ifstream in("/proc/" + std::to_string(pid) + "/smaps_rollup");
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string name;
    double kb = 0;
    words >> name >> kb;
    if (name == "Rss:") made.rss = kb;
    if (name == "Pss:") made.pss = kb;
    if (name == "Anonymous:") made.anonymous = kb;
  }
  return made;
}

} // namespace synclog::tests::bench
