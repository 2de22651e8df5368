"""The driver of tools/bench without peers, PostgreSQL or a network: figures, table, JSON, what is skipped and what fails.
Run by ctest (bench_compare) and by `python3 -m unittest compare.test_compare` in tests/bench."""
import contextlib
import io
import itertools
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from . import __main__ as command
from . import load, pgbench, report, summary
from .contests import CONTESTS
from .figures import Measured, Results, ratios_of, spread_of
from .live_contests import why_missing
from .processes import Child, CoreWatch, Trouble, run as run_program
from .run import Run, Side, race
from .targets import BY_KEY, TARGETS

OURS_KEY, OTHER_KEY, THIRD_KEY = "post_vs_pgbench_insert", "post_vs_node_insert", "post_vs_node_event_tx"


class NoCluster:
    def settle(self):
        pass


class Scripted(Side):
    """Gives the values one after the other; an exception among them is raised."""

    def __init__(self, name, values, missing=None, journal=None):
        self.name, self.values, self.lacks, self.journal = name, iter(values), missing, journal
        self.is_open = False

    def missing(self):
        return self.lacks

    def open(self):
        self.is_open = True

    def measure(self, seconds):
        if self.journal is not None:
            self.journal.append(self.name)
        value = next(self.values)
        if isinstance(value, Exception):
            raise value
        return Measured(value)

    def close(self):
        self.is_open = False


def made_run(*keys, rounds=3):
    return Run(NoCluster(), "", "", "", "", rounds, 1, False, frozenset(keys))


def quietly(work, *arguments):
    with contextlib.redirect_stderr(io.StringIO()) as words:
        work(*arguments)
    return words.getvalue()


class Figures(unittest.TestCase):
    def test_the_median_is_in_the_middle_whatever_the_order(self):
        for order in itertools.permutations([1.0, 2.0, 40.0]):
            made = spread_of(list(order))
            self.assertEqual((made.median, made.lowest, made.highest, made.rounds), (2.0, 1.0, 40.0, 3))
        self.assertEqual(spread_of([1.0, 2.0, 3.0, 10.0]).median, 2.5)
        with self.assertRaises(ValueError):
            spread_of([])

    def test_ratios_are_taken_round_by_round_and_zero_is_no_round(self):
        self.assertEqual(ratios_of([10, 20, 30], [5, 5, 10]), [2, 4, 3])
        self.assertEqual(ratios_of([10, 20, 0], [0, 5, 10]), [4])

    def test_a_target_is_met_in_its_own_direction(self):
        rate, latency = BY_KEY["post_vs_pgbench_insert"], BY_KEY["post_latency_vs_pgbench"]
        self.assertEqual([rate.met(value) for value in (1.19, 1.2, 1.6)], ["no", "must", "aim"])
        self.assertEqual([latency.met(value) for value in (2.01, 2.0, 1.4)], ["no", "must", "aim"])


