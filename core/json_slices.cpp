// Finds the top-level members of a stored object without parsing what is inside them. The input was written
// by us, so the scan trusts the grammar, but never reads past the end.
#include "core/json.hpp"

namespace synclog::core::json {

namespace {

class slicer {
 public:
  explicit slicer(std::string_view text) : text_(text) {}

  bool run(std::vector<slice>& out) {
    skip_space();
    if (!take('{')) return false;
    skip_space();
    if (take('}')) return at_end();
    do {
      skip_space();
      const std::size_t name = at_;
      if (!skip_string()) return false;
      slice found;
      found.name = text_.substr(name + 1, at_ - name - 2);
      skip_space();
      if (!take(':')) return false;
      skip_space();
      const std::size_t start = at_;
      if (!skip_value()) return false;
      found.value = text_.substr(start, at_ - start);
      out.push_back(found);
      skip_space();
    } while (take(','));
    return take('}') && at_end();
  }

 private:
  bool take(char expected) {
    if (at_ >= text_.size() || text_[at_] != expected) return false;
    ++at_;
    return true;
  }

  void skip_space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\r' || text_[at_] == '\t'))
      ++at_;
  }

  bool at_end() {
    skip_space();
    return at_ == text_.size();
  }

  bool skip_string() {
    if (!take('"')) return false;
    while (at_ < text_.size() && text_[at_] != '"')
      at_ += text_[at_] == '\\' ? 2 : 1;
    if (at_ >= text_.size()) return false;
    ++at_;
    return true;
  }

  bool skip_value() {
    if (at_ >= text_.size()) return false;
    if (text_[at_] == '"') return skip_string();
    if (text_[at_] == '{' || text_[at_] == '[') return skip_container();
    const std::size_t start = at_;
    while (at_ < text_.size() && text_[at_] != ',' && text_[at_] != '}' && text_[at_] != ' ' &&
           text_[at_] != '\n' && text_[at_] != '\r' && text_[at_] != '\t')
      ++at_;
    return at_ > start;
  }

  bool skip_container() {
    std::size_t depth = 0;
    while (at_ < text_.size()) {
      switch (text_[at_]) {
      case '"':
        if (!skip_string()) return false;
        continue;
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        if (--depth == 0) {
          ++at_;
          return true;
        }
        break;
      default:
        break;
      }
      ++at_;
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

} // namespace

bool split_object(std::string_view text, std::vector<slice>& out) {
  out.clear();
  return slicer(text).run(out);
}

} // namespace synclog::core::json
