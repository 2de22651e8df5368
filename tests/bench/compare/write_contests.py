"""Writes: single POSTs against pgbench, Node and Emmett; latency; bulk; CSV; two servers."""
import os
import time

from . import load, records
from .figures import Measured
from .pgbench import Pgbench
from .processes import CoreWatch, run as run_program
from .rivals import NodeSide, PocketBaseSide
from .run import Side, race
from .servers import Synclog

CONNECTIONS = 64
BATCH = 256
CSV_ROWS = 20_000
CSV_ROWS_QUICK = 10_000


class SynclogWrites(Side):
    """Single POSTs from `connections`; with one connection and `latency`, the median time of one in ms."""

    def __init__(self, run, database="synclog_write", connections=CONNECTIONS, latency=False):
        self.run, self.connections, self.latency = run, connections, latency
        self.name = "synclog" if connections > 1 else "synclog-one-at-a-time"
        self.server = Synclog(run, database)

    def missing(self):
        return load.missing(self.run)

    def open(self):
        self.server.start()

    def close(self):
        self.server.stop()

    def measure(self, seconds):
        made = load.write(self.run, self.server.url, self.connections, seconds,
                          {"server": self.server.pid, "postgres": self.run.cluster.pid})
        return Measured(made.p50_ms if self.latency else made.rate, made.context)


class SynclogBulk(SynclogWrites):
    """Records/s by bulk POST of NDJSON."""

    def __init__(self, run):
        super().__init__(run, "synclog_bulk")
        self.name = "synclog-bulk"

    def measure(self, seconds):
        made = load.bulk(self.run, self.server.url, seconds, {"server": self.server.pid, "postgres": self.run.cluster.pid})
        return Measured(made.rate, made.context)


class TwoServers(Side):
    """Two servers over one database, half of the connections each; or one of them alone with all."""

    def __init__(self, run, count):
        self.run, self.count, self.name = run, count, f"{count}-server(s)"
        self.servers = []

    def missing(self):
        return load.missing(self.run)

    def open(self):
        self.servers = [Synclog(self.run, f"synclog_of_{self.count}", fresh=index == 0) for index in range(self.count)]
        for server in self.servers:
            server.start()

    def close(self):
        for server in self.servers:
            server.stop()

    def measure(self, seconds):
        made = load.write_all(self.run, [server.url for server in self.servers], CONNECTIONS // self.count, seconds,
                              {"postgres": self.run.cluster.pid,
                               **{f"server {index + 1}": server.pid for index, server in enumerate(self.servers)}})
        return Measured(made.rate, made.context)


class DirectBatches(Side):
    """Events, hashes and read table by libpq alone, in batches (tests/bench/bench_direct_batches.cpp)."""
    name = "direct-batches"

    def __init__(self, run):
        self.run, self.database = run, "direct"
        self.program = os.path.join(run.binaries, "bench_direct_batches")

    def missing(self):
        return None if os.path.exists(self.program) else "bench_direct_batches is not built"

    def open(self):
        make_copies(self.run, "synclog_bulk", self.database, ("synclog.events", "public.clients"))

    def measure(self, seconds):
        watch = CoreWatch({"postgres": self.run.cluster.pid})
        out = run_program([self.program, "--conninfo", self.run.cluster.conninfo(self.database), "--seconds",
                           str(max(1, round(seconds))), "--batch", str(BATCH)])
        return Measured(float(out.split()[0]), {"cores": watch.stop(), "batch": BATCH})


class CsvImport(Side):
    """The distributors' CSV as the older system exports it, one POST; new codes in each round."""
    name = "synclog-csv"

    def __init__(self, run):
        self.run, self.server = run, Synclog(run, "synclog_csv")
        self.rows = CSV_ROWS_QUICK if run.quick else CSV_ROWS
        self.next_number = 1

    def open(self):
        self.server.start()

    def close(self):
        self.server.stop()

    def measure(self, seconds):
        body = records.distributors_csv(self.next_number, self.rows)
        self.next_number += self.rows
        poster = records.Poster(self.server.url)
        watch = CoreWatch({"server": self.server.pid, "postgres": self.run.cluster.pid})
        began = time.monotonic()
        poster.post("/api/distributors", body, "text/csv")
        span = time.monotonic() - began
        poster.close()
        return Measured(self.rows / span, {"rows": self.rows, "cores": watch.stop()})


class CopyRows(Side):
    """COPY of the rows that the import made into a plain table of the same columns and indexes. Beside CsvImport: takes the
    rows of its latest round."""
    name = "copy"

    def __init__(self, run, imported):
        self.run, self.imported, self.database = run, imported, "copied"

    def open(self):
        make_copies(self.run, self.imported.server.database, self.database, ("public.distributors",))
        self.next_number = 1

    def measure(self, seconds):
        cluster, rows = self.run.cluster, self.imported.rows
        file = os.path.join(self.run.folder, "distributors.copy")
        # In the rounds that begin with this side, the rows are those of the round before: as many, of the same form.
        if self.next_number == self.imported.next_number:
            self.imported.measure(seconds)
        self.next_number = self.imported.next_number
        codes = f"'NB{self.next_number - rows:08}' AND 'NB{self.next_number - 1:08}'"
        cluster.sql(self.imported.server.database, "\\copy (SELECT * FROM public.distributors WHERE distributor_code BETWEEN "
                    f"{codes}) TO '{file}'")
        os.chmod(file, 0o644)
        cluster.settle()
        watch = CoreWatch({"postgres": cluster.pid})
        began = time.monotonic()
        cluster.sql(self.database, f"COPY public.distributors FROM '{file}'")
        span = time.monotonic() - began
        os.remove(file)
        return Measured(rows / span, {"rows": rows, "cores": watch.stop()})


def make_copies(run, source, target, tables):
    """An empty database with some of synclog's tables."""
    run.cluster.create(target)
    if any(table.startswith("synclog.") for table in tables):
        run.cluster.sql(target, "CREATE SCHEMA synclog")
    run.cluster.shape_of(source, tables, target)


def client_table(run, source):
    return lambda side: make_copies(run, source, side.database, ("public.clients",))


def posts(run):
    race(run, SynclogWrites(run), {
        "post_vs_pgbench_insert": Pgbench(run, "insert", "pgbench_write", client_table(run, "synclog_write"), (CONNECTIONS,)),
        "post_vs_node_insert": NodeSide(run, "insert"),
        "post_vs_node_event_tx": NodeSide(run, "event-tx"),
        "post_vs_node_event_cte": NodeSide(run, "event-cte"),
        "post_vs_node_gap_free": NodeSide(run, "gap-free"),
        "post_vs_emmett": NodeSide(run, "emmett"),
        "post_vs_pocketbase": PocketBaseSide(run),
    })


def latency(run):
    race(run, SynclogWrites(run, "synclog_latency", connections=1, latency=True), {
        "post_latency_vs_pgbench": Pgbench(run, "insert", "pgbench_latency", client_table(run, "synclog_latency"), (1,),
                                           latency=True),
    }, note=lambda ours, theirs: f"{ours.value:.3g} ms / {theirs.value:.3g} ms")


def bulk(run):
    race(run, SynclogBulk(run), {"bulk_vs_direct_batches": DirectBatches(run)})


def csv(run):
    imported = CsvImport(run)
    race(run, imported, {"csv_vs_copy": CopyRows(run, imported)})


def two_servers(run):
    race(run, TwoServers(run, 2), {"two_servers_vs_one": TwoServers(run, 1)})
