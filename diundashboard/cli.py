"""The `diundashboard` command."""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
from typing import Any

from gunicorn.app.base import BaseApplication

from diundashboard.app import create_app
from diundashboard.config import SETTINGS, Config, Misconfigured
from diundashboard.store import Store, StoreError, open_store

THREADS = 8
"""Requests that one worker answers at the same time."""


class Server(BaseApplication):
    """gunicorn with the settings of the dashboard; it reads no configuration file and no arguments of its own."""

    def __init__(self, config: Config, store: Store, reload: bool) -> None:
        self._config, self._store, self._reload = config, store, reload
        super().__init__()

    def load_config(self) -> None:
        options: dict[str, Any] = {
            "bind": _bind(self._config),
            "workers": self._config.workers,
            "worker_class": "gthread",
            "threads": THREADS,
            "reload": self._reload,
            "loglevel": "warning",
            "graceful_timeout": 10,
            "control_socket_disable": True,
            "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else None,
            # The forwarded headers are for TRUSTED_PROXIES to believe, not for gunicorn.
            "forwarded_allow_ips": "",
            "secure_scheme_headers": {},
            "when_ready": lambda server: print(f"DIUN Dashboard runs at {_address(self._config)}", flush=True),
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        return create_app(self._config, self._store)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("diundashboard").setLevel(logging.INFO)
    try:
        config = Config.read(os.environ)
        _check_address(config)
        store = open_store(config)
    except (Misconfigured, StoreError) as error:
        print(f"diundashboard: {error}", file=sys.stderr)
        return 1
    Server(config, store, options.reload).run()
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="diundashboard",
        description="A dashboard for the webhook notifications of DIUN.",
        epilog="Settings are environment variables: " + ", ".join(setting.name for setting in SETTINGS) + ".",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="start the dashboard")
    serve.add_argument("--reload", action="store_true", help="restart when the code changes, for development")
    return parser


def _bind(config: Config) -> str:
    return f"[{config.host}]:{config.port}" if ":" in config.host else f"{config.host}:{config.port}"


def _address(config: Config) -> str:
    return f"http://{_bind(config)}"


def _check_address(config: Config) -> None:
    """Say in one line what keeps us from listening; gunicorn would try for five seconds, then print a traceback."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such host"
        raise Misconfigured(f"HOST, PORT: cannot listen on {_bind(config)}: {reason}") from None
