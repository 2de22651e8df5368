// Whether a login may be the service role, in the words of the PostgreSQL that is asked. Pure.
#pragma once
#include <string>

namespace synclog::tools {

inline constexpr const char* service_role = "synclog_app";

// One statement; its one value is 'itself', 'member' (it may take the role on) or 'stranger'. No row: there
// is no such role. `server_version` as PQserverVersion() has it. From PostgreSQL 16 on a membership may be
// without the right to SET ROLE, and before that there is no such right to ask for.
std::string service_login_sql(int server_version);

// What a stranger is told. `login` as SQL writes it.
std::string stranger_sentence(const std::string& login, int server_version);

} // namespace synclog::tools
