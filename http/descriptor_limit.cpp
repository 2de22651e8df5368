// RLIMIT_NOFILE.
#include "http/descriptor_limit.hpp"
#include <algorithm>
#include <sys/resource.h>

namespace synclog::http {
namespace {

constexpr std::size_t other_descriptors = 256; // database, listeners, files, and connections being refused

} // namespace

std::size_t raise_descriptor_limit(std::size_t connections) {
  rlimit bound{};
  if (getrlimit(RLIMIT_NOFILE, &bound) != 0) return 0;
  const rlim_t wanted = std::min<rlim_t>(connections + other_descriptors, bound.rlim_max);
  if (bound.rlim_cur < wanted) {
    const rlimit raised{wanted, bound.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) bound.rlim_cur = wanted;
  }
  return bound.rlim_cur;
}

} // namespace synclog::http
