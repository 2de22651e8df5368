// See token.hpp.
#include "core/token.hpp"
#include "core/chain.hpp"
#include "core/utf8.hpp"
#include <algorithm>
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <utility>

namespace synclog::core {

namespace {

constexpr std::size_t secret_bytes = 32;
constexpr std::size_t max_name_bytes = 100;
constexpr std::size_t max_branches = 100;
constexpr std::size_t max_branch_bytes = 255;
constexpr std::int64_t max_lifetime_s = 10LL * 366 * 86'400;

constexpr std::array<std::string_view, 3> prefixes{"slk_", "sls_", "slt_"};
constexpr std::array<std::pair<role, std::string_view>, 4> role_words{{
    {role::viewer, "viewer"},
    {role::editor, "editor"},
    {role::auditor, "auditor"},
    {role::admin, "admin"},
}};
// Who writes without a token: nobody who has one is to be taken for them, nor to be answered in their place.
constexpr std::array<std::string_view, 4> reserved_names{"anonymous", "demo", "undo", "synclog"};

std::string_view prefix_of(secret_kind kind) {
  return prefixes.at(static_cast<std::size_t>(kind));
}

bool is_lower_hex(char c) {
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

// Valid UTF-8 without control characters, and no blanks around it.
bool is_plain_text(std::string_view text) {
  if (text.empty() || text.front() == ' ' || text.back() == ' ' || !is_valid_utf8(text)) return false;
  for (std::size_t at = 0; at < text.size(); ++at) {
    const auto byte = static_cast<unsigned char>(text[at]);
    if (byte < 0x20 || byte == 0x7f) return false;
    const bool is_c1 =
        byte == 0xc2 && at + 1 < text.size() && static_cast<unsigned char>(text[at + 1]) < 0xa0;
    if (is_c1) return false;
  }
  return true;
}

std::string name_defect(std::string_view name) {
  if (name.size() > max_name_bytes || !is_plain_text(name))
    return fmt::format("is 1 to {} bytes of text without control characters", max_name_bytes);
  if (name.find(':') != std::string_view::npos) return "holds no colon: such names are those of tools";
  if (name.starts_with("TOK-")) return "does not begin with TOK-: such are the ids of tokens";
  if (std::find(reserved_names.begin(), reserved_names.end(), name) != reserved_names.end())
    return "is the name of those who write without a token";
  return {};
}

} // namespace

fresh_secret make_secret(secret_kind kind) {
  std::array<unsigned char, secret_bytes> random{};
  fill_random(random.data(), random.size());
  fresh_secret made;
  made.text = prefix_of(kind);
  made.text += to_hex({reinterpret_cast<const char*>(random.data()), random.size()});
  OPENSSL_cleanse(random.data(), random.size());
  made.hash = sha256(made.text);
  return made;
}

std::optional<sha256_digest> hash_of_secret(secret_kind kind, std::string_view text) {
  const auto prefix = prefix_of(kind);
  if (text.size() != prefix.size() + 2 * secret_bytes || !text.starts_with(prefix)) return std::nullopt;
  const auto digits = text.substr(prefix.size());
  if (!std::all_of(digits.begin(), digits.end(), is_lower_hex)) return std::nullopt;
  return sha256(text);
}

bool equal_in_constant_time(const sha256_digest& left, const sha256_digest& right) {
  return CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
}

std::string_view to_string(role one) {
  for (const auto& [known, word] : role_words)
    if (known == one) return word;
  invariant_broken("role out of range");
}

std::optional<role> role_from(std::string_view word) {
  for (const auto& [known, known_word] : role_words)
    if (known_word == word) return known;
  return std::nullopt;
}

bool sees_token_events(const scope& caller) {
  return caller.all_branches && (caller.role == role::auditor || caller.role == role::admin);
}

result<std::int64_t> parse_lifetime_s(std::string_view text) {
  std::int64_t number = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  const std::string_view unit(read.ptr, static_cast<std::size_t>(text.data() + text.size() - read.ptr));
  const std::int64_t seconds = unit == "d"   ? 86'400
                               : unit == "h" ? 3'600
                               : unit == "m" ? 60
                               : unit == "s" ? 1
                                             : 0;
  if (read.ec != std::errc{} || seconds == 0 || number < 1 || number > max_lifetime_s / seconds)
    return make_problem(
        problem_code::bad_request,
        "a lifetime is a number from 1 on with d, h, m or s behind it, as in 90d; ten years at most");
  return number * seconds;
}

result<token_wish> checked_wish(token_wish wish, timestamp now) {
  problem why = make_problem(problem_code::invalid, "such a token cannot be made");
  const auto report = [&why](std::string_view pointer, std::string detail) {
    why.errors.push_back({std::string(pointer), std::move(detail)});
  };
  if (auto defect = name_defect(wish.name); !defect.empty()) report("/name", std::move(defect));
  if (wish.branches.size() > max_branches) report("/branches", fmt::format("are at most {}", max_branches));
  for (const auto& branch : wish.branches)
    if (branch.size() > max_branch_bytes || !is_plain_text(branch))
      report("/branches", fmt::format("are texts of 1 to {} bytes", max_branch_bytes));
  if (!wish.branches.empty() && wish.role != role::viewer && wish.role != role::editor)
    report("/branches", fmt::format("do not go with the role {}: it sees all of them", to_string(wish.role)));
  if (wish.expires_at && *wish.expires_at <= now) report("/expires_at", "is a moment to come");
  if (!why.errors.empty()) return why;
  std::sort(wish.branches.begin(), wish.branches.end());
  wish.branches.erase(std::unique(wish.branches.begin(), wish.branches.end()), wish.branches.end());
  return wish;
}

} // namespace synclog::core
