"""The `diundashboard` command."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from contextlib import closing, suppress
from importlib.metadata import version
from pathlib import Path

from diundashboard import carry, people, retention, tokens
from diundashboard.clock import now
from diundashboard.config import SETTINGS, AuthMode, Config, Misconfigured
from diundashboard.model import Invalid
from diundashboard.spool.folder import Folder
from diundashboard.store import StoreError, open_store, opener

logger = logging.getLogger("diundashboard")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    # Database, spool and backups are for this user only.
    os.umask(0o077)
    logging.basicConfig(format="%(message)s")
    logging.getLogger("diundashboard").setLevel(logging.INFO)
    # Until gunicorn takes over: process 1 of a container ignores signals without a handler.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        config = Config.read(os.environ)
        if options.command == "demo":
            _demo(config)
        elif options.command == "check":
            return _check(config, options.repair)
        elif options.command == "prune":
            _prune(config, options.dry_run)
        elif options.command == "backup":
            carry.back_up(config, options.file, options.force)
        elif options.command == "restore":
            carry.restore(config, options.file)
        elif options.command == "transfer":
            source, target = options.source, options.target
            carry.transfer(
                carry.database_at(config, source) if source else config,
                carry.database_at(config, target) if target else config,
            )
        elif options.command == "user":
            people.manage(config, options)
        elif options.command == "token":
            tokens.manage(config, options)
        elif options.command == "spool":
            return _spool(config, options.retry)
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
    _check_extra(config)
    if config.trusted_proxies and isinstance(config.trusted_proxies, int):
        logger.warning(
            "TRUSTED_PROXIES=%d trusts every machine that connects: name the IP addresses or networks of the proxies",
            config.trusted_proxies,
        )
    _warn_of_readable_file(config)
    open_later = opener(config)
    if config.auth_mode == AuthMode.NONE:
        logger.warning("AUTH_MODE is none: everybody who reaches %s can see and change everything", config.bind)
    # gunicorn reads this variable on import, and fails with a traceback if it is not a number.
    os.environ.pop("WEB_CONCURRENCY", None)
    from diundashboard.server import Server

    Server(config, open_later, reload).run()


def _check_extra(config: Config) -> None:
    """Fail with a one-line error if the packages for AUTH_MODE=oidc are missing."""
    if config.auth_mode == AuthMode.OIDC:
        try:
            import diundashboard.provider  # noqa: F401
        except ModuleNotFoundError:
            raise Misconfigured("AUTH_MODE=oidc needs more packages: pip install 'diundashboard[oidc]'") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="diundashboard",
        description="Keeps the notifications of DIUN and shows which updates are pending.",
        epilog="Settings are environment variables: " + ", ".join(setting.name for setting in SETTINGS) + ".",
    )
    parser.add_argument("--version", action="version", version=f"diundashboard {version('diundashboard')}")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="start the dashboard")
    serve.add_argument("--reload", action="store_true", help="restart when the code changes, for development")
    check = commands.add_parser("check", help="compare the stored state with the history")
    check.add_argument("--repair", action="store_true", help="store what the history says")
    prune = commands.add_parser("prune", help="remove payloads and repeats older than RETENTION_DAYS, as happens daily")
    prune.add_argument("--dry-run", action="store_true", help="only say what would be removed")
    backup = commands.add_parser("backup", help="write everything that is stored to a file, while the dashboard runs")
    backup.add_argument("file", metavar="FILE", help="the file to write; - for stdout")
    backup.add_argument("--force", action="store_true", help="replace the file if it exists")
    restore = commands.add_parser("restore", help="store a backup in an empty database")
    restore.add_argument("file", metavar="FILE", help="the backup; - for stdin")
    transfer = commands.add_parser(
        "transfer",
        help="copy everything to another, empty database",
        description="Copy everything between the database of the settings and another one. The target must be empty. "
        "DATABASE is a PostgreSQL URI or conninfo string, or the path of a SQLite file.",
    )
    where = transfer.add_mutually_exclusive_group(required=True)
    where.add_argument("--to", dest="target", metavar="DATABASE", help="fill this database")
    where.add_argument("--from", dest="source", metavar="DATABASE", help="fill the database of the settings")
    people.add_parsers(commands.add_parser("user", help="manage who may log in"))
    tokens.add_parsers(commands.add_parser("token", help="manage the tokens of programs"))
    spool = commands.add_parser("spool", help="list notifications that wait on disk or could not be stored")
    spool.add_argument("--retry", action="store_true", help="queue the notifications that could not be stored again")
    commands.add_parser("demo", help="fill an empty database with a year of sample data")
    return parser


def _check(config: Config, repair: bool) -> int:
    with closing(open_store(config)) as store:
        faults, found = store.faults(), store.check(repair)
    for line in (*faults, *found):
        print(line)
    if faults:
        print("the database itself is damaged: restore a backup")
    if not found:
        print("the stored state matches the history")
    elif repair:
        print(f"repaired: {len(found)} values; the stored state now matches the history")
    failed = _spool(config, retry=False)
    return 1 if faults or failed or (found and not repair) else 0


def _prune(config: Config, dry_run: bool) -> None:
    with closing(open_store(config)) as store:
        print(retention.prune(store, config.retention_days, dry_run))


def _spool(config: Config, retry: bool) -> int:
    folder = Folder(config.spool_folder)
    try:
        retried = folder.retry() if retry else 0
    except OSError as error:
        raise Misconfigured(f"SPOOL_PATH: cannot move the files in {folder.failed}: {error.strerror}") from None
    if retried:
        print(f"queued {retried} again; the dashboard stores them when it runs")
    failed = sorted(folder.entries_failed())
    print(f"{len(folder.entries_waiting())} waiting in {folder.waiting}, {len(failed)} could not be stored")
    for name in failed:
        print(folder.failed / name)
    return 1 if failed else 0


def _demo(config: Config) -> None:
    from diundashboard import demo

    clock = [now()]
    with closing(open_store(config, lambda: clock[0])) as store:
        count = demo.fill(store, lambda time: clock.__setitem__(0, time), now())
    print(f"added {count} notifications of a sample year; start the dashboard with: diundashboard serve")


def _warn_of_readable_file(config: Config) -> None:
    """Warn if every user can read the database. Access for a group may be intended."""
    path = Path(config.db_path)
    with suppress(OSError):
        if not config.database_url and path.stat().st_mode & 0o007 and path.absolute().parent.stat().st_mode & 0o001:
            print(f"Every user of this machine can read {path}. To prevent that, run: chmod o= {path}", file=sys.stderr)


def _check_address(config: Config) -> None:
    """Fail with a one-line error if the port is taken; gunicorn would try for five seconds, then print a traceback."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(config.host, config.port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, UnicodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no such host"
        raise Misconfigured(f"HOST, PORT: cannot listen on {config.bind}: {reason}") from None
