// Client records for measurements: a million by default, with names that repeat and numbers that do not.
#pragma once
#include <cstdint>

namespace synclog::tests::bench {

// Posts records `from` to `rows` in bulks of 20,000. Throws std::runtime_error when one is refused.
void load_clients(std::uint16_t port, std::uint64_t rows, std::uint64_t from);

} // namespace synclog::tests::bench
