"""The private PostgreSQL of a run: one cluster with the settings that every ratio names, a database for each side.
Reached only through its socket, by roles that need no password there."""
import os
import pwd
import shutil
import signal
import subprocess

from .processes import Child, Trouble, run

SETTINGS = {
    "fsync": "on", "synchronous_commit": "on", "full_page_writes": "on", "shared_buffers": "512MB",
    "max_wal_size": "4GB", "max_connections": "300", "jit": "off", "listen_addresses": "",
    "timezone": "UTC", "log_min_messages": "fatal",
}
SHOWN = ("server_version", "fsync", "synchronous_commit", "shared_buffers", "max_wal_size")
START_PATIENCE_S = 60


def find_programs():
    """The folder with initdb and pgbench of PostgreSQL 15, or None."""
    folder = "/usr/lib/postgresql/15/bin"
    if os.path.exists(os.path.join(folder, "initdb")):
        return folder
    found = shutil.which("initdb")
    return os.path.dirname(found) if found else None


class Cluster:
    def __init__(self, folder):
        programs = find_programs()
        if programs is None:
            raise Trouble("PostgreSQL 15 is not installed: run tools/install-deps")
        self.programs, self.folder = programs, folder
        self.data, self.socket = os.path.join(folder, "pg"), os.path.join(folder, "run")
        self.user = "postgres" if os.getuid() == 0 else None   # PostgreSQL refuses to run as root
        self.child = None
        self.role = "postgres"

    def program(self, name):
        return os.path.join(self.programs, name)

    def start(self):
        for made in (self.data, self.socket):
            os.mkdir(made, 0o700)
            if self.user is not None:
                account = pwd.getpwnam(self.user)
                os.chown(made, account.pw_uid, account.pw_gid)
        initdb = [self.program("initdb"), "-D", self.data, "-U", self.role, "-E", "UTF8", "--locale=C.UTF-8",
                  "--auth-local=trust", "--data-checksums", "--no-instructions"]
        if self.user is not None:
            initdb = ["setpriv", "--reuid", self.user, "--regid", self.user, "--clear-groups", "--", *initdb]
        run(initdb, folder="/")
        settings = [part for name, value in SETTINGS.items() for part in ("-c", f"{name}={value}")]
        self.child = Child([self.program("postgres"), "-D", self.data, "-k", self.socket, *settings],
                           os.path.join(self.folder, "postgres.log"), folder="/", user=self.user,
                           stop_signal=signal.SIGINT)
        wait = ["pg_isready", "-q", "-h", self.socket, "-t", str(START_PATIENCE_S)]
        for _ in range(START_PATIENCE_S * 10):
            if not self.child.is_alive():
                raise Trouble(f"PostgreSQL did not start: {self.child.output()[-800:]}")
            if subprocess.call([self.program(wait[0]), *wait[1:]]) == 0:
                break
            try:
                self.child.process.wait(0.1)
            except subprocess.TimeoutExpired:
                pass

    @property
    def pid(self):
        return self.child.pid

    def stop(self):
        if self.child is not None:
            self.child.stop()
            self.child = None

    def environment(self, database):
        """For libpq and for node-postgres."""
        return {**os.environ, "PGHOST": self.socket, "PGUSER": self.role, "PGDATABASE": database}

    def conninfo(self, database, role=None):
        return f"host={self.socket} dbname={database} user={role or self.role}"

    def sql(self, database, statements, patience_s=1800):
        """Runs statements as one script; what they print, unaligned."""
        return run([self.program("psql"), "-X", "-q", "-At", "-v", "ON_ERROR_STOP=1", "-f", "-"], patience_s,
                   env=self.environment(database), text=statements).strip()

    def create(self, database, template="template0"):
        self.sql("postgres", f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE);'
                             f'CREATE DATABASE "{database}" TEMPLATE "{template}" STRATEGY file_copy')

    def drop(self, database):
        self.sql("postgres", f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)')

    def shape_of(self, source, tables, target):
        """Makes tables in `target` with the columns, constraints and indexes that they have in `source`; no triggers, no
        owners."""
        names = [part for table in tables for part in ("-t", table)]
        shape = run([self.program("pg_dump"), "-s", "--no-owner", "--no-privileges", "--section=pre-data",
                     "--section=post-data", *names, source], env=self.environment(source))
        lines = [line for line in shape.splitlines() if "TRIGGER" not in line]
        self.sql(target, "\n".join(lines))

    def copy(self, source, query, target, table):
        """Rows of one database into a table of another."""
        out = subprocess.Popen([self.program("psql"), "-X", "-q", "-c", f"COPY ({query}) TO STDOUT"],
                               env=self.environment(source), stdout=subprocess.PIPE)
        into = subprocess.run([self.program("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", "-c",
                               f"COPY {table} FROM STDIN"], env=self.environment(target), stdin=out.stdout,
                              capture_output=True, text=True, check=False)
        out.stdout.close()
        if out.wait() != 0 or into.returncode != 0:
            raise Trouble(f"cannot copy {table} into {target}: {into.stderr.strip()}")

    def settle(self):
        """What one side left to write is not written in the other's round."""
        self.sql("postgres", "CHECKPOINT")

    def shown_settings(self):
        return {name: self.sql("postgres", f"SHOW {name}") for name in SHOWN}
