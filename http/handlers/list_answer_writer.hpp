// Rows of a list in the form that was asked for. A buffer and a row count; one list, one thread.
#pragma once
#include "core/entity.hpp"
#include "http/message.hpp"
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace synclog::http::handlers {

enum class list_form : std::uint8_t { json, csv, ndjson };

class list_writer {
 public:
  list_writer(list_form form, const core::entity& definition) : form_(form), definition_(&definition) {}

  // Content-Type, and for CSV the file name under which a browser saves it.
  void add_headers(response& made) const;

  void open(std::string& out) const;
  void append(std::string& out, std::span<const std::string_view> docs);
  void close(std::string& out) const;

 private:
  list_form form_;
  const core::entity* definition_;
  bool first_ = true;
};

} // namespace synclog::http::handlers
