// RLIMIT_NOFILE.
#include "http/descriptor_limit.hpp"
#include <algorithm>
#include <sys/resource.h>

namespace synclog::http {
namespace {

constexpr std::size_t other_descriptors = 384; // database, listeners, files, and connections being refused
constexpr std::size_t leaving_share = 8;       // one more for so many: connections that are about to end

} // namespace

std::size_t connections_within_descriptors(std::size_t wanted) {
  rlimit bound{};
  if (getrlimit(RLIMIT_NOFILE, &bound) != 0) return wanted;
  const rlim_t needed = std::min<rlim_t>(wanted + wanted / leaving_share + other_descriptors, bound.rlim_max);
  if (bound.rlim_cur < needed) {
    const rlimit raised{needed, bound.rlim_max};
    if (setrlimit(RLIMIT_NOFILE, &raised) == 0) bound.rlim_cur = needed;
  }
  const std::size_t all = bound.rlim_cur;
  const std::size_t left = all > 2 * other_descriptors ? all - other_descriptors : all / 2;
  return std::min(wanted, left * leaving_share / (leaving_share + 1) + 1);
}

} // namespace synclog::http
