"""`diundashboard token`: what programs show instead of logging in; and how a token is made."""

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
"""How every token begins, so that scanners find one that has leaked."""

LEVELS = (Level.READ, Level.WRITE)
"""What a token may do."""

LONGEST_DAYS = 3650
"""The latest expiry, in days from now."""


def new_token() -> str:
    """A token that nobody can guess."""
    return PREFIX + secrets.token_urlsafe(32)


def expiry(days: int | None) -> datetime | None:
    """When a token expires that is good for so many days from now; None for one that does not expire.

    Raises:
        Invalid: it is less than a day or more than 3,650.
    """
    if days is None:
        return None
    if not 1 <= days <= LONGEST_DAYS:
        raise Invalid(f"a token expires in 1 to {LONGEST_DAYS:,} days")
    return now() + timedelta(days=days)


def add_parsers(parser: ArgumentParser) -> None:
    """Add the commands of `diundashboard token`."""
    commands = parser.add_subparsers(dest="action", required=True)
    add = commands.add_parser("add", help="make a token and print it; it is not kept, so nothing can print it again")
    add.add_argument("name", metavar="NAME", help="what the token is for")
    add.add_argument("--level", choices=LEVELS, default=Level.READ, help="what it may do (default: read)")
    add.add_argument("--expires", metavar="DAYS", type=int, help="for how many days it is good (default: for ever)")
    commands.add_parser("list", help="list the tokens: name, level, who made it, expiry, last use")
    remove = commands.add_parser("remove", help="remove a token, which nobody can use from then on")
    remove.add_argument("name", metavar="NAME")


def manage(config: Config, options: Namespace) -> None:
    """Do what the arguments say.

    Raises:
        NotFound: no token has the name.
        Conflict: a token has the name already, or there are too many.
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
                    raise NotFound(f"no token has the name {options.name!r}")
                store.remove_token(found[0].id, COMMAND_LINE)
