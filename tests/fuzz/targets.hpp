// The doors that strangers' bytes come through, each as a function that is given any bytes and checks what
// must hold of them. Run by libFuzzer (libfuzzer/entry.cpp) and, over the seeds and cheap mutations of them,
// by the default tests (corpus_test.cpp). Pure: no state between calls but caches, so that an input repeats a
// failure.
#pragma once
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>

namespace synclog::fuzz {

void json(std::string_view input);   // core/json: a text
void csv(std::string_view input);    // core/csv: a file
void query(std::string_view input);  // http/query_string, projections/list_query: a request-target
void cursor(std::string_view input); // core/event, projections/page_cursor: a cursor, or a page's last values
void socket(
    std::string_view input);       // http/streams: what a WebSocket client sends, behind one byte of settings
void http(std::string_view input); // http/request_parser: what an HTTP client sends
void pipeline(std::string_view input); // eventstore/pg/pipeline: one step a byte

struct target {
  std::string_view name; // of its seeds and its dictionary, too
  void (*run)(std::string_view input);
};
std::span<const target> all_targets();

// A property does not hold for the input.
struct broken_property : std::logic_error {
  using std::logic_error::logic_error;
};

inline void require(bool holds, const char* property) {
  if (!holds) throw broken_property(property);
}

} // namespace synclog::fuzz
