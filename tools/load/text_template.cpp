// See text_template.hpp.
#include "tools/load/text_template.hpp"

#include <algorithm>
#include <bit>
#include <chrono>
#include <fmt/format.h>
#include <utility>

namespace synclog::tools::load {

namespace {

constexpr std::size_t uuid_bytes = 36, unique_bytes = 16, number_bytes = 10, sent_bytes = 19;
constexpr std::array<std::pair<std::string_view, slot>, 6> names{{{"uuid", slot::uuid},
                                                                  {"unique", slot::unique},
                                                                  {"number", slot::number},
                                                                  {"branch", slot::branch},
                                                                  {"id", slot::id},
                                                                  {"sent", slot::sent}}};

// Steele, Lea and Flood 2014; a bijection of 64 bits.
std::uint64_t split_mix(std::uint64_t value) {
  value += 0x9e3779b97f4a7c15ULL;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ULL;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebULL;
  return value ^ (value >> 31);
}

void append_hex(std::string& out, std::uint64_t value, int digits) {
  constexpr std::string_view hex = "0123456789abcdef";
  for (int shift = 4 * (digits - 1); shift >= 0; shift -= 4)
    out.push_back(hex[(value >> shift) & 0xfU]);
}

void append_digits(std::string& out, std::uint64_t value, std::size_t digits) {
  std::array<char, 20> text{};
  for (std::size_t i = digits; i > 0; --i) {
    text[i - 1] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
  out.append(text.data(), digits);
}

// The word between the brace at `at` and the next one; "" when that is no place.
std::string_view word_at(std::string_view text, std::size_t at) {
  const auto end = text.find('}', at);
  if (end == std::string_view::npos) return {};
  const auto word = text.substr(at + 1, end - at - 1);
  const bool lower = std::ranges::all_of(word, [](char c) { return c >= 'a' && c <= 'z'; });
  return lower ? word : std::string_view{};
}

} // namespace

std::string branch_name(std::size_t index, std::size_t branches) {
  return fmt::format("branch-{:0{}}", index, branches >= 100 ? 3 : 2);
}

fill_source::fill_source(std::uint64_t seed) : unique_(split_mix(~seed)) {
  for (auto& word : state_)
    word = seed = split_mix(seed);
}

std::uint64_t fill_source::next() {
  const std::uint64_t made = std::rotl(state_[1] * 5, 7) * 9;
  const std::uint64_t shifted = state_[1] << 17;
  state_[2] ^= state_[0];
  state_[3] ^= state_[1];
  state_[1] ^= state_[2];
  state_[0] ^= state_[3];
  state_[2] ^= shifted;
  state_[3] = std::rotl(state_[3], 45);
  return made;
}

std::size_t fill_source::below(std::size_t bound) {
  return static_cast<std::size_t>((next() >> 32) * static_cast<std::uint64_t>(bound) >> 32);
}

void fill_source::append_uuid(std::string& out) {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  const auto ms = static_cast<std::uint64_t>(std::chrono::floor<std::chrono::milliseconds>(since).count());
  const std::uint64_t low = (next() >> 2) | 0x8000'0000'0000'0000ULL;
  append_hex(out, ms >> 16, 8);
  out.push_back('-');
  append_hex(out, ms & 0xffff, 4);
  out.push_back('-');
  append_hex(out, 0x7000U | (counter_++ & 0xfffU), 4);
  out.push_back('-');
  append_hex(out, low >> 48, 4);
  out.push_back('-');
  append_hex(out, low & 0xffff'ffff'ffffULL, 12);
}

void fill_source::append_unique(std::string& out) {
  append_hex(out, split_mix(unique_++), unique_bytes);
}

core::result<text_template> text_template::parse(std::string_view text, may_have allowed) {
  text_template made;
  piece current;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto word = text[at] == '{' ? word_at(text, at) : std::string_view{};
    if (word.empty()) {
      current.before.push_back(text[at]);
      continue;
    }
    const auto* known = std::ranges::find(names, word, &std::pair<std::string_view, slot>::first);
    if (known == names.end() || (known->second == slot::id && allowed == may_have::fixed_slots)) {
      std::string list;
      for (const auto& [name, which] : names)
        if (which != slot::id || allowed == may_have::all_slots) list += fmt::format(" {{{}}}", name);
      return core::make_problem(core::problem_code::bad_request,
                                fmt::format("there is no place '{{{}}}' here; known:{}", word, list));
    }
    current.then = known->second;
    made.pieces_.push_back(std::exchange(current, {}));
    at += word.size() + 1;
  }
  if (!current.before.empty()) made.pieces_.push_back(std::move(current));
  return made;
}

void text_template::append(std::string& out, fill_source& source, const fill_values& values) const {
  for (const piece& one : pieces_) {
    out.append(one.before);
    switch (one.then) {
    case slot::none:
      break;
    case slot::uuid:
      source.append_uuid(out);
      break;
    case slot::unique:
      source.append_unique(out);
      break;
    case slot::number:
      append_digits(out, source.next(), number_bytes);
      break;
    case slot::branch:
      out.append(values.branch);
      break;
    case slot::id:
      out.append(values.id);
      break;
    case slot::sent:
      append_digits(out, static_cast<std::uint64_t>(values.now_ns), sent_bytes);
      break;
    }
  }
}

std::size_t text_template::size(std::size_t branch_bytes) const {
  std::size_t sum = 0;
  for (const piece& one : pieces_) {
    sum += one.before.size();
    switch (one.then) {
    case slot::none:
    case slot::id:
      break;
    case slot::uuid:
      sum += uuid_bytes;
      break;
    case slot::unique:
      sum += unique_bytes;
      break;
    case slot::number:
      sum += number_bytes;
      break;
    case slot::branch:
      sum += branch_bytes;
      break;
    case slot::sent:
      sum += sent_bytes;
      break;
    }
  }
  return sum;
}

bool text_template::has(slot wanted) const {
  return std::ranges::any_of(pieces_, [&](const piece& one) { return one.then == wanted; });
}

} // namespace synclog::tools::load
