"""`diundashboard token`, on both databases."""

from __future__ import annotations

import pytest

from diundashboard.cli import main
from diundashboard.config import Config
from diundashboard.model import Level
from diundashboard.store import Store
from diundashboard.web.gate import key_of


@pytest.fixture(autouse=True)
def environment(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    name, value = ("DATABASE_URL", config.database_url) if config.database_url else ("DB_PATH", config.db_path)
    monkeypatch.setenv(name, value)


def test_a_token_is_printed_once_listed_and_removed(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["token", "add", "ci", "--level", "write", "--expires", "30"]) == 0
    token = capsys.readouterr().out.strip()
    known = store.tokens()[0]
    assert (known.name, known.level, known.created_by) == ("ci", Level.WRITE, "command line")
    assert known.expires_at
    assert main(["token", "list"]) == 0
    listed = capsys.readouterr().out
    assert listed == f"ci\twrite\tcommand line\t{known.expires_at:%Y-%m-%d %H:%M}\tnever\n"
    assert store.bearer_of(key_of(token))
    assert main(["token", "remove", "ci"]) == 0
    assert store.bearer_of(key_of(token)) is None
    assert [(row.by, row.event) for row in store.audit()] == [
        ("command line", "token removed"),
        ("command line", "token added"),
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["remove", "ci"], "no token is named 'ci'"),
        (["add", ""], "a token needs a name"),
        (["add", "ci", "--expires", "0"], "a token must expire in 1 to 3,650 days"),
    ],
)
def test_what_makes_no_sense_is_said_in_one_line(
    store: Store, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert main(["token", *arguments]) == 1
    assert capsys.readouterr().err == f"diundashboard: {said}\n"
    assert store.tokens() == ()


def test_no_token_is_an_admin(store: Store) -> None:
    with pytest.raises(SystemExit):
        main(["token", "add", "ci", "--level", "admin"])
    assert store.tokens() == ()
