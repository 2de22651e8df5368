// See exported_log.hpp.
#include "exported_log.hpp"
#include "core/chain.hpp"
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <sstream>
#include <stdlib.h>

namespace synclog::tests {

namespace fs = std::filesystem;

namespace {

const std::atomic<bool> never{false};

template <class Line>
void replace_line(std::string& text, const Line& line) {
  text.clear();
  eventstore::append_line(text, line);
  text.pop_back();
}

} // namespace

scratch_folder::scratch_folder() {
  path_ = (fs::temp_directory_path() / "synclog-log-XXXXXX").string();
  if (::mkdtemp(path_.data()) == nullptr) throw std::runtime_error("no temporary folder");
}

scratch_folder::~scratch_folder() {
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

std::string file_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void write_file(const std::string& path, std::string_view text) {
  std::ofstream(path, std::ios::binary) << text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::size_t begin = 0;
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return lines;
}

std::string text_of(const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines)
    text += line + "\n";
  return text;
}

void write_history(log_server& server, std::mt19937_64& random, int requests) {
  static constexpr const char* names[] = {"clients", "distributors", "visits"};
  static constexpr const char* required[] = {"full_name", "distributor_name", "visit_date"};
  static constexpr const char* branches[] = {R"("north")", R"("south")", R"("")", "null", R"("w\"\\est é")"};
  for (int i = 0; i < requests; ++i) {
    std::vector<core::command> commands;
    for (std::uint64_t left = 1 + random() % 12; left > 0; --left) {
      const auto kind = random() % 3;
      const auto id = fmt::format("R-{}", random() % 40);
      if (random() % 5 == 0) {
        commands.push_back(command_of(names[kind], core::command_kind::remove, "{\"id\":\"" + id + "\"}"));
        continue;
      }
      const auto value = kind == 2 ? fmt::format("2026-11-{:02}", 1 + random() % 28)
                                   : fmt::format("N\\u00e9 {} \\t\\\"", random() % 50);
      commands.push_back(command_of(names[kind], core::command_kind::save,
                                    fmt::format(R"({{"id":"{}","{}":"{}","branch":{}}})", id, required[kind],
                                                value, branches[random() % 5])));
    }
    REQUIRE(server.submit(request_of(std::move(commands))).has_value());
  }
}

void write_clients(log_server& server, int count, const std::string& prefix) {
  std::vector<core::command> commands;
  for (int i = 0; i < count; ++i)
    commands.push_back(command_of("clients", core::command_kind::save,
                                  fmt::format(R"({{"id":"{}-{}","full_name":"A"}})", prefix, i)));
  REQUIRE(server.submit(request_of(std::move(commands), std::chrono::seconds(60))).has_value());
}

eventstore::export_report export_to(const std::string& database, const std::string& path,
                                    const eventstore::export_options& options,
                                    eventstore::compression packed) {
  auto out = eventstore::whole_file::create(path, eventstore::existing_file::replace, packed);
  REQUIRE(out.has_value());
  auto done = eventstore::export_log(test_cluster::shared().conninfo(database), "synclog_app", options, *out,
                                     {}, never);
  REQUIRE_MESSAGE(done.has_value(), (done ? std::string() : done.error().detail));
  if (!done->difference) REQUIRE(out->finish(never).has_value());
  return *std::move(done);
}

std::function<core::result<eventstore::pg::plain_connection>()> owner_of(const std::string& database) {
  return [conninfo = test_cluster::shared().conninfo(database)] {
    return core::result<eventstore::pg::plain_connection>(
        eventstore::pg::plain_connection(conninfo, "", "test"));
  };
}

eventstore::import_report import_from(const std::string& database, const std::string& path,
                                      eventstore::import_mode mode,
                                      const eventstore::progress_callback& progress,
                                      const core::catalog& known) {
  auto lines = eventstore::line_source::open(path);
  REQUIRE(lines.has_value());
  const projections::read_tables tables(known);
  return eventstore::import_log(
      {test_cluster::shared().conninfo(database), "synclog_app", known, tables, owner_of(database)}, *lines,
      mode, progress, never);
}

std::string refusal_of(const eventstore::import_report& done) {
  return done.refused ? done.refused->detail : "";
}

std::string head_of(const std::string& database) {
  return test_cluster::shared().sql(
      database,
      "SELECT position || ' ' || encode(hash, 'hex') FROM synclog.events ORDER BY position DESC LIMIT 1");
}

std::string tables_of(const std::string& database) {
  std::string all;
  for (const auto& definition : entities().all())
    all += definition->name + " " +
           test_cluster::shared().sql(
               database,
               fmt::format("SELECT count(*) || ' ' || md5(string_agg(t::text, '|' ORDER BY id)) FROM {} t",
                           definition->table)) +
           "\n";
  return all;
}

std::string forged(const std::string& text, std::size_t line,
                   const std::function<void(eventstore::exported_event&)>& change) {
  auto lines = lines_of(text);
  auto header = std::get<eventstore::export_header>(*eventstore::parse_export_line(lines.front()));
  auto trailer = std::get<eventstore::export_trailer>(*eventstore::parse_export_line(lines.back()));
  core::chain_hasher hasher(header.log_id);
  auto previous = header.after_hash;
  for (std::size_t at = 1; at + 1 < lines.size(); ++at) {
    auto read = std::get<eventstore::exported_event>(*eventstore::parse_export_line(lines[at]));
    if (at + 1 == line) change(read);
    const std::string_view salt(reinterpret_cast<const char*>(read.event.salt.data()),
                                read.event.salt.size());
    const auto data_hash = read.data_hash ? *read.data_hash : hasher.data_hash(salt, read.event.data);
    previous = read.event.hash = hasher.next(previous, read.event, data_hash);
    replace_line(lines[at], read);
  }
  header.head_hash = trailer.head_hash = previous;
  replace_line(lines.front(), header);
  replace_line(lines.back(), trailer);
  return text_of(lines);
}

} // namespace synclog::tests
