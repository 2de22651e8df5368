// See folder.hpp.
#include "pg/embedded/folder.hpp"
#include "eventstore/pg/embedded_process.hpp"
#include <array>
#include <csignal>
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <libpq-fe.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace synclog::tests {

namespace fs = std::filesystem;
using eventstore::pg::embedded_cluster;

namespace {

constexpr int start_patience_ms = 120'000;

std::string word_for(embedded_cluster::origin how) {
  switch (how) {
  case embedded_cluster::origin::created:
    return "created";
  case embedded_cluster::origin::started:
    return "started";
  case embedded_cluster::origin::adopted:
    return "adopted";
  }
  return "?";
}

// The whole life of the other process.
[[noreturn]] void use_cluster(const std::string& data_dir, other_process::kind what, int say, int listen) {
  {
    auto made = embedded_cluster::start({.data_dir = data_dir, .bin_dir = {}, .settings = {}});
    const std::string word = made ? word_for((*made)->how()) : made.error().detail;
    if (made && what == other_process::kind::server) (*made)->supervise([](const std::string&) {});
    if (write(say, word.data(), word.size()) < 0) _exit(1);
    close(say);
    char ignored = 0;
    while (read(listen, &ignored, 1) < 0) {
    }
  }
  _exit(0);
}

} // namespace

throwaway_folder::throwaway_folder() {
  std::string pattern = "/tmp/sle-XXXXXX";
  REQUIRE(mkdtemp(pattern.data()) != nullptr);
  path_ = pattern;
  chmod(path_.c_str(), 0755);
}

throwaway_folder::~throwaway_folder() {
  for (const pid_t pid :
       eventstore::pg::embedded::postgres_processes_in(fs::weakly_canonical(data_dir() + "/pg"))) {
    kill(pid, SIGKILL);
    eventstore::pg::embedded::wait_until_gone(pid, std::chrono::seconds(10));
  }
  std::error_code ignored;
  fs::remove_all(path_, ignored);
}

void throwaway_folder::fill() {
  static const throwaway_folder prepared;
  if (!fs::exists(prepared.data_dir())) started(prepared.data_dir())->stop();
  REQUIRE(std::system(("cp -a " + prepared.data_dir() + " " + data_dir()).c_str()) == 0);
}

std::unique_ptr<embedded_cluster> started(const std::string& data_dir) {
  auto made = embedded_cluster::start({.data_dir = data_dir, .bin_dir = {}, .settings = {}});
  REQUIRE_MESSAGE(made.has_value(), (made ? "" : made.error().detail));
  return std::move(*made);
}

std::string refusal(const std::string& data_dir) {
  const auto made = embedded_cluster::start({.data_dir = data_dir, .bin_dir = {}, .settings = {}});
  REQUIRE(!made.has_value());
  return made.error().detail;
}

std::string ask(const std::string& conninfo, const std::string& sql) {
  const std::unique_ptr<PGconn, decltype(&PQfinish)> session(
      PQconnectdb((conninfo + " connect_timeout=10").c_str()), &PQfinish);
  if (PQstatus(session.get()) != CONNECTION_OK)
    return "failed: " + std::string(PQerrorMessage(session.get()));
  const std::unique_ptr<PGresult, decltype(&PQclear)> answer(PQexec(session.get(), sql.c_str()), &PQclear);
  const ExecStatusType status = PQresultStatus(answer.get());
  if (status != PGRES_TUPLES_OK && status != PGRES_COMMAND_OK)
    return "failed: " + std::string(PQerrorMessage(session.get()));
  return PQntuples(answer.get()) == 0 ? std::string() : PQgetvalue(answer.get(), 0, 0);
}

pid_t postmaster_of(const std::string& data_dir) {
  std::ifstream in(data_dir + "/pg/postmaster.pid");
  pid_t pid = 0;
  in >> pid;
  return eventstore::pg::embedded::is_alive(pid) ? pid : 0;
}

other_process::other_process(const std::string& data_dir, kind what) {
  std::array<int, 2> said{}, tell{};
  REQUIRE(pipe(said.data()) == 0);
  REQUIRE(pipe(tell.data()) == 0);
  pid_ = fork();
  REQUIRE(pid_ >= 0);
  if (pid_ == 0) {
    close(said[0]);
    close(tell[1]);
    use_cluster(data_dir, what, said[1], tell[0]);
  }
  close(said[1]);
  close(tell[0]);
  said_ = said[0];
  tell_ = tell[1];
}

other_process::~other_process() {
  end();
  close(said_);
}

std::string other_process::await_started() {
  std::string heard;
  std::array<char, 512> buffer{};
  pollfd ready{.fd = said_, .events = POLLIN, .revents = 0};
  while (poll(&ready, 1, start_patience_ms) > 0) {
    const ssize_t got = read(said_, buffer.data(), buffer.size());
    if (got <= 0) return heard;
    heard.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return "no answer";
}

void other_process::kill9() {
  kill(pid_, SIGKILL);
  end();
}

void other_process::end() {
  if (pid_ < 0) return;
  signal(SIGPIPE, SIG_IGN); // a killed one does not listen
  // A byte and not only the end of the pipe: later forks hold that open too.
  if (write(tell_, "q", 1) < 0) kill(pid_, SIGKILL);
  close(tell_);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

} // namespace synclog::tests
