// The parts of the OpenAPI document that are the same for every catalog, as members of its objects. Private
// to openapi.cpp.
#pragma once
#include <string_view>

namespace synclog::http::openapi {

inline constexpr std::string_view parameters = R"json(
"id":{"name":"id","in":"path","required":true,"description":"The record's id.",
 "schema":{"$ref":"#/components/schemas/id"}},
"limit":{"name":"limit","in":"query","description":"At most so many rows; `Link` names the next page. Without it every row comes.",
 "schema":{"type":"integer","minimum":1,"maximum":10000}},
"cursor":{"name":"cursor","in":"query","description":"The place of a page, as `Link` gave it; goes with the same parameters.",
 "schema":{"type":"string"}},
"dry_run":{"name":"dry_run","in":"query","description":"Checks and reports; nothing is saved.",
 "schema":{"type":"boolean","default":false}},
"map":{"name":"map","in":"query","description":"For CSV: header:field, several separated by commas.",
 "schema":{"type":"string"},"example":"DRN:distributor_code"},
"if_match":{"name":"If-Match","in":"header","description":"Only when the record is at this version: \"3\". Otherwise 412.",
 "schema":{"type":"string"}},
"if_none_match":{"name":"If-None-Match","in":"header",
 "description":"A tag that the client holds: 304 when it still stands. On a write, * creates and never changes.",
 "schema":{"type":"string"}},
"idempotency_key":{"name":"Idempotency-Key","in":"header",
 "description":"A name for this write: sent again, it is answered from the first time and not done twice.",
 "schema":{"type":"string","maxLength":255}},
"prefer":{"name":"Prefer","in":"header",
 "description":"handling=strict: all items or none; handling=lenient (as without it): every good item. return=representation, return=minimal.",
 "schema":{"type":"string"},"example":"handling=strict"},
"resource":{"name":"resource","in":"query","description":"Only events of these entities.",
 "schema":{"type":"array","items":{"$ref":"#/components/schemas/resource"}}},
"branch":{"name":"branch","in":"query","description":"Only of these branches, before or after the change.",
 "schema":{"type":"array","items":{"$ref":"#/components/schemas/branch"}}},
"record":{"name":"id","in":"query","description":"Only of these records.",
 "schema":{"type":"array","items":{"$ref":"#/components/schemas/id"}}},
"action":{"name":"action","in":"query","description":"Only these actions.",
 "schema":{"type":"array","items":{"$ref":"#/components/schemas/action"}}},
"after":{"name":"after","in":"query","description":"Start behind this cursor or position.",
 "schema":{"$ref":"#/components/schemas/after"}},
"last_event_id":{"name":"Last-Event-ID","in":"header","description":"Where a stream resumes; beats `after`.",
 "schema":{"$ref":"#/components/schemas/cursor"}}
)json";

inline constexpr std::string_view headers = R"json(
"etag":{"description":"The version of a record, or what a list depends on.","schema":{"type":"string"}},
"sync_position":{"description":"The head of the log behind this answer: a stream that starts here misses nothing.",
 "schema":{"$ref":"#/components/schemas/cursor"}},
"link":{"description":"rel=\"next\": the next page. Not there on the last.","schema":{"type":"string"}},
"location":{"description":"The record's own URL.","schema":{"type":"string"}},
"replayed":{"description":"This answer was given before, to the same Idempotency-Key.","schema":{"type":"string","const":"true"}},
"retry_after":{"description":"Seconds to wait.","schema":{"type":"integer"}}
)json";

inline constexpr std::string_view responses = R"json(
"not_modified":{"description":"What the client holds still stands.",
 "headers":{"ETag":{"$ref":"#/components/headers/etag"}}},
"removed":{"description":"Deleted.","headers":{"Sync-Position":{"$ref":"#/components/headers/sync_position"}},
 "content":{"application/json":{"schema":{"$ref":"#/components/schemas/removed"}}}},
