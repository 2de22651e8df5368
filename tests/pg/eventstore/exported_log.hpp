// What the tests of export and import share: histories, files of them, and edits of files.
#pragma once
#include "eventstore/export_format.hpp"
#include "eventstore/log_export.hpp"
#include "eventstore/log_import.hpp"
#include "log_fixture.hpp"
#include <functional>
#include <random>
#include <vector>

namespace synclog::tests {

// A folder that goes with the object.
class scratch_folder {
 public:
  scratch_folder();
  ~scratch_folder();
  scratch_folder(const scratch_folder&) = delete;
  scratch_folder& operator=(const scratch_folder&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

std::string file_text(const std::string& path);
void write_file(const std::string& path, std::string_view text);
std::vector<std::string> lines_of(const std::string& text); // without line breaks
std::string text_of(const std::vector<std::string>& lines);

// Creates, merges, moves to other branches, deletes and creates again, over three entities, in requests of
// one to a dozen commands.
void write_history(log_server& server, std::mt19937_64& random, int requests);
// `count` clients in one request.
void write_clients(log_server& server, int count, const std::string& prefix = "C");

eventstore::export_report export_to(const std::string& database, const std::string& path,
                                    const eventstore::export_options& options = {},
                                    eventstore::compression packed = eventstore::compression::none);
// Opens sessions of the log's owner.
std::function<core::result<eventstore::pg::plain_connection>()> owner_of(const std::string& database);
eventstore::import_report import_from(const std::string& database, const std::string& path,
                                      eventstore::import_mode mode = eventstore::import_mode::save,
                                      const eventstore::progress_callback& progress = {},
                                      const core::catalog& known = entities());
// "" or why it was refused.
std::string refusal_of(const eventstore::import_report& done);

// "<position> <hash>" of the last event, and a digest of every read table's every row.
std::string head_of(const std::string& database);
std::string tables_of(const std::string& database);

// The file with `change` made to one event, and with every hash behind it computed anew: as somebody would
// who knows the format. `line` from 1.
std::string forged(const std::string& text, std::size_t line,
                   const std::function<void(eventstore::exported_event&)>& change);

} // namespace synclog::tests
