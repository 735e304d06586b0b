"""The dashboard as its users start it: a process, and what one asks it over HTTP."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from diundashboard.config import SETTINGS, AuthMode, Config

COMMAND = Path(sys.executable).with_name("diundashboard")
START_TIMEOUT = 30


@dataclass(frozen=True, slots=True)
class Answer:
    """What the dashboard answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Dashboard:
    """A running dashboard on a port of loopback; `log` holds what it has printed."""

    port: int
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def log(self) -> str:
        return self.log_file.read_text()

    def request(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        """Send one request as it is, without any header that is not asked for."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def wait(self, path: str = "/healthz") -> None:
        """Return as soon as it answers."""
        deadline = time.monotonic() + START_TIMEOUT
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                self.request("GET", path)
                return
            except ConnectionRefusedError:
                time.sleep(0.02)
        raise AssertionError(f"it did not start:\n{self.log}")

    def stop(self) -> int:
        """End it as Ctrl-C does; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(15)


def eventually(condition: Callable[[], bool]) -> bool:
    """Whether it comes true in time."""
    deadline = time.monotonic() + START_TIMEOUT
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def open_to_all(config: Config) -> Config:
    """The same settings for a dashboard where nobody logs in, and anybody may send."""
    return replace(config, auth_mode=AuthMode.NONE, webhook_open=True)


def environment(config: Config, **more: str) -> dict[str, str]:
    """The process environment with the settings of `config` and no others."""
    ours = {setting.name for setting in SETTINGS} | {f"{setting.name}_FILE" for setting in SETTINGS}
    inherited = {name: value for name, value in os.environ.items() if name not in ours}
    chosen = {
        "DB_PATH": config.db_path,
        "DATABASE_URL": config.database_url,
        "SPOOL_PATH": config.spool_path,
        "WEBHOOK_SECRET": config.webhook_secret,
        "WEBHOOK_OPEN": "yes" if config.webhook_open else "",
        "AUTH_MODE": config.auth_mode,
        "ADMIN_PASSWORD": config.admin_password,
    }
    return inherited | chosen | more


def _spool(config: Config, folder: str) -> dict[str, str]:
    """A spool of its own for a dashboard that would put it into the working folder."""
    return {"SPOOL_PATH": f"{folder}/spool"} if config.database_url and not config.spool_path else {}


@contextmanager
def running(
    config: Config, command: Sequence[str] = (str(COMMAND), "serve"), cwd: Path | None = None, **more: str
) -> Iterator[Dashboard]:
    """`diundashboard serve` with these settings, ready to answer; it ends with the block."""
    port = int(more.pop("PORT", 0)) or free_port()
    with tempfile.TemporaryDirectory() as folder:
        log_file = Path(folder) / "log"
        with log_file.open("wb") as log:
            process = subprocess.Popen(
                command,
                env=environment(config, **{"PORT": str(port), **_spool(config, folder), **more}),
                cwd=cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        dashboard = Dashboard(port, process, log_file)
        try:
            dashboard.wait()
            yield dashboard
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(15)
