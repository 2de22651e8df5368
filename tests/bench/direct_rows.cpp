// See direct_rows.hpp.
#include "bench/direct_rows.hpp"
#include <chrono>
#include <fmt/format.h>
#include <optional>
#include <string_view>

namespace synclog::tests::bench {

namespace {

constexpr std::size_t branches = 20;
constexpr std::string_view meta =
    R"({"actor":"anonymous","request_id":"019ab000-0000-7000-8000-000000000000","user_agent":"bench"})";
constexpr std::string_view attributes =
    R"({"height":172,"weight":64,"notes":"first visit","sent_ns":"1234567890123456789"})";

std::int64_t now_micros() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::microseconds>(now).count();
}

std::string_view bytes_of(const auto& array) {
  return {reinterpret_cast<const char*>(array.data()), array.size()};
}

} // namespace

const char* const insert_events_sql = R"(
  INSERT INTO synclog.events
    (position, recorded_at, version, action, entity, record_id, branch, data, salt, meta, hash)
  SELECT * FROM unnest($1::bigint[], $2::timestamptz[], $3::bigint[], $4::text[], $5::text[], $6::text[],
                       $7::text[], $8::json[], $9::bytea[], $10::json[], $11::bytea[]))";

// What is the same in all rows of a client is a constant here: fewer arrays than a server can have.
const char* const insert_clients_sql = R"(
  INSERT INTO public.clients
    (id, version, position, created_at, updated_at, reference_number, full_name, phone, email, gender, date_of_birth,
     address, city, branch, data, search_text, doc)
  SELECT id, 1, position, at, at, reference, name, phone, email, 'f', '1985-07-14', 'Long Street 17', 'Graz', branch,
         data, search_text, doc
  FROM unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[], $6::text[], $7::text[], $8::text[],
              $9::json[], $10::text[], $11::json[])
       AS u(id, position, at, reference, name, phone, email, branch, data, search_text, doc))";

direct_rows::direct_rows(const std::optional<log_end>& last)
    : hasher_(core::uuid{}), last_hash_(last ? last->hash : hasher_.genesis()),
      position_(last ? last->position : 0) {}

direct_rows::client_row direct_rows::make_row() {
  client_row made;
  core::event& event = made.event;
  const auto micros = now_micros();
  const auto number = static_cast<std::uint64_t>(++position_);
  event.position = {position_};
  event.recorded_at = {micros};
  event.version = 1;
  event.entity = "clients";
  event.branch = fmt::format("branch-{:02}", number % branches);
  event.meta = meta;
  core::fill_random(event.salt.data(), event.salt.size());
  const auto milliseconds = static_cast<std::uint64_t>(micros / 1'000);
  event.record_id = fmt::format("CLT-{:08x}-{:04x}-7{:03x}-8000-{:012x}", milliseconds >> 16,
                                milliseconds & 0xffffU, number & 0xfffU, number);
  made.reference = fmt::format("R-{:016x}", number);
  made.name = fmt::format("Client {:010}", number);
  made.phone = fmt::format("+43 660 {:010}", number);
  made.email = fmt::format("c{:010}@example.com", number);
  made.search_text = fmt::format("client {0:010}\x1f+43 660 {0:010}\x1fr-{0:016x}", number);
  event.data = fmt::format(
      R"({{"id":"{}","version":1,"position":{},"created_at":"2026-11-23T04:05:06.123456Z",)"
      R"("updated_at":"2026-11-23T04:05:06.123456Z","reference_number":"{}","full_name":"{}","phone":"{}",)"
      R"("email":"{}","gender":"f","date_of_birth":"1985-07-14","address":"Long Street 17","city":"Graz",)"
      R"("branch":"{}","data":{}}})",
      event.record_id, position_, made.reference, made.name, made.phone, made.email, event.branch,
      attributes);
  event.hash = hasher_.next(last_hash_, event, hasher_.data_hash(bytes_of(event.salt), event.data));
  last_hash_ = event.hash;
  return made;
}

batch_values direct_rows::next(std::size_t count) {
  rows_.clear();
  while (rows_.size() < count)
    rows_.push_back(make_row());
  std::vector<std::int64_t> positions, times, versions(count, 1);
  std::vector<std::string_view> actions(count, "created"), entities(count, "clients"), metas(count, meta),
      attributes_of(count, attributes);
  std::vector<std::string_view> ids, branch_names, data, salts, hashes, references, names, phones, emails,
      searches;
  for (const auto& row : rows_) {
    positions.push_back(row.event.position.value);
    times.push_back(row.event.recorded_at.micros);
    ids.push_back(row.event.record_id);
    branch_names.push_back(row.event.branch);
    data.push_back(row.event.data);
    salts.push_back(bytes_of(row.event.salt));
    hashes.push_back(bytes_of(row.event.hash));
    references.push_back(row.reference);
    names.push_back(row.name);
    phones.push_back(row.phone);
    emails.push_back(row.email);
    searches.push_back(row.search_text);
  }
  namespace pg = eventstore::pg;
  batch_values made;
  made.events.int8_array(positions).timestamptz_array(times).int8_array(versions).text_array(actions);
  made.events.text_array(entities).text_array(ids).text_array(branch_names).text_array(data, pg::oid_json);
  made.events.bytea_array(salts).text_array(metas, pg::oid_json).bytea_array(hashes);
  made.clients.text_array(ids).int8_array(positions).timestamptz_array(times).text_array(references);
  made.clients.text_array(names).text_array(phones).text_array(emails).text_array(branch_names);
  made.clients.text_array(attributes_of, pg::oid_json).text_array(searches).text_array(data, pg::oid_json);
  return made;
}

} // namespace synclog::tests::bench
