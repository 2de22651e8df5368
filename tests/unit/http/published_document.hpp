// Published documents as trees, and the catalogs that they are made from in tests.
#pragma once
#include "core/entity.hpp"
#include "core/json.hpp"
#include <doctest/doctest.h>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tests {

// The eight of the product; and one by itself that has every kind of field.
core::catalog eight();
core::catalog only_ninth();

// A document as a tree, with what a test asks of it.
class published_document {
 public:
  // A text that is no JSON, or names a member twice, fails the test.
  explicit published_document(const std::string& text);

  const core::json::value& root() const { return parsed_->root(); }
  // What a pointer without escapes leads to: "channels/events/address"; nullptr when nothing is there.
  const core::json::value* at(std::string_view pointer) const;
  // The value there as JSON; "" when nothing is there.
  std::string text(std::string_view pointer) const;
  // Of the members there.
  std::set<std::string> names(std::string_view pointer) const;
  // Every $ref, as often as it stands.
  std::vector<std::string> references() const;

 private:
  core::result<core::json::document> parsed_;
};

// Every reference leads somewhere, and everything of these kinds ("components/schemas/") is led to.
void check_references(const published_document& document, const std::vector<std::string>& kinds);

} // namespace synclog::tests
