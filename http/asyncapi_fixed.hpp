// The parts of the AsyncAPI document that are the same for every catalog, as members of its objects. Private
// to asyncapi.cpp.
#pragma once
#include <string_view>

namespace synclog::http::asyncapi {

// The address is not known to the document: it is the one that the document came from.
inline constexpr std::string_view servers = R"json(
"http":{"host":"{host}","protocol":"http","title":"REST and server-sent events",
 "description":"https where the server or a proxy in front has a certificate.",
 "variables":{"host":{"default":"127.0.0.1:8080","description":"Where this document came from."}}},
"socket":{"host":"{host}","protocol":"ws","title":"WebSocket",
 "description":"wss where the server or a proxy in front has a certificate.",
 "variables":{"host":{"default":"127.0.0.1:8080","description":"Where this document came from."}}}
)json";

// References to the control frames that server-sent event streams share, as members of a channel's messages.
inline constexpr std::string_view stream_control_messages = R"json(
"caught_up":{"$ref":"#/components/messages/stream.caught_up"},
"checkpoint":{"$ref":"#/components/messages/stream.checkpoint"},
"resync":{"$ref":"#/components/messages/stream.resync"},
"bye":{"$ref":"#/components/messages/stream.bye"}
)json";

inline constexpr std::string_view socket_channel_head = R"json(
"address":"/ws","title":"The socket",
"description":"JSON text frames both ways, several subscriptions on one socket. The server greets with hello. A frame that is not understood is answered by error and the socket stays; the close code says why it ends.",
"servers":[{"$ref":"#/servers/socket"}],
"bindings":{"ws":{"method":"GET","bindingVersion":"0.1.0"}},
"x-close-codes":{
 "1012":"The server restarts: come back after bye's retry_ms and go on from the last cursor.",
 "1013":"The server has all the different subscriptions it can carry: come back after bye's retry_ms.",
 "4400":"Too many frames that are no requests.",
 "4401":"The token is missing, expired or revoked.",
 "4403":"The token may not do this.",
 "4413":"The reader is too slow: come back and go on from the last cursor."}
)json";

// Frames of the socket; the envelopes come beside them, one for each entity.
inline constexpr std::string_view socket_client_messages = R"json(
"subscribe":{"$ref":"#/components/messages/socket.subscribe"},
"unsubscribe":{"$ref":"#/components/messages/socket.unsubscribe"},
"ping":{"$ref":"#/components/messages/socket.ping"}
)json";
inline constexpr std::string_view socket_server_frames[] = {
    "hello", "subscribed", "unsubscribed", "caught_up", "checkpoint", "resync", "bye", "pong", "error"};

inline constexpr std::string_view socket_requests = R"json(
"subscribe":{"action":"receive","title":"Follow channels",
 "description":"From `after`, or from now. The answer names the channels that are not known; they do no harm.",
 "channel":{"$ref":"#/channels/socket"},
 "messages":[{"$ref":"#/channels/socket/messages/subscribe"}],
 "reply":{"channel":{"$ref":"#/channels/socket"},
  "messages":[{"$ref":"#/channels/socket/messages/subscribed"},{"$ref":"#/channels/socket/messages/error"}]}},
"unsubscribe":{"action":"receive","title":"Follow them no longer",
 "channel":{"$ref":"#/channels/socket"},
 "messages":[{"$ref":"#/channels/socket/messages/unsubscribe"}],
 "reply":{"channel":{"$ref":"#/channels/socket"},
  "messages":[{"$ref":"#/channels/socket/messages/unsubscribed"},{"$ref":"#/channels/socket/messages/error"}]}},
"ping":{"action":"receive","title":"Is anybody there?",
 "channel":{"$ref":"#/channels/socket"},
 "messages":[{"$ref":"#/channels/socket/messages/ping"}],
 "reply":{"channel":{"$ref":"#/channels/socket"},"messages":[{"$ref":"#/channels/socket/messages/pong"}]}}
)json";

inline constexpr std::string_view messages = R"json(
"stream.hello":{"name":"hello","title":"Where this stream starts","contentType":"application/json",
 "headers":{"$ref":"#/components/schemas/stream.hello.fields"},
 "payload":{"$ref":"#/components/schemas/at"}},
"stream.caught_up":{"name":"caught_up","title":"The stream has reached the head","contentType":"application/json",
 "headers":{"$ref":"#/components/schemas/stream.caught_up.fields"},
 "payload":{"$ref":"#/components/schemas/at"}},
"stream.checkpoint":{"name":"checkpoint","title":"Nothing else up to here","contentType":"application/json",
 "description":"Every 5 s while events pass that the filter hides, every 15 s when nothing happens.",
 "headers":{"$ref":"#/components/schemas/stream.checkpoint.fields"},
 "payload":{"$ref":"#/components/schemas/at"}},
"stream.resync":{"name":"resync","title":"Reload","contentType":"application/json",
 "description":"The cursor that was given belongs to another history, or the log does not reach it: what the client holds may be wrong. The stream goes on from the cursor given here.",
 "headers":{"$ref":"#/components/schemas/stream.resync.fields"},
 "payload":{"$ref":"#/components/schemas/resync"}},
"stream.bye":{"name":"bye","title":"The server ends this stream","contentType":"application/json",
 "headers":{"$ref":"#/components/schemas/stream.bye.fields"},
 "payload":{"$ref":"#/components/schemas/bye"}},
"stream.remove":{"name":"remove","title":"A row has left the result","contentType":"application/json",
 "headers":{"$ref":"#/components/schemas/stream.remove.fields"},
 "payload":{"type":"object","required":["id"],"properties":{"id":{"$ref":"#/components/schemas/id"}}}},
