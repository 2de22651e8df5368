// How this server speaks TLS, whatever its certificate: versions, ciphers, protocols. Private to
// tls_identity.
#pragma once
#include <memory>

struct ssl_ctx_st;

namespace synclog::http {

// Without a certificate yet. Null: no memory is left.
std::shared_ptr<ssl_ctx_st> make_tls_context();

} // namespace synclog::http
