// See limits.hpp.
#include "http/limits.hpp"
#include <array>
#include <fmt/format.h>
#include <type_traits>

namespace synclog::http {

namespace {

using unit = limit_unit;

template <auto Member>
std::int64_t get_member(const limits& from) {
  using type = std::remove_cvref_t<decltype(from.*Member)>;
  if constexpr (std::is_same_v<type, std::chrono::seconds>)
    return (from.*Member).count();
  else
    return static_cast<std::int64_t>(from.*Member);
}

template <auto Member>
void set_member(limits& into, std::int64_t value) {
  using type = std::remove_cvref_t<decltype(into.*Member)>;
  into.*Member = static_cast<type>(value);
}

template <auto Member>
constexpr limit_entry row(std::string_view flag, unit measured_in, std::string_view bounds,
                          std::string_view beyond, std::int64_t least = 1,
                          std::int64_t most = std::int64_t{1} << 50) {
  return {flag, measured_in, bounds, beyond, least, most, get_member<Member>, set_member<Member>};
}

constexpr std::int64_t a_day_s = 86'400;
constexpr std::string_view told_later = "503 with `Retry-After`";
constexpr std::string_view caller_told_later = "429 with `Retry-After`";
constexpr std::string_view closed = "the connection is closed";

constexpr std::array entries{
    row<&limits::max_body_bytes>("--max-body", unit::bytes, "bytes of a request body",
                                 "413, the connection is closed"),
    row<&limits::max_header_bytes>("--max-headers", unit::bytes, "bytes of a request's headers",
                                   "431, the connection is closed", 256, 1 << 20),
    row<&limits::max_header_fields>("--max-header-count", unit::count, "headers of a request",
                                    "431, the connection is closed", 1, 10'000),
    row<&limits::max_target_bytes>("--max-url", unit::bytes, "bytes of a request's URL",
                                   "414, the connection is closed", 64, 1 << 20),
    row<&limits::max_json_depth>("--max-depth", unit::count, "arrays and objects of JSON within each other",
                                 "422, with where", 1, 1'000),
    row<&limits::max_bulk_items>("--max-items", unit::count, "records in a bulk request, rows of a CSV file",
                                 "413"),
    row<&limits::request_deadline>("--request-deadline", unit::seconds,
                                   "seconds that a request may take once its body is there, and each page of "
                                   "a whole list",
                                   "503 with `Retry-After`; a list under way breaks off", 1, a_day_s),
    row<&limits::statement_timeout>("--statement-timeout", unit::seconds,
                                    "seconds that one statement may read in the database",
                                    "503 with `Retry-After`; a list under way breaks off", 1, a_day_s),
    row<&limits::max_connections>("--max-connections", unit::count, "open connections",
                                  "one that waits is closed for it, else 503 with `Retry-After`"),
    row<&limits::max_connections_per_address>("--max-connections-per-address", unit::count,
                                              "open connections of one address, of one IPv6 /64",
                                              "429 with `Retry-After`, the connection is closed"),
    row<&limits::max_handshakes>("--max-handshakes", unit::count, "TLS handshakes under way at once",
                                 "those that wait longest are closed"),
    row<&limits::header_timeout>("--header-timeout", unit::seconds,
                                 "seconds from a request's first byte to its headers' end, and from "
                                 "connecting to the first byte",
                                 closed, 1, a_day_s),
    row<&limits::idle_timeout>("--idle-timeout", unit::seconds, "seconds between two requests", closed, 1,
                               a_day_s),
    row<&limits::progress_timeout>("--progress-timeout", unit::seconds,
                                   "seconds in which 4 KiB of a body must come, or of an answer be taken",
                                   closed, 1, a_day_s),
    row<&limits::max_bodies_bytes>("--max-bodies", unit::bytes, "bytes of all request bodies held at once",
                                   "503 with `Retry-After`, the slowest senders are cut"),
    row<&limits::max_unread_bytes>(
        "--max-unread", unit::bytes, "bytes of all answers that wait for slow readers",
        "of callers with more than a quarter the largest are cut, then those of the "
        "slowest readers"),
    row<&limits::request_rate>("--request-rate", unit::count,
                               "requests a second of one token, without one of one address; ten seconds' "
                               "worth may be saved up; 0: no bound",
                               caller_told_later, 0, 1'000'000'000),
    row<&limits::record_rate>("--record-rate", unit::count,
                              "records a second in the bulk requests of one token, without one of one "
                              "address; ten seconds' worth may be saved up; 0: no bound",
                              caller_told_later, 0, 1'000'000'000),
    row<&limits::max_whole_lists>("--max-whole-lists", unit::count,
                                  "lists without a limit that are longer than one page, at once", told_later),
    row<&limits::max_whole_lists_per_caller>("--max-whole-lists-per-caller", unit::count,
                                             "of these, of one token, without one of one address",
                                             caller_told_later),
    row<&limits::max_searches>("--max-searches", unit::count, "searches at once", told_later),
    row<&limits::max_searches_per_caller>("--max-searches-per-caller", unit::count,
                                          "searches of one token, without one of one address",
                                          caller_told_later),
    row<&limits::event_page_max>("--max-event-page", unit::count, "events of one page of `/api/events`",
                                 "400", 1, 1'000'000),
    row<&limits::search_memory_bytes>("--search-memory", unit::bytes,
                                      "bytes of search texts held in memory, 0: searches read the tables",
                                      "searches of the largest entities read their tables", 0),
    row<&limits::answer_memory_bytes>("--answer-memory", unit::bytes,
                                      "bytes of limited lists kept ready until their entity changes, 0: none",
                                      "the least used go", 0),
    row<&limits::max_streams>("--max-streams", unit::count, "open event streams, live queries, WebSockets",
                              told_later),
    row<&limits::max_streams_per_caller>("--max-streams-per-caller", unit::count,
                                         "streams of one token, without one of one address",
                                         caller_told_later),
    row<&limits::max_subscriptions>("--max-subscriptions", unit::count, "subscriptions of one WebSocket",
                                    "an error frame", 1, 10'000),
    row<&limits::max_channels>(
        "--max-channels", unit::count,
        "different filters among the open event streams, at most a quarter of them naming no record ids",
        told_later),
    row<&limits::max_live_queries>("--max-live-queries", unit::count, "different open live queries",
                                   told_later),
    row<&limits::feed_ring_bytes>("--feed-ring", unit::bytes, "bytes of the newest events held in memory",
                                  "streams further behind read the log"),
    row<&limits::stream_ring_bytes>("--stream-ring", unit::bytes, "bytes of ready frames held for streams",
                                    "streams further behind read the feed"),
    limit_entry{
        "--stream-page", unit::bytes, "bytes that a stream behind the head takes from the log at once",
        "it takes them in parts", 1, std::int64_t{1} << 50,
        [](const limits& from) { return static_cast<std::int64_t>(from.catch_up.max_bytes); },
        [](limits& into, std::int64_t value) { into.catch_up.max_bytes = static_cast<std::size_t>(value); }},
    row<&limits::slow_reader>("--slow-reader", unit::seconds,
                              "seconds that a stream may stay behind before it is told bye",
                              "`bye`, the connection is closed", 1, a_day_s),
};

// "67108864 (64 MiB)".
std::string shown(const limit_entry& entry, std::int64_t value) {
  constexpr std::int64_t kib = 1 << 10, mib = 1 << 20, gib = 1 << 30;
  if (entry.unit == unit::bytes && value >= kib) {
    if (value % gib == 0) return fmt::format("{} ({} GiB)", value, value / gib);
    if (value % mib == 0) return fmt::format("{} ({} MiB)", value, value / mib);
    if (value % kib == 0) return fmt::format("{} ({} KiB)", value, value / kib);
  }
  return std::to_string(value);
}

} // namespace

std::span<const limit_entry> all_limits() {
  return entries;
}

std::string variable_of(const limit_entry& entry) {
  std::string made = "SYNCLOG_";
  for (const char c : entry.flag.substr(2))
    made.push_back(c == '-' ? '_' : static_cast<char>(c - 'a' + 'A'));
  return made;
}

std::string limits_table() {
  std::string made;
  const limits defaults;
  for (const auto& entry : entries)
    made += fmt::format("| {} | `{}` | `{}` | {} | {} |\n", entry.bounds, entry.flag, variable_of(entry),
                        shown(entry, entry.get(defaults)), entry.beyond);
  return made;
}

} // namespace synclog::http