"bulk":{"description":"What became of every item.","headers":{"Sync-Position":{"$ref":"#/components/headers/sync_position"}},
 "content":{"application/json":{"schema":{"$ref":"#/components/schemas/bulk_result"}}}},
"unchanged_empty":{"description":"Saved; `Prefer: return=minimal` asked for no body.",
 "headers":{"ETag":{"$ref":"#/components/headers/etag"},"Sync-Position":{"$ref":"#/components/headers/sync_position"}}},
"problem":{"description":"What is wrong; `code` is stable.",
 "content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/problem"}}}},
"busy":{"description":"Nothing was saved, or (`outcome_unknown`) perhaps: repeat with the same Idempotency-Key.",
 "headers":{"Retry-After":{"$ref":"#/components/headers/retry_after"}},
 "content":{"application/problem+json":{"schema":{"$ref":"#/components/schemas/problem"}}}}
)json";

// The schema of a problem stands beside: its codes are those of core/problem.
inline constexpr std::string_view schemas = R"json(
"removed":{"type":"object","required":["success","count","cursor"],
 "properties":{"success":{"const":true},"count":{"type":"integer","minimum":1},
  "cursor":{"$ref":"#/components/schemas/cursor"}}},
"field_error":{"type":"object","required":["pointer","detail"],
 "properties":{"pointer":{"type":"string","description":"RFC 6901; empty is the whole document."},
  "detail":{"type":"string"}}},
"bulk_result":{"type":"object","required":["success","count","created","updated","unchanged","rejected","cursor","results"],
 "properties":{"success":{"type":"boolean"},
  "count":{"type":"integer","description":"created + updated + unchanged"},
  "created":{"type":"integer"},"updated":{"type":"integer"},"unchanged":{"type":"integer"},"rejected":{"type":"integer"},
  "aborted":{"type":"integer","description":"Good items of a strict bulk that fell with a bad one."},
  "dry_run":{"const":true},
  "cursor":{"$ref":"#/components/schemas/cursor"},
  "results":{"type":"array","items":{"$ref":"#/components/schemas/bulk_item"}}}},
"bulk_item":{"type":"object","required":["index","status"],
 "properties":{"index":{"type":"integer","minimum":0},"id":{"$ref":"#/components/schemas/id"},
  "status":{"type":"string","enum":["created","updated","unchanged","deleted","rejected","aborted"]},
  "version":{"type":"integer","minimum":1},
  "line":{"type":"integer","description":"Of a CSV file."},"column":{"type":"integer"},
  "code":{"$ref":"#/components/schemas/problem_code"},
  "errors":{"type":"array","items":{"$ref":"#/components/schemas/field_error"}},
  "current":{"type":"object","description":"The record as it stands."},
  "record":{"type":"object","description":"With `Prefer: return=representation`."}}},
"problem":{"type":"object","required":["type","title","status","code"],
 "properties":{"type":{"type":"string","format":"uri-reference"},"title":{"type":"string"},
  "status":{"type":"integer"},"detail":{"type":"string"},
  "code":{"$ref":"#/components/schemas/problem_code"},
  "line":{"type":"integer","description":"Where a body cannot be read."},"column":{"type":"integer"},
  "errors":{"type":"array","items":{"$ref":"#/components/schemas/field_error"}},
  "current":{"type":"object","description":"The record as it stands, where the caller may see it."}}},
"event":{"allOf":[{"$ref":"#/components/schemas/envelope"},
 {"properties":{"resource":{"$ref":"#/components/schemas/resource"}}}]},
"cloud_event":{"type":"object","required":["specversion","id","source","type"],
 "description":"CloudEvents 1.0; `data` is the record after the change.",
 "properties":{"specversion":{"const":"1.0"},"id":{"type":"string"},"source":{"type":"string"},
  "type":{"type":"string"},"subject":{"type":"string"},"time":{"type":"string","format":"date-time"},
  "datacontenttype":{"type":"string"},"data":{}}}
)json";

