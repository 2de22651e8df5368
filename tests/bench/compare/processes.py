"""Children of a run: started so that they die with it, their processor time, and their end. One thread."""
import os
import signal
import subprocess
import time

TICK = os.sysconf("SC_CLK_TCK")
STOP_PATIENCE_S = 20


class Trouble(RuntimeError):
    """Something that ends one side or one contest, in a sentence for people."""


class Child:
    """A program that runs until stop(). Its output goes to a file. It has a session of its own: Ctrl-C reaches only the
    driver, which then ends its children in order; and it is told to end when the driver is killed."""

    def __init__(self, arguments, log_path, env=None, folder=None, user=None, stop_signal=signal.SIGTERM):
        self.log_path, self.stop_signal, self.name = log_path, stop_signal, os.path.basename(arguments[0])
        dying = ["setpriv", "--pdeathsig", signal.Signals(stop_signal).name[3:]]
        if user is not None:
            dying += ["--reuid", user, "--regid", user, "--clear-groups"]
        with open(log_path, "wb") as log:
            self.process = subprocess.Popen([*dying, "--", *arguments], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=subprocess.STDOUT, env=env, cwd=folder, start_new_session=True)

    @property
    def pid(self):
        return self.process.pid

    def output(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def is_alive(self):
        return self.process.poll() is None

    def wait_for_line(self, mark, patience_s):
        """The first line of the output with `mark` in it; Trouble when it ends or takes too long."""
        until = time.monotonic() + patience_s
        while True:
            alive = self.is_alive()
            for line in self.output().splitlines(keepends=True):
                if mark in line and line.endswith("\n"):
                    return line.strip()
            if not alive or time.monotonic() > until:
                words = self.output().strip()[-800:] or "no output"
                raise Trouble(f"{self.name} {'did not start in time' if alive else 'ended'}: {words}")
            time.sleep(0.02)

    def stop(self):
        if self.is_alive():
            self.process.send_signal(self.stop_signal)
            try:
                self.process.wait(STOP_PATIENCE_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


def run(arguments, patience_s=600, env=None, folder=None, text=None):
    """A program to its end: its standard output. Trouble with the end of its error output otherwise."""
    process = subprocess.Popen(arguments, stdin=subprocess.PIPE if text is not None else subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=folder,
                               start_new_session=True)
    try:
        out, errors = process.communicate(text, timeout=patience_s)
    except subprocess.TimeoutExpired as late:
        raise Trouble(f"{os.path.basename(arguments[0])} did not end within {patience_s} s") from late
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    if process.returncode != 0:
        words = (errors.strip() or out.strip())[-800:]
        raise Trouble(f"{os.path.basename(arguments[0])} ended with {process.returncode}: {words}")
    return out


def machine_cpu_s():
    """Of all processors since the machine started, idle and waiting left out."""
    with open("/proc/stat", encoding="ascii") as stat:
        values = [int(value) for value in stat.readline().split()[1:9]]
    return (sum(values) - values[3] - values[4]) / TICK


def tree_cpu_s(root):
    """Of a process and its descendants, those reaped included; 0 when it is gone."""
    parents, times = {}, {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", encoding="ascii", errors="replace") as stat:
                fields = stat.read().rsplit(") ", 1)[1].split()
        except (OSError, IndexError):
            continue
        parents[int(entry)] = int(fields[1])
        times[int(entry)] = sum(int(value) for value in fields[11:15]) / TICK
    total = 0.0
    for pid, spent in times.items():
        walk = pid
        while walk > 1 and walk != root:
            walk = parents.get(walk, 0)
        if walk == root:
            total += spent
    return total


class CoreWatch:
    """Which part of how many cores each named process tree, and everybody else, used between start and stop."""

    def __init__(self, roots):
        self.roots = roots   # name → pid
        self.began = time.monotonic()
        self.machine = machine_cpu_s()
        self.before = {name: tree_cpu_s(pid) for name, pid in roots.items()}
        self.reaped = self.own_children()

    @staticmethod
    def own_children():
        times = os.times()
        return times.children_user + times.children_system

    def stop(self, generator_s=None):
        """`generator_s`: what the load generator says of itself; without it, the children that ended meanwhile."""
        span = max(time.monotonic() - self.began, 1e-6)
        used = {name: max(0.0, tree_cpu_s(pid) - self.before[name]) for name, pid in self.roots.items()}
        used["generator"] = self.own_children() - self.reaped if generator_s is None else generator_s
        machine = machine_cpu_s() - self.machine
        used["others"] = max(0.0, machine - sum(used.values()))
        return {name: round(value / span, 2) for name, value in used.items()}
