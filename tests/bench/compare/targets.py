"""The keys that are measured, what the product must reach, and which of them --quick takes. Pure data."""
from dataclasses import dataclass


@dataclass(frozen=True)
class Target:
    key: str
    must: float | None      # None: printed for comparison only
    aim: float | None
    what: str
    quick: bool = False
    lower_is_better: bool = False

    def met(self, value):
        """'aim', 'must', 'no', or '' without a target."""
        if self.must is None:
            return ""
        reached = (lambda bound: value <= bound) if self.lower_is_better else (lambda bound: value >= bound)
        if self.aim is not None and reached(self.aim):
            return "aim"
        return "must" if reached(self.must) else "no"


TARGETS = (
    Target("post_vs_pgbench_insert", 1.2, 1.6, "POST/s, 64 connections / one-row pgbench inserts", quick=True),
    Target("post_vs_node_insert", 3.5, 5, "POST/s / fastify + pg, plain INSERT", quick=True),
    Target("post_vs_node_event_tx", 6, 10, "POST/s / fastify + pg, event and row in a transaction", quick=True),
    Target("post_vs_node_event_cte", None, None, "POST/s / the same in one statement"),
    Target("post_vs_node_gap_free", None, None, "POST/s / fastify + pg, event and row, positions without gaps"),
    Target("post_vs_emmett", 12, 22, "POST/s / Emmett behind fastify"),
    Target("post_vs_pocketbase", 2, 5, "POST/s / PocketBase at its defaults"),
    Target("post_latency_vs_pgbench", 2.0, 1.4, "p50 of one POST at a time / of one pgbench insert",
           lower_is_better=True),
    Target("bulk_vs_direct_batches", 0.6, 0.85, "records/s by bulk POST / libpq unnest batches of 256", quick=True),
    Target("csv_vs_copy", 0.25, 0.5, "rows/s of a CSV imported / COPY of the same rows"),
    Target("get_vs_pgbench", 0.7, 1.0, "one record by id over HTTP / pgbench prepared SELECT"),
    Target("list_vs_pgbench", 0.9, 2, "50 of 100,000 records by branch over HTTP / pgbench", quick=True),
    Target("list_vs_node", 6, 15, "50 of 100,000 records by branch / fastify + pg", quick=True),
    Target("list_vs_pocketbase", 2, 5, "50 of 100,000 records by branch / PocketBase"),
    Target("get_304_vs_static", 0.8, 1.0, "conditional GET answered 304 / static bytes from memory, same server"),
    Target("fanout_vs_node_ws", 8, 20, "delivered/s to 1,000 subscribers at p99 <= 15 ms / Node ws", quick=True),
    Target("fanout_filtered_vs_node_ws", 4, 10, "the same, 40 branch filters, each subscriber one / Node ws"),
    Target("fanout_sse_vs_node_sse", None, None, "delivered/s by server-sent events / Node"),
    Target("fanout_vs_node_ws_corked", None, None, "delivered/s / Node ws, one write a subscriber and POST"),
    Target("fanout_vs_nchan", None, None, "delivered/s / nchan (nginx) over WebSocket"),
    Target("fanout_vs_pocketbase", 2, 5, "delivered/s / PocketBase realtime"),
    Target("idle_kb_sse", 3, 1, "KB of the server a connection, 5,000 idle server-sent streams", lower_is_better=True),
    Target("idle_kb_ws", 8, 3, "KB of the server a connection, 5,000 idle WebSockets", lower_is_better=True),
    Target("rebuild_vs_sql", 0.6, 1.0, "rebuild of 1 M events (10 % updates) / SQL only", quick=True),
    Target("verify_vs_copy", 0.6, 0.9, "verify of chain and gaps / COPY of the same columns to stdout"),
    Target("append_10m_vs_100k", 0.8, 0.95, "records/s on a log of 10 M events / of 100 k"),
    Target("list_1m_vs_10k", 0.8, 0.95, "branch list on 1 M records / on 10 k"),
    Target("two_servers_vs_one", 0.8, 1.0, "POST/s of two servers over one database / of one"),
    Target("size_binary_mb", 12, None, "MB of the release binary, stripped", lower_is_better=True),
    Target("size_idle_mb", 40, None, "MB resident, idle, without PostgreSQL", lower_is_better=True),
    Target("size_start_s", 1.5, None, "s from start to ready on an existing data folder", lower_is_better=True),
)
BY_KEY = {target.key: target for target in TARGETS}
