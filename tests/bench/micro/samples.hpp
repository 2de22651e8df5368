// What the measuring programs of this folder work on: client records as POSTs bring them, the same from every
// run on every machine. Not shared between threads.
#pragma once
#include "core/entity.hpp"
#include "core/event.hpp"
#include <cstdint>
#include <random>
#include <string>
#include <vector>

namespace synclog::tests::bench {

// The embedded definitions; aborts when they cannot be read.
const core::catalog& sample_catalog();
const core::entity& sample_clients(); // "clients" of it

// Bodies of about 400 bytes in the mix that branches send: names in several scripts, some escapes, numbers as
// numbers and as text, some fields missing, a nested object.
class sample_bodies {
 public:
  // A new client with an id and a natural key of its own.
  std::string create();
  // The client that the `index`-th create() made, with another phone and a larger object.
  std::string change(std::size_t index);
  // The same mix as a CSV file with a header, `rows` long.
  std::string csv(std::size_t rows);

 private:
  std::size_t pick(std::size_t choices) { return static_cast<std::size_t>(random_() % choices); }
  std::string phone();

  std::minstd_rand random_{20261124};
  std::size_t made_ = 0;
};

// The id that the `index`-th create() gives.
std::string sample_id(std::size_t index);

// Stored records, as the log holds them, and their events, sealed.
std::vector<std::string> sample_docs(std::size_t count);
std::vector<core::event> sample_events(std::size_t count);

} // namespace synclog::tests::bench
