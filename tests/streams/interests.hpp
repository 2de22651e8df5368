// Filters of every kind, from a test's random numbers.
#pragma once
#include "tests/streams/log_copy.hpp"
#include <cstdint>
#include <random>

namespace synclog::tests::streams {

// Nothing, one kind of filter or several at once, in the words of tests/streams/load.
interest random_interest(std::mt19937_64& random);

} // namespace synclog::tests::streams
