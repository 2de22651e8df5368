// See tls_options.hpp.
#include "tools/tls_options.hpp"
#include <CLI/CLI.hpp>
#include <spdlog/spdlog.h>

namespace synclog::tools {

void add_tls_options(CLI::App& serve, tls_options& into) {
  serve
      .add_option(
          "--tls-cert", into.certificate,
          "PEM file of the certificate, then its chain: every --listen speaks https; SIGHUP reads it again")
      ->envname("SYNCLOG_TLS_CERT");
  serve.add_option("--tls-key", into.key, "PEM file of the certificate's private key, not encrypted")
      ->envname("SYNCLOG_TLS_KEY");
}

core::result<std::shared_ptr<http::tls_identity>> load_identity(const tls_options& from) {
  if (from.certificate.empty() && from.key.empty()) {
    return std::shared_ptr<http::tls_identity>();
  }
  if (from.certificate.empty() || from.key.empty()) {
    return core::make_problem(core::problem_code::bad_request,
                              "--tls-cert and --tls-key go together: one is missing");
  }
  auto loaded = http::tls_identity::load({.certificate = from.certificate, .key = from.key});
  if (!loaded) {
    auto why = loaded.error();
    why.detail = "TLS: " + why.detail;
    return why;
  }
  log_identity(**loaded);
  return loaded;
}

void log_identity(const http::tls_identity& identity) {
  spdlog::info("TLS: {}", identity.description());
  for (const auto& sentence : identity.doubts()) {
    spdlog::warn("TLS: {}", sentence);
  }
}

} // namespace synclog::tools