"socket.subscribe":{"name":"subscribe","title":"Follow channels","contentType":"application/json",
 "payload":{"$ref":"#/components/schemas/socket.subscribe"},
 "examples":[{"name":"from now on","payload":{"type":"subscribe","channels":["clients","appointments"]}},
  {"name":"resumed, one branch","payload":{"type":"subscribe","channels":["clients"],"after":"1042-9f3a6c1e","branch":"north"}}]},
"socket.unsubscribe":{"name":"unsubscribe","title":"Follow them no longer","contentType":"application/json",
 "payload":{"$ref":"#/components/schemas/socket.unsubscribe"}},
"socket.ping":{"name":"ping","title":"Is anybody there?","contentType":"application/json",
 "payload":{"type":"object","required":["type"],"properties":{"type":{"const":"ping"}}},
 "examples":[{"payload":{"type":"ping"}}]},
"socket.hello":{"name":"hello","title":"The server's greeting","contentType":"application/json",
 "payload":{"allOf":[{"$ref":"#/components/schemas/at"},
  {"required":["type"],"properties":{"type":{"const":"hello"}}}]}},
"socket.subscribed":{"name":"subscribed","title":"What is followed from where","contentType":"application/json",
 "payload":{"$ref":"#/components/schemas/socket.subscribed"},
 "examples":[{"payload":{"type":"subscribed","channels":["clients"],"unknown":["orders"],"cursor":"1042-9f3a6c1e"}}]},
"socket.unsubscribed":{"name":"unsubscribed","title":"What is still followed","contentType":"application/json",
 "payload":{"$ref":"#/components/schemas/socket.unsubscribed"},
 "examples":[{"payload":{"type":"unsubscribed","channels":[]}}]},
"socket.caught_up":{"name":"caught_up","title":"The subscription has reached the head","contentType":"application/json",
 "payload":{"allOf":[{"$ref":"#/components/schemas/at"},
  {"required":["type"],"properties":{"type":{"const":"caught_up"}}}]}},
"socket.checkpoint":{"name":"checkpoint","title":"Nothing else up to here","contentType":"application/json",
 "payload":{"allOf":[{"$ref":"#/components/schemas/at"},
  {"required":["type"],"properties":{"type":{"const":"checkpoint"}}}]}},
"socket.resync":{"name":"resync","title":"Reload","contentType":"application/json",
 "payload":{"allOf":[{"$ref":"#/components/schemas/resync"},
  {"required":["type"],"properties":{"type":{"const":"resync"}}}]}},
"socket.bye":{"name":"bye","title":"The server ends this socket","contentType":"application/json",
 "payload":{"allOf":[{"$ref":"#/components/schemas/bye"},
  {"required":["type"],"properties":{"type":{"const":"bye"}}}]}},
"socket.pong":{"name":"pong","title":"Somebody is there","contentType":"application/json",
 "payload":{"type":"object","required":["type"],"properties":{"type":{"const":"pong"}}},
 "examples":[{"payload":{"type":"pong"}}]},
"socket.error":{"name":"error","title":"A frame was not understood","contentType":"application/json",
 "payload":{"type":"object","required":["type","code"],
  "properties":{"type":{"const":"error"},"code":{"type":"string"},"detail":{"type":"string"}}}}
)json";

// Beside those of wire_schemas.hpp.
inline constexpr std::string_view schemas = R"json(
"at":{"type":"object","required":["cursor"],"properties":{"cursor":{"$ref":"#/components/schemas/cursor"}}},
"resync":{"type":"object","required":["reason","cursor"],
 "properties":{"reason":{"type":"string","examples":["other_history","beyond_head"]},
  "cursor":{"$ref":"#/components/schemas/cursor"}}},
"bye":{"type":"object","required":["reason"],
 "properties":{"reason":{"type":"string","examples":["restart","token","too_slow","database_unavailable","overloaded"]},
  "retry_ms":{"type":"integer","minimum":0,"description":"When to come back."}}},
"socket.channels":{"type":"array","items":{"type":"string"},
 "description":"Names of entities; those that nobody knows are named in the answer."},
"socket.filter":{"description":"One value or several: any of them.",
 "anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"}}]},
"socket.subscribe":{"type":"object","required":["type","channels"],
 "properties":{"type":{"const":"subscribe"},
  "channels":{"$ref":"#/components/schemas/socket.channels"},
  "after":{"$ref":"#/components/schemas/after"},
  "branch":{"$ref":"#/components/schemas/socket.filter"},
  "id":{"$ref":"#/components/schemas/socket.filter"},
  "action":{"anyOf":[{"$ref":"#/components/schemas/action"},
   {"type":"array","items":{"$ref":"#/components/schemas/action"}}]},
  "subscription":{"type":"string","description":"A name of the client's own for this subscription."}}},
"socket.unsubscribe":{"type":"object","required":["type"],
 "properties":{"type":{"const":"unsubscribe"},
  "channels":{"$ref":"#/components/schemas/socket.channels"},
  "subscription":{"type":"string"}}},
"socket.unsubscribed":{"type":"object","required":["type","channels"],
 "properties":{"type":{"const":"unsubscribed"},
  "channels":{"$ref":"#/components/schemas/socket.channels"},
  "cursor":{"type":"string","description":"Where what is left goes on; not there when nothing is left."},
  "subscription":{"type":"string"}}},
"socket.subscribed":{"type":"object","required":["type","channels"],
 "properties":{"type":{"const":"subscribed"},
  "channels":{"$ref":"#/components/schemas/socket.channels"},
  "unknown":{"type":"array","items":{"type":"string"}},
  "cursor":{"$ref":"#/components/schemas/cursor"},
  "subscription":{"type":"string"}}}
)json";

} // namespace synclog::http::asyncapi