// Everything that belongs to no entity, by path.
inline constexpr std::string_view paths = R"json(
"/api/events":{"get":{"operationId":"list_events","tags":["events"],"summary":"Events in order, page by page",
 "description":"With `Accept: text/event-stream` a stream (see /asyncapi.json): from `after`, then what happens.",
 "parameters":[{"$ref":"#/components/parameters/after"},
  {"name":"limit","in":"query","description":"Events a page.","schema":{"type":"integer","minimum":1,"maximum":10000,"default":100}},
  {"$ref":"#/components/parameters/resource"},{"$ref":"#/components/parameters/branch"},
  {"$ref":"#/components/parameters/record"},{"$ref":"#/components/parameters/action"},
  {"$ref":"#/components/parameters/last_event_id"}],
 "responses":{"200":{"description":"Events behind `after`.",
   "headers":{"Sync-Position":{"$ref":"#/components/headers/sync_position"},"Link":{"$ref":"#/components/headers/link"}},
   "content":{"application/json":{"schema":{"type":"array","items":{"$ref":"#/components/schemas/event"}}},
    "application/cloudevents-batch+json":{"schema":{"type":"array","items":{"$ref":"#/components/schemas/cloud_event"}}},
    "text/event-stream":{"schema":{"type":"string"}}}},
  "400":{"$ref":"#/components/responses/problem"},"406":{"$ref":"#/components/responses/problem"},
  "503":{"$ref":"#/components/responses/busy"}}}},
"/ws":{"get":{"operationId":"open_socket","tags":["events"],"summary":"The WebSocket",
 "description":"An upgrade; /asyncapi.json describes its frames.",
 "responses":{"101":{"description":"The socket is open."},"400":{"$ref":"#/components/responses/problem"},
  "426":{"$ref":"#/components/responses/problem"},"503":{"$ref":"#/components/responses/busy"}}}},
"/":{"get":{"operationId":"open_index","tags":["server"],"summary":"A page to start from",
 "responses":{"200":{"description":"HTML.","content":{"text/html":{"schema":{"type":"string"}}}}}}},
"/livez":{"get":{"operationId":"read_liveness","tags":["server"],"summary":"Is the process alive?",
 "responses":{"200":{"description":"It is.","content":{"text/plain":{"schema":{"type":"string"}}}}}}},
"/readyz":{"get":{"operationId":"read_readiness","tags":["server"],"summary":"Can it serve?",
 "parameters":[{"name":"verbose","in":"query","description":"Each check, as JSON.","allowEmptyValue":true,"schema":{"type":"string"}}],
 "responses":{"200":{"description":"It can.","content":{"text/plain":{"schema":{"type":"string"}},"application/json":{"schema":{"type":"object"}}}},
  "503":{"description":"It cannot; the body says why.","headers":{"Retry-After":{"$ref":"#/components/headers/retry_after"}}}}}},
"/version":{"get":{"operationId":"read_version","tags":["server"],"summary":"Name and version",
 "responses":{"200":{"description":"As JSON.","content":{"application/json":{"schema":{"type":"object","required":["name","version"],
  "properties":{"name":{"const":"synclog"},"version":{"type":"string"}}}}}}}}},
"/metrics":{"get":{"operationId":"read_metrics","tags":["server"],"summary":"Prometheus metrics",
 "responses":{"200":{"description":"The text format.","content":{"text/plain":{"schema":{"type":"string"}}}}}}},
"/asyncapi.json":{"get":{"operationId":"read_asyncapi","tags":["server"],"summary":"The streams, described",
 "responses":{"200":{"description":"AsyncAPI 3.0.","content":{"application/json":{"schema":{"type":"object"}}}},
  "304":{"$ref":"#/components/responses/not_modified"}}}},
"/openapi.json":{"get":{"operationId":"read_openapi","tags":["server"],"summary":"This document",
 "responses":{"200":{"description":"OpenAPI 3.1.","content":{"application/json":{"schema":{"type":"object"}}}},
  "304":{"$ref":"#/components/responses/not_modified"}}}}
)json";

} // namespace synclog::http::openapi
