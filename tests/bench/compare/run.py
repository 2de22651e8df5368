"""What every contest works with: the cluster, the programs, how long a round takes, where results go; and the interleaved
race of our side against others."""
import os
import shutil
import sys
import time
from dataclasses import dataclass, field

from .figures import Results, ratios_of
from .processes import Trouble


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


@dataclass
class Run:
    cluster: object
    folder: str          # of this run, removed at its end
    binaries: str        # …/build/release/bin
    peers: str           # …/tests/bench/peers
    built_peers: str     # …/build/peers: what --install made
    rounds: int
    seconds: float
    quick: bool
    wanted: frozenset    # keys
    results: Results = field(default_factory=Results)
    made: int = 0

    @property
    def synclog(self):
        return os.path.join(self.binaries, "synclog")

    def log_path(self, name):
        self.made += 1
        return os.path.join(self.folder, f"{self.made:03}-{name}.log")

    def wants(self, *keys):
        return [key for key in keys if key in self.wanted]


class Side:
    """One competitor. open() and measure() raise Trouble; close() never does and may be called without open()."""
    name = "?"

    def missing(self):
        """What has to be installed first, or None."""
        return None

    def open(self):
        pass

    def before_round(self):
        """Before the checkpoint that a round begins with."""

    def measure(self, seconds):
        """One round: Measured."""
        raise NotImplementedError

    def close(self):
        pass


def program_missing(name):
    return None if shutil.which(name) else f"{name} is not installed (tools/bench --install)"


def race(run, ours, rivals, note=None):
    """`rivals` is key → Side. Rounds are interleaved: ours, then each rival, and the other way round in every second round.
    A rival that is missing is skipped and one that fails is dropped, both by name; without ours every key fails.
    `note(our Measured, their Measured)` is the line of absolute figures, of the last round."""
    keys = run.wants(*rivals)
    racing = {}
    for key in keys:
        reason = rivals[key].missing()
        if reason is None:
            racing[key] = rivals[key]
        else:
            say(f"skipped: {key}: {reason}")
            run.results.skip(key, reason)
    if not racing:
        return
    opened = []
    try:
        reason = ours.missing()
        if reason is not None:
            for key in racing:
                run.results.skip(key, reason)
            return
        opened.append(ours)
        ours.open()
        for key in list(racing):
            opened.append(racing[key])
            attempt(run, racing, key, racing[key].open)
        rounds_of(run, ours, racing, note)
    except Trouble as trouble:
        for key in racing:
            say(f"failed: {key}: {ours.name}: {trouble}")
            run.results.fail(key, f"{ours.name}: {trouble}")
    finally:
        for side in opened:
            side.close()


def attempt(run, racing, key, work):
    try:
        return work()
    except Trouble as trouble:
        say(f"failed: {key}: {trouble}")
        run.results.fail(key, f"{racing[key].name}: {trouble}")
        del racing[key]
        return None


def one_round(run, side):
    side.before_round()
    run.cluster.settle()
    return side.measure(run.seconds)


def rounds_of(run, ours, racing, note):
    our_rounds, their_rounds, absolute = [], {key: [] for key in racing}, {}
    for number in range(run.rounds):
        if not racing:
            return
        for key in ([None, *racing] if number % 2 == 0 else [*reversed(racing), None]):
            if key is not None and key not in racing:
                continue
            side = ours if key is None else racing[key]
            began = time.monotonic()
            made = one_round(run, ours) if key is None else attempt(run, racing, key, lambda s=side: one_round(run, s))
            if made is None:
                continue
            (our_rounds if key is None else their_rounds[key]).append(made)
            absolute.setdefault(side.name, []).append({"value": made.value, **made.context})
            say(f"round {number + 1}: {side.name}: {made.value:,.6g} ({time.monotonic() - began:.1f} s)")
    for key in racing:
        values = ratios_of([made.value for made in our_rounds], [made.value for made in their_rounds[key]])
        if not values:
            run.results.fail(key, "a side did nothing")
            continue
        run.results.measured(key, values, (note or rate_note)(our_rounds[-1], their_rounds[key][-1]))
    for name, rounds in absolute.items():
        run.results.context.setdefault("sides", {}).setdefault(name, []).extend(rounds)


def cores_text(made):
    cores = made.context.get("cores", {})
    return ", ".join(f"{name} {value}" for name, value in cores.items())


def rate_note(ours, theirs):
    text = f"{ours.value:,.0f} / {theirs.value:,.0f} a second"
    cores = cores_text(ours)
    return text + (f"; cores: {cores}" if cores else "")
