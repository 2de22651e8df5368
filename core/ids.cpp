// Record ids and time-ordered UUIDs.
#include "core/ids.hpp"
#include "core/chain.hpp"
#include "core/utf8.hpp"
#include <atomic>
#include <chrono>
#include <cstring>

namespace synclog::core {

namespace {

constexpr std::size_t max_record_id_bytes = 255;

// Milliseconds since 1970 in units of 1/4096: the top 48 bits are the UUID's time, the lower 12 its rand_a
// (RFC 9562, 6.2 method 3). Never the same number twice, also when the clock stands still or steps back.
std::uint64_t next_tick() {
  static std::atomic<std::uint64_t> last{0};
  const auto nanos = std::chrono::duration_cast<std::chrono::nanoseconds>(
                         std::chrono::system_clock::now().time_since_epoch())
                         .count();
  const auto total = static_cast<std::uint64_t>(nanos);
  const std::uint64_t clock_tick = (total / 1'000'000) << 12 | (total % 1'000'000) * 4096 / 1'000'000;
  std::uint64_t seen = last.load(std::memory_order_relaxed);
  std::uint64_t tick = 0;
  do {
    tick = clock_tick > seen ? clock_tick : seen + 1;
  } while (!last.compare_exchange_weak(seen, tick, std::memory_order_relaxed));
  return tick;
}

std::uint64_t next_random() {
  std::uint64_t value = 0;
  fill_random(reinterpret_cast<unsigned char*>(&value), sizeof value);
  return value;
}

} // namespace

bool is_valid_record_id(std::string_view id) {
  if (id.empty() || id.size() > max_record_id_bytes || id == "." || id == "..") return false;
  for (std::size_t at = 0; at < id.size();) {
    const auto byte = static_cast<unsigned char>(id[at]);
    if (byte < 0x20 || byte == 0x7F || byte == '/') return false;
    if (byte < 0x80) {
      ++at;
      continue;
    }
    const std::size_t length = utf8_sequence_length(id, at);
    if (length == 0) return false;
    // C1 controls, U+0080 to U+009F.
    if (byte == 0xC2 && static_cast<unsigned char>(id[at + 1]) < 0xA0) return false;
    at += length;
  }
  return true;
}

uuid make_uuid7() {
  const std::uint64_t tick = next_tick();
  const std::uint64_t high = tick >> 12 << 16 | 0x7000 | (tick & 0xFFF);
  const std::uint64_t low = 0x8000000000000000ull | (next_random() & 0x3FFFFFFFFFFFFFFFull);
  uuid id{};
  for (int at = 0; at < 8; ++at) {
    id[static_cast<std::size_t>(at)] = static_cast<unsigned char>(high >> (56 - 8 * at));
    id[static_cast<std::size_t>(at) + 8] = static_cast<unsigned char>(low >> (56 - 8 * at));
  }
  return id;
}

std::string to_string(const uuid& id) {
  constexpr char digits[] = "0123456789abcdef";
  std::string text;
  text.reserve(36);
  for (std::size_t at = 0; at < id.size(); ++at) {
    if (at == 4 || at == 6 || at == 8 || at == 10) text.push_back('-');
    text.push_back(digits[id[at] >> 4]);
    text.push_back(digits[id[at] & 15]);
  }
  return text;
}

std::string make_record_id(std::string_view prefix) {
  std::string id(prefix);
  id.push_back('-');
  id += to_string(make_uuid7());
  return id;
}

} // namespace synclog::core
