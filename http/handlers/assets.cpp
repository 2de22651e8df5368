// Embedded files, under their names and under their hashed names.
#include "http/handlers/assets.hpp"
#include "http/assets.hpp"
#include "http/handlers/conditions.hpp"
#include "http/problem_response.hpp"
#include <algorithm>

namespace synclog::http::handlers {
namespace {

constexpr std::string_view revalidated = "no-cache";
constexpr std::string_view immutable = "public, max-age=31536000, immutable";

const asset* find(std::string_view name, std::string_view asset::*by) {
  const auto files = embedded_assets();
  const auto at =
      std::find_if(files.begin(), files.end(), [&](const asset& file) { return file.*by == name; });
  return at == files.end() ? nullptr : &*at;
}

boost::asio::awaitable<void> send(const asset* file, std::string_view caching, const request& asked,
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
  made.headers.emplace_back("Cache-Control", caching);
  made.headers.emplace_back("Vary", "Accept-Encoding");
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

boost::asio::awaitable<void> client_script(const services&, const request& asked, responder& answer) {
  return send(find("client.js", &asset::name), revalidated, asked, answer);
}

boost::asio::awaitable<void> hashed_asset(const services&, const request& asked, responder& answer) {
  return send(find(asked.segments.back(), &asset::hashed_name), immutable, asked, answer);
}

} // namespace synclog::http::handlers
