"""The `diundashboard` command."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from contextlib import closing
from importlib.metadata import version

from diundashboard.clock import now
from diundashboard.config import SETTINGS, Config, Misconfigured
from diundashboard.model import Invalid
from diundashboard.store import StoreError, open_store, opener


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("diundashboard").setLevel(logging.INFO)
    # Until gunicorn takes over: the first process of a container ignores a signal that it has no handler for.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        config = Config.read(os.environ)
        if options.command == "demo":
            _demo(config)
        elif options.command == "check":
            return _check(config, options.repair)
        else:
            _serve(config, options.reload)
    except (Misconfigured, StoreError, Invalid) as error:
        print(f"diundashboard: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    return 0


def _serve(config: Config, reload: bool) -> None:
    _check_address(config)
    open_later = opener(config)
    # gunicorn reads this variable as soon as it is imported, and ends in a traceback where it is no number.
    os.environ.pop("WEB_CONCURRENCY", None)
    from diundashboard.server import Server

    Server(config, open_later, reload).run()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="diundashboard",
        description="A dashboard for the webhook notifications of DIUN.",
        epilog="Settings are environment variables: " + ", ".join(setting.name for setting in SETTINGS) + ".",
    )
    parser.add_argument("--version", action="version", version=f"diundashboard {version('diundashboard')}")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="start the dashboard")
    serve.add_argument("--reload", action="store_true", help="restart when the code changes, for development")
    check = commands.add_parser("check", help="compare what is stored with what the history says")
    check.add_argument("--repair", action="store_true", help="write what the history says")
    commands.add_parser("demo", help="fill an empty database with a year of believable history, to try it all")
    return parser


def _check(config: Config, repair: bool) -> int:
    with closing(open_store(config)) as store:
        found = store.check(repair)
    for difference in found:
        print(difference)
    if not found:
        print("everything stored is what the history says")
    elif repair:
        print(f"repaired: {len(found)} values are what the history says now")
    return 1 if found and not repair else 0


def _demo(config: Config) -> None:
    from diundashboard import demo

    clock = [now()]
    with closing(open_store(config, lambda: clock[0])) as store:
        count = demo.fill(store, lambda time: clock.__setitem__(0, time), now())
    print(f"{count} notifications of a year are there; start the dashboard with: diundashboard serve")


def _check_address(config: Config) -> None:
    """Say in one line what keeps us from listening; gunicorn would try for five seconds, then print a traceback."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such host"
        raise Misconfigured(f"HOST, PORT: cannot listen on {config.bind}: {reason}") from None
