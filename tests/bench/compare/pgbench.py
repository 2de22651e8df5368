"""pgbench with a script of tests/bench/peers/pgbench: prepared statements, one transaction an execution."""
import glob
import os
import re
import statistics

from .figures import Measured
from .processes import CoreWatch, Trouble, run as run_program
from .run import Side

CALIBRATION_S = 1


class Pgbench(Side):
    """`prepare(side)` makes the database. `clients`: how many, or several to choose the fastest from. With `latency`, the
    value is the median in ms of single transactions, not the rate."""

    def __init__(self, run, script, database, prepare, clients=(64,), latency=False, threads=2):
        self.run, self.script, self.database, self.prepare = run, script, database, prepare
        self.candidates, self.latency, self.threads = list(clients), latency, threads
        self.clients = self.candidates[0]
        self.name = f"pgbench-{script}"

    def open(self):
        self.prepare(self)
        if len(self.candidates) > 1:
            rates = {}
            for clients in self.candidates:
                self.clients = clients
                rates[clients] = self.execute(CALIBRATION_S)
            self.clients = max(rates, key=rates.get)
        self.run.results.context.setdefault("settings", {})[self.name] = f"{self.clients} clients, prepared"

    def close(self):
        pass

    def execute(self, seconds, log=None):
        arguments = [self.run.cluster.program("pgbench"), "-n", "-M", "prepared", "-c", str(self.clients), "-j",
                     str(min(self.threads, self.clients)), "-T", str(max(1, round(seconds))), "-f",
                     os.path.join(self.run.peers, "pgbench", self.script + ".sql")]
        if log is not None:
            arguments += ["-l", "--log-prefix", log]
        out = run_program(arguments, env=self.run.cluster.environment(self.database), folder=self.run.folder)
        rate = re.search(r"^tps = ([0-9.]+)", out, re.MULTILINE)
        failed = re.search(r"number of failed transactions: (\d+)", out)
        if rate is None or (failed is not None and int(failed.group(1)) > 0):
            raise Trouble(f"pgbench {self.script}: {out.strip()[-400:]}")
        return float(rate.group(1))

    def measure(self, seconds):
        watch = CoreWatch({"postgres": self.run.cluster.pid})
        if not self.latency:
            return Measured(self.execute(seconds), {"cores": watch.stop()})
        prefix = os.path.join(self.run.folder, "latency")
        rate = self.execute(seconds, log=prefix)
        times = []
        for path in glob.glob(prefix + ".*"):
            with open(path, encoding="ascii") as log:
                times += [int(line.split()[2]) for line in log]
            os.remove(path)
        return Measured(statistics.median(times) / 1000, {"rate": rate, "cores": watch.stop()})
