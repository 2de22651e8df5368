// Of the OpenAPI document what concerns access: how callers are let in, sessions, tickets, tokens. Private to
// openapi.cpp.
#pragma once
#include <string_view>

namespace synclog::http::openapi {

// The last one: a server with --auth=none asks nobody.
inline constexpr std::string_view security = R"json([{"bearer":[]},{"session":[]},{}])json";

inline constexpr std::string_view security_schemes = R"json(
"bearer":{"type":"http","scheme":"bearer","description":"A token of `synclog token create` or POST /api/admin/tokens."},
"session":{"type":"apiKey","in":"cookie","name":"__Host-synclog",
 "description":"Made of a token by POST /api/session; over plain http its name is synclog. Whatever changes something then needs the Origin of one of the server's own pages."}
)json";

inline constexpr std::string_view access_schemas = R"json(
"caller":{"type":"object","required":["auth","actor","role","all_branches","branches","session","expires_at"],
 "properties":{"auth":{"type":"string","enum":["token","none"]},"actor":{"type":"string"},
  "role":{"$ref":"#/components/schemas/role"},
  "all_branches":{"type":"boolean"},"branches":{"type":"array","items":{"type":"string"}},
  "session":{"type":"boolean","description":"Let in by the cookie."},
  "expires_at":{"type":["string","null"],"format":"date-time"}}},
"role":{"type":"string","enum":["viewer","editor","auditor","admin"]},
"token_wish":{"type":"object","required":["name","role"],"additionalProperties":false,
 "properties":{"name":{"type":"string","minLength":1,"maxLength":100,"description":"The actor of what it writes."},
  "role":{"$ref":"#/components/schemas/role"},
  "branches":{"type":"array","items":{"type":"string"},"description":"Empty: all. Only for viewers and editors."},
  "expires":{"type":"string","examples":["90d"]},
  "expires_at":{"type":["string","null"],"format":"date-time"}}},
"token_row":{"type":"object","required":["id","name","role","branches","state","created_at","created_by","expires_at","revoked_at","last_used_on"],
 "properties":{"id":{"type":"string"},"name":{"type":"string"},"role":{"$ref":"#/components/schemas/role"},
  "branches":{"type":"array","items":{"type":"string"}},
  "state":{"type":"string","enum":["live","expired","revoked"]},
  "created_at":{"type":"string","format":"date-time"},"created_by":{"type":"string"},
  "expires_at":{"type":["string","null"],"format":"date-time"},
  "revoked_at":{"type":["string","null"],"format":"date-time"},
  "last_used_on":{"type":["string","null"],"format":"date"}}},
"session_row":{"type":"object","required":["id","token_id","name","user_agent","created_at","expires_at"],
 "properties":{"id":{"type":"string"},"token_id":{"type":"string"},"name":{"type":"string"},
  "user_agent":{"type":"string"},"created_at":{"type":"string","format":"date-time"},
  "expires_at":{"type":"string","format":"date-time"}}}
)json";

inline constexpr std::string_view access_paths = R"json(
"/api/session":{"get":{"operationId":"read_session","tags":["access"],"summary":"Who am I?",
 "responses":{"200":{"description":"Actor, role and branches.","content":{"application/json":{"schema":{"$ref":"#/components/schemas/caller"}}}},
  "401":{"$ref":"#/components/responses/problem"}}},
 "post":{"operationId":"open_session","tags":["access"],"summary":"Sign in: a cookie of a token",
 "description":"With Authorization: Bearer. Seven days, or less when the token expires before.",
 "responses":{"200":{"description":"Nobody is asked who they are: no cookie.","content":{"application/json":{"schema":{"$ref":"#/components/schemas/caller"}}}},
  "201":{"description":"Set-Cookie.","content":{"application/json":{"schema":{"$ref":"#/components/schemas/caller"}}}},
  "400":{"$ref":"#/components/responses/problem"},"401":{"$ref":"#/components/responses/problem"},
  "429":{"$ref":"#/components/responses/problem"},"503":{"$ref":"#/components/responses/busy"}}},
 "delete":{"operationId":"close_session","tags":["access"],"summary":"Sign out",
 "responses":{"204":{"description":"The session has ended, with its streams."},
  "401":{"$ref":"#/components/responses/problem"},"403":{"$ref":"#/components/responses/problem"},
  "503":{"$ref":"#/components/responses/busy"}}}},
