// See conninfo.hpp.
#include "eventstore/pg/conninfo.hpp"
#include "eventstore/pg/types.hpp"
#include <cstdlib>
#include <libpq-fe.h>
#include <memory>

namespace synclog::eventstore::pg {

namespace {

// In `options` spaces divide words and a backslash takes away a character's meaning.
std::string escaped_option(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

} // namespace

std::string quoted_conninfo_value(std::string_view text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

std::string conninfo_as_role(const std::string& conninfo, const std::string& role) {
  char* error = nullptr;
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> parsed(
      PQconninfoParse(conninfo.c_str(), &error), &PQconninfoFree);
  if (!parsed) {
    const std::unique_ptr<char, decltype(&PQfreemem)> owned(error, &PQfreemem);
    throw unavailable(std::string("the database URL cannot be read: ") + (error == nullptr ? "" : error));
  }
  std::string out;
  // What is written here wins over the environment, so what the environment says is taken along.
  const char* const from_environment = std::getenv("PGOPTIONS");
  std::string session_options = from_environment == nullptr ? "" : from_environment;
  for (const PQconninfoOption* one = parsed.get(); one->keyword != nullptr; ++one) {
    if (one->val == nullptr) continue;
    if (std::string_view(one->keyword) == "options")
      session_options = one->val;
    else
      out += std::string(one->keyword) + "=" + quoted_conninfo_value(one->val) + " ";
  }
  session_options += (session_options.empty() ? "-c role=" : " -c role=") + escaped_option(role);
  return out + "options=" + quoted_conninfo_value(session_options);
}

} // namespace synclog::eventstore::pg
