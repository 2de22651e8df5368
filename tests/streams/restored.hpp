// A database that is put back to an older copy of itself under its running servers, as a restored backup or a
// failover to a standby that lacks the end would. Blocking; the test's thread.
#pragma once
#include "tests/support/cluster.hpp"
#include <string>

namespace synclog::tests::streams {

class restorable {
 public:
  restorable(test_cluster& cluster, std::string database)
      : cluster_(cluster), database_(std::move(database)), copy_(database_ + "_old"),
        gone_(database_ + "_gone") {}
  ~restorable() {
    cluster_.drop_database(gone_);
    cluster_.drop_database(copy_);
  }
  restorable(const restorable&) = delete;
  restorable& operator=(const restorable&) = delete;

  // Keeps a copy of the state as it is. Servers lose their connections for a moment.
  void keep() {
    shut_out();
    cluster_.create_database(copy_, database_);
    allow("true");
  }
  // The kept copy takes the database's place; what was there goes on to exist as gone(). Once an object.
  void put_back() {
    shut_out();
    rename(database_, gone_);
    rename(copy_, database_);
    cluster_.sql("postgres", "ALTER DATABASE " + gone_ + " ALLOW_CONNECTIONS true");
  }
  const std::string& gone() const { return gone_; }

 private:
  void allow(const std::string& word) {
    cluster_.sql("postgres", "ALTER DATABASE " + database_ + " ALLOW_CONNECTIONS " + word);
  }
  // Nobody is connected, and nobody can connect.
  void shut_out() {
    allow("false");
    // Waits for each of them to be gone.
    cluster_.sql("postgres",
                 "SELECT bool_and(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE datname = '" +
                     database_ + "'");
  }
  void rename(const std::string& from, const std::string& to) {
    cluster_.sql("postgres", "ALTER DATABASE " + from + " RENAME TO " + to);
  }

  test_cluster& cluster_;
  std::string database_, copy_, gone_;
};

} // namespace synclog::tests::streams
