// Request ids: a random part per process and a counter.
#include "http/request_id.hpp"
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <fmt/format.h>
#include <random>

namespace synclog::http {
namespace {

constexpr std::size_t max_id_characters = 128;

std::uint64_t process_part() {
  std::random_device source;
  return (static_cast<std::uint64_t>(source()) << 32) | source();
}

} // namespace

std::string choose_request_id(std::string_view from_client) {
  const bool sane =
      !from_client.empty() && from_client.size() <= max_id_characters &&
      std::all_of(from_client.begin(), from_client.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (sane) return std::string(from_client);
  static const std::string prefix = fmt::format("{:016x}-", process_part());
  static std::atomic<std::uint64_t> counter{0};
  std::string out = prefix;
  fmt::format_to(std::back_inserter(out), "{:x}", counter.fetch_add(1, std::memory_order_relaxed) + 1);
  return out;
}

} // namespace synclog::http
