// See json_oracle.hpp. A stack of open containers instead of recursion; bytes are looked at one by one.
#include "fuzz/json_oracle.hpp"
#include <cstdint>
#include <set>
#include <vector>

namespace synclog::fuzz {

namespace {

constexpr std::size_t ordinary_number_bytes = 100; // what is longer may be refused
constexpr long ordinary_exponent = 300;

class json_reader {
 public:
  explicit json_reader(std::string_view text) : text_(text) {}

  std::optional<json_opinion> run() {
    if (text_.substr(0, 3) == "\xEF\xBB\xBF") at_ = 3;
    do {
      if (!step()) return std::nullopt;
    } while (!open_.empty());
    skip_space();
    if (at_ != text_.size()) return std::nullopt;
    return std::move(made_);
  }

 private:
  struct container {
    bool object = false;
    bool has_members = false;
    std::set<std::string> names;
  };

  bool has(char wanted) {
    if (at_ == text_.size() || text_[at_] != wanted) return false;
    ++at_;
    return true;
  }

  void skip_space() {
    while (has(' ') || has('\t') || has('\n') || has('\r')) {
    }
  }

  // A value, or what is between two values.
  bool step() {
    skip_space();
    if (open_.empty()) return value();
    container& inner = open_.back();
    if (has(inner.object ? '}' : ']')) {
      made_.canonical += inner.object ? '}' : ']';
      open_.pop_back();
      return true;
    }
    if (inner.has_members) {
      if (!has(',')) return false;
      made_.canonical += ',';
      skip_space();
    }
    inner.has_members = true;
    if (inner.object) {
      std::string name;
      if (!string(name)) return false;
      if (!inner.names.insert(name).second) made_.has_duplicate = true;
      skip_space();
      if (!has(':')) return false;
      made_.canonical += ':';
      skip_space();
    }
    return value();
  }

  bool value() {
    if (at_ == text_.size()) return false;
    const char first = text_[at_];
    if (first == '{' || first == '[') {
      ++at_;
      made_.canonical += first;
      open_.push_back({first == '{', false, {}});
      made_.depth = std::max(made_.depth, open_.size());
      return true;
    }
    std::string ignored;
    if (first == '"') return string(ignored);
    if (first == '-' || (first >= '0' && first <= '9')) return number();
    return word("null") || word("true") || word("false");
  }

  bool word(std::string_view wanted) {
    if (text_.substr(at_, wanted.size()) != wanted) return false;
    at_ += wanted.size();
    made_.canonical += wanted;
    return true;
  }

  std::size_t digits() {
    const std::size_t from = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9')
      ++at_;
    return at_ - from;
  }

  bool number() {
    const std::size_t from = at_;
    has('-');
    const bool zero = has('0');
    if (!zero && digits() == 0) return false;
    if (has('.') && digits() == 0) return false;
    if (has('e') || has('E')) {
      if (!has('-')) has('+');
      const std::size_t exponent_from = at_;
      if (digits() == 0) return false;
      long exponent = 0;
      for (std::size_t i = exponent_from; i < at_ && exponent <= ordinary_exponent; ++i)
        exponent = exponent * 10 + (text_[i] - '0');
      if (exponent > ordinary_exponent) made_.has_odd_number = true;
    }
    if (at_ - from > ordinary_number_bytes) made_.has_odd_number = true;
    made_.canonical += text_.substr(from, at_ - from);
    return true;
  }

  int hex_unit() {
    if (text_.size() - at_ < 4) return -1;
    int unit = 0;
    for (int i = 0; i < 4; ++i) {
      const std::size_t digit = std::string_view("0123456789abcdefABCDEF").find(text_[at_++]);
      if (digit == std::string_view::npos) return -1;
      unit = unit * 16 + static_cast<int>(digit < 16 ? digit : digit - 6);
    }
    return unit;
  }

