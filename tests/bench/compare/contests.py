"""All contests in the order in which they run: what users feel first, what takes long last. Each measures its keys that
are wanted, and leaves no server running."""
from . import live_contests, log_contests, read_contests, size_contests, write_contests

CONTESTS = (
    (write_contests.posts, ("post_vs_pgbench_insert", "post_vs_node_insert", "post_vs_node_event_tx", "post_vs_node_event_cte",
                            "post_vs_node_gap_free", "post_vs_emmett", "post_vs_pocketbase")),
    (write_contests.bulk, ("bulk_vs_direct_batches",)),
    (read_contests.lists, ("list_vs_pgbench", "list_vs_node", "list_vs_pocketbase")),
    (live_contests.fanout, tuple(live_contests.FANOUT)),
    (live_contests.pocketbase, ("fanout_vs_pocketbase",)),
    (write_contests.latency, ("post_latency_vs_pgbench",)),
    (write_contests.csv, ("csv_vs_copy",)),
    (read_contests.gets, ("get_vs_pgbench",)),
    (read_contests.conditional, ("get_304_vs_static",)),
    (write_contests.two_servers, ("two_servers_vs_one",)),
    (size_contests.sizes, ("size_binary_mb", "size_idle_mb", "size_start_s")),
    (log_contests.whole_log, ("verify_vs_copy", "rebuild_vs_sql")),
    (live_contests.idle, tuple(live_contests.IDLE)),
    (read_contests.list_growth, ("list_1m_vs_10k",)),
    (log_contests.append_growth, ("append_10m_vs_100k",)),
)
