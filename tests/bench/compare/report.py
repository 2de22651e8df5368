"""The table and the JSON of a run. Pure, but for writing the file.

JSON: {"ratios": {key: median}, "spread": {key: {"lowest", "highest", "rounds": [value, ...]}}, "context": {...}}.
Only what was measured is in "ratios"; context.skipped and context.failed say by key why the others are not.
"""
import json
import os

from .targets import BY_KEY, TARGETS

QUIET_CORES = 0.15   # what other processes may use before figures mean little


def number_text(value):
    if value is None:
        return "-"
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3g}"


def bound_text(target, bound):
    if bound is None:
        return "-"
    return ("<= " if target.lower_is_better else "") + number_text(bound)


def table_lines(results, wanted):
    rows = [("key", "ratio", "lowest - highest", "must", "aim", "met", "figures")]
    for target in TARGETS:
        key = target.key
        if key not in wanted:
            continue
        must, aim = bound_text(target, target.must), bound_text(target, target.aim)
        if key in results.ratios:
            made = results.ratios[key]
            rows.append((key, number_text(made.median), f"{number_text(made.lowest)} - {number_text(made.highest)}", must,
                         aim, target.met(made.median), results.notes.get(key, "")))
        elif key in results.failed:
            rows.append((key, "failed", "", must, aim, "", " ".join(results.failed[key].split())))
        else:
            rows.append((key, "-", "", must, aim, "", "not measured: " + results.skipped.get(key, "not reached")))
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)) + "  " + row[6] for row in rows]


def disturbance(results):
    """A sentence when other processes took part of the machine in some round, else "": a peer with many processes gets a
    larger part of a shared machine than one server, so such ratios are no measurement."""
    others = [made["cores"]["others"] for rounds in results.context.get("sides", {}).values() for made in rounds
              if "others" in made.get("cores", {})]
    if not others or max(others) <= QUIET_CORES:
        return ""
    return f"other processes took up to {max(others):.2f} cores: repeat on a quiet machine"


def json_of(results, context):
    spread = {key: {"lowest": rounded(made.lowest), "highest": rounded(made.highest),
                    "rounds": [rounded(value) for value in results.rounds[key]]}
              for key, made in results.ratios.items()}
    return {
        "ratios": {key: rounded(made.median) for key, made in results.ratios.items()},
        "spread": spread,
        "context": {**context, **results.context, "figures": dict(results.notes),
                    "targets": {key: {"must": BY_KEY[key].must, "aim": BY_KEY[key].aim,
                                      "met": BY_KEY[key].met(made.median)} for key, made in results.ratios.items()},
                    "skipped": dict(results.skipped), "failed": dict(results.failed)},
    }


def rounded(value):
    return float(f"{value:.5g}")


def write_json(path, document):
    """Whole or not at all."""
    text = json.dumps(document, indent=1, ensure_ascii=False) + "\n"
    part = f"{path}.{os.getpid()}.part"
    try:
        with open(part, "w", encoding="utf-8") as out:
            out.write(text)
        os.replace(part, path)
    except OSError:
        if os.path.exists(part):
            os.remove(part)
        raise
