// See request_maker.hpp.
#include "tools/load/request_maker.hpp"

#include <algorithm>
#include <fmt/format.h>

namespace synclog::tools::load {

namespace {

core::problem refuse(std::string detail) {
  return core::make_problem(core::problem_code::bad_request, std::move(detail));
}

bool has_line_break(std::string_view text) {
  return text.find_first_of("\r\n") != std::string_view::npos;
}

std::size_t body_bytes(body_form form, std::size_t record_bytes, std::size_t records) {
  switch (form) {
  case body_form::none:
    return 0;
  case body_form::object:
    return record_bytes;
  case body_form::array:
    return records * (record_bytes + 1) + 1; // brackets and commas
  case body_form::ndjson:
    return records * (record_bytes + 1);
  }
  return 0;
}

core::result<std::string> head_of(const operation_texts& texts, const target_url& url, std::size_t body) {
  if (!texts.path.starts_with('/'))
    return refuse(fmt::format("path '{}' does not begin with a slash", texts.path));
  if (texts.path.find_first_of(" \t\r\n") != std::string::npos)
    return refuse(fmt::format("path '{}' holds blanks: write them as %20", texts.path));
  const bool is_get = texts.form == body_form::none;
  std::string head = fmt::format("{} {}{} HTTP/1.1\r\nHost: {}\r\n", is_get ? "GET" : "POST", url.prefix,
                                 texts.path, url.authority());
  for (const auto& header : texts.headers) {
    const auto colon = header.find(':');
    const bool named = colon != std::string::npos && colon > 0 && header.find_first_of(" \t") >= colon;
    if (!named || has_line_break(header))
      return refuse(fmt::format("header '{}' does not read 'Name: value'", header));
    head += header + "\r\n";
  }
  if (!is_get)
    head += fmt::format("Content-Type: {}\r\nContent-Length: {}\r\n",
                        texts.form == body_form::ndjson ? "application/x-ndjson" : "application/json", body);
  return head;
}

} // namespace

std::string_view client_record() {
  return R"({"id":"CLT-{uuid}","reference_number":"R-{unique}","full_name":"Client {number}",)"
         R"("phone":"+43 660 {number}","email":"c{number}@example.com","gender":"f",)"
         R"("date_of_birth":"1985-07-14","city":"Graz","branch":"{branch}",)"
         R"("data":{"height":172,"weight":64,"notes":"first visit","sent_ns":"{sent}"}})";
}

core::result<operation> operation::make(const operation_texts& texts, const target_url& url,
                                        std::size_t branch_bytes) {
  operation made;
  made.name = texts.name;
  made.form = texts.form;
  made.weight = texts.weight;
  made.records = texts.form == body_form::none ? 0 : texts.records;
  if (texts.form != body_form::none) {
    // A record of NDJSON is a line.
    if (texts.form == body_form::ndjson && has_line_break(texts.record))
      return refuse("a record of NDJSON holds no line break");
    auto record = text_template::parse(texts.record, text_template::may_have::fixed_slots);
    if (!record) return record.error();
    made.record = std::move(*record);
    made.body_bytes = load::body_bytes(texts.form, made.record.size(branch_bytes), texts.records);
  }
  const auto head_text = head_of(texts, url, made.body_bytes);
  if (!head_text) return head_text.error();
  auto head = text_template::parse(*head_text, text_template::may_have::all_slots);
  if (!head) return head.error();
  made.head = std::move(*head);
  return made;
}

request_maker::request_maker(const std::vector<operation>& operations,
                             const std::vector<std::string>& branches, const std::vector<std::string>& ids,
                             std::uint64_t seed)
    : operations_(operations), branches_(branches), ids_(ids), source_(seed) {
  for (const operation& one : operations_)
    weights_ += one.weight;
}

request_maker::made request_maker::append(std::string& out, std::int64_t now_ns) {
  made what;
  if (operations_.size() > 1) {
    auto chosen = source_.below(weights_);
    while (chosen >= operations_[what.operation].weight)
      chosen -= operations_[what.operation++].weight;
  }
  const operation& kind = operations_[what.operation];
  what.first_branch = static_cast<std::uint32_t>(source_.below(branches_.size()));
  fill_values values;
  values.branch = branches_[what.first_branch];
  if (!ids_.empty()) values.id = ids_[source_.below(ids_.size())];
  values.now_ns = now_ns;
  kind.head.append(out, source_, values);
  out.append("\r\n");
  if (kind.form == body_form::none) return what;
  if (kind.form == body_form::array) out.push_back('[');
  for (std::size_t i = 0; i < kind.records; ++i) {
    if (i > 0 && kind.form == body_form::array) out.push_back(',');
    values.branch = branches_[(what.first_branch + i) % branches_.size()];
    kind.record.append(out, source_, values);
    if (kind.form == body_form::ndjson) out.push_back('\n');
  }
  if (kind.form == body_form::array) out.push_back(']');
  return what;
}

} // namespace synclog::tools::load