class Race(unittest.TestCase):
    def test_rounds_are_interleaved_and_change_direction(self):
        journal = []
        run = made_run(OURS_KEY, OTHER_KEY)
        quietly(race, run, Scripted("ours", [4, 4, 4], journal=journal), {
            OURS_KEY: Scripted("a", [2, 2, 2], journal=journal), OTHER_KEY: Scripted("b", [1, 1, 1], journal=journal)})
        self.assertEqual(journal, ["ours", "a", "b", "b", "a", "ours", "ours", "a", "b"])
        self.assertEqual((run.results.ratios[OURS_KEY].median, run.results.ratios[OTHER_KEY].median), (2, 4))

    def test_a_missing_peer_is_skipped_by_name_and_the_rest_is_measured(self):
        run = made_run(OURS_KEY, OTHER_KEY)
        words = quietly(race, run, Scripted("ours", [4] * 3), {
            OURS_KEY: Scripted("a", [2] * 3), OTHER_KEY: Scripted("b", [], missing="node is not installed")})
        self.assertEqual(run.results.skipped, {OTHER_KEY: "node is not installed"})
        self.assertIn(f"skipped: {OTHER_KEY}: node is not installed", words)
        self.assertEqual(set(run.results.ratios), {OURS_KEY})

    def test_a_peer_that_fails_in_a_later_round_costs_its_own_key(self):
        run = made_run(OURS_KEY, OTHER_KEY)
        sides = [Scripted("a", [2, Trouble("out of order"), 2]), Scripted("b", [1] * 3)]
        quietly(race, run, Scripted("ours", [4] * 3), {OURS_KEY: sides[0], OTHER_KEY: sides[1]})
        self.assertIn("out of order", run.results.failed[OURS_KEY])
        self.assertEqual(set(run.results.ratios), {OTHER_KEY})
        self.assertFalse(any(side.is_open for side in sides))

    def test_when_our_side_fails_every_key_of_the_contest_fails_and_all_are_closed(self):
        run = made_run(OURS_KEY, OTHER_KEY)
        sides = [Scripted("ours", [4, Trouble("gone")]), Scripted("a", [2] * 3), Scripted("b", [2] * 3)]
        quietly(race, run, sides[0], {OURS_KEY: sides[1], OTHER_KEY: sides[2]})
        self.assertEqual(set(run.results.failed), {OURS_KEY, OTHER_KEY})
        self.assertFalse(any(side.is_open for side in sides))

    def test_a_side_that_did_nothing_is_no_zero(self):
        run = made_run(OURS_KEY)
        quietly(race, run, Scripted("ours", [4] * 3), {OURS_KEY: Scripted("a", [0] * 3)})
        self.assertEqual((run.results.ratios, set(run.results.failed)), ({}, {OURS_KEY}))

    def test_keys_that_are_not_wanted_are_not_opened(self):
        run = made_run(OURS_KEY)
        other = Scripted("b", [])
        other.open = lambda: self.fail("opened")
        quietly(race, run, Scripted("ours", [4] * 3), {OURS_KEY: Scripted("a", [2] * 3), OTHER_KEY: other})
        self.assertEqual(set(run.results.ratios), {OURS_KEY})


class Live(unittest.TestCase):
    def test_a_ratio_that_is_missing_says_whose_figure_it_was(self):
        found = {"synclog_ws_delivered_per_s": {"median": 5596, "lowest": 0, "highest": 66663},
                 "node_ws_delivered_per_s": {"median": 0, "lowest": 0, "highest": 0}}
        self.assertEqual(why_missing(found, {}, "synclog-ws", "node-ws"),
                         "no rate is delivered in time in most rounds; delivered/s: synclog-ws 5,596 (0–66,663), node-ws 0 (0–0)")
        self.assertEqual(why_missing(found, {"nchan-ws": "no nginx"}, "synclog-ws", "nchan-ws"), "nchan-ws: no nginx")
        self.assertEqual(why_missing(found, {}, "synclog-ws", "node-sse"), "node-sse: not measured by bench_fanout")


class RoundOrder(unittest.TestCase):
    def test_a_side_gets_ready_before_the_checkpoint_of_its_round(self):
        said = []

        class Told(Side):
            def before_round(self):
                said.append("ready")

            def measure(self, seconds):
                said.append("measure")
                return Measured(1.0)

        class Settling:
            def settle(self):
                said.append("settle")

        run = Run(Settling(), "", "", "", "", 1, 1, False, frozenset([OURS_KEY]))
        quietly(race, run, Told(), {OURS_KEY: Told()})
        self.assertEqual(said, ["ready", "settle", "measure"] * 2)

    def test_pgbench_hides_nothing_that_a_round_calls(self):
        side = pgbench.Pgbench(None, "insert.sql", "bench", lambda side: None)
        side.before_round()


