// Content-Type and Accept as the record and event routes understand them (RFC 9110, 8.3 and 12.5.1). Pure;
// any thread.
#pragma once
#include "core/problem.hpp"
#include "http/message.hpp"
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::http::handlers {

inline constexpr std::string_view media_json = "application/json";
inline constexpr std::string_view media_csv = "text/csv";
inline constexpr std::string_view media_ndjson = "application/x-ndjson";
inline constexpr std::string_view media_sse = "text/event-stream";
inline constexpr std::string_view media_cloudevents_batch = "application/cloudevents-batch+json";

enum class body_form : std::uint8_t { json, ndjson, csv };

// Which forms a route takes.
struct accepted_forms {
  bool ndjson = true;
  bool csv = false;
  bool merge_patch = false;
};

// The form of the body by its Content-Type; unsupported_media names what the route takes. JSON and NDJSON are
// UTF-8 only; a CSV's encoding is found in its bytes, whatever the charset says.
core::result<body_form> body_form_of(const request& asked, accepted_forms taken);

// Index of the best of `offers` (in the server's order of preference) under all Accept headers; empty = 406.
// Highest q wins, then what the client named most exactly, then what it named first, then the server's order.
std::optional<std::size_t> negotiate(const request& asked, std::span<const std::string_view> offers);

core::problem not_acceptable(std::span<const std::string_view> offers);

// Every value of a header, comma-separated lists joined in order.
std::string joined_header(const request& asked, std::string_view lower_name);

// Splits at `separator` outside double quotes; pieces are trimmed, empty ones left out.
std::vector<std::string_view> split_list(std::string_view text, char separator);

} // namespace synclog::http::handlers
