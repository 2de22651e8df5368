// The parser: RapidJSON's iterative SAX reader over a private copy of the text, in place, into an arena.
#include "core/json.hpp"
#include "core/json_builder.hpp"
#include "core/json_rapidjson.hpp"
#include <algorithm>
#include <cstring>
#include <utility>

namespace synclog::core::json {

namespace {

constexpr std::size_t max_reported_defects = 20; // in a problem that stops the parser

text_place place_of(std::string_view text, std::size_t offset) {
  const std::string_view before = text.substr(0, std::min(offset, text.size()));
  text_place place;
  place.line = 1 + static_cast<std::uint64_t>(std::count(before.begin(), before.end(), '\n'));
  const std::size_t line_start = before.rfind('\n');
  place.column = 1 + before.size() - (line_start == std::string_view::npos ? 0 : line_start + 1);
  return place;
}

problem malformed(std::string_view text, std::size_t offset, std::string_view reason) {
  const text_place place = place_of(text, offset);
  problem made = make_problem(problem_code::malformed,
                              "not valid JSON at line " + std::to_string(place.line) + ", column " +
                                  std::to_string(place.column) + ": " + std::string(reason));
  made.place = place;
  return made;
}

problem stopped_by_defects(std::vector<defect> defects, std::string fallback_pointer) {
  if (defects.empty())
    return invalid_field(std::move(fallback_pointer), "cannot be read: the document has too many values");
  problem made = make_problem(problem_code::invalid, defects.back().pointer + ": " + defects.back().detail);
  const bool too_many = defects.size() > tree_builder::max_defects;
  if (too_many)
    made.detail = "more than " + std::to_string(tree_builder::max_defects) + " values cannot be stored";
  // The last defect is the one that stopped the parse; with too many of them the first ones tell more.
  if (!too_many) std::rotate(defects.begin(), defects.end() - 1, defects.end());
  for (std::size_t at = 0; at < std::min(defects.size(), max_reported_defects); ++at)
    made.errors.push_back({std::move(defects[at].pointer), std::move(defects[at].detail)});
  return made;
}

// Finds \uD800-\uDFFF without a partner and numbers that stop RapidJSON, overwrites them with harmless text
// of the same length and tells where, so that one bad item of a bulk does not hide its neighbours.
class spot_patcher {
 public:
  spot_patcher(std::string_view text, char* buffer) : text_(text), buffer_(buffer) {}

  std::vector<patched_spot> run() {
    for (std::size_t at = 0; at < text_.size();) {
      const char here = text_[at];
      if (here == '"')
        at = patch_string(at + 1);
      else if (here == '-' || (here >= '0' && here <= '9'))
        at = patch_number(at);
      else
        ++at;
    }
    return std::move(spots_);
  }

 private:
  // -1 when there is no \uXXXX at `at`.
  int escape_at(std::size_t at) const {
    if (at + 6 > text_.size() || text_[at] != '\\' || text_[at + 1] != 'u') return -1;
    int unit = 0;
    for (const char digit : text_.substr(at + 2, 4)) {
      const char lower = static_cast<char>(digit | 0x20);
      if (digit >= '0' && digit <= '9')
        unit = unit * 16 + (digit - '0');
      else if (lower >= 'a' && lower <= 'f')
        unit = unit * 16 + (lower - 'a' + 10);
      else
        return -1;
    }
    return unit;
  }

  std::size_t patch_string(std::size_t at) {
    while (at < text_.size() && text_[at] != '"') {
      if (text_[at] != '\\') {
        ++at;
        continue;
      }
      const int unit = escape_at(at);
      if (unit < 0xD800 || unit > 0xDFFF) {
        at += unit < 0 ? 2 : 6;
        continue;
      }
      const int partner = unit < 0xDC00 ? escape_at(at + 6) : -1;
      if (partner >= 0xDC00 && partner <= 0xDFFF) {
        at += 12;
        continue;
      }
      std::memcpy(buffer_ + at, "\\uFFFD", 6);
      spots_.push_back({at, lone_surrogate_detail});
      at += 6;
    }
    return at + 1;
  }

  bool has_digit(std::size_t at) const { return at < text_.size() && text_[at] >= '0' && text_[at] <= '9'; }

  std::size_t digits_past(std::size_t at) const {
    while (has_digit(at))
      ++at;
    return at;
  }

  // Behind the number that begins at `at`, as far as it is one by the grammar: what follows must stay as it
  // is, or a text that is not JSON would become one.
  std::size_t number_past(std::size_t at) const {
    if (text_[at] == '-') ++at;
    if (!has_digit(at)) return at;
    at = text_[at] == '0' ? at + 1 : digits_past(at);
    if (at < text_.size() && text_[at] == '.' && has_digit(at + 1)) at = digits_past(at + 1);
    if (at == text_.size() || (text_[at] | 0x20) != 'e') return at;
    const bool has_sign = at + 1 < text_.size() && (text_[at + 1] == '-' || text_[at + 1] == '+');
    const std::size_t exponent = at + (has_sign ? 2 : 1);
    return has_digit(exponent) ? digits_past(exponent) : at;
  }

