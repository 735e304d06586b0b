"""`diundashboard user`: who may log in, on both databases."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

from diundashboard import passwords
from diundashboard.cli import main
from diundashboard.config import Config
from diundashboard.model import Level
from diundashboard.store import Store

PASSWORD = "correct horse"
User = Callable[..., int]


@pytest.fixture
def user(config: Config, monkeypatch: pytest.MonkeyPatch) -> User:
    """Run the command with these arguments and this text on stdin; its exit status."""
    name, value = ("DATABASE_URL", config.database_url) if config.database_url else ("DB_PATH", config.db_path)
    monkeypatch.setenv(name, value)

    def run(*arguments: str, password: str = "") -> int:
        monkeypatch.setattr("sys.stdin", io.StringIO(f"{password}\n"))
        return main(["user", *arguments])

    return run


def test_accounts_are_added_changed_and_removed(user: User, store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert user("add", "Ada", "--level", "admin", password=PASSWORD) == 0
    assert user("add", "eve", password=PASSWORD) == 0
    assert "added eve with the level read" in capsys.readouterr().out
    assert user("level", "EVE", "write") == 0
    assert user("password", "eve", password="another one") == 0
    capsys.readouterr()
    assert user("list") == 0
    assert capsys.readouterr().out == "Ada\tadmin\t\neve\twrite\t\n"
    known = store.credentials("eve")
    assert known
    assert known[0].level == Level.WRITE
    assert passwords.matches(known[1], "another one")
    assert {entry.by for entry in store.audit()} == {"command line"}
    assert user("remove", "eve") == 0
    assert [account.name for account in store.accounts()] == ["Ada"]


@pytest.mark.parametrize(
    ("arguments", "password", "words"),
    [
        (("add", "ada"), PASSWORD, "an account named 'ada' already exists"),
        (("add", "eve"), "short", "a password must have 8 to 1,024 characters"),
        (("add", " "), PASSWORD, "an account needs a name"),
        (("level", "nobody", "read"), "", "no account is named 'nobody'"),
        (("level", "ada", "read"), "", "this is the last admin: make another account an admin first"),
        (("remove", "ada"), "", "this is the last admin: make another account an admin first"),
        (("password", "ada"), "", "a password must have 8 to 1,024 characters"),
    ],
)
def test_what_makes_no_sense_is_one_line_and_changes_nothing(
    user: User,
    store: Store,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    password: str,
    words: str,
) -> None:
    store.add_account("ada", Level.ADMIN, "hash")
    assert user(*arguments, password=password) == 1
    assert capsys.readouterr().err == f"diundashboard: {words}\n"
    assert [(account.name, account.level) for account in store.accounts()] == [("ada", Level.ADMIN)]