class Reports(unittest.TestCase):
    def results(self):
        made = Results()
        made.measured(OURS_KEY, [1.0, 1.5, 1.25], "20,000 / 16,000 a second")
        made.skip(OTHER_KEY, "node is not installed")
        made.fail(THIRD_KEY, "it ended with 1:\nno space left")
        return made

    def test_json_holds_plain_numbers_for_what_was_measured_and_reasons_for_the_rest(self):
        document = json.loads(json.dumps(report.json_of(self.results(), {"machine": "2 cores"})))
        self.assertEqual(set(document), {"ratios", "spread", "context"})
        self.assertEqual(document["ratios"], {OURS_KEY: 1.25})
        self.assertEqual(document["spread"], {OURS_KEY: {"lowest": 1.0, "highest": 1.5, "rounds": [1.0, 1.5, 1.25]}})
        self.assertEqual(document["context"]["skipped"], {OTHER_KEY: "node is not installed"})
        self.assertEqual(document["context"]["failed"], {THIRD_KEY: "it ended with 1:\nno space left"})
        self.assertEqual(document["context"]["machine"], "2 cores")

    def test_the_table_has_a_line_for_every_wanted_key(self):
        lines = report.table_lines(self.results(), {OURS_KEY, OTHER_KEY, THIRD_KEY})
        self.assertEqual(len(lines), 4)
        by_key = {line.split()[0]: line for line in lines[1:]}
        self.assertIn("1.25", by_key[OURS_KEY])
        self.assertIn("must", by_key[OURS_KEY])
        self.assertIn("not measured: node is not installed", by_key[OTHER_KEY])
        self.assertIn("failed", by_key[THIRD_KEY])
        self.assertTrue(by_key[THIRD_KEY].endswith("it ended with 1: no space left"))

    def test_a_disturbed_machine_is_said(self):
        results = self.results()
        self.assertEqual(report.disturbance(results), "")
        results.context["sides"] = {"ours": [{"value": 1, "cores": {"others": 0.1}}], "theirs": [{"value": 1}]}
        self.assertEqual(report.disturbance(results), "")
        results.context["sides"]["theirs"].append({"value": 1, "cores": {"others": 0.5}})
        self.assertIn("up to 0.50 cores", report.disturbance(results))

    def test_a_json_file_is_whole_and_leaves_nothing_beside_it(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "made.json")
            report.write_json(path, {"ratios": {}})
            with self.assertRaises(TypeError):
                report.write_json(path, {"ratios": object()})
            with open(path, encoding="utf-8") as made:
                self.assertEqual(json.load(made), {"ratios": {}})
            self.assertEqual(os.listdir(folder), ["made.json"])


class Command(unittest.TestCase):
    def refusal(self, *arguments):
        with contextlib.redirect_stderr(io.StringIO()) as words, self.assertRaises(SystemExit) as ended:
            command.parse(list(arguments))
        self.assertEqual(ended.exception.code, 2)
        return words.getvalue()

    def test_wrong_options_say_what_is_right(self):
        self.assertIn("unknown key nonsense", self.refusal("--only", "nonsense"))
        self.assertIn("--rounds takes a number from 1", self.refusal("--rounds", "0"))
        self.assertIn("1 to 600", self.refusal("--seconds", "0.1"))
        self.assertIn("there is no folder", self.refusal("--json", "/nowhere/x.json"))

    def test_quick_takes_the_keys_marked_q_in_rounds_of_three_seconds(self):
        given = command.parse(["--quick"])
        self.assertEqual((given.seconds, given.rounds), (3, 3))
        self.assertEqual(command.wanted_keys(given), {target.key for target in TARGETS if target.quick})
        self.assertEqual(command.wanted_keys(command.parse(["--quick", "--only", "csv_vs_copy"])), {"csv_vs_copy"})

    def test_every_key_belongs_to_exactly_one_contest(self):
        measured = [key for _, keys in CONTESTS for key in keys]
        self.assertEqual(sorted(measured), sorted(BY_KEY))

    def test_a_contest_that_breaks_ends_no_other(self):
        run = made_run(OURS_KEY, "csv_vs_copy")

        def breaks(_run):
            raise ZeroDivisionError("a defect")

        kept = command.CONTESTS
        command.CONTESTS = ((breaks, (OURS_KEY,)), (lambda run: run.results.measured("csv_vs_copy", [0.5]), ("csv_vs_copy",)))
        try:
            quietly(command.run_contests, run)
        finally:
            command.CONTESTS = kept
        self.assertEqual(run.results.failed, {OURS_KEY: "a defect"})
        self.assertEqual(run.results.ratios["csv_vs_copy"].median, 0.5)


class Generator(unittest.TestCase):
    def answer(self, **changed):
        return json.dumps({"ok": 10, "statuses": {"200": 10}, "errors": {"total": 0, "first": None}, **changed})

    def test_a_side_that_answers_errors_is_not_measured(self):
        with self.assertRaisesRegex(Trouble, "3 errors, the first: 500"):
            load.checked("u", self.answer(errors={"total": 3, "first": "500"}), None)
        with self.assertRaises(Trouble):
            load.checked("u", self.answer(ok=0, statuses={}), None)

    def test_a_conditional_answer_must_be_304(self):
        with self.assertRaisesRegex(Trouble, "304"):
            load.checked("u", self.answer(), "304")
        self.assertEqual(load.checked("u", self.answer(statuses={"304": 10}), "304")["ok"], 10)


