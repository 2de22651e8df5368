// The words of the API for what came of one item.
#include "core/command.hpp"
#include <array>
#include <utility>

namespace synclog::core {

namespace {

constexpr std::array<std::pair<item_status, std::string_view>, 6> status_words{{
    {item_status::created, "created"},
    {item_status::updated, "updated"},
    {item_status::unchanged, "unchanged"},
    {item_status::deleted, "deleted"},
    {item_status::reverted, "reverted"},
    {item_status::rejected, "rejected"},
}};

} // namespace

std::string_view to_string(item_status status) {
  for (const auto& [known, word] : status_words)
    if (known == status) return word;
  invariant_broken("item_status out of range");
}

std::optional<item_status> item_status_from(std::string_view text) {
  for (const auto& [known, word] : status_words)
    if (word == text) return known;
  return std::nullopt;
}

} // namespace synclog::core