  static void append_utf8(std::string& out, int code) {
    const auto byte = [&out](int value) { out.push_back(static_cast<char>(value)); };
    if (code < 0x80) return byte(code);
    if (code < 0x800) return byte(0xC0 | code >> 6), byte(0x80 | (code & 63));
    if (code < 0x10000)
      return byte(0xE0 | code >> 12), byte(0x80 | (code >> 6 & 63)), byte(0x80 | (code & 63));
    byte(0xF0 | code >> 18);
    byte(0x80 | (code >> 12 & 63));
    byte(0x80 | (code >> 6 & 63));
    byte(0x80 | (code & 63));
  }

  bool escape(std::string& out) {
    if (at_ == text_.size()) return false;
    const char letter = text_[at_++];
    const std::size_t known = std::string_view("\"\\/bfnrt").find(letter);
    if (known != std::string_view::npos) {
      out += "\"\\/\b\f\n\r\t"[known];
      return true;
    }
    if (letter != 'u') return false;
    int unit = hex_unit();
    if (unit < 0) return false;
    if (unit == 0) made_.has_nul = true;
    if (unit >= 0xD800 && unit < 0xDC00) {
      const std::size_t behind = at_;
      if (text_.substr(at_, 2) == "\\u") {
        at_ += 2;
        const int low = hex_unit();
        if (low < 0) return false;
        if (low >= 0xDC00 && low < 0xE000) {
          append_utf8(out, 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00));
          return true;
        }
      }
      at_ = behind; // what follows stands for itself
    }
    if (unit >= 0xD800 && unit < 0xE000) {
      made_.has_lone_surrogate = true;
      unit = 0xFFFD;
    }
    append_utf8(out, unit);
    return true;
  }

  // One well-formed sequence of UTF-8 (RFC 3629, 4).
  bool character(std::string& out) {
    struct shape {
      std::uint8_t first_low, first_high, second_low, second_high;
      std::size_t bytes;
    };
    static constexpr shape shapes[] = {
        {0x20, 0x7F, 0, 0, 1},       {0xC2, 0xDF, 0x80, 0xBF, 2}, {0xE0, 0xE0, 0xA0, 0xBF, 3},
        {0xE1, 0xEC, 0x80, 0xBF, 3}, {0xED, 0xED, 0x80, 0x9F, 3}, {0xEE, 0xEF, 0x80, 0xBF, 3},
        {0xF0, 0xF0, 0x90, 0xBF, 4}, {0xF1, 0xF3, 0x80, 0xBF, 4}, {0xF4, 0xF4, 0x80, 0x8F, 4}};
    const auto byte = [this](std::size_t offset) { return static_cast<std::uint8_t>(text_[at_ + offset]); };
    for (const shape& each : shapes) {
      if (byte(0) < each.first_low || byte(0) > each.first_high) continue;
      if (text_.size() - at_ < each.bytes) return false;
      if (each.bytes > 1 && (byte(1) < each.second_low || byte(1) > each.second_high)) return false;
      for (std::size_t i = 2; i < each.bytes; ++i)
        if (byte(i) < 0x80 || byte(i) > 0xBF) return false;
      out += text_.substr(at_, each.bytes);
      at_ += each.bytes;
      return true;
    }
    return false;
  }

  bool string(std::string& out) {
    if (!has('"')) return false;
    while (at_ < text_.size()) {
      if (has('"')) {
        append_quoted(out);
        return true;
      }
      if (!(has('\\') ? escape(out) : character(out))) return false;
    }
    return false;
  }

  void append_quoted(const std::string& text) {
    static constexpr char hex[] = "0123456789abcdef";
    made_.canonical += '"';
    for (const char each : text) {
      const std::size_t known = std::string_view("\"\\\b\f\n\r\t").find(each);
      if (known != std::string_view::npos) {
        made_.canonical += '\\';
        made_.canonical += "\"\\bfnrt"[known];
      } else if (static_cast<unsigned char>(each) < 0x20) {
        made_.canonical += "\\u00";
        made_.canonical += hex[static_cast<unsigned char>(each) >> 4];
        made_.canonical += hex[each & 15];
      } else {
        made_.canonical += each;
      }
    }
    made_.canonical += '"';
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::vector<container> open_;
  json_opinion made_;
};

} // namespace

std::optional<json_opinion> read_json(std::string_view text) {
  return json_reader(text).run();
}

} // namespace synclog::fuzz
