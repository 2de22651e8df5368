// Which client a connection or a request is counted under.
#include "http/client_address.hpp"
#include <doctest/doctest.h>
#include <stdexcept>

using namespace synclog;
using http::key_of_address;
using http::trusted_proxies;

namespace {

boost::asio::ip::address at(const char* text) {
  return boost::asio::ip::make_address(text);
}

std::string key(const char* text) {
  return key_of_address(at(text));
}

http::request forwarded(std::vector<std::string> values) {
  http::request made;
  for (auto& value : values)
    made.headers.emplace_back("x-forwarded-for", std::move(value));
  return made;
}

} // namespace

TEST_CASE("client: an IPv4 address is one client, an IPv6 /64 is, and no two of them are the same") {
  CHECK(key("192.0.2.1") != key("192.0.2.2"));
  CHECK(key("192.0.2.1") == key("::ffff:192.0.2.1"));
  CHECK(key("2001:db8:1:2::1") == key("2001:db8:1:2:ffff::7"));
  CHECK(key("2001:db8:1:2::1") != key("2001:db8:1:3::1"));
  CHECK(key("0.0.0.0") != key("::"));
}

TEST_CASE("client: this machine has no bound of its own, its other loopback addresses have") {
  const trusted_proxies none;
  for (const char* one : {"127.0.0.1", "::1", "::ffff:127.0.0.1"})
    CHECK(none.key_of_connection(at(one)).empty());
  for (const char* one : {"127.0.0.2", "10.0.0.1", "::2"})
    CHECK(none.key_of_connection(at(one)) == key(one));
}

TEST_CASE("client: nobody is believed about another address unless he is named as a proxy") {
  const trusted_proxies none;
  CHECK(none.key_of_request(at("10.0.0.1"), forwarded({"192.0.2.1"})) == key("10.0.0.1"));
  CHECK(none.key_of_request(at("127.0.0.1"), forwarded({"192.0.2.1"})).empty());
}

TEST_CASE("client: of a proxy's list the last address that is no proxy counts, whatever stands before it") {
  const trusted_proxies named({"10.0.0.0/8", "127.0.0.1", "fd00::/8"});
  const auto peer = at("10.1.2.3");
  CHECK(named.key_of_connection(peer).empty());
  CHECK(named.key_of_request(peer, forwarded({"192.0.2.1"})) == key("192.0.2.1"));
  CHECK(named.key_of_request(peer, forwarded({"203.0.113.9, 192.0.2.1"})) == key("192.0.2.1"));
  CHECK(named.key_of_request(peer, forwarded({"203.0.113.9", " 192.0.2.1 ,10.9.9.9"})) == key("192.0.2.1"));
  CHECK(named.key_of_request(peer, forwarded({"127.0.0.1, 192.0.2.1,fd12::1"})) == key("192.0.2.1"));
  CHECK(named.key_of_request(at("127.0.0.1"), forwarded({"192.0.2.1:4711"})) == key("192.0.2.1"));
  CHECK(named.key_of_request(peer, forwarded({"[2001:db8::5]:443"})) == key("2001:db8::"));
  CHECK(named.key_of_request(peer, forwarded({"2001:db8::5"})) == key("2001:db8::"));
}

TEST_CASE("client: those whom a proxy does not name, or names by nonsense, share one bound, the proxy's") {
  const trusted_proxies named({"10.0.0.0/8", "127.0.0.1"});
  for (const char* value :
       {"", ",", "unknown", "192.0.2.1, secret", "192.0.2.1,", "[", "[]", "[2001:db8::5", ":::::"})
    CHECK_MESSAGE(named.key_of_request(at("10.0.0.1"), forwarded({value})) == key("10.0.0.1"), value);
  CHECK(named.key_of_request(at("10.0.0.1"), forwarded({})) == key("10.0.0.1"));
  CHECK(named.key_of_request(at("127.0.0.1"), forwarded({"unknown"})) == key("127.0.0.1"));
  // A program of this machine that forwards nothing is no proxy.
  CHECK(named.key_of_request(at("127.0.0.1"), forwarded({})).empty());
}

TEST_CASE("client: when all whom a proxy names are proxies, the furthest of them is the client") {
  const trusted_proxies named({"10.0.0.0/8"});
  CHECK(named.key_of_request(at("10.0.0.1"), forwarded({"10.1.1.1"})) == key("10.1.1.1"));
  CHECK(named.key_of_request(at("10.0.0.1"), forwarded({"10.2.2.2, 10.1.1.1"})) == key("10.2.2.2"));
}

TEST_CASE("client: networks hold what they should and nothing else") {
  const trusted_proxies named({"192.168.4.0/22", "2001:db8:10::/45", "198.51.100.7"});
  for (const char* one :
       {"192.168.4.0", "192.168.7.255", "::ffff:192.168.5.1", "2001:db8:17:ffff::1", "198.51.100.7"})
    CHECK_MESSAGE(named.contains(at(one)), one);
  for (const char* one :
       {"192.168.8.0", "192.168.3.255", "2001:db8:18::", "2001:db8:f::", "198.51.100.8", "::"})
    CHECK_MESSAGE(!named.contains(at(one)), one);
  CHECK(trusted_proxies({"0.0.0.0/0"}).contains(at("8.8.8.8")));
  CHECK_FALSE(trusted_proxies({"0.0.0.0/0"}).contains(at("2001:db8::")));
  CHECK(trusted_proxies({"::/0"}).contains(at("2001:db8::")));
  for (const char* bad : {"", "proxy.lan", "10.0.0.0/33", "10.0.0.0/", "fd00::/129", "10.0.0.0/8/8"})
    CHECK_THROWS_AS(trusted_proxies({bad}), std::invalid_argument);
}
