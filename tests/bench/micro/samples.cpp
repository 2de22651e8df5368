// See samples.hpp.
#include "bench/micro/samples.hpp"

#include "core/chain.hpp"
#include "core/json.hpp"
#include "core/problem.hpp"
#include "core/record.hpp"
#include "core/validate.hpp"
#include <array>
#include <fmt/format.h>

namespace synclog::tests::bench {

namespace {

constexpr std::array names{"Amara Okafor",
                           "José Álvarez",
                           "Nguyễn Thị Hoa",
                           "John Smith",
                           "Zoë \\\"Z\\\" O'Brien",
                           "สมชาย ใจดี",
                           "Maximilian Mustermann-Oberhuber"};
constexpr std::array cities{"Graz", "Chiang Mai", "San José", "Wien"};
constexpr std::array notes{"first visit, came by herself", "asked for a later date\\nwill call again",
                           "allergic to pollen; see the other record", ""};
constexpr std::size_t branches = 20;
constexpr std::int64_t first_moment = 1'795'000'000'000'000; // in November 2026

} // namespace

const core::catalog& sample_catalog() {
  static const core::catalog loaded = [] {
    auto made = core::catalog::load("");
    if (!made) core::invariant_broken("the embedded definitions cannot be read");
    return std::move(*made);
  }();
  return loaded;
}

const core::entity& sample_clients() {
  return *sample_catalog().find("clients");
}

std::string sample_id(std::size_t index) {
  // Time-ordered, as the server's own are.
  return fmt::format("CLT-0193b7c2-{:04x}-7c3a-9d21-{:012x}", index >> 16 & 0xffff,
                     index * 0x9e3779b97f4aULL & 0xffffffffffffULL);
}

std::string sample_bodies::phone() {
  return fmt::format("+43 660 {:07}", pick(10'000'000));
}

std::string sample_bodies::create() {
  const auto index = made_++;
  auto body = fmt::format(R"({{"id":"{}","reference_number":"R-{:08}","full_name":"{} {}","phone":"{}")",
                          sample_id(index), index, names[pick(names.size())], index, phone());
  if (pick(8) != 0) body += fmt::format(R"(,"email":"client{}@example.com")", index);
  if (pick(3) != 0) body += R"(,"gender":"f")";
  body += fmt::format(R"(,"date_of_birth":"19{:02}-{:02}-{:02}")", 30 + pick(70), 1 + pick(12), 1 + pick(28));
  body += fmt::format(R"(,"address":"Long Street {}","city":"{}","branch":"branch-{:02}")", 1 + pick(300),
                      cities[pick(cities.size())], pick(branches));
  body +=
      fmt::format(R"(,"data":{{"height":{},"weight":{}.5,"consent":true,"notes":"{}","visits":[{},{}]}}}})",
                  150 + pick(50), 50 + pick(50), notes[pick(notes.size())], pick(1000), pick(1000));
  return body;
}

std::string sample_bodies::change(std::size_t index) {
  return fmt::format(R"({{"id":"{}","phone":"{}","data":{{"height":{},"weight":70,"changed":true}}}})",
                     sample_id(index), phone(), 150 + pick(50));
}

std::string sample_bodies::csv(std::size_t rows) {
  std::string text = "reference_number,full_name,phone,email,date_of_birth,address,city,branch,height\r\n";
  for (std::size_t row = 0; row < rows; ++row)
    text += fmt::format(
        "R-{:08},\"Client, {}\",{},client{}@example.com,1985-07-{:02},Long Street {},{},branch-{:02},{}\r\n",
        row, row, phone(), row, 1 + pick(28), 1 + pick(300), cities[pick(cities.size())], pick(branches),
        150 + pick(50));
  return text;
}

std::vector<std::string> sample_docs(std::size_t count) {
  const auto& clients = sample_clients();
  sample_bodies bodies;
  std::vector<std::string> docs;
  for (std::size_t index = 0; index < count; ++index) {
    const auto parsed = core::json::parse(bodies.create());
    if (!parsed) core::invariant_broken("a sample is no JSON");
    auto given = core::validate_object(clients, parsed->root(), "");
    if (!given) core::invariant_broken("a sample is no client");
    core::fill_defaults(clients, given->fields);
    const auto position = static_cast<std::int64_t>(index + 1);
    const core::timestamp moment{first_moment + position * 1'000'001};
    docs.push_back(core::encode_record(clients, {given->id, 1, {position}, moment, moment}, given->fields));
  }
  return docs;
}

std::vector<core::event> sample_events(std::size_t count) {
  core::chain_hasher hasher(core::uuid{});
  auto hash = hasher.genesis();
  std::vector<core::event> events;
  std::int64_t position = 0;
  for (auto& doc : sample_docs(count)) {
    const auto record = core::decode_record(sample_clients(), doc);
    if (!record) core::invariant_broken("a sample is no record");
    core::event made;
    made.position = {++position};
    made.entity = sample_clients().name;
    made.record_id = record->head.id;
    made.version = 1;
    made.branch = core::branch_of(sample_clients(), record->fields);
    made.data = std::move(doc);
    made.meta = R"({"actor":"anonymous","request_id":"5f0c1f2f8a5b7c11-1a2b","user_agent":"browser"})";
    made.recorded_at = record->head.created_at;
    const std::string_view salt(reinterpret_cast<const char*>(made.salt.data()), made.salt.size());
    hash = made.hash = hasher.next(hash, made, hasher.data_hash(salt, made.data));
    events.push_back(std::move(made));
  }
  return events;
}

} // namespace synclog::tests::bench