"/api/tickets":{"post":{"operationId":"issue_ticket","tags":["access"],"summary":"A ticket for /ws?ticket=",
 "description":"For one connection within 30 seconds, to any server of the database.",
 "responses":{"201":{"description":"The ticket.","content":{"application/json":{"schema":{"type":"object","required":["ticket","expires_in"],
   "properties":{"ticket":{"type":"string"},"expires_in":{"type":"integer"}}}}}},
  "401":{"$ref":"#/components/responses/problem"},"403":{"$ref":"#/components/responses/problem"},
  "429":{"$ref":"#/components/responses/problem"},"503":{"$ref":"#/components/responses/busy"}}}},
"/api/admin/tokens":{"get":{"operationId":"list_tokens","tags":["access"],"summary":"Tokens, the newest first",
 "description":"Never what they are.",
 "responses":{"200":{"description":"At most 10,000.","content":{"application/json":{"schema":{"type":"array","items":{"$ref":"#/components/schemas/token_row"}}}}},
  "401":{"$ref":"#/components/responses/problem"},"403":{"$ref":"#/components/responses/problem"},
  "503":{"$ref":"#/components/responses/busy"}}},
 "post":{"operationId":"create_token","tags":["access"],"summary":"Make a token",
 "requestBody":{"required":true,"content":{"application/json":{"schema":{"$ref":"#/components/schemas/token_wish"}}}},
 "responses":{"201":{"description":"The only answer that shows the token.","headers":{"Location":{"$ref":"#/components/headers/location"}},
   "content":{"application/json":{"schema":{"allOf":[{"$ref":"#/components/schemas/token_row"},
    {"required":["token"],"properties":{"token":{"type":"string"}}}]}}}},
  "400":{"$ref":"#/components/responses/problem"},"401":{"$ref":"#/components/responses/problem"},
  "403":{"$ref":"#/components/responses/problem"},"409":{"$ref":"#/components/responses/problem"},
  "415":{"$ref":"#/components/responses/problem"},"422":{"$ref":"#/components/responses/problem"},
  "503":{"$ref":"#/components/responses/busy"}}}},
"/api/admin/tokens/{token}":{"delete":{"operationId":"revoke_token","tags":["access"],"summary":"Revoke a token",
 "description":"For ever, with its sessions; its streams close within seconds on every server.",
 "parameters":[{"name":"token","in":"path","required":true,"description":"Its id, or the name of a live one.","schema":{"type":"string"}}],
 "responses":{"200":{"description":"Revoked.","content":{"application/json":{"schema":{"type":"object","required":["success","id"],
   "properties":{"success":{"const":true},"id":{"type":"string"}}}}}},
  "401":{"$ref":"#/components/responses/problem"},"403":{"$ref":"#/components/responses/problem"},
  "404":{"$ref":"#/components/responses/problem"},"503":{"$ref":"#/components/responses/busy"}}}},
"/api/admin/sessions":{"get":{"operationId":"list_sessions","tags":["access"],"summary":"Who is signed in by cookie",
 "responses":{"200":{"description":"At most 10,000, the newest first.","content":{"application/json":{"schema":{"type":"array","items":{"$ref":"#/components/schemas/session_row"}}}}},
  "401":{"$ref":"#/components/responses/problem"},"403":{"$ref":"#/components/responses/problem"},
  "503":{"$ref":"#/components/responses/busy"}}}},
"/api/admin/sessions/{session}":{"delete":{"operationId":"end_session","tags":["access"],"summary":"Sign somebody out",
 "parameters":[{"name":"session","in":"path","required":true,"description":"Its id.","schema":{"type":"string"}}],
 "responses":{"200":{"description":"Ended, with its streams.","content":{"application/json":{"schema":{"type":"object","required":["success"],
   "properties":{"success":{"const":true}}}}}},
  "401":{"$ref":"#/components/responses/problem"},"403":{"$ref":"#/components/responses/problem"},
  "404":{"$ref":"#/components/responses/problem"},"503":{"$ref":"#/components/responses/busy"}}}}
)json";

} // namespace synclog::http::openapi
