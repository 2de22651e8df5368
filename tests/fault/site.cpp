// See site.hpp.
#include "fault/site.hpp"
#include "migrations/runner.hpp"
#include <cstdlib>
#include <fcntl.h>
#include <fmt/format.h>
#include <libpq-fe.h>
#include <stdexcept>
#include <unistd.h>

namespace synclog::tests::fault {

namespace {

constexpr std::size_t disk_megabytes =
    2'500; // more than max_wal_size: it is to be full when it is filled, not before
constexpr const char* database_name = "fault_site";

} // namespace

std::string_view to_string(site_kind kind) {
  return kind == site_kind::supervised ? "supervised" : "networked";
}

site::site(site_options options) : options_(std::move(options)) {
  serving_options how;
  how.program = options_.program;
  how.arguments = options_.arguments;
  if (options_.kind == site_kind::supervised) {
    if (options_.own_disk) how.disk_megabytes = disk_megabytes;
    server_ = std::make_unique<serving>(std::move(how));
    return;
  }
  cluster_ = std::make_unique<test_cluster>(cluster_options{.durable = true, .tcp = true});
  cluster_->create_database(database_name);
  if (const auto made = migrations::up(cluster_->conninfo(database_name)); !made)
    throw std::runtime_error("cannot migrate: " + made.error().detail);
  proxy_ =
      std::make_unique<tcp_proxy>([port = cluster_->tcp_port()] { return static_cast<std::uint16_t>(port); });
  how.database_url =
      fmt::format("postgresql://postgres@127.0.0.1:{}/{}?sslmode=disable", proxy_->port(), database_name);
  how.direct_url = cluster_->url(database_name);
  if (options_.own_clock) {
    clock_file_ = folder_.file("clock");
    shift_clock(std::chrono::seconds(0));
    how.through = {"/usr/bin/env", "LD_PRELOAD=" SYNCLOG_CLOCK_SHIFT, "SYNCLOG_TEST_CLOCK=" + clock_file_};
  }
  server_ = std::make_unique<serving>(std::move(how));
}

// The server first, then what it used.
site::~site() {
  server_.reset();
  proxy_.reset();
}

void site::kill_database() {
  if (cluster_)
    cluster_->kill9();
  else
    server_->kill_database();
}

void site::revive_database() {
  if (cluster_) cluster_->start();
}

bool site::kill_backend() {
  return cluster_ ? kill_busiest_session(cluster_->postmaster_pid(), database_name) : server_->kill_backend();
}

void site::power_off() {
  const pid_t postmaster = postmaster_pid();
  disk()->cut_power();
  if (postmaster != 0) kill_postmaster(postmaster);
  kill_server();
}

void site::power_on() {
  disk()->power_on();
  start_server();
}

pid_t site::postmaster_pid() const {
  return cluster_ ? cluster_->postmaster_pid() : server_->postmaster_pid();
}

std::string site::conninfo() const {
  return cluster_ ? cluster_->conninfo(database_name) + " connect_timeout=10" : server_->conninfo();
}

std::string site::sql(const std::string& statement) const {
  const auto superuser = cluster_ ? conninfo() : server_->conninfo("postgres");
  const std::unique_ptr<PGconn, decltype(&PQfinish)> session(PQconnectdb(superuser.c_str()), &PQfinish);
  const std::unique_ptr<PGresult, decltype(&PQclear)> answer(PQexec(session.get(), statement.c_str()),
                                                             &PQclear);
  const auto status = PQresultStatus(answer.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
    throw std::runtime_error(std::string("sql: ") + PQerrorMessage(session.get()));
  return PQntuples(answer.get()) > 0 ? PQgetvalue(answer.get(), 0, 0) : "";
}

int site::server_sessions() const {
  try {
    return std::atoi(
        sql("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'synclog serve'").c_str());
  } catch (const std::runtime_error&) {
    return -1;
  }
}

int site::usable_sessions() const {
  return std::atoi(sql("SELECT current_setting('max_connections')::int").c_str());
}

// In place: the server has the file mapped.
void site::shift_clock(std::chrono::seconds by) {
  const std::int64_t seconds = by.count();
  const int file = open(clock_file_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
  const bool written = file >= 0 && pwrite(file, &seconds, sizeof seconds, 0) == sizeof seconds;
  if (file >= 0) close(file);
  if (!written) throw std::runtime_error("cannot write " + clock_file_);
}

} // namespace synclog::tests::fault
