// A transaction that has read the log and stays open: what a forgotten psql or a slow report does to a
// database. Blocking.
#pragma once
#include <memory>
#include <string>

namespace synclog::tests::fault {

class open_snapshot {
 public:
  // Throws std::runtime_error with PostgreSQL's words.
  explicit open_snapshot(const std::string& conninfo);
  ~open_snapshot();
  open_snapshot(const open_snapshot&) = delete;
  open_snapshot& operator=(const open_snapshot&) = delete;

  // The session lives and sees what it saw first.
  bool still_holds();

 private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace synclog::tests::fault
