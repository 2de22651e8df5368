// Numbers as PostgreSQL's binary formats have them: big-endian, times in microseconds since 2000.
#pragma once
#include <bit>
#include <cstdint>
#include <string>

namespace synclog::eventstore::pg {

// PostgreSQL counts from 2000-01-01, we from 1970-01-01, both in microseconds UTC.
inline constexpr std::int64_t epoch_shift_micros = 946'684'800'000'000;

template <class Integer>
Integer big_endian(Integer value) {
  static_assert(std::endian::native == std::endian::little);
  static_assert(sizeof(Integer) == 8 || sizeof(Integer) == 4 || sizeof(Integer) == 2);
  if constexpr (sizeof(Integer) == 8)
    return static_cast<Integer>(__builtin_bswap64(static_cast<std::uint64_t>(value)));
  else if constexpr (sizeof(Integer) == 4)
    return static_cast<Integer>(__builtin_bswap32(static_cast<std::uint32_t>(value)));
  else
    return static_cast<Integer>(__builtin_bswap16(static_cast<std::uint16_t>(value)));
}

template <class Integer>
void append_big_endian(std::string& out, Integer value) {
  const Integer wire = big_endian(value);
  out.append(reinterpret_cast<const char*>(&wire), sizeof wire);
}

} // namespace synclog::eventstore::pg
