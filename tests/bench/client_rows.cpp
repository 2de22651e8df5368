// See client_rows.hpp.
#include "bench/client_rows.hpp"
#include "support/http_client.hpp"
#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <random>
#include <stdexcept>
#include <string>

namespace synclog::tests::bench {

namespace {

constexpr const char* first_names[] = {"James", "Mary",  "Juan", "María", "André", "José",  "Ana",
                                       "Lena",  "Ngozi", "Amir", "Yuki",  "Olga",  "Pedro", "Fatma",
                                       "Liam",  "Emma",  "Noah", "Zöe",   "Elif",  "Mehmet"};
constexpr const char* last_names[] = {
    "Smith", "García", "Müller", "Santos", "Okafor", "Yamamoto", "Kowalski", "Ivanov", "Silva", "Dubois",
    "Rossi", "Nilsen", "Nguyen", "Khan",   "O'Neil", "Yilmaz",   "Cohen",    "Haddad", "Novák", "Popescu"};

} // namespace

void load_clients(std::uint16_t port, std::uint64_t rows, std::uint64_t from) {
  constexpr std::uint64_t rows_a_bulk = 20'000;
  std::mt19937_64 random(from + 1);
  http_client client(port, {.patience = std::chrono::minutes(3)});
  for (std::uint64_t done = from; done < rows; done += rows_a_bulk) {
    std::string body;
    for (std::uint64_t i = done; i < std::min(rows, done + rows_a_bulk); ++i)
      body += fmt::format(
          R"({{"reference_number":"REF-{:07}","full_name":"{} {}","phone":"+49 {}","branch":"b{}","city":"Town {}"}})"
          "\n",
          i, first_names[random() % 20], last_names[random() % 20], 100'000'000 + random() % 900'000'000,
          i % 20, i % 300);
    const auto reply =
        client.request("POST", "/api/clients", {{"Content-Type", "application/x-ndjson"}}, body);
    if (reply.status != 200)
      throw std::runtime_error("a bulk was answered " + std::to_string(reply.status) + reply.body);
  }
}

} // namespace synclog::tests::bench
