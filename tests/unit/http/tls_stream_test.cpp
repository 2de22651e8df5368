// TLS over a socket that is often full, against a client that is in no hurry: nothing is lost, doubled or out
// of order, and whoever waits waits for the right thing.
#include "http/tls_identity.hpp"
#include "http/tls_stream.hpp"
#include "tests/support/tls_client.hpp"
#include "tests/support/tls_files.hpp"
#include <array>
#include <boost/asio/error.hpp>
#include <doctest/doctest.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <random>
#include <sys/socket.h>
#include <thread>
#include <unistd.h>

using namespace synclog;
using boost::asio::error::would_block;
using http::tls_stream;
using parts = std::array<boost::asio::const_buffer, 3>;
using sight = tls_stream::sight;

namespace {

// Both ends of a connection, hands shaken.
class connection {
 public:
  explicit connection(const tests::tls_client_options& with = {}) {
    constexpr int small = 16'384;
    std::array<int, 2> ends{};
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) == 0);
    near_ = ends[0], far_ = ends[1];
    setsockopt(near_, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
    const auto identity = http::tls_identity::load({.certificate = files_.chain(), .key = files_.key()});
    REQUIRE(identity.has_value());
    server_ = std::make_unique<tls_stream>((*identity)->accepting(), near_);
    std::thread accepting([this] {
      std::string why;
      while (server_->handshake(why) == tls_stream::progress::waits) {
        pollfd watched{near_, POLLIN, 0};
        poll(&watched, 1, 10'000);
      }
    });
    client_ = std::make_unique<tests::tls_client>(far_, with, std::chrono::seconds(20));
    accepting.join();
  }
  ~connection() {
    server_.reset();
    client_.reset();
    close(near_);
    close(far_);
  }

  tls_stream& server() { return *server_; }
  tests::tls_client& client() { return *client_; }
  int far() const { return far_; }

  // Writes what goes of it.
  std::size_t write(std::string_view text, boost::system::error_code& ec) {
    const parts what{boost::asio::buffer(text), {}, {}};
    return server_->write_some(what, ec);
  }
  // What the client gets at once, of at most `count` bytes.
  std::string read(std::size_t count) {
    std::string into(count, '\0');
    const auto got = client_->receive(into.data(), into.size());
    into.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
    return into;
  }

 private:
  tests::tls_files files_;
  int near_ = -1, far_ = -1;
  std::unique_ptr<tls_stream> server_;
  std::unique_ptr<tests::tls_client> client_;
};

const tests::tls_client_options tls_1_2{.newest = TLS1_2_VERSION}, tls_1_3{.oldest = TLS1_3_VERSION};

} // namespace

