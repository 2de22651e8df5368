// An earlier state of a record as a command that makes it the present one: what POST …/revert and an undo
// send to the committer. Pure; any thread.
#pragma once
#include "core/command.hpp"
#include "core/entity.hpp"
#include "core/problem.hpp"
#include <string_view>

namespace synclog::core {

// `doc` is the record as it was, a live state of the log. It must be valid under today's definition: fields
// that the definition has lost are left out, fields that it has gained are null. Problem `invalid` has one
// error for each field that the definition does not take any more; what is required is the decision's
// question.
result<command> revert_command(const entity& definition, std::string_view doc);

} // namespace synclog::core
