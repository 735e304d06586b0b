"""`diundashboard user`: manage accounts."""

from __future__ import annotations

import sys
from argparse import ArgumentParser, Namespace
from contextlib import closing
from getpass import getpass

from diundashboard.config import Config
from diundashboard.model import COMMAND_LINE, Account, Level
from diundashboard.store import NotFound, Store, open_store


def add_parsers(parser: ArgumentParser) -> None:
    """Add the commands of `diundashboard user`. Passwords are prompted for or read from stdin, never arguments."""
    commands = parser.add_subparsers(dest="action", required=True)
    add = commands.add_parser("add", help="add an account; asks for its password, or reads it from stdin")
    add.add_argument("name", metavar="NAME")
    add.add_argument("--level", choices=list(Level), default=Level.READ, help="what it may do (default: read)")
    commands.add_parser("list", help="list the accounts")
    level = commands.add_parser("level", help="change what an account may do, and log it out everywhere")
    level.add_argument("name", metavar="NAME")
    level.add_argument("level", metavar="LEVEL", choices=list(Level), help=", ".join(Level))
    password = commands.add_parser("password", help="change the password of an account, and log it out everywhere")
    password.add_argument("name", metavar="NAME")
    remove = commands.add_parser("remove", help="remove an account, and log it out everywhere")
    remove.add_argument("name", metavar="NAME")


def manage(config: Config, options: Namespace) -> None:
    """Run one of the commands.

    Raises:
        NotFound: no account has this name.
        Conflict: the name is taken, or this is the last admin.
        Invalid: the name or the password is not allowed.
    """
    with closing(open_store(config)) as store:
        match options.action:
            case "add":
                added = store.add_account(options.name, Level(options.level), _asked_for(), COMMAND_LINE)
                print(f"added {added.name} with the level {added.level}")
            case "list":
                for account in store.accounts():
                    print(account.name, account.level, account.issuer, sep="\t")
            case "level":
                store.set_level(_named(store, options.name).id, Level(options.level), COMMAND_LINE)
            case "password":
                store.set_password(_named(store, options.name).id, _asked_for(), COMMAND_LINE)
            case "remove":
                store.remove_account(_named(store, options.name).id, COMMAND_LINE)


def _named(store: Store, name: str) -> Account:
    known = store.credentials(name)
    if known is None:
        raise NotFound(f"no account is named {name!r}")
    return known[0]


def _asked_for() -> str:
    from diundashboard import passwords

    text = getpass("Password: ") if sys.stdin.isatty() else sys.stdin.readline().rstrip("\r\n")
    return passwords.hashed(text)
