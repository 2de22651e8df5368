// An array of bytes as text, which is what hashes, databases and files take.
#pragma once
#include <array>
#include <cstddef>
#include <string_view>

namespace synclog::core {

// Lives as long as the array.
template <class Byte, std::size_t size>
std::string_view bytes_of(const std::array<Byte, size>& array) {
  static_assert(sizeof(Byte) == 1);
  return {reinterpret_cast<const char*>(array.data()), size};
}

} // namespace synclog::core
