// See limit_options.hpp.
#include "tools/limit_options.hpp"
#include "tools/whole_number.hpp"
#include <CLI/CLI.hpp>
#include <string>

namespace synclog::tools {

void add_limit_options(CLI::App& serve, http::limits& into) {
  for (const auto& entry : http::all_limits()) {
    const auto keep = [&into, &entry](const std::int64_t& value) { entry.set(into, value); };
    serve.add_option_function<std::int64_t>(std::string(entry.flag), keep, std::string(entry.bounds))
        ->envname(http::variable_of(entry))
        ->check(whole_number(entry.least, entry.most))
        ->default_str(std::to_string(entry.get(into)))
        ->group("Limits (docs/limits.md)");
  }
}

} // namespace synclog::tools
