"""HTTP servers that are measured: synclog, the Node peers. Each on a database of its own in the run's cluster, on
loopback, on a port that the system picked."""
import os
import shutil
import time
import urllib.error
import urllib.request

from .processes import Child, Trouble, run as run_program

START_PATIENCE_S = 60


def wait_until_ready(url, child, patience_s=START_PATIENCE_S):
    """Until `url` is answered 200."""
    until = time.monotonic() + patience_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            pass
        if not child.is_alive() or time.monotonic() > until:
            raise Trouble(f"{url} is not ready: {child.output().strip()[-800:]}")
        time.sleep(0.01)


class Synclog:
    """`synclog serve` over one database, made and migrated when `fresh`."""

    def __init__(self, run, database, fresh=True, arguments=()):
        self.run, self.database, self.fresh, self.arguments = run, database, fresh, list(arguments)
        self.child = self.url = None

    def start(self):
        cluster = self.run.cluster
        if self.fresh:
            cluster.create(self.database)
            run_program([self.run.synclog, "migrate", "up", "--database-url", cluster.conninfo(self.database)])
            self.fresh = False
        self.child = Child([self.run.synclog, "serve", "--database-url", cluster.conninfo(self.database), "--listen",
                            "127.0.0.1:0", *self.arguments], self.run.log_path("synclog"))
        line = self.child.wait_for_line("listening on http://", START_PATIENCE_S)
        self.url = "http://" + line.split("listening on http://", 1)[1].split()[0].rstrip("/,;.")
        wait_until_ready(self.url + "/readyz", self.child)
        version = next((text for text in self.child.output().splitlines() if text.startswith("synclog ")), "synclog")
        self.run.results.context.setdefault("versions", {})["synclog"] = " ".join(version.split()[:2])

    @property
    def pid(self):
        return self.child.pid

    def stop(self):
        if self.child is not None:
            self.child.stop()
            self.child = None


class Node:
    """tests/bench/peers/http in one of its modes, over a database with its tables."""

    def __init__(self, run, mode, database):
        self.run, self.mode, self.database = run, mode, database
        self.folder = os.path.join(run.peers, "http")
        self.child = self.url = None
        self.version = ""

    def missing(self):
        if shutil.which("node") is None:
            return "node is not installed (tools/bench --install)"
        if not os.path.exists(os.path.join(self.folder, "node_modules", ".installed-lock.json")):
            return "npm packages of tests/bench/peers/http are not installed (tools/bench --install)"
        return None

    def make_database(self):
        self.run.cluster.create(self.database)
        with open(os.path.join(self.folder, "schema.sql"), encoding="utf-8") as schema:
            self.run.cluster.sql(self.database, schema.read())

    def start(self, processes, pool):
        environment = {**self.run.cluster.environment(self.database), "NODE_ENV": "production"}
        self.child = Child(["node", "server.mjs", self.mode, str(processes), str(pool)],
                           self.run.log_path(f"node-{self.mode}"), env=environment, folder=self.folder)
        line = self.child.wait_for_line(" on ", START_PATIENCE_S)
        self.version, port = line.rsplit(" on ", 1)
        self.url = f"http://127.0.0.1:{int(port)}"
        self.run.results.context.setdefault("versions", {})[f"node-{self.mode}"] = self.version

    @property
    def pid(self):
        return self.child.pid

    def stop(self):
        if self.child is not None:
            self.child.stop()
            self.child = None
