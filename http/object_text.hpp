// A JSON object that is written member by member into a text. For documents that are made once; any thread.
#pragma once
#include "core/json.hpp"
#include <string>
#include <string_view>

namespace synclog::http {

class object_text {
 public:
  explicit object_text(std::string& out) : out_(out) { out_ += '{'; }
  object_text(const object_text&) = delete;
  object_text& operator=(const object_text&) = delete;
  // The end of its scope closes it.
  ~object_text() { out_ += '}'; }

  // Begins a member; its value is what is appended to the returned text next.
  std::string& member(std::string_view name) {
    if (!first_) out_ += ',';
    first_ = false;
    core::json::append_string(out_, name);
    out_ += ':';
    return out_;
  }
  void string(std::string_view name, std::string_view value) {
    core::json::append_string(member(name), value);
  }
  // `value` is JSON.
  void json(std::string_view name, std::string_view value) { member(name) += value; }
  // Members that are JSON already: "a":1,"b":2
  void members(std::string_view text) {
    if (!first_) out_ += ',';
    first_ = false;
    out_ += text;
  }

 private:
  std::string& out_;
  bool first_ = true;
};

} // namespace synclog::http
