// Reads /proc: the socket's inode by port, then the process that holds it.
#include "http/port_owner.hpp"
#include <array>
#include <cctype>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <system_error>

namespace synclog::http {
namespace {

constexpr int state_listen = 10;

// The inode of the socket that listens on `port`, or "".
std::string listening_inode(const char* table, std::uint16_t port) {
  std::ifstream file(table);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    std::istringstream words(line);
    std::string slot, local, remote, state, queues, timers, retransmits, user, timeout, inode;
    words >> slot >> local >> remote >> state >> queues >> timers >> retransmits >> user >> timeout >> inode;
    const std::size_t colon = local.rfind(':');
    if (inode.empty() || colon == std::string::npos) continue;
    if (std::stoi(state, nullptr, 16) != state_listen) continue;
    if (std::stoul(local.substr(colon + 1), nullptr, 16) == port) return inode;
  }
  return {};
}

bool holds(const std::filesystem::path& process, const std::string& link) {
  std::error_code ec;
  std::filesystem::directory_iterator descriptors(process / "fd", ec), end;
  for (; !ec && descriptors != end; descriptors.increment(ec)) {
    std::error_code unreadable;
    if (std::filesystem::read_symlink(descriptors->path(), unreadable) == link) return true;
  }
  return false;
}

} // namespace

std::string describe_port_owner(std::uint16_t port) {
  std::string inode;
  for (const char* table : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    if (inode.empty()) inode = listening_inode(table, port);
  }
  if (inode.empty()) return {};
  const std::string link = "socket:[" + inode + "]";
  std::error_code ec;
  std::filesystem::directory_iterator processes("/proc", ec), end;
  for (; !ec && processes != end; processes.increment(ec)) {
    const std::string pid = processes->path().filename().string();
    if (pid.empty() || std::isdigit(static_cast<unsigned char>(pid.front())) == 0) continue;
    if (!holds(processes->path(), link)) continue;
    std::ifstream file(processes->path() / "comm");
    std::string name;
    std::getline(file, name);
    return (name.empty() ? "a program" : name) + " (pid " + pid + ")";
  }
  return {};
}

} // namespace synclog::http
