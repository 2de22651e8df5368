// See tls_identity.hpp.
#include "http/tls_identity.hpp"
#include "core/openssl_ptr.hpp"
#include "http/metric_families.hpp"
#include "http/tls_context.hpp"
#include <array>
#include <cerrno>
#include <ctime>
#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>

namespace synclog::http {

struct tls_identity::pair {
  std::shared_ptr<SSL_CTX> context;
  std::int64_t not_before_s = 0, not_after_s = 0;
  bool is_within(std::int64_t now_s) const { return not_before_s <= now_s && now_s < not_after_s; }
  std::string subject;
  bool is_key_open = false; // others than the owner and the group may use the file
};

namespace {

constexpr std::size_t most_file_bytes = 1u << 20;
constexpr std::size_t most_chain_certificates = 16;

using core::bio_ptr;
using core::key_ptr;
using x509_ptr = core::openssl_ptr<X509, X509_free>;

struct file_text {
  std::string text;
  mode_t mode = 0;
};

core::problem bad_file(const std::string& path, std::string_view what) {
  return core::make_problem(core::problem_code::bad_request, fmt::format("{} {}", path, what));
}

core::problem unreadable(const std::string& path, int error) {
  return bad_file(path, fmt::format("cannot be read: {}", std::generic_category().message(error)));
}

core::result<file_text> read_file(const std::string& path) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (file < 0) return unreadable(path, errno);
  file_text out;
  struct stat about {};
  int error = ::fstat(file, &about) != 0 ? errno : 0;
  out.mode = about.st_mode;
  out.text.resize(most_file_bytes + 1);
  std::size_t size = 0;
  ssize_t got = 0;
  while (error == 0 && size < out.text.size() &&
         (got = ::read(file, out.text.data() + size, out.text.size() - size)) > 0)
    size += static_cast<std::size_t>(got);
  if (error == 0 && got < 0) error = errno;
  ::close(file);
  if (error != 0) return unreadable(path, error);
  if (size > most_file_bytes)
    return bad_file(
        path, fmt::format("has more than {} bytes: no certificate or key is so large", most_file_bytes));
  out.text.resize(size);
  return out;
}

bio_ptr over(std::string_view text) {
  return bio_ptr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string reason() {
  const char* text = ERR_reason_error_string(ERR_peek_error());
  return text != nullptr ? text : "no reason given";
}

core::result<std::vector<x509_ptr>> read_chain(const std::string& path, std::string_view text) {
  const auto source = over(text);
  std::vector<x509_ptr> chain;
  ERR_clear_error();
  while (x509_ptr next{PEM_read_bio_X509(source.get(), nullptr, nullptr, nullptr)}) {
    chain.push_back(std::move(next));
    if (chain.size() > most_chain_certificates)
      return bad_file(path, fmt::format("holds more than {} certificates: the server's own, then those that "
                                        "lead to its root, are enough",
                                        most_chain_certificates));
  }
  const auto error = ERR_peek_last_error();
  const bool is_at_end = ERR_GET_LIB(error) == ERR_LIB_PEM && ERR_GET_REASON(error) == PEM_R_NO_START_LINE;
  if (!is_at_end) return bad_file(path, "holds a certificate that cannot be read: " + reason());
  if (chain.empty()) return bad_file(path, "holds no certificate in PEM (-----BEGIN CERTIFICATE-----)");
  return chain;
}

core::result<key_ptr> read_key(const std::string& path, std::string_view text) {
  const auto source = over(text);
  bool is_encrypted = false;
  const auto ask = [](char*, int, int, void* asked) {
    *static_cast<bool*>(asked) = true;
    return -1;
  };
  ERR_clear_error();
  key_ptr key(PEM_read_bio_PrivateKey(source.get(), nullptr, ask, &is_encrypted));
  if (is_encrypted)
    return bad_file(path,
                    "is encrypted, and nobody is here to ask for its passphrase: `openssl pkey -in FILE -out "
                    "PLAIN` makes a plain one; keep it readable by the server alone");
  if (!key) return bad_file(path, "holds no private key in PEM (-----BEGIN PRIVATE KEY-----)");
  return key;
}

// For whoever has put the chain the wrong way round.
std::string_view why_no_pair(const std::vector<x509_ptr>& chain, const EVP_PKEY* key) {
  for (const auto& other : chain) {
    if (X509_check_private_key(other.get(), key) == 1)
      return "does not begin with the server's own certificate: it must come first, the others after it";
  }
  return "";
}

std::int64_t seconds_of(const ASN1_TIME* when) {
  std::tm utc{};
  return ASN1_TIME_to_tm(when, &utc) == 1 ? static_cast<std::int64_t>(timegm(&utc)) : 0;
}

std::string time_text(std::int64_t seconds) {
  const auto when = static_cast<std::time_t>(seconds);
  std::tm utc{};
  gmtime_r(&when, &utc);
  std::array<char, 32> text{};
  const auto size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return {text.data(), size};
}

// The name in one line, with everything escaped that is not plain ASCII.
std::string subject_of(const X509* certificate) {
  const bio_ptr into(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(into.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(into.get(), &text);
  return size > 0 ? std::string(text, static_cast<std::size_t>(size)) : std::string("no name");
}

} // namespace

core::result<std::shared_ptr<const tls_identity::pair>> tls_identity::read(const tls_files& files) {
  const auto chain_file = read_file(files.certificate);
  if (!chain_file) return chain_file.error();
  const auto key_file = read_file(files.key);
  if (!key_file) return key_file.error();
  const auto chain = read_chain(files.certificate, chain_file->text);
  if (!chain) return chain.error();
  const auto key = read_key(files.key, key_file->text);
  if (!key) return key.error();
  X509* own = chain->front().get();
  if (X509_check_private_key(own, key->get()) != 1) {
    if (const auto why = why_no_pair(*chain, key->get()); !why.empty())
      return bad_file(files.certificate, why);
    return bad_file(files.key, "is not the key of the certificate in " + files.certificate);
  }
  auto made = std::make_shared<pair>();
  made->context = make_tls_context();
  if (!made->context) return core::make_problem(core::problem_code::internal, "TLS: no memory is left");
  ERR_clear_error();
  SSL_CTX* context = made->context.get();
  bool is_taken = SSL_CTX_use_certificate(context, own) == 1;
  for (std::size_t index = 1; is_taken && index < chain->size(); ++index)
    is_taken = SSL_CTX_add1_chain_cert(context, (*chain)[index].get()) == 1;
  // "ee key too small", "ca md too weak": clients would refuse it too.
  if (!is_taken) return bad_file(files.certificate, "is not good enough for OpenSSL: " + reason());
  if (SSL_CTX_use_PrivateKey(context, key->get()) != 1)
    return bad_file(files.key, "is not good enough for OpenSSL: " + reason());
  made->not_before_s = seconds_of(X509_get0_notBefore(own));
  made->not_after_s = seconds_of(X509_get0_notAfter(own));
  made->subject = subject_of(own);
  made->is_key_open = (key_file->mode & S_IRWXO) != 0;
  return std::shared_ptr<const pair>(std::move(made));
}

core::result<std::shared_ptr<tls_identity>> tls_identity::load(tls_files files) {
  std::shared_ptr<tls_identity> made(new tls_identity(std::move(files)));
  if (const auto done = made->reload(); !done) return done.error();
  return made;
}

core::result<void> tls_identity::reload() {
  auto fresh = read(files_);
  if (!fresh) return fresh.error();
  const auto now = static_cast<std::int64_t>(std::time(nullptr));
  const std::lock_guard guard(mutex_);
  if (pair_ && pair_->is_within(now) && !(*fresh)->is_within(now))
    return bad_file(files_.certificate,
                    fmt::format("is valid from {} to {}, which is not now, and the certificate in use is",
                                time_text((*fresh)->not_before_s), time_text((*fresh)->not_after_s)));
  pair_ = std::move(*fresh);
  return {};
}

std::shared_ptr<const tls_identity::pair> tls_identity::in_use() const {
  const std::lock_guard guard(mutex_);
  return pair_;
}

std::vector<std::string> tls_identity::doubts() const {
  const auto now = static_cast<std::int64_t>(std::time(nullptr));
  const auto used = in_use();
  std::vector<std::string> out;
  if (used->not_after_s <= now)
    out.push_back(fmt::format("{}: the certificate has expired at {}: clients will refuse it",
                              files_.certificate, time_text(used->not_after_s)));
  if (used->not_before_s > now)
    out.push_back(fmt::format("{}: the certificate is not valid before {}: clients will refuse it",
                              files_.certificate, time_text(used->not_before_s)));
  if (used->is_key_open)
    out.push_back(fmt::format("{}: every user of this machine may use this file: chmod o= it, and think of "
                              "the key as known",
                              files_.key));
  return out;
}

std::string tls_identity::description() const {
  const auto used = in_use();
  return fmt::format("{}, valid until {}", used->subject, time_text(used->not_after_s));
}

std::int64_t tls_identity::not_after_s() const {
  return in_use()->not_after_s;
}

SSL* tls_identity::accepting() const {
  return SSL_new(in_use()->context.get());
}

void tls_identity::note_handshake(bool is_tls_1_3) {
  (is_tls_1_3 ? by_tls_1_3_ : by_tls_1_2_).fetch_add(1, std::memory_order_relaxed);
}

void tls_identity::note_failure(const boost::asio::ip::address& from, std::string_view why) {
  failures_.fetch_add(1, std::memory_order_relaxed);
  if (const auto count = failure_lines_.note(seldom::clock::now()))
    spdlog::warn("{} TLS {} failed; the last one, of {}: {}", *count,
                 *count == 1 ? "handshake" : "handshakes", from.to_string(), why);
}

void tls_identity::collect(std::vector<prometheus::MetricFamily>& out) const {
  out.push_back(families::gauge("synclog_http_tls_certificate_expiry_seconds",
                                "When the certificate in use ends, in seconds since 1970.",
                                static_cast<double>(not_after_s())));
  auto done = families::empty("synclog_http_tls_handshakes_total", "TLS handshakes, by version.",
                              prometheus::MetricType::Counter);
  const auto add = [&done](const char* version, const std::atomic<std::uint64_t>& count) {
    done.metric.push_back(families::labelled({{"version", version}}));
    done.metric.back().counter.value = static_cast<double>(count.load(std::memory_order_relaxed));
  };
  add("1.2", by_tls_1_2_);
  add("1.3", by_tls_1_3_);
  out.push_back(std::move(done));
  out.push_back(families::counter("synclog_http_tls_failures_total",
                                  "TLS handshakes that failed, and clients that did not speak TLS.",
                                  static_cast<double>(failures_.load(std::memory_order_relaxed))));
}

} // namespace synclog::http
