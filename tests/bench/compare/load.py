"""`synclog bench` as the one load generator for every server: closed loops over kept connections. A side that answers an
error is not measured."""
import json
import os
import subprocess
from dataclasses import dataclass

from .processes import CoreWatch, Trouble, run as run_program

WARMUP_S = 1
BULK_RECORDS = 1_000
BULK_CONNECTIONS = 4
LISTED = 50


@dataclass
class Load:
    rate: float      # answered requests a second; of bulk: records
    p50_ms: float
    p99_ms: float
    context: dict    # of the round, for the JSON


def missing(run):
    if not hasattr(missing, "known"):
        missing.known = subprocess.call([run.synclog, "bench", "write", "--help"], stdout=subprocess.DEVNULL,
                                        stderr=subprocess.DEVNULL) == 0
    return None if missing.known else "needs `synclog bench`, which this build does not have"


def write(run, url, connections, seconds, roots, more=()):
    """One record a POST to /api/clients."""
    return apply(run, "write", url, connections, seconds, roots, more)


def bulk(run, url, seconds, roots):
    """NDJSON of BULK_RECORDS records; the rate is that of the records."""
    return apply(run, "bulk", url, BULK_CONNECTIONS, seconds, roots, ("--size", str(BULK_RECORDS)), rate="records_per_s")


def read(run, url, connections, seconds, roots):
    """One of the newest thousand records."""
    return apply(run, "read", url, connections, seconds, roots)


def not_modified(run, url, connections, seconds, roots):
    """The same by somebody who has them: all are first versions."""
    return apply(run, "read", url, connections, seconds, roots, ("--header", 'If-None-Match: "1"'), status="304")


def static(run, url, connections, seconds, roots):
    """The smallest answer that the server has ready: a larger one would be easier to beat."""
    return apply(run, "list", url, connections, seconds, roots, ("--path", "/livez"))


def list(run, url, connections, seconds, roots, more=()):   # named as the generator's mode
    """The newest 50 of one of 20 branches."""
    return apply(run, "list", url, connections, seconds, roots, more or ("--limit", str(LISTED)))


def command(run, mode, url, connections, seconds, more):
    return [run.synclog, "bench", mode, "--url", url, "--connections", str(connections), "--duration", str(seconds),
            "--warmup", str(WARMUP_S), *more, "--json"]


def checked(url, text, status):
    made = json.loads(text)
    errors = made["errors"]
    if errors["total"] > 0:
        raise Trouble(f"{url}: {errors['total']} errors, the first: {errors['first']}")
    wrong = [found for found in made["statuses"] if status is not None and found != status]
    if made["ok"] == 0 or wrong:
        raise Trouble(f"{url}: nothing was answered {status or 'well'}, but {made['statuses']}")
    return made


def apply(run, mode, url, connections, seconds, roots, more=(), rate="rate", status=None):
    watch = CoreWatch(roots)
    made = checked(url, run_program(command(run, mode, url, connections, seconds, more), patience_s=seconds + 120), status)
    return figures_of(made, rate, watch)


def figures_of(made, rate, watch):
    latency = made["latency_ms"]
    return Load(made[rate], latency["p50"], latency["p99"],
                {"connections": made["connections"], "p50_ms": latency["p50"], "p99_ms": latency["p99"],
                 "generator_busiest_thread": made["generator"]["busiest_thread"], "cores": watch.stop()})


def write_all(run, urls, connections, seconds, roots):
    """Single POSTs to several servers at once, a generator each; the rate is that of all."""
    watch = CoreWatch(roots)
    running = []
    try:
        for url in urls:
            running.append(subprocess.Popen(command(run, "write", url, connections, seconds, ()), stdout=subprocess.PIPE,
                                            stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True,
                                            start_new_session=True))
        outputs = [process.communicate(timeout=seconds + 120) for process in running]
    finally:
        for process in running:
            if process.poll() is None:
                process.kill()
                process.wait()
    for process, (_, errors) in zip(running, outputs):
        if process.returncode != 0:
            raise Trouble(f"{os.path.basename(run.synclog)} bench: {errors.strip()[-400:]}")
    made = [checked(url, out, None) for url, (out, _) in zip(urls, outputs)]
    first = figures_of(made[0], "rate", watch)
    first.rate = sum(one["rate"] for one in made)
    return first
