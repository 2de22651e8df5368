// Formatting and parsing of moments without locale or streams: both stand on every write's path.
#include "core/clock.hpp"
#include <array>
#include <chrono>
#include <cstring>

namespace synclog::core {

namespace {

constexpr std::int64_t micros_per_second = 1'000'000;
constexpr std::int64_t micros_per_day = 86'400 * micros_per_second;

struct civil_date {
  std::int64_t year = 0;
  unsigned month = 0;
  unsigned day = 0;
};

// Days since 1970-01-01 to the proleptic Gregorian calendar and back, by eras of 400 years that begin in
// March (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
civil_date civil_from_days(std::int64_t days) {
  days += 719'468;
  const std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
  const auto day_of_era = static_cast<unsigned>(days - era * 146'097);
  const unsigned year_of_era =
      (day_of_era - day_of_era / 1'460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted_month = (5 * day_of_year + 2) / 153;
  civil_date date;
  date.day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
  date.month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  date.year = static_cast<std::int64_t>(year_of_era) + era * 400 + (date.month <= 2 ? 1 : 0);
  return date;
}

std::int64_t days_from_civil(const civil_date& date) {
  const std::int64_t year = date.year - (date.month <= 2 ? 1 : 0);
  const std::int64_t era = (year >= 0 ? year : year - 399) / 400;
  const auto year_of_era = static_cast<unsigned>(year - era * 400);
  const unsigned shifted_month = date.month > 2 ? date.month - 3 : date.month + 9;
  const unsigned day_of_year = (153 * shifted_month + 2) / 5 + date.day - 1;
  const unsigned day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146'097 + static_cast<std::int64_t>(day_of_era) - 719'468;
}

bool exists(const civil_date& date) {
  constexpr std::array<unsigned, 12> lengths{31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  if (date.year < 1 || date.year > 9999 || date.month < 1 || date.month > 12 || date.day < 1) return false;
  const bool leap = (date.year % 4 == 0 && date.year % 100 != 0) || date.year % 400 == 0;
  return date.day <= lengths[date.month - 1] + (leap && date.month == 2 ? 1 : 0);
}

void put_digits(char* out, std::uint64_t number, int digits) {
  for (int place = digits - 1; place >= 0; --place) {
    out[place] = static_cast<char>('0' + number % 10);
    number /= 10;
  }
}

// Exactly `digits` decimal digits at `offset`; -1 when there are none.
int read_digits(std::string_view text, std::size_t offset, std::size_t digits) {
  if (offset + digits > text.size()) return -1;
  int number = 0;
  for (std::size_t at = offset; at < offset + digits; ++at) {
    if (text[at] < '0' || text[at] > '9') return -1;
    number = number * 10 + (text[at] - '0');
  }
  return number;
}

bool char_at(std::string_view text, std::size_t offset, char expected) {
  return offset < text.size() && text[offset] == expected;
}

std::optional<civil_date> read_date(std::string_view text) {
  const int year = read_digits(text, 0, 4);
  const int month = read_digits(text, 5, 2);
  const int day = read_digits(text, 8, 2);
  if (year < 0 || month < 0 || day < 0 || !char_at(text, 4, '-') || !char_at(text, 7, '-'))
    return std::nullopt;
  const civil_date date{year, static_cast<unsigned>(month), static_cast<unsigned>(day)};
  if (!exists(date)) return std::nullopt;
  return date;
}

// The offset behind the seconds in minutes: "Z", "+07:00".
std::optional<std::int64_t> read_zone(std::string_view text) {
  if (text == "Z" || text == "z") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const int hours = read_digits(text, 1, 2);
  const int minutes = read_digits(text, 4, 2);
  if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) return std::nullopt;
  const std::int64_t total = hours * 60 + minutes;
  return text[0] == '-' ? -total : total;
}

} // namespace

timestamp now() {
  const auto since = std::chrono::system_clock::now().time_since_epoch();
  return {std::chrono::duration_cast<std::chrono::microseconds>(since).count()};
}

void append_rfc3339(std::string& out, timestamp moment) {
  std::int64_t days = moment.micros / micros_per_day;
  std::int64_t rest = moment.micros % micros_per_day;
  if (rest < 0) {
    rest += micros_per_day;
    --days;
  }
  const civil_date date = civil_from_days(days);
  if (date.year < 0 || date.year > 9999) { // beyond RFC 3339; PostgreSQL's range goes further
    const std::string year = std::to_string(date.year);
    out += year;
  } else {
    char year[4];
    put_digits(year, static_cast<std::uint64_t>(date.year), 4);
    out.append(year, 4);
  }
  char text[23];
  std::memcpy(text, "-00-00T00:00:00.000000Z", sizeof text);
  const auto seconds = static_cast<std::uint64_t>(rest / micros_per_second);
  put_digits(text + 1, date.month, 2);
  put_digits(text + 4, date.day, 2);
  put_digits(text + 7, seconds / 3600, 2);
  put_digits(text + 10, seconds / 60 % 60, 2);
  put_digits(text + 13, seconds % 60, 2);
  put_digits(text + 16, static_cast<std::uint64_t>(rest % micros_per_second), 6);
  out.append(text, sizeof text);
}

std::string to_rfc3339(timestamp moment) {
  std::string text;
  text.reserve(27);
  append_rfc3339(text, moment);
  return text;
}

std::optional<timestamp> parse_rfc3339(std::string_view text) {
  const auto date = read_date(text);
  if (!date || text.size() < 20) return std::nullopt;
  if (text[10] != 'T' && text[10] != 't' && text[10] != ' ') return std::nullopt;
  const int hours = read_digits(text, 11, 2);
  const int minutes = read_digits(text, 14, 2);
  const int seconds = read_digits(text, 17, 2);
  if (text[13] != ':' || text[16] != ':' || hours < 0 || hours > 23 || minutes < 0 || minutes > 59)
    return std::nullopt;
  if (seconds < 0 || seconds > 60) return std::nullopt; // 60 is a leap second: the first of the next minute
  std::size_t at = 19;
  std::int64_t micros = 0;
  if (char_at(text, at, '.')) {
    constexpr std::size_t max_decimals = 9;
    const std::size_t first = ++at;
    for (std::int64_t unit = 100'000; at < text.size() && text[at] >= '0' && text[at] <= '9';
         ++at, unit /= 10)
      micros += (text[at] - '0') * unit;
    if (at == first || at - first > max_decimals) return std::nullopt;
  }
  const auto zone = read_zone(text.substr(at));
  if (!zone) return std::nullopt;
  const std::int64_t day_seconds = hours * 3600 + minutes * 60 + seconds - *zone * 60;
  const timestamp moment{days_from_civil(*date) * micros_per_day + day_seconds * micros_per_second + micros};
  const std::int64_t first_year = days_from_civil({1, 1, 1}) * micros_per_day;
  const std::int64_t past_last_year = days_from_civil({10'000, 1, 1}) * micros_per_day;
  if (moment.micros < first_year || moment.micros >= past_last_year) return std::nullopt;
  return moment;
}

bool is_calendar_date(std::string_view text) {
  return text.size() == 10 && read_date(text).has_value();
}

} // namespace synclog::core
