"""Several runs' JSON files as one table in Markdown: for each key the median of the runs' medians, the lowest and the highest
round of all, what must be reached, and in how many runs it was. Pure, but for reading."""
import json
import statistics

from .processes import Trouble
from .report import bound_text, number_text
from .targets import TARGETS


def read_document(path):
    try:
        with open(path, encoding="utf-8") as made:
            document = json.load(made)
        ratios, spread = document["ratios"], document["spread"]
        if not all(isinstance(value, (int, float)) and {"lowest", "highest"} <= spread[key].keys()
                   for key, value in ratios.items()):
            raise ValueError("a figure is not a number")
    except OSError as failure:
        raise Trouble(f"{path}: {failure.strerror}") from failure
    except (ValueError, KeyError, TypeError, AttributeError) as failure:
        raise Trouble(f"{path} is not what --json writes: {failure}") from failure
    return document


def reached(target, values, runs):
    """'', 'yes', 'no', or in how many of the runs it was reached and in how many there was a figure."""
    if target.must is None:
        return ""
    held = sum(target.met(value) != "no" for value in values)
    if len(values) == runs and held in (0, runs):
        return "yes" if held else "no"
    missing = runs - len(values)
    return f"{held} of {runs}" + (f", {missing} without a figure" if missing else "")


def markdown_lines(documents):
    runs = len(documents)
    lines = ["| ratio | figure (lowest–highest) | must | reached | key |", "|---|---|---|---|---|"]
    for target in TARGETS:
        measured = [document for document in documents if target.key in document["ratios"]]
        if not measured:
            continue
        values = [document["ratios"][target.key] for document in measured]
        spreads = [document["spread"][target.key] for document in measured]
        lowest, highest = min(one["lowest"] for one in spreads), max(one["highest"] for one in spreads)
        figure = f"{number_text(statistics.median(values))} ({number_text(lowest)}–{number_text(highest)})"
        lines.append(f"| {target.what} | {figure} | {bound_text(target, target.must)} | {reached(target, values, runs)} | "
                     f"`{target.key}` |")
    return lines
