// See requests.hpp. Each saved record carries its operation's key in one of its text fields, so that every
// save changes something and the log shows whose content it holds.
#include "fault/requests.hpp"
#include "core/json.hpp"
#include <array>
#include <charconv>
#include <fmt/format.h>
#include <stdexcept>

namespace synclog::tests::fault {

namespace {

constexpr std::size_t max_known_records = 200;
constexpr std::uint64_t shared_records = 20; // few, so that writers meet
constexpr std::uint64_t shared_codes = 40;
constexpr std::array<std::string_view, 4> branches{"north", "south", "east", "west"};

struct entity_shape {
  std::string_view name;
  std::string_view mark_field;
  std::string_view required; // members besides the mark, with a comma behind each
};

constexpr std::array<entity_shape, 6> shapes{{
    {"clients", "full_name",
     R"("phone":"+43 660 1234567","gender":"f","date_of_birth":"1985-07-14","data":{"seen":[1,2]},)"},
    {"visits", "notes", R"("visit_date":"2026-03-04","visit_type":"first",)"},
    {"appointments", "notes",
     R"("full_name":"Ada Example","date":"2026-03-04","time":"10:00","type":"check-up",)"},
    {"stock-requests", "notes", R"("requesting_branch":"north","items":[{"name":"tea","count":3}],)"},
    {"campaigns", "description", R"("name":"Spring","start_date":"2026-03-01",)"},
    {"finance-cash-requests", "purpose", R"("branch":"east","amount":12.50,)"},
}};

const entity_shape& shape_of(std::string_view entity) {
  for (const entity_shape& shape : shapes) {
    if (shape.name == entity) return shape;
  }
  throw std::logic_error("no shape of this entity");
}

std::string record_text(const entity_shape& shape, std::string_view id, std::string_view mark) {
  return fmt::format(R"({{"id":"{}",{}"{}":"{}"}})", id, shape.required, shape.mark_field, mark);
}

std::string_view text_of(const core::json::value& object, std::string_view name) {
  const auto* found = object.find(name);
  return found != nullptr ? found->text : std::string_view{};
}

std::int64_t number_of(const core::json::value& object, std::string_view name) {
  const auto text = text_of(object, name);
  std::int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

void read_bulk_results(const core::json::value& body, attempt& made) {
  const auto* results = body.find("results");
  if (results == nullptr) return;
  for (const auto& item : results->items()) {
    const auto status = text_of(item, "status");
    if (status == "created" || status == "updated") {
      made.effects.push_back({std::string(text_of(item, "id")), number_of(item, "version"), 0});
    }
  }
}

} // namespace

request_source::request_source(std::uint64_t seed, int writer)
    : random_(seed * 1'000 + static_cast<std::uint64_t>(writer)),
      prefix_(fmt::format("s{}-w{}", seed, writer)), writer_(writer) {}

planned request_source::begin(op_kind kind, std::string entity, std::size_t events) {
  planned made;
  made.op.key = fmt::format("{}-{}", prefix_, ++number_);
  made.op.kind = kind;
  made.op.entity = std::move(entity);
  made.op.writer = writer_;
  made.op.planned_events = events;
  return made;
}

void request_source::finish(planned& wanted, std::string_view method, std::string_view target,
                            std::string_view more_headers, std::string_view body) const {
  std::string headers = fmt::format("Idempotency-Key: {}\r\n{}", wanted.op.key, more_headers);
  if (!body.empty()) {
    headers += fmt::format("Content-Type: application/{}\r\n", body.ends_with('\n') ? "x-ndjson" : "json");
  }
  wanted.request = make_request(method, target, headers, body);
}

std::string request_source::fresh_id() {
  return fmt::format("{}-r{}", prefix_, ++ids_);
}

planned request_source::create() {
  const auto& shape = shapes[below(shapes.size())];
  auto made = begin(op_kind::create, std::string(shape.name), 1);
  made.record_id = fresh_id();
  finish(made, "POST", fmt::format("/api/{}", shape.name), "",
         record_text(shape, made.record_id, made.op.key));
  return made;
}

planned request_source::update() {
  if (records_.empty()) return create();
  const auto& record = records_[below(records_.size())];
  auto made = begin(op_kind::update, record.entity, 1);
  made.record_id = record.id;
  const auto body =
      fmt::format(R"({{"id":"{}","{}":"{}"}})", record.id, shape_of(record.entity).mark_field, made.op.key);
  finish(made, coin() ? "PUT" : "PATCH", fmt::format("/api/{}", record.entity), "", body);
  return made;
}

planned request_source::remove() {
  if (records_.empty()) return create();
  const auto index = below(records_.size());
  const auto record = records_[index];
  records_.erase(records_.begin() + static_cast<std::ptrdiff_t>(index));
  auto made = begin(op_kind::remove, record.entity, 1);
  made.record_id = record.id;
  const bool by_path = coin();
  finish(made, "DELETE", fmt::format("/api/{}{}{}", record.entity, by_path ? "/" : "?id=", record.id), "",
         "");
  return made;
}

planned request_source::natural_key() {
  auto made = begin(op_kind::natural_key, "distributors", 1);
  const auto body =
      fmt::format(R"({{"code":"D-{}","name":"{}","branch":"{}","commission_rate":{}}})", below(shared_codes),
                  made.op.key, branches[below(branches.size())], below(50));
  finish(made, "POST", "/api/distributors", "", body);
  return made;
}

// An id of its own with a code that most likely belongs to another record: 409.
planned request_source::taken_key() {
  auto made = begin(op_kind::natural_key, "distributors", 1);
  made.record_id = fresh_id();
  const auto body = fmt::format(R"({{"id":"{}","distributor_code":"D-{}","distributor_name":"{}"}})",
                                made.record_id, below(shared_codes), made.op.key);
  finish(made, "POST", "/api/distributors", "", body);
  return made;
}

planned request_source::shared_save() {
  auto made = begin(op_kind::update, "visits", 1);
  made.record_id = fmt::format("shared-{}", below(shared_records));
  finish(made, "POST", "/api/visits", "", record_text(shape_of("visits"), made.record_id, made.op.key));
  return made;
}

// Version 1 of a shared record is soon past: mostly 409 or 412.
planned request_source::stale_version() {
  auto made = begin(op_kind::conditional, "visits", 1);
  made.record_id = fmt::format("shared-{}", below(shared_records));
  const bool in_header = coin();
  const auto body = fmt::format(R"({{"id":"{}","notes":"{}"{}}})", made.record_id, made.op.key,
                                in_header ? "" : R"(,"expected_version":1)");
  finish(made, "PUT", "/api/visits", in_header ? "If-Match: \"1\"\r\n" : "", body);
  return made;
}

planned request_source::bad_create() {
  auto made = begin(op_kind::bad_create, "clients", 0);
  made.record_id = fresh_id();
  finish(made, "POST", "/api/clients", "",
         fmt::format(R"({{"id":"{}","city":"{}"}})", made.record_id, made.op.key));
  return made;
}

// Two to six new records, sometimes one of them twice (its second line is version 2), as an array or as
// NDJSON.
planned request_source::bulk(op_kind kind, bool with_bad_item) {
  const auto& shape = shapes[below(shapes.size())];
  const auto count = 2 + below(5);
  const auto bad_at = with_bad_item ? below(count) : count;
  const bool falls = with_bad_item && kind == op_kind::strict_bulk;
  auto made = begin(kind, std::string(shape.name), falls ? 0 : count - (with_bad_item ? 1 : 0));
  const bool as_lines = coin();
  std::string body = as_lines ? "" : "[";
  std::string last_id;
  for (std::uint64_t index = 0; index < count; ++index) {
    std::string item;
    if (index == bad_at) {
      item = fmt::format(R"({{"id":"{}","branch":"{}"}})", fresh_id(), made.op.key);
    } else {
      const bool again = !last_id.empty() && below(6) == 0;
      if (!again) last_id = fresh_id();
      item = record_text(shape, last_id, fmt::format("{} {}", made.op.key, index));
    }
    body += as_lines ? item + "\n" : (index == 0 ? "" : ",") + item;
  }
  if (!as_lines) body += "]";
  finish(made, "POST", fmt::format("/api/{}", shape.name),
         kind == op_kind::strict_bulk ? "Prefer: handling=strict\r\n" : "Prefer: handling=lenient\r\n", body);
  return made;
}

planned request_source::large_bulk(std::size_t records) {
  constexpr std::size_t fill_bytes = 600;
  auto made = begin(op_kind::lenient_bulk, "clients", records);
  std::string body;
  for (std::size_t index = 0; index < records; ++index) {
    body += fmt::format(R"({{"id":"{}","full_name":"{} {}","data":{{"fill":"{}"}}}})", fresh_id(),
                        made.op.key, index, std::string(fill_bytes, 'x'));
    body += '\n';
  }
  finish(made, "POST", "/api/clients", "Prefer: handling=lenient\r\n", body);
  return made;
}

planned request_source::next() {
  const auto dice = below(100);
  if (dice < 34) return create();
  if (dice < 52) return update();
  if (dice < 60) return remove();
  if (dice < 68) return natural_key();
  if (dice < 71) return taken_key();
  if (dice < 78) return shared_save();
  if (dice < 82) return stale_version();
  if (dice < 84) return bad_create();
  if (dice < 90) return bulk(op_kind::strict_bulk, false);
  if (dice < 93) return bulk(op_kind::strict_bulk, true);
  return bulk(op_kind::lenient_bulk, coin());
}

void request_source::learn(const planned& done) {
  if (done.op.kind != op_kind::create) return;
  records_.push_back({done.op.entity, done.record_id});
  if (records_.size() > max_known_records) records_.pop_front();
}

void read_answer(const planned& asked, const wire_answer& answer, attempt& made) {
  made.status = answer.status;
  made.cursor = answer.header("sync-position");
  made.replayed = answer.header("idempotency-replayed") == "true";
  const auto parsed = core::json::parse(answer.body);
  if (!parsed) return;
  const auto& body = parsed->root();
  if (answer.status >= 300) {
    made.code = text_of(body, "code");
  } else if (asked.op.kind == op_kind::strict_bulk || asked.op.kind == op_kind::lenient_bulk) {
    read_bulk_results(body, made);
  } else if (asked.op.kind == op_kind::remove) {
    made.effects.push_back({asked.record_id, 0, position_of(made.cursor)});
  } else {
    made.effects.push_back(
        {std::string(text_of(body, "id")), number_of(body, "version"), number_of(body, "position")});
  }
}

} // namespace synclog::tests::fault
