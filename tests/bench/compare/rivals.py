"""The peers over HTTP as sides of a contest: the same load generator, paths and data as for synclog."""
import os
import shutil

from . import load
from .figures import Measured
from .processes import Child, run as run_program
from .run import Side, say
from .servers import START_PATIENCE_S, Node, wait_until_ready

# Processes × connections each: what is tried before the rounds; the fastest is measured.
NODE_SETTINGS = ((1, 8), (1, 32), (2, 8), (2, 16))
CALIBRATION_S = 1
FILL_S = 5


class NodeSide(Side):
    """A mode of the Node server at the best of NODE_SETTINGS. `job`: "write", or "list" over the data of `filled_from`."""

    def __init__(self, run, mode, job="write", filled_from=None):
        self.run, self.mode, self.job, self.filled_from = run, mode, job, filled_from
        self.name = f"node-{mode}" if job == "write" else f"node-{job}"
        self.node = Node(run, mode, "node_" + (mode if job == "write" else job).replace("-", "_"))
        self.settings = NODE_SETTINGS[0]

    def missing(self):
        return self.node.missing() or load.missing(self.run)

    def open(self):
        self.node.make_database()
        if self.filled_from is not None:
            self.run.cluster.copy(self.filled_from, COPIED, self.node.database, f"clients ({COPIED_COLUMNS})")
            self.run.cluster.sql(self.node.database, "VACUUM ANALYZE clients")
        rates = {}
        for settings in NODE_SETTINGS:
            self.node.start(*settings)
            rates[settings] = self.apply(CALIBRATION_S).rate
            self.node.stop()
        self.settings = max(rates, key=rates.get)
        tried = ", ".join(f"{count}×{pool}: {rate:,.0f}" for (count, pool), rate in rates.items())
        say(f"{self.name}: processes × connections tried: {tried}")
        self.run.results.context.setdefault("settings", {})[self.name] = {
            "processes": self.settings[0], "connections_each": self.settings[1], "tried": tried}
        self.node.start(*self.settings)

    def apply(self, seconds):
        return getattr(load, self.job)(self.run, self.node.url, 64, seconds,
                                       {"server": self.node.pid, "postgres": self.run.cluster.pid})

    def measure(self, seconds):
        made = self.apply(seconds)
        return Measured(made.rate, made.context)

    def close(self):
        self.node.stop()


COPIED_COLUMNS = ("id, version, created_at, updated_at, reference_number, full_name, phone, email, gender, date_of_birth, "
                  "address, city, branch, data")
COPIED = f"SELECT {COPIED_COLUMNS} FROM public.clients"


class PocketBaseSide(Side):
    """PocketBase at its defaults, on SQLite in a folder of its own; a public collection `clients`."""
    name = "pocketbase"

    path = "/api/collections/clients/records"
    # Its ids are its own, 15 characters.
    record = ('{"reference_number":"R-{unique}","full_name":"Client {number}","phone":"+43 660 {number}",'
              '"email":"c{number}@example.com","gender":"f","date_of_birth":"1985-07-14","address":"Long Street 17",'
              '"city":"Graz","branch":"{branch}","data":{"height":172,"weight":64,"notes":"first visit","sent_ns":"{sent}"}}')
    asked = "?perPage=50&skipTotal=1&sort=-created,-id&filter=branch%3D%27{branch}%27"

    def __init__(self, run, job="write", count=0):
        self.run, self.job, self.count = run, job, count
        self.program = os.path.join(run.built_peers, "pocketbase")
        self.child = self.url = None

    def missing(self):
        if not os.path.exists(self.program):
            why = "is not built (tools/bench --install)" if shutil.which("go") else "needs a Go toolchain (go is not in PATH)"
            return f"PocketBase {why}"
        return load.missing(self.run)

    def open(self):
        data = os.path.join(self.run.folder, f"pocketbase-{self.job}")
        self.child = Child([self.program, "serve", "--http", "127.0.0.1:0", "--dir", data],
                           self.run.log_path("pocketbase"), folder=self.run.folder)
        line = self.child.wait_for_line("listening on http://", START_PATIENCE_S)
        self.url = "http://" + line.split("listening on http://", 1)[1].split()[0]
        wait_until_ready(self.url + "/api/health", self.child)
        filled = 0.0   # its door for many at once is shut by default, so the load generator fills it
        while filled < self.count:
            filled += self.write(FILL_S).rate * FILL_S
        self.run.results.context.setdefault("versions", {})["pocketbase"] = run_program(
            [self.program, "--version"], folder=self.run.folder).strip()

    def write(self, seconds):
        return load.write(self.run, self.url, 64, seconds, {"server": self.child.pid},
                          ("--path", self.path, "--body-template", self.record))

    def measure(self, seconds):
        if self.job == "write":
            made = self.write(seconds)
        else:
            made = load.list(self.run, self.url, 64, seconds, {"server": self.child.pid}, ("--path", self.path + self.asked))
        return Measured(made.rate, made.context)

    def close(self):
        if self.child is not None:
            self.child.stop()
            self.child = None
