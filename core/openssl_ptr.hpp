// Owners of OpenSSL's objects: std::unique_ptr with the function that frees the kind.
#pragma once
#include <memory>
#include <openssl/bio.h>
#include <openssl/evp.h>

namespace synclog::core {

template <auto Free>
struct freed_by {
  template <class Object>
  void operator()(Object* owned) const {
    Free(owned);
  }
};
template <class Object, auto Free>
using openssl_ptr = std::unique_ptr<Object, freed_by<Free>>;

using key_ptr = openssl_ptr<EVP_PKEY, EVP_PKEY_free>;
using bio_ptr = openssl_ptr<BIO, BIO_free_all>;

} // namespace synclog::core
