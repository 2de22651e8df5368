// What the published documents (AsyncAPI and OpenAPI) say alike of cursors, names and the event envelope:
// members of their components' schemas. Private to asyncapi.cpp and openapi.cpp.
#pragma once
#include <string_view>

namespace synclog::http {

inline constexpr std::string_view wire_schemas = R"json(
"cursor":{"type":"string","pattern":"^[0-9]+-[0-9a-f]{8}$","examples":["1042-9f3a6c1e"],
 "description":"A place in the log and the history that it belongs to: the position, and the first hex digits of the chain hash there."},
"position":{"type":"integer","minimum":0,
 "description":"A place in the log: 1, 2, 3 … in commit order without gaps; 0 is before the first event."},
"after":{"description":"Start behind this cursor or position; 0 is the beginning. Without it the stream starts now.",
 "anyOf":[{"$ref":"#/components/schemas/cursor"},{"type":"string","pattern":"^[0-9]+$"},
  {"$ref":"#/components/schemas/position"}]},
"id":{"type":"string","minLength":1,"maxLength":255},
"branch":{"type":"string"},
"action":{"type":"string","enum":["created","updated","deleted","reverted"]},
"envelope":{"type":"object",
 "description":"One change of one record. Subscribers that hold a cursor at or beyond `previous` have missed nothing.",
 "required":["type","position","cursor","previous","resource","action","id","version","branch","recorded_at","data"],
 "properties":{"type":{"const":"event"},
  "position":{"$ref":"#/components/schemas/position"},
  "cursor":{"$ref":"#/components/schemas/cursor"},
  "previous":{"allOf":[{"$ref":"#/components/schemas/position"},
   {"description":"No event that this stream's filter shows lies between it and this one."}]},
  "resource":{"type":"string"},
  "action":{"$ref":"#/components/schemas/action"},
  "id":{"$ref":"#/components/schemas/id"},
  "version":{"type":"integer","minimum":1},
  "branch":{"type":["string","null"]},
  "previous_branch":{"type":["string","null"],"description":"Only when the branch changed."},
  "actor":{"type":["string","null"],"description":"Absent when the record left the reader's branches."},
  "recorded_at":{"type":"string","format":"date-time"},
  "data":{"description":"The record after the change; after a deletion its last state; null when it left the reader's branches or was erased."}}}
)json";

} // namespace synclog::http
