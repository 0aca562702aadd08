"""Debian's PostgreSQL, on a socket in a folder of its own, which may be below a ``place``."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psycopg

STOP_S = 60


def programs() -> Path:
    """The folder with the programs of the newest version that is installed."""
    found = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda each: int(each.parts[4])
    )
    assert found, "no PostgreSQL here; make cluster-test installs it"
    return found[-1].parent


class Postgres:
    """A server that can be stopped in order or at once, and started again.

    It refuses to be root, so that root runs it as Debian's user ``postgres``.
    """

    def __init__(self, settings: Mapping[str, str] = {}, place: Path | None = None) -> None:
        self._settings = settings
        # pytest's own folders are for one user only, and their names too long for a socket.
        self.folder = Path(tempfile.mkdtemp(prefix="eflex-pg-", dir=place))
        self._user = "postgres" if os.getuid() == 0 else None
        if self._user:
            user = pwd.getpwnam(self._user)
            os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.folder.chmod(0o755)
        self._run("initdb", "--auth=trust", "--username=eflex", "--no-sync", "--encoding=UTF8")

    def _run(self, program: str, *arguments: str) -> None:
        command: list[str | Path] = [
            programs() / program,
            f"--pgdata={self.folder}/data",
            *arguments,
        ]
        done = subprocess.run(
            command,
            user=self._user,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        log = self.folder / "log"
        assert done.returncode == 0, done.stdout + (log.read_text() if log.exists() else "")

    def start(self) -> Postgres:
        settings = {
            "unix_socket_directories": self.folder,
            "listen_addresses": "''",
            "log_min_messages": "warning",
            **self._settings,
        }
        options = " ".join(f"-c {name}={value}" for name, value in settings.items())
        self._run("pg_ctl", "start", "--wait", f"--log={self.folder}/log", f"--options={options}")
        return self

    def stop(self, mode: str = "fast") -> None:
        """Stop it: ``fast`` ends in order, ``immediate`` is a crash."""
        self._run("pg_ctl", "stop", "--wait", f"--timeout={STOP_S}", f"--mode={mode}")

    @property
    def pid(self) -> int:
        """Its first process, the parent of the others; it has been started."""
        return int((self.folder / "data/postmaster.pid").read_text().split()[0])

    @property
    def runs(self) -> bool:
        return (self.folder / "data/postmaster.pid").exists()

    def restart(self, mode: str = "fast") -> None:
        self.stop(mode)
        self.start()

    def conninfo(self, database: str) -> str:
        return f"host={self.folder} user=eflex dbname={database}"

    def create(self, database: str, schema: Path | None = None) -> str:
        """A new database with the tables of a file; its connection string."""
        with psycopg.connect(self.conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {database}")
        if schema:
            with psycopg.connect(self.conninfo(database)) as connection:
                connection.execute(schema.read_bytes())
        return self.conninfo(database)

    def close(self) -> None:
        """Stop it, if it runs, and delete its folder."""
        if self.runs:
            self.stop("immediate")
        shutil.rmtree(self.folder)


def rows(conninfo: str, query: str, *parameters: object) -> list[tuple[Any, ...]]:
    """What a query finds."""
    with psycopg.connect(conninfo) as connection:
        return list(connection.execute(query, parameters).fetchall())
