"""The command line of tools/bench, and one run from an empty folder to the table."""
import argparse
import datetime
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
import traceback

from . import report, summary
from .cluster import Cluster
from .contests import CONTESTS
from .processes import Trouble
from .run import Run, say
from .targets import BY_KEY, TARGETS

ROUNDS, SECONDS, QUICK_SECONDS = 3, 5, 3
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))


def parse(arguments):
    parser = argparse.ArgumentParser(
        prog="tools/bench", description="Measures synclog against its peers on this machine, interleaved, and prints ratios: "
        "a private PostgreSQL with fsync and synchronous_commit on, a database for each side.",
        epilog="Peers that are not installed are skipped by name; tools/bench --install installs them all. Exit code: 0 when "
        "something was measured and nothing failed, 1 otherwise, 2 for a wrong option, 130 after Ctrl-C.")
    parser.add_argument("--quick", action="store_true",
                        help="the keys marked q, rounds of 3 seconds; under eight minutes")
    parser.add_argument("--install", action="store_true",
                        help="first installs what the peers need: Debian packages, npm packages by lock file, PocketBase if "
                        "there is Go")
    parser.add_argument("--json", metavar="FILE", help="also writes the figures there")
    parser.add_argument("--only", metavar="KEY", nargs="+", help="only these keys (see --list)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, metavar="N",
                        help=f"interleaved rounds, the median counts (default {ROUNDS})")
    parser.add_argument("--seconds", type=float, metavar="S",
                        help=f"of one side in one round (default {SECONDS}; with --quick {QUICK_SECONDS})")
    parser.add_argument("--list", action="store_true", help="prints the keys, what they must reach, and ends")
    parser.add_argument("--summary", metavar="FILE", nargs="+", help="measures nothing: prints what several runs wrote by --json "
                        "as one table in Markdown, with how many of them reached what they must")
    parser.add_argument("--check", action="store_true", help=argparse.SUPPRESS)   # only the options: tools/bench builds behind it
    given = parser.parse_args(arguments)
    unknown = [key for key in given.only or () if key not in BY_KEY]
    if unknown:
        parser.error(f"unknown key {unknown[0]} (tools/bench --list)")
    if given.rounds < 1:
        parser.error("--rounds takes a number from 1")
    given.seconds = given.seconds if given.seconds is not None else QUICK_SECONDS if given.quick else SECONDS
    if not 1 <= given.seconds <= 600:
        parser.error("--seconds takes 1 to 600")
    if given.json and not os.path.isdir(os.path.dirname(os.path.abspath(given.json))):
        parser.error(f"--json: there is no folder {os.path.dirname(os.path.abspath(given.json))}")
    return given


def list_keys():
    for target in TARGETS:
        mark = "q" if target.quick else " "
        print(f"{target.key:<28} {mark}  must {report.bound_text(target, target.must):>8}  aim "
              f"{report.bound_text(target, target.aim):>8}  {target.what}")


def wanted_keys(given):
    keys = given.only or [target.key for target in TARGETS if target.quick or not given.quick]
    return frozenset(key for key in keys if BY_KEY[key].quick or not given.quick or given.only)


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as info:
        model = next((line.split(":", 1)[1].strip() for line in info if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo", encoding="ascii") as info:
        memory_gb = int(info.readline().split()[1]) / 1024 / 1024
    return f"{os.cpu_count()} cores ({model}), {memory_gb:.0f} GB"


def run_contests(run):
    """Each contest alone: one that fails, foreseen or not, ends no other."""
    for work, keys in CONTESTS:
        wanted = run.wants(*keys)
        if not wanted:
            continue
        say(f"measuring {', '.join(wanted)}")
        try:
            work(run)
        except Exception as failure:   # a defect of the driver itself costs its own keys only
            say(f"failed: {failure}")
            if not isinstance(failure, Trouble):
                traceback.print_exc()
            for key in wanted:
                if not run.results.has(key):
                    run.results.fail(key, str(failure) or type(failure).__name__)


def measure(given, binaries):
    wanted = wanted_keys(given)
    folder = tempfile.mkdtemp(prefix="synclog-bench-")
    os.chmod(folder, 0o755)   # PostgreSQL runs as another user when this is root
    cluster = Cluster(folder)
    run = Run(cluster, folder, binaries, os.path.join(ROOT, "tests", "bench", "peers"),
              os.path.join(ROOT, "build", "peers"), given.rounds, given.seconds, given.quick, wanted)
    began, load_before, interrupted = time.monotonic(), os.getloadavg(), False
    context = {"date": datetime.date.today().isoformat(), "machine": machine(), "rounds": given.rounds,
               "seconds": given.seconds, "command": " ".join(["tools/bench", *sys.argv[1:]])}
    try:
        cluster.start()
        context["postgresql"] = cluster.shown_settings()
        run_contests(run)
    except KeyboardInterrupt:
        interrupted = True
        say("interrupted: what was measured so far")
    finally:
        cluster.stop()
        shutil.rmtree(folder, ignore_errors=True)
    context["load_average"] = {"before": round(load_before[0], 2), "after": round(os.getloadavg()[0], 2)}
    context["took_s"] = round(time.monotonic() - began)
    print(f"{context['machine']}; {context['date']}; PostgreSQL "
          + ", ".join(f"{name} {value}" for name, value in context.get("postgresql", {}).items())
          + f"; {given.rounds} rounds of {given.seconds:g} s; load average {context['load_average']['before']} before, "
          f"{context['load_average']['after']} after; {context['took_s']} s")
    for line in report.table_lines(run.results, wanted):
        print(line.rstrip())
    if report.disturbance(run.results):
        print(report.disturbance(run.results))
    if given.json:
        report.write_json(given.json, report.json_of(run.results, context))
    if interrupted:
        return 130
    return 0 if run.results.ratios and not run.results.failed else 1


def end_in_order(_signal, _frame):
    signal.signal(signal.SIGINT, signal.SIG_IGN)   # cleaning up is not interrupted by a second Ctrl-C
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise KeyboardInterrupt


def main():
    given = parse(sys.argv[1:])
    if given.summary:
        try:
            print("\n".join(summary.markdown_lines([summary.read_document(path) for path in given.summary])))
        except Trouble as trouble:
            print(f"tools/bench: {trouble}", file=sys.stderr)
            return 1
        return 0
    if given.check:
        return 0
    if given.list:
        list_keys()
        return 0
    signal.signal(signal.SIGINT, end_in_order)
    signal.signal(signal.SIGTERM, end_in_order)
    try:
        return measure(given, os.environ.get("SYNCLOG_BENCH_BINARIES", os.path.join(ROOT, "build", "release", "bin")))
    except KeyboardInterrupt:
        return 130
    except (Trouble, OSError) as trouble:
        say(str(trouble))
        return 1


if __name__ == "__main__":
    sys.exit(main())
