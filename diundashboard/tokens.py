"""Tokens, which programs send instead of logging in: how they are created, and `diundashboard token`."""

from __future__ import annotations

import secrets
from argparse import ArgumentParser, Namespace
from contextlib import closing
from datetime import datetime, timedelta
from hashlib import sha256

from diundashboard.clock import now
from diundashboard.config import Config
from diundashboard.model import COMMAND_LINE, Invalid, Level
from diundashboard.store import NotFound, open_store

PREFIX = "diun_"
"""The beginning of every token, so that scanners find one that has leaked."""

LEVELS = (Level.READ, Level.WRITE)
"""What a token may do."""

LONGEST_DAYS = 3650
"""The latest expiry, in days from now."""


def new_token() -> str:
    """A new, random token."""
    return PREFIX + secrets.token_urlsafe(32)


def expiry(days: int | None) -> datetime | None:
    """The time when a token expires, this many days from now; None if it never expires.

    Raises:
        Invalid: less than 1 or more than 3,650 days.
    """
    if days is None:
        return None
    if not 1 <= days <= LONGEST_DAYS:
        raise Invalid(f"a token must expire in 1 to {LONGEST_DAYS:,} days")
    return now() + timedelta(days=days)


def add_parsers(parser: ArgumentParser) -> None:
    """Add the commands of `diundashboard token`."""
    commands = parser.add_subparsers(dest="action", required=True)
    add = commands.add_parser("add", help="create a token and print it; it cannot be printed again")
    add.add_argument("name", metavar="NAME", help="what the token is for")
    add.add_argument("--level", choices=LEVELS, default=Level.READ, help="what it may do (default: read)")
    add.add_argument("--expires", metavar="DAYS", type=int, help="how many days it stays valid (default: forever)")
    commands.add_parser("list", help="list the tokens: name, level, who created it, expiry, last use")
    remove = commands.add_parser("remove", help="remove a token, which stops working immediately")
    remove.add_argument("name", metavar="NAME")


def manage(config: Config, options: Namespace) -> None:
    """Run one of the commands.

    Raises:
        NotFound: no token has this name.
        Conflict: the name is taken, or there are too many tokens.
        Invalid: the name or the expiry is not allowed.
    """
    with closing(open_store(config)) as store:
        match options.action:
            case "add":
                token = new_token()
                key = sha256(token.encode()).hexdigest()
                store.add_token(options.name, Level(options.level), key, expiry(options.expires), COMMAND_LINE)
                print(token)
            case "list":
                for known in store.tokens():
                    times = (known.expires_at, known.used_at)
                    shown = (f"{time:%Y-%m-%d %H:%M}" if time else "never" for time in times)
                    print(known.name, known.level, known.created_by, *shown, sep="\t")
            case "remove":
                found = [known for known in store.tokens() if known.name == options.name]
                if not found:
                    raise NotFound(f"no token is named {options.name!r}")
                store.remove_token(found[0].id, COMMAND_LINE)
