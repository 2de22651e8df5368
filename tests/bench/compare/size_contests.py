"""What the product takes: its binary, its memory while nothing happens, and its start. Figures, not ratios."""
import os
import statistics
import time

from .processes import Child, Trouble, run as run_program
from .run import say
from .servers import START_PATIENCE_S, wait_until_ready

SETTLE_S = 3
MB = 1024 * 1024


def resident_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        for line in status:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    raise Trouble("no VmRSS")


def binary_mb(run):
    stripped = os.path.join(run.folder, "stripped")
    run_program(["strip", "-o", stripped, run.synclog])
    made = os.path.getsize(stripped) / MB
    os.remove(stripped)
    return made


def start_once(run, data, rounds):
    """From the command to a 200 of /readyz, private PostgreSQL included; then the server's memory at rest."""
    began = time.monotonic()
    child = Child([run.synclog, "serve", "--data-dir", data, "--listen", "127.0.0.1:0"], run.log_path("size"))
    try:
        line = child.wait_for_line("listening on http://", START_PATIENCE_S)
        url = "http://" + line.split("listening on http://", 1)[1].split()[0].rstrip("/")
        wait_until_ready(url + "/readyz", child)
        span = time.monotonic() - began
        if rounds is not None:
            time.sleep(SETTLE_S)   # what is measured is rest: there is no condition to wait for
            rounds["size_idle_mb"].append(resident_mb(child.pid))
            rounds["size_start_s"].append(span)
    finally:
        child.stop()


def sizes(run):
    keys = run.wants("size_binary_mb", "size_idle_mb", "size_start_s")
    try:
        if "size_binary_mb" in keys:
            run.results.measured("size_binary_mb", [binary_mb(run)])
        if keys == ["size_binary_mb"]:
            return
        data = os.path.join(run.folder, "data")
        rounds = {"size_idle_mb": [], "size_start_s": []}
        start_once(run, data, None)   # makes the folder
        for _ in range(run.rounds):
            start_once(run, data, rounds)
        for key, values in rounds.items():
            say(f"{key}: {statistics.median(values):.2f}")
            if key in keys:
                run.results.measured(key, values)
    except Trouble as trouble:
        for key in keys:
            if not run.results.has(key):
                run.results.fail(key, str(trouble))
