// Reads a request-target: path segments and query, percent-decoded, checked. Pure; any thread.
#pragma once
#include "core/problem.hpp"
#include "http/message.hpp"
#include <string>
#include <string_view>
#include <vector>

namespace synclog::http {

struct target_parts {
  std::string path;                  // decoded, without the query; "*" for OPTIONS *
  std::vector<std::string> segments; // {"api","clients","CLT-1"}; empty for "/"
  std::string raw_query;             // as it came, without the '?'
  parameter_list query;              // decoded; '+' is a space
  std::string authority;             // of an absolute-form target; "" otherwise
};

// Origin-form, absolute-form (http and https) and "*". bad_request for bad percent-encoding, bytes that are
// not UTF-8, NUL, a fragment, and an encoded slash inside a segment: an id cannot hold one, and proxies
// disagree about it.
core::result<target_parts> parse_target(std::string_view target);

// "a=1&b=%20x" → {{"a","1"},{"b"," x"}}. Empty pairs are skipped; a name without '=' has an empty value.
core::result<parameter_list> parse_query(std::string_view raw);

} // namespace synclog::http
