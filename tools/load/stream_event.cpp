// See stream_event.hpp.
#include "tools/load/stream_event.hpp"

#include <charconv>
#include <chrono>

namespace synclog::tools::load {

namespace {

constexpr std::size_t sent_digits = 19;

// Takes the text and the number behind it from the front; false when they are not there.
bool take(std::string_view& text, std::string_view before, std::uint64_t& number) {
  if (!text.starts_with(before)) return false;
  const auto* begin = text.data() + before.size();
  const auto* behind = text.data() + text.size();
  const auto [end, error] = std::from_chars(begin, behind, number);
  if (error != std::errc{}) return false;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return true;
}

template <class Number>
bool digits(std::string_view text, std::size_t from, std::size_t count, Number& number) {
  if (text.size() < from + count) return false;
  const auto* end = text.data() + from + count;
  const auto read = std::from_chars(text.data() + from, end, number);
  return read.ec == std::errc{} && read.ptr == end;
}

} // namespace

std::optional<event_place> place_of(std::string_view event) {
  event_place made;
  if (!take(event, R"({"type":"event","position":)", made.position)) return {};
  constexpr std::string_view cursor = R"(,"cursor":")", previous = R"(","previous":)";
  if (!event.starts_with(cursor)) return {};
  const auto quote = event.find('"', cursor.size());
  if (quote == std::string_view::npos) return {};
  event.remove_prefix(quote);
  if (!take(event, previous, made.previous)) return {};
  return made;
}

std::optional<std::uint64_t> cursor_of(std::string_view control) {
  constexpr std::string_view mark = R"("cursor":")";
  const auto at = control.find(mark);
  if (at == std::string_view::npos) return {};
  std::uint64_t position = 0;
  control.remove_prefix(at);
  if (!take(control, mark, position)) return {};
  return position;
}

std::optional<std::int64_t> begin_finder::sent_ns(std::string_view event) {
  constexpr std::string_view mark = R"("sent_ns":")";
  const bool same_place =
      from_end_ > 0 && event.size() >= from_end_ && event.substr(event.size() - from_end_).starts_with(mark);
  const auto at = same_place ? event.size() - from_end_ : event.rfind(mark);
  if (at == std::string_view::npos) return {};
  from_end_ = event.size() - at;
  std::int64_t made = 0;
  if (!digits(event, at + mark.size(), sent_digits, made)) return {};
  return made;
}

std::optional<std::int64_t> begin_finder::recorded_ns(std::string_view event) {
  constexpr std::string_view mark = R"("recorded_at":")";
  const auto at = event.find(mark);
  if (at == std::string_view::npos) return {};
  const auto text = event.substr(at + mark.size()); // 2026-11-23T04:05:06.123456Z
  int year = 0;
  unsigned month = 0, day = 0, hour = 0, minute = 0, second = 0, micro = 0;
  if (!digits(text, 0, 4, year) || !digits(text, 5, 2, month) || !digits(text, 8, 2, day) ||
      !digits(text, 11, 2, hour) || !digits(text, 14, 2, minute) || !digits(text, 17, 2, second) ||
      !digits(text, 20, 6, micro))
    return {};
  const std::chrono::sys_days date =
      std::chrono::year_month_day(std::chrono::year(year), std::chrono::month(month), std::chrono::day(day));
  const auto since = date.time_since_epoch() + std::chrono::hours(hour) + std::chrono::minutes(minute) +
                     std::chrono::seconds(second) + std::chrono::microseconds(micro);
  return std::chrono::duration_cast<std::chrono::nanoseconds>(since).count();
}

} // namespace synclog::tools::load
