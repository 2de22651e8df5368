// Data and meta travel as JSON strings that hold their texts: their bytes are hashed, and a string survives
// every JSON tool on the way, where an object comes out with other white space, escapes or numbers.
#include "eventstore/export_format.hpp"

#include "core/bytes.hpp"
#include "core/chain.hpp"
#include "core/json.hpp"
#include <algorithm>
#include <charconv>
#include <fmt/format.h>

namespace synclog::eventstore {

namespace json = core::json;

namespace {

// Years 1 to 9999: what a timestamp of the API can say.
constexpr std::int64_t first_moment_us = -62'135'596'800'000'000;
constexpr std::int64_t last_moment_us = 253'402'300'799'999'999;

using core::bytes_of;

void append_text(std::string& out, std::string_view name, std::string_view value) {
  out.append(name);
  json::append_string(out, value);
}

template <class Bytes>
void append_hex(std::string& out, std::string_view name, const Bytes& bytes) {
  out.append(name).append("\"").append(core::to_hex(bytes_of(bytes))).append("\"");
}

void append_number(std::string& out, std::string_view name, std::int64_t number) {
  fmt::format_to(std::back_inserter(out), "{}{}", name, number);
}

// What is wrong with a line. Thrown within this file only, so that each member is read in one expression.
struct refused {
  std::string detail;
};

// The members of one object, each to be asked for once.
class members {
 public:
  explicit members(const json::value& object) : object_(object) {
    if (object.kind != json::kind::object) throw refused{"is no JSON object"};
  }

  std::string text(const char* name) { return std::string(wanted(name, json::kind::string).text); }

  std::optional<std::string> text_or_null(const char* name) {
    const auto& found = any(name);
    if (found.kind == json::kind::null) return std::nullopt;
    if (found.kind != json::kind::string) throw refused{fmt::format("\"{}\" is no text", name)};
    return std::string(found.text);
  }

  std::int64_t number(const char* name, std::int64_t least, std::int64_t most) {
    const auto digits = wanted(name, json::kind::number).text;
    std::int64_t value = 0;
    const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (read.ec != std::errc{} || read.ptr != digits.data() + digits.size() || value < least || value > most)
      throw refused{fmt::format("\"{}\" is {}, which is no such number", name, digits)};
    return value;
  }

  template <class Bytes>
  Bytes hex(const char* name) {
    const auto digits = wanted(name, json::kind::string).text;
    const auto decoded = core::from_hex(digits);
    Bytes bytes{};
    if (!decoded || decoded->size() != bytes.size())
      throw refused{fmt::format("\"{}\" is not {} hex digits", name, 2 * bytes.size())};
    std::copy(decoded->begin(), decoded->end(), bytes.begin());
    return bytes;
  }

  const json::value& list(const char* name) { return wanted(name, json::kind::array); }
  bool has(const char* name) const { return object_.find(name) != nullptr; }

  // Whatever nobody asked for would be lost.
  void expect_no_more() const {
    if (asked_ != object_.count) throw refused{"has members that this format does not know"};
  }

 private:
  const json::value& any(const char* name) {
    const auto* found = object_.find(name);
    if (found == nullptr) throw refused{fmt::format("lacks \"{}\"", name)};
    ++asked_;
    return *found;
  }
  const json::value& wanted(const char* name, json::kind kind) {
    const auto& found = any(name);
    if (found.kind != kind) throw refused{fmt::format("\"{}\" is of another kind than it must be", name)};
    return found;
  }

