// See certificates.hpp.
#include "tests/support/certificates.hpp"
#include "core/openssl_ptr.hpp"
#include <memory>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdexcept>

namespace synclog::tests {

namespace {

using core::bio_ptr;
using core::key_ptr;
using x509_ptr = core::openssl_ptr<X509, X509_free>;

void require(bool made, const char* what) {
  if (!made) throw std::runtime_error(std::string("no certificate for the test: ") + what);
}

std::string text_of(const bio_ptr& bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

key_ptr make_key(certificate_wish::kind kind) {
  using wanted = certificate_wish::kind;
  key_ptr made(kind == wanted::p256 ? EVP_EC_gen("P-256")
                                    : EVP_RSA_gen(kind == wanted::rsa_2048 ? 2048 : 1024));
  require(made != nullptr, "key");
  return made;
}

void extend(X509* certificate, int what, const char* value) {
  X509_EXTENSION* made = X509V3_EXT_conf_nid(nullptr, nullptr, what, value);
  require(made != nullptr && X509_add_ext(certificate, made, -1) == 1, value);
  X509_EXTENSION_free(made);
}

x509_ptr make_x509(EVP_PKEY* key, const certificate_wish& wish) {
  static long serial = 0;
  x509_ptr made(X509_new());
  require(made != nullptr, "memory");
  X509_set_version(made.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made.get()), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), wish.from_s);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), wish.until_s);
  X509_set_pubkey(made.get(), key);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(wish.name.c_str()), -1, -1, 0);
  return made;
}

std::string pem_of(X509* certificate) {
  const bio_ptr into(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_X509(into.get(), certificate) == 1, "PEM");
  return text_of(into);
}

struct authority {
  key_ptr key = make_key(certificate_wish::kind::p256);
  x509_ptr own;
  std::string pem;

  authority() {
    certificate_wish wish;
    wish.name = "synclog tests";
    own = make_x509(key.get(), wish);
    X509_set_issuer_name(own.get(), X509_get_subject_name(own.get()));
    extend(own.get(), NID_basic_constraints, "critical,CA:TRUE");
    extend(own.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
    require(X509_sign(own.get(), key.get(), EVP_sha256()) > 0, "signature");
    pem = pem_of(own.get());
  }
};

const authority& the_authority() {
  static const authority made;
  return made;
}

} // namespace

certificate make_certificate(const certificate_wish& wish) {
  const auto key = make_key(wish.key);
  const auto own = make_x509(key.get(), wish);
  X509_set_issuer_name(own.get(), X509_get_subject_name(the_authority().own.get()));
  extend(own.get(), NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1");
  require(X509_sign(own.get(), the_authority().key.get(), EVP_sha256()) > 0, "signature");
  const bio_ptr plain(BIO_new(BIO_s_mem())), encrypted(BIO_new(BIO_s_mem()));
  require(PEM_write_bio_PKCS8PrivateKey(plain.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) == 1,
          "key");
  char passphrase[] = "a secret";
  require(PEM_write_bio_PKCS8PrivateKey(encrypted.get(), key.get(), EVP_aes_256_cbc(), passphrase,
                                        sizeof passphrase - 1, nullptr, nullptr) == 1,
          "encrypted key");
  return {pem_of(own.get()), text_of(plain), text_of(encrypted)};
}

const std::string& test_authority() {
  return the_authority().pem;
}

} // namespace synclog::tests
