// What every record and event route shares: finding the entity, refusing unknown parameters, the headers that
// go with every answer, and query text for links. Pure but for send_problem; any thread.
#pragma once
#include "core/entity.hpp"
#include "core/problem.hpp"
#include "http/message.hpp"
#include "http/services.hpp"
#include <boost/asio/awaitable.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace synclog::http::handlers {

// The entity of segments[1]; not_found when there is none.
core::result<const core::entity*> find_entity(const services& with, const request& asked);

// bad_request for the first parameter that is not in `known`; the detail names the known ones.
std::optional<core::problem> refuse_unknown_parameters(const request& asked,
                                                       std::span<const std::string_view> known);

// bad_request when one of `single` is given twice: which one would count?
std::optional<core::problem> refuse_repeated_parameters(const request& asked,
                                                        std::span<const std::string_view> single);

// Every value of a parameter, in order.
std::vector<std::string> parameter_values(const request& asked, std::string_view name);

// "true"/"1" or "false"/"0"; absent = false. bad_request otherwise.
core::result<bool> flag_parameter(const request& asked, std::string_view name);

// Vary and Cache-Control: answers depend on the caller and are always revalidated.
void add_common_headers(response& made);
// What distinguishes the answers of two callers to the same question.
void append_scope(std::string& key, const core::scope& caller);

response json_response(unsigned status, std::string body);

// The problem as an answer, with the common headers.
response problem_answer(const core::problem& why);
boost::asio::awaitable<void> send_problem(responder& answer, core::problem why);

// RFC 3986 percent-encoding of one path segment or query value.
std::string percent_encoded(std::string_view text);

// <?a=1&cursor=…>; rel="next": relative to the request itself, so that it holds behind any path prefix.
// `name` replaces the parameter of that name.
std::string next_link(const request& asked, std::string_view name, std::string_view value);

} // namespace synclog::http::handlers
