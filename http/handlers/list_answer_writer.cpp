// See list_answer_writer.hpp.
#include "http/handlers/list_answer_writer.hpp"
#include "core/csv.hpp"
#include "http/handlers/records_media.hpp"
#include <fmt/format.h>

namespace synclog::http::handlers {

void list_writer::add_headers(response& made) const {
  switch (form_) {
  case list_form::json:
    made.headers.emplace_back("Content-Type", std::string(media_json));
    return;
  case list_form::ndjson:
    made.headers.emplace_back("Content-Type", std::string(media_ndjson));
    return;
  case list_form::csv:
    made.headers.emplace_back("Content-Type", "text/csv; charset=utf-8; header=present");
    made.headers.emplace_back("Content-Disposition",
                              fmt::format("attachment; filename=\"{}.csv\"", definition_->name));
    return;
  }
}

void list_writer::open(std::string& out) const {
  if (form_ == list_form::json) out.push_back('[');
  if (form_ == list_form::csv) core::csv::append_export_header(out, *definition_);
}

void list_writer::append(std::string& out, std::span<const std::string_view> docs) {
  for (const auto doc : docs) {
    if (form_ == list_form::csv) {
      core::csv::append_export_row(out, *definition_, doc);
      continue;
    }
    if (form_ == list_form::json && !first_) out.push_back(',');
    first_ = false;
    out += doc;
    if (form_ == list_form::ndjson) out.push_back('\n');
  }
}

void list_writer::close(std::string& out) const {
  if (form_ == list_form::json) out.push_back(']');
}

} // namespace synclog::http::handlers