  const json::value& object_;
  std::size_t asked_ = 0;
};

constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

core::uuid uuid_of(std::string text) {
  std::erase(text, '-');
  const auto bytes = core::from_hex(text);
  core::uuid id{};
  if (!bytes || bytes->size() != id.size()) throw refused{"\"log_id\" is no UUID"};
  std::copy(bytes->begin(), bytes->end(), id.begin());
  return id;
}

export_header read_header(members line) {
  if (line.text("format") != export_format_name)
    throw refused{fmt::format("is no header of the format {}", export_format_name)};
  const auto version = line.number("version", 1, most);
  if (version != export_format_version)
    throw refused{fmt::format("is of version {} of the format, this program reads version {}", version,
                              export_format_version)};
  export_header header;
  header.log_id = uuid_of(line.text("log_id"));
  header.after = {line.number("after", 0, most)};
  header.after_hash = line.hex<core::sha256_digest>("after_hash");
  header.head = {line.number("head", header.after.value, most)};
  header.head_hash = line.hex<core::sha256_digest>("head_hash");
  for (const auto& item : line.list("definitions").items()) {
    members each(item);
    exported_definition definition;
    definition.name = each.text("name");
    definition.revision = each.number("revision", 0, most);
    definition.definition = each.text("definition");
    each.expect_no_more();
    header.definitions.push_back(std::move(definition));
  }
  line.expect_no_more();
  return header;
}

exported_event read_event(members line) {
  exported_event read;
  auto& event = read.event;
  event.position = {line.number("position", 1, most)};
  event.recorded_at = {line.number("recorded_at", first_moment_us, last_moment_us)};
  event.entity = line.text("entity");
  event.record_id = line.text("record_id");
  event.version = line.number("version", 1, most);
  const auto action = core::event_action_from(line.text("action"));
  if (!action) throw refused{"\"action\" is none of created, updated, deleted, reverted"};
  event.action = *action;
  const auto branch = line.text_or_null("branch");
  if (branch && branch->empty()) throw refused{"\"branch\" is empty; none is null"};
  event.branch = branch.value_or("");
  event.previous_branch = line.text_or_null("previous_branch");
  event.meta = line.text("meta");
  if (line.has("data_hash")) {
    read.data_hash = line.hex<core::sha256_digest>("data_hash");
  } else {
    event.salt = line.hex<decltype(event.salt)>("salt");
    event.data = line.text("data");
  }
  event.hash = line.hex<core::sha256_digest>("hash");
  line.expect_no_more();
  return read;
}

export_trailer read_trailer(members line) {
  export_trailer trailer;
  trailer.events = line.number("events", 0, most);
  trailer.head = {line.number("end", 0, most)};
  trailer.head_hash = line.hex<core::sha256_digest>("head_hash");
  line.expect_no_more();
  return trailer;
}

} // namespace

void append_line(std::string& out, const export_header& header) {
  append_text(out, "{\"format\":", export_format_name);
  append_number(out, ",\"version\":", export_format_version);
  append_text(out, ",\"log_id\":", core::to_string(header.log_id));
  append_number(out, ",\"after\":", header.after.value);
  append_hex(out, ",\"after_hash\":", header.after_hash);
  append_number(out, ",\"head\":", header.head.value);
  append_hex(out, ",\"head_hash\":", header.head_hash);
  out += ",\"definitions\":[";
  for (const auto& each : header.definitions) {
    if (out.back() != '[') out += ',';
    append_text(out, "{\"name\":", each.name);
    append_number(out, ",\"revision\":", each.revision);
    append_text(out, ",\"definition\":", each.definition);
    out += '}';
  }
  out += "]}\n";
}

void append_line(std::string& out, const exported_event& source) {
  const auto& event = source.event;
  append_number(out, "{\"position\":", event.position.value);
  append_number(out, ",\"recorded_at\":", event.recorded_at.micros);
  append_text(out, ",\"entity\":", event.entity);
  append_text(out, ",\"record_id\":", event.record_id);
  append_number(out, ",\"version\":", event.version);
  append_text(out, ",\"action\":", core::to_string(event.action));
  if (event.branch.empty())
    out += ",\"branch\":null";
  else
    append_text(out, ",\"branch\":", event.branch);
  if (!event.previous_branch)
    out += ",\"previous_branch\":null";
  else
    append_text(out, ",\"previous_branch\":", *event.previous_branch);
  append_text(out, ",\"meta\":", event.meta);
  if (source.data_hash) {
    append_hex(out, ",\"data_hash\":", *source.data_hash);
  } else {
    append_hex(out, ",\"salt\":", event.salt);
    append_text(out, ",\"data\":", event.data);
  }
  append_hex(out, ",\"hash\":", event.hash);
  out += "}\n";
}

void append_line(std::string& out, const export_trailer& trailer) {
  append_number(out, "{\"end\":", trailer.head.value);
  append_number(out, ",\"events\":", trailer.events);
  append_hex(out, ",\"head_hash\":", trailer.head_hash);
  out += "}\n";
}

core::result<export_line> parse_export_line(std::string_view line) {
  const auto parsed = json::parse(line);
  if (!parsed) {
    auto why = core::make_problem(core::problem_code::malformed, "is no JSON object that can be read");
    if (parsed.error().place)
      why.detail = fmt::format("is not valid JSON at byte {}", parsed.error().place->column);
    return why;
  }
  try {
    if (!parsed->defects().empty()) {
      const auto& first = parsed->defects().front();
      throw refused{fmt::format("{} {}", first.pointer, first.detail)};
    }
    const members object(parsed->root());
    if (object.has("format")) return read_header(object);
    if (object.has("end")) return read_trailer(object);
    return read_event(object);
  } catch (const refused& why) {
    return core::make_problem(core::problem_code::malformed, why.detail);
  }
}

} // namespace synclog::eventstore
