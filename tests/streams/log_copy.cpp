// See log_copy.hpp.
#include "tests/streams/log_copy.hpp"
#include "core/json.hpp"
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <functional>
#include <libpq-fe.h>
#include <memory>
#include <stdexcept>

namespace synclog::tests::streams {

namespace json = core::json;

namespace {

constexpr int page_rows = 10'000;
constexpr const char* read_page = R"(
  SELECT position, position || '-' || encode(substr(hash, 1, 4), 'hex'), entity, record_id, action, version,
         branch, previous_branch, data::text
  FROM synclog.events WHERE position > $1::bigint ORDER BY position LIMIT $2::bigint)";

// All as JSON tokens; previous_branch "" = not there.
struct content {
  std::string_view cursor, resource, action, id, version, branch, previous_branch, data;
};

std::uint64_t digest_of(const content& of) {
  thread_local std::string joined;
  joined.clear();
  for (const auto part :
       {of.cursor, of.resource, of.action, of.id, of.version, of.branch, of.previous_branch, of.data}) {
    joined += part;
    joined.push_back('\n'); // in no token
  }
  return std::hash<std::string_view>()(joined);
}

std::int64_t number_of(std::string_view text) {
  std::int64_t value = 0;
  const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
  if (read.ec != std::errc{} || read.ptr != text.data() + text.size())
    throw std::runtime_error("no number: " + std::string(text));
  return value;
}

std::string_view unquoted(std::string_view token) {
  if (token.size() < 2 || token.front() != '"') throw std::runtime_error("no text: " + std::string(token));
  return token.substr(1, token.size() - 2);
}

logged event_of(const PGresult* page, int row) {
  const auto text = [page, row](int column) { return std::string_view(PQgetvalue(page, row, column)); };
  const auto is_null = [page, row](int column) { return PQgetisnull(page, row, column) != 0; };
  logged made;
  made.position = number_of(text(0));
  made.cursor = text(1);
  made.resource = text(2);
  made.id = text(3);
  made.action = text(4);
  made.branch = text(6);
  made.previous_branch = text(7);
  const auto cursor = json::quoted(made.cursor), resource = json::quoted(made.resource),
             action = json::quoted(made.action), id = json::quoted(made.id);
  const auto branch = is_null(6) ? "null" : json::quoted(made.branch);
  // NULL: the branch did not change. Empty: there was none before.
  std::string previous_branch;
  if (!is_null(7))
    previous_branch = made.previous_branch.empty() ? "null" : json::quoted(made.previous_branch);
  made.digest = digest_of({cursor, resource, action, id, text(5), branch, previous_branch, text(8)});
  return made;
}

bool is_any_of(const std::vector<std::string>& wanted, const std::string& value) {
  return std::find(wanted.begin(), wanted.end(), value) != wanted.end();
}

} // namespace

std::vector<logged> copy_log(const std::string& conninfo) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> session(PQconnectdb(conninfo.c_str()), &PQfinish);
  if (PQstatus(session.get()) != CONNECTION_OK)
    throw std::runtime_error(std::string("reading the log: ") + PQerrorMessage(session.get()));
  std::vector<logged> log;
  const std::string limit = std::to_string(page_rows);
  for (;;) {
    const std::string after = std::to_string(log.empty() ? 0 : log.back().position);
    const char* values[] = {after.c_str(), limit.c_str()};
    const std::unique_ptr<PGresult, decltype(&PQclear)> page(
        PQexecParams(session.get(), read_page, 2, nullptr, values, nullptr, nullptr, 0), &PQclear);
    if (PQresultStatus(page.get()) != PGRES_TUPLES_OK)
      throw std::runtime_error(std::string("reading the log: ") + PQerrorMessage(session.get()));
    const int rows = PQntuples(page.get());
    for (int row = 0; row < rows; ++row) {
      log.push_back(event_of(page.get(), row));
      if (log.back().position != static_cast<std::int64_t>(log.size()))
        throw std::runtime_error("the log has a gap before position " + std::to_string(log.back().position));
    }
    if (rows < page_rows) return log;
  }
}

bool matches(const interest& wanted, const logged& event) {
  if (!wanted.resources.empty() && !is_any_of(wanted.resources, event.resource)) return false;
  if (!wanted.ids.empty() && !is_any_of(wanted.ids, event.id)) return false;
  if (!wanted.actions.empty() && !is_any_of(wanted.actions, event.action)) return false;
  if (wanted.branches.empty()) return true;
  const bool was_there = !event.previous_branch.empty() && is_any_of(wanted.branches, event.previous_branch);
  return is_any_of(wanted.branches, event.branch) || was_there;
}

namespace {

// What follows a name, up to the next comma.
std::string_view quick_member(std::string_view text, std::string_view quoted_name) {
  const auto found = text.find(quoted_name);
  if (found == std::string_view::npos)
    throw std::runtime_error("an envelope without " + std::string(quoted_name));
  const auto value = text.substr(found + quoted_name.size());
  return value.substr(0, value.find(','));
}

envelope read_places(std::string_view text) {
  envelope made;
  made.position = number_of(quick_member(text, R"("position":)"));
  made.previous = number_of(quick_member(text, R"("previous":)"));
  made.cursor = unquoted(quick_member(text, R"("cursor":)"));
  made.recorded_at = unquoted(quick_member(text, R"("recorded_at":)"));
  return made;
}

} // namespace

envelope read_envelope(std::string_view text, envelope_depth depth) {
  if (depth == envelope_depth::places) return read_places(text);
  thread_local std::vector<json::slice> members;
  members.clear();
  if (!json::split_object(text, members)) throw std::runtime_error("no envelope: " + std::string(text));
  const auto find = [](std::string_view name) {
    for (const auto& member : members)
      if (member.name == name) return member.value;
    return std::string_view();
  };
  const auto need = [&](std::string_view name) {
    const auto value = find(name);
    if (value.empty()) throw std::runtime_error("an envelope without " + std::string(name));
    return value;
  };
  envelope made;
  made.position = number_of(need("position"));
  made.previous = number_of(need("previous"));
  made.cursor = unquoted(need("cursor"));
  made.recorded_at = unquoted(need("recorded_at"));
  made.digest = digest_of({need("cursor"), need("resource"), need("action"), need("id"), need("version"),
                           need("branch"), find("previous_branch"), need("data")});
  return made;
}

std::int64_t position_of(std::string_view cursor) {
  const auto dash = cursor.find('-');
  if (dash == std::string_view::npos || cursor.size() != dash + 9)
    throw std::runtime_error("no cursor: " + std::string(cursor));
  return number_of(cursor.substr(0, dash));
}

std::string text_member(std::string_view object, std::string_view name) {
  std::vector<json::slice> members;
  if (!json::split_object(object, members)) throw std::runtime_error("no object: " + std::string(object));
  for (const auto& member : members)
    if (member.name == name) return json::unquote(member.value);
  return {};
}

} // namespace synclog::tests::streams