TEST_CASE(
    "tls: whatever the parts, and however often the socket is full, each byte comes once and in order") {
  const auto seed = std::random_device{}();
  CAPTURE(seed);
  std::mt19937 random(seed);
  const auto up_to = [&random](std::size_t most) {
    return std::uniform_int_distribution<std::size_t>(0, most)(random);
  };
  for (const auto& version : {tls_1_2, tls_1_3}) {
    connection both(version);
    std::string sent, got, held; // as a session holds what did not go out
    int full = 0;
    for (int round = 0; round < 400; ++round) {
      std::array<std::string, 2> more{std::string(up_to(40'000), '\0'), std::string(up_to(300), '\0')};
      for (auto& text : more) {
        for (char& c : text)
          c = static_cast<char>(random());
        sent += text;
      }
      parts rest{boost::asio::buffer(held), boost::asio::buffer(more[0]), boost::asio::buffer(more[1])};
      boost::system::error_code ec;
      while (rest[0].size() + rest[1].size() + rest[2].size() > 0 && !ec) {
        auto left = both.server().write_some(rest, ec);
        for (auto& part : rest) {
          const auto step = std::min(left, part.size());
          part += step;
          left -= step;
        }
        if (!ec) continue;
        REQUIRE(ec == would_block);
        ++full;
        if (up_to(3) == 0) break; // what is left joins what is held
        got += both.read(1 + up_to(30'000));
        ec = {};
      }
      std::string left_over;
      for (const auto& part : rest)
        left_over.append(static_cast<const char*>(part.data()), part.size());
      held = std::move(left_over);
    }
    for (int tries = 0; tries < 100'000 && got.size() < sent.size(); ++tries) {
      boost::system::error_code ec;
      held.erase(0, both.write(held, ec));
      got += both.read(60'000);
    }
    CHECK(full > 20);
    CHECK(got.size() == sent.size());
    CHECK((got == sent));
  }
}

TEST_CASE("tls: parts travel together, so that a chunk's frame is no record of its own") {
  connection both;
  const std::string head = "5\r\n", body = "12345", end = "\r\n";
  const parts what{boost::asio::buffer(head), boost::asio::buffer(body), boost::asio::buffer(end)};
  boost::system::error_code ec;
  CHECK(both.server().write_some(what, ec) == 10);
  CHECK(both.read(100) == "5\r\n12345\r\n"); // a read takes one record
}

TEST_CASE("tls: what a look has decrypted is announced by no socket, so nobody waits for it") {
  connection both;
  using wait = boost::asio::socket_base;
  CHECK(both.server().look() == sight::nothing);
  CHECK(both.server().read_waits_for() == wait::wait_read);
  both.client().send("hello", 5);
  CHECK(both.server().look() == sight::bytes);
  CHECK(both.server().read_waits_for() == wait::wait_write); // at once
  std::array<char, 3> some{};
  boost::system::error_code ec;
  CHECK(both.server().read_some(boost::asio::buffer(some), ec) == 3);
  CHECK(both.server().read_waits_for() == wait::wait_write);
  CHECK(both.server().read_some(boost::asio::buffer(some), ec) == 2);
  CHECK(both.server().read_some(boost::asio::buffer(some), ec) == 0);
  CHECK(ec == would_block);
  CHECK(both.server().read_waits_for() == wait::wait_read);
}

TEST_CASE("tls: a client's new keys are nothing to read, also while a record of ours is half written") {
  connection both(tls_1_3);
  const std::string text(1'000'000, 'k');
  std::string got;
  std::size_t sent = 0;
  int halves = 0; // records that were half written
  while (sent < text.size()) {
    boost::system::error_code ec;
    sent += both.write(std::string_view(text).substr(sent), ec);
    if (!ec) continue;
    REQUIRE(ec == would_block);
    // OpenSSL takes no more than 32 updates in a row from a client that says nothing else.
    for (int i = 0; i < 2 && halves < 6; ++i)
      both.client().update_keys();
    ++halves;
    for (int looks = 0; looks < 4; ++looks)
      CHECK(both.server().look() == sight::nothing);
    got += both.read(50'000);
  }
  while (got.size() < sent) {
    const auto more = both.read(50'000);
    REQUIRE_FALSE(more.empty());
    got += more;
  }
  CHECK((got == text));
  CHECK(halves > 2);
  both.client().send("!", 1);
  std::array<char, 1> said{};
  boost::system::error_code ec;
  for (int tries = 0; tries < 100 && both.server().read_some(boost::asio::buffer(said), ec) == 0; ++tries) {
  }
  CHECK(said[0] == '!');
  // One message a look, so that no client keeps a look from returning.
  constexpr int updates = 20;
  for (int i = 0; i < updates; ++i)
    both.client().update_keys();
  both.client().send("?", 1);
  int looks = 0;
  while (both.server().look() == sight::nothing && looks < 1'000)
    ++looks;
  CHECK(looks >= updates);
  CHECK(looks < 1'000);
}

TEST_CASE("tls: both sides can tell an orderly end from a cut") {
  std::array<char, 8> into{};
  boost::system::error_code ec;
  {
    connection both;
    both.client().say_end();
    CHECK(both.server().look() == sight::end);
    both.server().read_some(boost::asio::buffer(into), ec);
    CHECK(ec == boost::asio::error::eof);
    CHECK(both.write("an answer to the last question", ec) == 30);
    CHECK(both.read(100) == "an answer to the last question");
    both.server().say_end();
    CHECK(both.client().receive(into.data(), into.size()) == 0);
    CHECK(both.client().ended_in_order());
  }
  {
    connection both;
    shutdown(both.far(), SHUT_WR);
    CHECK(both.server().look() == sight::end);
    both.server().read_some(boost::asio::buffer(into), ec);
    CHECK(ec == boost::asio::error::connection_reset);
  }
}

TEST_CASE("tls: bytes that are none end it, and nothing is written afterwards") {
  connection both;
  const std::string garbage(100, 'g');
  REQUIRE(send(both.far(), garbage.data(), garbage.size(), MSG_NOSIGNAL) == 100);
  std::array<char, 8> into{};
  boost::system::error_code ec;
  both.server().read_some(boost::asio::buffer(into), ec);
  CHECK(ec == boost::asio::error::connection_reset);
  CHECK(both.write("anybody?", ec) == 0);
  CHECK(ec == boost::asio::error::connection_reset);
}

TEST_CASE("tls: a write to a client that has gone is an error, and no signal") {
  connection both;
  shutdown(both.far(), SHUT_RDWR);
  boost::system::error_code ec;
  for (int tries = 0; tries < 100 && !ec; ++tries)
    both.write("into the void", ec);
  CHECK(ec == boost::asio::error::connection_reset);
}