class Processes(unittest.TestCase):
    def test_a_program_that_fails_says_its_last_words(self):
        with self.assertRaisesRegex(Trouble, "ended with 3: oh no"):
            run_program(["sh", "-c", "echo oh no >&2; exit 3"])

    def test_a_child_that_ends_early_is_not_waited_for(self):
        with tempfile.TemporaryDirectory() as folder:
            child = Child(["sh", "-c", "echo cannot bind; exit 1"], os.path.join(folder, "log"))
            with self.assertRaisesRegex(Trouble, "ended: cannot bind"):
                child.wait_for_line("listening", 60)
            child.stop()

    def test_the_cores_of_a_busy_process_are_its_own(self):
        with tempfile.TemporaryDirectory() as folder:
            busy = Child([sys.executable, "-c", "print('on', flush=True)\nwhile True: pass"], os.path.join(folder, "log"))
            try:
                busy.wait_for_line("on", 30)
                watch = CoreWatch({"busy": busy.pid, "gone": 2**30})
                until = time.monotonic() + 30
                while watch.stop()["busy"] == 0 and time.monotonic() < until:
                    pass
                self.assertGreater(watch.stop()["busy"], 0)
                self.assertEqual(watch.stop()["gone"], 0)
            finally:
                busy.stop()
            self.assertFalse(busy.is_alive())

    def test_children_die_with_a_driver_that_is_killed(self):
        with tempfile.TemporaryDirectory() as folder:
            log = os.path.join(folder, "log")
            script = ("from compare.processes import Child\nimport sys\n"
                      f"child = Child(['sh', '-c', 'echo up; exec sleep 600'], {log!r})\nchild.wait_for_line('up', 30)\n"
                      "print(child.pid, flush=True)\nsys.stdin.read()")
            driver = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                      cwd=os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
            child = int(driver.stdout.readline())
            driver.send_signal(signal.SIGKILL)
            driver.wait()
            driver.stdin.close()
            driver.stdout.close()
            until = time.monotonic() + 30
            while is_running(child) and time.monotonic() < until:
                time.sleep(0.01)
            outlived = is_running(child)
            if outlived:
                os.kill(child, signal.SIGKILL)
            self.assertFalse(outlived)


def is_running(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(") ", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Summaries(unittest.TestCase):
    def document(self, **ratios):
        return {"ratios": ratios, "spread": {key: {"lowest": value - 0.5, "highest": value + 0.5, "rounds": [value]}
                                             for key, value in ratios.items()}}

    def rows(self, *documents):
        made = (line.strip("| ").split(" | ") for line in summary.markdown_lines(documents)[2:])
        return {cells[-1].strip("`"): cells[1:-1] for cells in made}

    def test_runs_are_put_together_and_counted(self):
        rows = self.rows(self.document(list_vs_pgbench=1.6, post_vs_pgbench_insert=1.0, post_latency_vs_pgbench=3.0),
                         self.document(list_vs_pgbench=1.7, post_vs_pgbench_insert=1.3, post_latency_vs_pgbench=3.2),
                         self.document(list_vs_pgbench=1.5, post_vs_pgbench_insert=1.25, post_latency_vs_pgbench=2.9))
        self.assertEqual(rows["list_vs_pgbench"], ["1.60 (1.00–2.20)", "0.9", "yes"])
        self.assertEqual(rows["post_vs_pgbench_insert"], ["1.25 (0.5–1.80)", "1.20", "2 of 3"])
        self.assertEqual(rows["post_latency_vs_pgbench"], ["3.00 (2.40–3.70)", "<= 2.00", "no"])
        self.assertNotIn("csv_vs_copy", rows)

    def test_a_run_without_a_figure_did_not_reach_it(self):
        rows = self.rows(self.document(list_vs_node=7.0), self.document(post_vs_node_event_cte=2.0))
        self.assertEqual(rows["list_vs_node"][1:], ["6.00", "1 of 2, 1 without a figure"])
        self.assertEqual(rows["post_vs_node_event_cte"][1:], ["-", ""])

    def test_a_file_that_is_something_else_is_said(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "made.json")
            for text in ("", "[]", '{"ratios": {"a": 1}, "spread": {}}', '{"ratios": {"a": "b"}, "spread": {"a": {}}}'):
                with open(path, "w", encoding="utf-8") as out:
                    out.write(text)
                with self.assertRaisesRegex(Trouble, "not what --json writes"):
                    summary.read_document(path)
            with self.assertRaisesRegex(Trouble, "No such file"):
                summary.read_document(os.path.join(folder, "other.json"))


if __name__ == "__main__":
    unittest.main()
