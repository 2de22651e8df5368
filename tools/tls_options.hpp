// The flags of `serve` that make it speak https, and what is wrong with the files that they name.
#pragma once
#include "http/tls_identity.hpp"
#include <memory>
#include <string>

namespace CLI {
class App;
}

namespace synclog::tools {

struct tls_options {
  std::string certificate, key; // PEM files; both or neither
};

// `into` outlives the parsing.
void add_tls_options(CLI::App& serve, tls_options& into);

// Null without the options. The problem is a sentence for whoever gave them; doubts go into the log.
core::result<std::shared_ptr<http::tls_identity>> load_identity(const tls_options& from);

// Says in the log what the pair in use is, and what may be wrong with it.
void log_identity(const http::tls_identity& identity);

} // namespace synclog::tools
