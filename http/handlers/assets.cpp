// One list of files, one way to send them.
#include "http/handlers/assets.hpp"
#include "http/assets.hpp"
#include "http/handlers/conditions.hpp"
#include "http/handlers/meta.hpp"
#include "http/problem_response.hpp"

namespace synclog::http::handlers {
namespace {

// Everything from this server, nothing inline, no frame around it and no form that leaves it.
constexpr std::string_view content_policy =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
constexpr std::string_view feature_policy =
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
    "microphone=(), midi=(), payment=(), serial=(), usb=()";

std::string_view caching_of(const asset& file) {
  return file.caching == asset_caching::immutable ? "public, max-age=31536000, immutable" : "no-cache";
}

void add_policies(header_list& headers) {
  headers.emplace_back("Content-Security-Policy", content_policy);
  headers.emplace_back("Referrer-Policy", "no-referrer");
  headers.emplace_back("Cross-Origin-Opener-Policy", "same-origin");
  headers.emplace_back("Permissions-Policy", feature_policy);
}

boost::asio::awaitable<void> send(const asset* file, std::string_view varies, const request& asked,
                                  responder& answer) {
  if (file == nullptr) {
    co_await answer.send(
        to_response(core::make_problem(core::problem_code::not_found, "there is no such file here")));
    co_return;
  }
  const encoded_body body = body_for(*file, asked.header("accept-encoding"));
  // Each form has a tag of its own: they are different bytes.
  std::string etag = '"' + std::string(file->hash);
  if (!body.encoding.empty()) etag.append("-").append(body.encoding);
  etag += '"';
  response made;
  made.headers.emplace_back("ETag", etag);
  made.headers.emplace_back("Cache-Control", caching_of(*file));
  made.headers.emplace_back("Vary", varies);
  // Also with a 304: its headers replace those that were stored.
  if (needs_policy(*file)) add_policies(made.headers);
  if (not_modified(asked, etag)) {
    made.status = 304;
  } else {
    made.headers.emplace_back("Content-Type", file->type);
    if (!body.encoding.empty()) made.headers.emplace_back("Content-Encoding", body.encoding);
    made.body = body.bytes;
  }
  co_await answer.send(std::move(made));
}

} // namespace

boost::asio::awaitable<void> embedded_file(const services&, const request& asked, responder& answer) {
  return send(find_asset(asked.path), "Accept-Encoding", asked, answer);
}

boost::asio::awaitable<void> front_page(const services& with, const request& asked, responder& answer) {
  const auto accepted = asked.header("accept");
  const bool wants_text = accepted.find("text/plain") != std::string_view::npos &&
                          accepted.find("text/html") == std::string_view::npos;
  const asset* page = find_asset("/");
  if (page == nullptr || wants_text) return index(with, asked, answer);
  return send(page, "Accept, Accept-Encoding", asked, answer);
}

} // namespace synclog::http::handlers
