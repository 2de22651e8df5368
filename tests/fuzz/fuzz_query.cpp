// Request-targets: what is read, written again, reads the same; and lists asked for by what a target says.
#include "core/entity.hpp"
#include "core/utf8.hpp"
#include "fuzz/targets.hpp"
#include "http/query_string.hpp"
#include "projections/list_query.hpp"
#include <algorithm>

namespace synclog::fuzz {

namespace {

const core::catalog& entities() {
  static const auto loaded = core::catalog::load("");
  return *loaded;
}

std::string encoded(std::string_view text) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string out;
  for (const char each : text) {
    const auto byte = static_cast<unsigned char>(each);
    const bool plain =
        (each >= 'a' && each <= 'z') || (each >= 'A' && each <= 'Z') || (each >= '0' && each <= '9');
    if (plain) {
      out.push_back(each);
    } else {
      out.push_back('%');
      out.push_back(digits[byte >> 4]);
      out.push_back(digits[byte & 15]);
    }
  }
  return out;
}

std::string encoded(const http::parameter_list& parameters) {
  std::string out;
  for (const auto& [name, value] : parameters)
    out += (out.empty() ? "" : "&") + encoded(name) + "=" + encoded(value);
  return out;
}

bool is_text(std::string_view text) {
  return core::is_valid_utf8(text) && text.find('\0') == std::string_view::npos;
}

void check_target(const http::target_parts& read) {
  std::string path;
  for (const std::string& segment : read.segments) {
    require(is_text(segment) && segment.find('/') == std::string::npos,
            "query: a segment is text without a slash");
    path += "/" + encoded(segment);
  }
  for (const auto& [name, value] : read.query)
    require(is_text(name) && is_text(value), "query: parameters are text");
  if (read.path == "*") return;
  const auto again = http::parse_target((path.empty() ? "/" : path) + "?" + encoded(read.query));
  require(again.has_value(), "query: what was read can be written and read again");
  require(again->segments == read.segments && again->path == read.path,
          "query: the path written again is the same");
  require(again->query == read.query, "query: the parameters written again are the same");
}

void check_list(const projections::list_query& made) {
  require(!made.order.empty() && made.order.back().column.name == "id", "query: an order ends with the id");
  require(!made.limit || (*made.limit >= 1 && *made.limit <= projections::max_list_limit),
          "query: a limit is within its bounds");
  require(is_text(made.search), "query: what is searched for is text");
  for (const auto& filter : made.filters) {
    require(made.definition->column(filter.column.name).has_value(),
            "query: a filter's column is one of the definition");
    require(!filter.values.empty() && std::is_sorted(filter.values.begin(), filter.values.end()),
            "query: a filter has values in order");
    for (const auto& value : filter.values)
      require(is_text(value), "query: a filter's values are text");
  }
}

void check_lists(const http::parameter_list& parameters) {
  const http::parameter_list reversed(parameters.rbegin(), parameters.rend());
  for (const auto& definition : entities().all()) {
    for (const auto use : {projections::list_use::pages, projections::list_use::live_query}) {
      const auto made = projections::parse_list_query(*definition, parameters, {}, use);
      const auto other = projections::parse_list_query(*definition, reversed, {}, use);
      require(made.has_value() == other.has_value(),
              "query: the order of parameters does not decide whether they are taken");
      if (!made) {
        require(made.error().code == core::problem_code::bad_request,
                "query: parameters that are not taken are a bad request");
        continue;
      }
      check_list(*made);
      require(made->canonical == other->canonical,
              "query: the same parameters in another order are the same question");
    }
  }
}

} // namespace

void query(std::string_view input) {
  const auto read = http::parse_target(input);
  if (!read) {
    require(read.error().code == core::problem_code::bad_request,
            "query: a target that is not taken is a bad request");
  } else {
    check_target(*read);
    check_lists(read->query);
  }
  const auto parameters = http::parse_query(input);
  if (!parameters) return;
  const auto again = http::parse_query(encoded(*parameters));
  require(again && *again == *parameters, "query: parameters written again are the same");
}

} // namespace synclog::fuzz
