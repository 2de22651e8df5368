"""Figures of interleaved rounds: median and spread, and ratios taken round by round. Pure."""
from dataclasses import dataclass, field
from statistics import median


@dataclass
class Spread:
    median: float
    lowest: float
    highest: float
    rounds: int


def spread_of(values):
    """Of one figure over all rounds; ValueError without any."""
    if not values:
        raise ValueError("no rounds")
    return Spread(median(values), min(values), max(values), len(values))


def ratios_of(ours, theirs):
    """Round i of ours by round i of theirs, so that what slows the machine for a while slows both sides. A round in which
    either side did nothing is no measurement: it is left out, never taken for zero."""
    return [a / b for a, b in zip(ours, theirs) if a > 0 and b > 0]


@dataclass
class Measured:
    """One side, one round: `value` is what the ratio is made of (a rate, a time, a size), the rest is context."""
    value: float
    context: dict = field(default_factory=dict)


@dataclass
class Results:
    """What came out so far. A key is in exactly one of the three: measured, skipped (something is not there), failed."""
    ratios: dict = field(default_factory=dict)    # key → Spread
    rounds: dict = field(default_factory=dict)    # key → the values by round
    notes: dict = field(default_factory=dict)     # key → absolute figures, one line
    skipped: dict = field(default_factory=dict)   # key → what is missing
    failed: dict = field(default_factory=dict)    # key → what went wrong
    context: dict = field(default_factory=dict)   # more figures and versions, by name

    def measured(self, key, values, note=""):
        self.ratios[key] = spread_of(values)
        self.rounds[key] = list(values)
        self.notes[key] = note

    def skip(self, key, reason):
        self.skipped[key] = reason

    def fail(self, key, reason):
        self.failed[key] = reason

    def has(self, key):
        return key in self.ratios or key in self.skipped or key in self.failed
