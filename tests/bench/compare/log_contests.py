"""The log as a whole: proof, rebuild, and how appending goes on a long log."""
import os
import subprocess
import time

from . import load, records
from .figures import Measured
from .processes import CoreWatch, Trouble, run as run_program
from .run import Side, race, say
from .servers import Synclog

EVENTS, QUICK_EVENTS = 1_000_000, 200_000
UPDATES = 100_000
SHORT_LOG, LONG_LOG = 100_000, 10_000_000
FILL_STEP = 1_000_000


def makes(run, command, subcommand):
    """Whether this build has the subcommand."""
    help_text = subprocess.run([run.synclog, command, "--help"], capture_output=True, text=True, check=False).stdout
    return any(line.split()[:1] == [subcommand] for line in help_text.splitlines())


class WholeLog(Side):
    """A synclog subcommand over a log of 1 M events (200,000 with --quick), a tenth of them updates. The server is down
    meanwhile."""

    def __init__(self, run, name, arguments):
        self.run, self.name, self.arguments = run, f"synclog-{name}", arguments
        self.count = QUICK_EVENTS if run.quick else EVENTS
        self.server = Synclog(run, "synclog_log")

    def missing(self):
        if not makes(self.run, *self.arguments[:2]):
            return f"needs `synclog {' '.join(self.arguments[:2])}`, which this build does not have"
        return None

    def open(self):
        began = time.monotonic()
        self.server.start()
        updates = self.count * UPDATES // EVENTS
        records.fill_server(self.server.url, self.count - updates)
        records.fill_server(self.server.url, updates, city="Linz")
        self.server.stop()
        self.run.cluster.sql(self.server.database, "VACUUM ANALYZE")
        say(f"{self.name}: a log of {self.count:,} events made in {time.monotonic() - began:.0f} s")

    def close(self):
        self.server.stop()

    def measure(self, seconds):
        watch = CoreWatch({"postgres": self.run.cluster.pid})
        began = time.monotonic()
        run_program([self.run.synclog, *self.arguments, "--database-url", self.run.cluster.conninfo(self.server.database)],
                    patience_s=3600)
        span = time.monotonic() - began
        return Measured(self.count / span, {"seconds": span, "cores": watch.stop()})


class CopyLog(Side):
    """COPY of the columns that verify reads, in their order, thrown away."""
    name = "copy-log"
    columns = ("position, recorded_at, version, action, entity, record_id, branch, previous_branch, data, salt, data_hash, "
               "meta, hash")

    def __init__(self, run, of):
        self.run, self.of = run, of

    def measure(self, seconds):
        watch = CoreWatch({"postgres": self.run.cluster.pid})
        began = time.monotonic()
        query = f"COPY (SELECT {self.columns} FROM synclog.events ORDER BY position) TO STDOUT"
        with open(os.devnull, "wb") as nowhere:
            made = subprocess.run([self.run.cluster.program("psql"), "-X", "-q", "-c", query], stdout=nowhere, check=False,
                                  env=self.run.cluster.environment(self.of.server.database))
        if made.returncode != 0:
            raise Trouble("psql could not copy the log")
        span = time.monotonic() - began
        return Measured(self.of.count / span, {"seconds": span, "cores": watch.stop()})


class SqlRebuild(Side):
    """The read table made anew by one statement from the latest events, its indexes after it
    (tests/bench/peers/sql/rebuild.sql)."""
    name = "sql-rebuild"

    def __init__(self, run, of):
        self.run, self.of = run, of

    def measure(self, seconds):
        with open(os.path.join(self.run.peers, "sql", "rebuild.sql"), encoding="utf-8") as script:
            statements = script.read()
        watch = CoreWatch({"postgres": self.run.cluster.pid})
        began = time.monotonic()
        self.run.cluster.sql(self.of.server.database, statements)
        span = time.monotonic() - began
        rows = self.run.cluster.sql(self.of.server.database,
                                    "SELECT count(*) FROM rebuilt.clients r JOIN public.clients c USING (id) "
                                    "WHERE r.doc::text = c.doc::text AND r.search_text = c.search_text")
        if int(rows) != self.of.count - self.of.count * UPDATES // EVENTS:
            raise Trouble(f"the SQL rebuild made other rows than the product: {rows} are the same")
        return Measured(self.of.count / span, {"seconds": span, "cores": watch.stop()})


READ_INDEXES = """
CREATE EXTENSION IF NOT EXISTS pg_prewarm;
SELECT sum(pg_prewarm(indexrelid, 'read')) FROM pg_index WHERE indrelid IN ('synclog.events'::regclass, 'public.clients'::regclass)
"""


class Append(Side):
    """Bulk POSTs to a log that has `count` events already. They are put there by SQL, because what an append costs depends
    on how many there are, not on what the chain says."""

    def __init__(self, run, count):
        self.run, self.count, self.name = run, count, f"synclog-append-on-{count}"
        self.server = Synclog(run, f"synclog_log_{count}")

    def missing(self):
        return load.missing(self.run)

    def open(self):
        self.server.start()
        self.server.stop()
        with open(os.path.join(self.run.peers, "sql", "fill_log.sql"), encoding="utf-8") as script:
            statements = script.read()
        for first in range(1, self.count + 1, FILL_STEP):
            last = min(first + FILL_STEP - 1, self.count)
            self.run.cluster.sql(self.server.database, f"\\set first {first}\n\\set last {last}\n{statements}")
            say(f"{self.name}: {last:,} events")
        self.run.cluster.sql(self.server.database, "VACUUM ANALYZE")
        self.server.start()

    def close(self):
        self.server.stop()
        self.run.cluster.drop(self.server.database)

    def before_round(self):
        # What a server that has been running for a while has in the kernel's memory: the pages of its indexes. After
        # filling and VACUUM these are the pages of the tables, and the first rounds would measure the disk.
        self.run.cluster.sql(self.server.database, READ_INDEXES)

    def measure(self, seconds):
        made = load.bulk(self.run, self.server.url, seconds, {"server": self.server.pid, "postgres": self.run.cluster.pid})
        return Measured(made.rate, made.context)


def whole_log(run):
    """Both on one log: making it takes longest."""
    verify = WholeLog(run, "verify", ["replay", "verify", "--log-only"])
    rebuild = WholeLog(run, "rebuild", ["replay", "rebuild", "clients", "--unproven"])
    race(run, verify, {"verify_vs_copy": CopyLog(run, verify)})
    if not run.wants("verify_vs_copy") or rebuild.missing() is not None:
        race(run, rebuild, {"rebuild_vs_sql": SqlRebuild(run, rebuild)})
        return
    rebuild.open = lambda: None
    race(run, rebuild, {"rebuild_vs_sql": SqlRebuild(run, rebuild)})


def append_growth(run):
    race(run, Append(run, LONG_LOG), {"append_10m_vs_100k": Append(run, SHORT_LOG)})
