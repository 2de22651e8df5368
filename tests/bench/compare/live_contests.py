"""The live side, measured by programs of their own (bench_fanout, bench_idle_streams): they start synclog on a private
PostgreSQL with the same settings, take the peers of tests/bench/peers/live in turn, and hand over figures by round."""
import json
import os

from .processes import Trouble, run as run_program
from .run import say

# key → the contenders that it needs
FANOUT = {
    "fanout_vs_node_ws": ("synclog-ws", "node-ws"),
    "fanout_filtered_vs_node_ws": ("synclog-ws-filtered", "node-ws"),
    "fanout_sse_vs_node_sse": ("synclog-sse", "node-sse"),
    "fanout_vs_node_ws_corked": ("synclog-ws", "node-ws-corked"),
    "fanout_vs_nchan": ("synclog-ws", "nchan-ws"),
}
IDLE = {"idle_kb_sse": "synclog-sse", "idle_kb_ws": "synclog-ws"}
STEP_S = 2
STEP_QUICK_S = 1
PATIENCE_S = 3600


def rounds_by(run, program, arguments):
    """Runs one of the two programs: its JSON, and the reasons by name of what it skipped."""
    path = os.path.join(run.folder, program + ".json")
    binary = os.path.join(run.binaries, program)
    if not os.path.exists(binary):
        raise Trouble(f"{program} is not built")
    out = run_program([binary, "--json", path, *arguments], PATIENCE_S)
    with open(path, encoding="utf-8") as made:
        document = json.load(made)
    lines = out.splitlines()
    skipped = dict(line[len("skipped: "):].split(": ", 1) for line in lines if line.startswith("skipped: "))
    run.results.context.setdefault("tables", {})[program] = lines
    for line in lines:
        say(f"{program}: {line}")
    return document, skipped


def name_of(contender):
    return contender.replace("-", "_")


def why_missing(document, skipped, *names):
    for name in names:
        if name in skipped:
            return f"{name}: {skipped[name]}"
    found = []
    for name in names:
        delivered = document.get(f"{name_of(name)}_delivered_per_s")
        if delivered is None:
            return f"{name}: not measured by bench_fanout"
        found.append(f"{name} {delivered['median']:,.0f} ({delivered['lowest']:,.0f}–{delivered['highest']:,.0f})")
    return f"no rate is delivered in time in most rounds; delivered/s: {', '.join(found)}"


def fanout(run):
    keys = run.wants(*FANOUT)
    contenders = sorted({name for key in keys for name in FANOUT[key]})
    try:
        document, skipped = rounds_by(run, "bench_fanout", [
            "--rounds", str(run.rounds), "--seconds", str(STEP_QUICK_S if run.quick else STEP_S), "--only",
            ",".join(contenders)])
    except Trouble as trouble:
        for key in keys:
            run.results.fail(key, str(trouble))
        return
    for key in keys:
        ours, theirs = FANOUT[key]
        if key not in document:
            reason = why_missing(document, skipped, ours, theirs)
            (run.results.fail if "it failed" in reason else run.results.skip)(key, reason)
            continue
        delivered = [f"{document[name_of(name) + '_delivered_per_s']['median']:,.0f} "
                     f"({document[name_of(name) + '_events_a_post']} a POST)" for name in (ours, theirs)]
        generator = document[f"{name_of(ours)}_generator_cores"]["median"]
        run.results.measured(key, document[key]["rounds"], f"{delivered[0]} / {delivered[1]} delivered/s; cores: "
                             f"server {document[name_of(ours) + '_serving_cores']['median']:.2f}, generator {generator:.2f}")


def idle(run):
    keys = run.wants(*IDLE)
    try:
        for key in keys:
            document, _ = rounds_by(run, "bench_idle_streams", [
                "--rounds", str(run.rounds), "--idle-seconds", "5", "--only", IDLE[key]])
            run.results.measured(key, document[key]["rounds"], f"{document[key + '_open_s']['median']:.1f} s to open 5,000")
    except Trouble as trouble:
        for key in keys:
            if not run.results.has(key):
                run.results.fail(key, str(trouble))


def pocketbase(run):
    for key in run.wants("fanout_vs_pocketbase"):
        run.results.skip(key, "needs a subscriber of PocketBase's own protocol in bench_fanout, which it does not have")
