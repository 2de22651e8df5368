// Makes requests: an operation is what all its requests share, a maker fills the places of one after the
// other. Operations are shared by threads; each thread has a maker of its own.
#pragma once
#include "core/problem.hpp"
#include "tools/load/target_url.hpp"
#include "tools/load/text_template.hpp"
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::tools::load {

enum class body_form : std::uint8_t { none, object, array, ndjson };

// What an operation is made from, as texts with places.
struct operation_texts {
  std::string name;                 // "write"
  std::string path;                 // "/api/clients/{id}"
  body_form form = body_form::none; // none: GET, else POST
  std::string record;               // one of the body's records
  std::size_t records = 1;
  std::vector<std::string> headers; // "Name: value"
  unsigned weight = 1;
};

struct operation {
  std::string name;
  body_form form = body_form::none;
  text_template head; // from the method to the last header, without the empty line
  text_template record;
  std::size_t records = 1; // a request saves; 0 for GET
  std::size_t body_bytes = 0;
  unsigned weight = 1;

  // bad_request when a place is unknown, a header is none, or the path does not begin with a slash.
  // `branch_bytes` is the length of every branch's name.
  static core::result<operation> make(const operation_texts& texts, const target_url& url,
                                      std::size_t branch_bytes);
};

// A realistic client's record of about 350 bytes: its own id and reference number, one of the branches.
std::string_view client_record();

class request_maker {
 public:
  // All outlive the maker. `branches` is not empty; `ids` may be when no operation has {id}.
  request_maker(const std::vector<operation>& operations, const std::vector<std::string>& branches,
                const std::vector<std::string>& ids, std::uint64_t seed);

  struct made {
    std::uint32_t operation = 0;
    std::uint32_t first_branch = 0; // of its first record; each further record has the next branch in turn
  };
  // Appends one request, of an operation chosen by weight.
  made append(std::string& out, std::int64_t now_ns);

 private:
  const std::vector<operation>& operations_;
  const std::vector<std::string>& branches_;
  const std::vector<std::string>& ids_;
  fill_source source_;
  std::size_t weights_ = 0;
};

} // namespace synclog::tools::load
