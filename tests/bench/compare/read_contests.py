"""Reads: one record, lists by branch, conditional answers, and how lists grow with the table."""
from . import load, records
from .figures import Measured
from .pgbench import Pgbench
from .rivals import NodeSide, PocketBaseSide
from .run import Side, race
from .servers import Synclog
from .write_contests import make_copies

CONNECTIONS = 64
RECORDS = 100_000
FEW, MANY = 10_000, 1_000_000
PGBENCH_CLIENTS = (4, 16, 64)


class SynclogReads(Side):
    """A server over `count` clients; `job` is the load: "read", "list" and so on."""

    def __init__(self, run, job, database="synclog_read", count=RECORDS):
        self.run, self.job, self.count = run, job, count
        self.name = f"synclog-{job}" if count == RECORDS else f"synclog-{job}-{count}"
        self.server = Synclog(run, database)

    def missing(self):
        return load.missing(self.run)

    def open(self):
        self.server.start()
        records.fill_server(self.server.url, self.count)
        self.run.cluster.sql(self.server.database, "VACUUM ANALYZE")

    def close(self):
        self.server.stop()

    def measure(self, seconds):
        made = getattr(load, self.job)(self.run, self.server.url, CONNECTIONS, seconds,
                                       {"server": self.server.pid, "postgres": self.run.cluster.pid})
        return Measured(made.rate, made.context)


class OtherJob(Side):
    """Another load on the server of a side that is open already."""

    def __init__(self, of, job):
        self.of, self.job, self.name = of, job, f"synclog-{job}"

    def measure(self, seconds):
        made = getattr(load, self.job)(self.of.run, self.of.server.url, CONNECTIONS, seconds,
                                       {"server": self.of.server.pid, "postgres": self.of.run.cluster.pid})
        return Measured(made.rate, made.context)


def filled_table(run, source):
    def prepare(side):
        make_copies(run, source, side.database, ("public.clients",))
        run.cluster.copy(source, "SELECT * FROM public.clients", side.database, "public.clients")
        run.cluster.sql(side.database, "VACUUM ANALYZE")
    return prepare


def gets(run):
    race(run, SynclogReads(run, "read"), {
        "get_vs_pgbench": Pgbench(run, "select_by_id", "pgbench_read", filled_table(run, "synclog_read"), PGBENCH_CLIENTS),
    })


def lists(run):
    race(run, SynclogReads(run, "list", "synclog_list"), {
        "list_vs_pgbench": Pgbench(run, "list_50", "pgbench_list", filled_table(run, "synclog_list"), PGBENCH_CLIENTS),
        "list_vs_node": NodeSide(run, "insert", "list", filled_from="synclog_list"),
        "list_vs_pocketbase": PocketBaseSide(run, "list", RECORDS),
    })


def conditional(run):
    ours = SynclogReads(run, "not_modified", "synclog_304", count=1_000)
    race(run, ours, {"get_304_vs_static": OtherJob(ours, "static")})


def list_growth(run):
    race(run, SynclogReads(run, "list", "synclog_many", MANY), {
        "list_1m_vs_10k": SynclogReads(run, "list", "synclog_few", FEW)})