  std::size_t patch_number(std::size_t at) {
    const std::size_t past = number_past(at);
    const std::string_view number = text_.substr(at, past - at);
    const std::string_view detail = number_defect(number);
    if (!detail.empty()) {
      const std::size_t first_digit = number.front() == '-' ? 1 : 0;
      std::memset(buffer_ + at + first_digit, ' ', number.size() - first_digit);
      buffer_[at + first_digit] = '0';
      spots_.push_back({at, detail});
    }
    return past;
  }

  std::string_view text_;
  char* buffer_;
  std::vector<patched_spot> spots_;
};

bool stops_at_a_defect(rapidjson::ParseErrorCode code) {
  return code == rapidjson::kParseErrorStringUnicodeSurrogateInvalid ||
         code == rapidjson::kParseErrorNumberTooBig;
}

// RapidJSON takes the three bytes behind a leading byte of UTF-8 before it looks at them, the end of the text
// or not.
constexpr std::size_t end_bytes = 3;

// The tree of a usual record takes about four times its text: room for it comes with the text, in one piece.
// A large text's tree takes what it needs, when it needs it.
constexpr std::size_t tree_bytes_of(std::size_t text_size) {
  constexpr std::size_t least = 1024, most = 16u << 10, usual_factor = 4;
  return std::clamp(usual_factor * text_size, least, most);
}

} // namespace

struct document::state {
  explicit state(std::size_t text_size)
      : tree_bytes(tree_bytes_of(text_size)),
        memory(std::make_unique_for_overwrite<char[]>(tree_bytes + text_size + end_bytes)),
        arena(memory.get(), tree_bytes), buffer(memory.get() + tree_bytes) {}

  std::size_t tree_bytes;
  std::unique_ptr<char[]> memory;
  std::pmr::monotonic_buffer_resource arena; // begins in the memory
  char* buffer;                              // the text behind it, parsed in place: strings point into it
  value root;
  std::vector<defect> defects;
};

document::document(std::unique_ptr<state> owned) : state_(std::move(owned)) {}
document::document(document&&) noexcept = default;
document& document::operator=(document&&) noexcept = default;
document::~document() = default;
const value& document::root() const {
  return state_->root;
}
const std::vector<defect>& document::defects() const {
  return state_->defects;
}

result<document> parse(std::string_view text, limits bounds) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  const std::size_t skipped = text.starts_with(byte_order_mark) ? byte_order_mark.size() : 0;
  const std::string_view body = text.substr(skipped);
  if (const std::size_t nul = body.find('\0'); nul != std::string_view::npos)
    return malformed(text, skipped + nul, "A NUL byte.");

  constexpr unsigned flags = rapidjson::kParseInsituFlag | rapidjson::kParseIterativeFlag |
                             rapidjson::kParseValidateEncodingFlag | rapidjson::kParseNumbersAsStringsFlag;
  thread_local rapidjson::Reader reader;
  thread_local tree_builder::stacks work;
  auto made = std::make_unique<document::state>(body.size());
  char* const buffer = made->buffer;
  const bool has_escapes = body.find("\\u") != std::string_view::npos;
  std::vector<patched_spot> patches;
  // At most twice: the second time over a text without the spots that stop RapidJSON.
  for (bool patched = false;; patched = true) {
    if (!body.empty()) std::memcpy(buffer, body.data(), body.size());
    std::memset(buffer + body.size(), '\0', end_bytes);
    if (patched) patches = spot_patcher(body, buffer).run();
    rapidjson::InsituStringStream stream(buffer);
    tree_builder builder(work, made->arena, made->defects, bounds, buffer, body, has_escapes, patches);
    try {
      reader.Parse<flags>(stream, builder);
    } catch (const rapidjson_assertion& broken) {
      return malformed(text, skipped + stream.Tell(), broken.what());
    }
    if (!reader.HasParseError()) {
      made->root = builder.root();
      return document(std::move(made));
    }
    const rapidjson::ParseErrorCode code = reader.GetParseErrorCode();
    if (!patched && stops_at_a_defect(code)) continue;
    if (stops_at_a_defect(code) || code == rapidjson::kParseErrorTermination)
      return stopped_by_defects(std::move(made->defects), builder.current_pointer());
    return malformed(text, skipped + reader.GetErrorOffset(), rapidjson::GetParseError_En(code));
  }
}

std::span<const value> value::items() const {
  return {first_item, first_item == nullptr ? 0 : count};
}

std::span<const member> value::members() const {
  return {first_member, first_member == nullptr ? 0 : count};
}

const value* value::find(std::string_view name) const {
  for (const member& each : members())
    if (each.name == name) return &each.value;
  return nullptr;
}

} // namespace synclog::core::json
