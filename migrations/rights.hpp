// Every right of the service role, as the migrations give them. docs/security.md says what each is for.
#pragma once

namespace synclog::migrations {

// Rows of one sentence: a right that the service role lacks, or has beyond them, within the schemas synclog
// and public, an attribute and a membership, of which it has none. Rights of PUBLIC and of roles that it is a
// member of count. For a current schema only.
extern const char* const rights_sql;

} // namespace synclog::migrations
