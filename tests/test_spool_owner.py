"""Whose the folder of the spool is: no notification gets into the database of another dashboard."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from diundashboard.config import Config
from diundashboard.model import HistoryQuery
from diundashboard.spool import Foreign, Receipt, Spool
from diundashboard.store import Store, Unavailable, open_store
from tests.conftest import Clock

KEPT = Receipt(stored=False)
BODY = json.dumps({"image": "nginx:1", "hostname": "nas", "digest": "sha256:1"}).encode()
OTHER_BODY = BODY.replace(b"nginx", b"redis")

sqlite = pytest.mark.parametrize("config", ["sqlite"], indirect=True)


@pytest.fixture
def folder(config: Config) -> Path:
    """The folder of a spool in which something waits, so that what comes next is kept."""
    made = Path(config.spool_path)
    (made / "waiting").mkdir(parents=True)
    return made


@pytest.fixture
def other(tmp_path: Path) -> Iterator[Store]:
    """The store of another dashboard."""
    with closing(open_store(Config(db_path=str(tmp_path / "other.db")))) as opened:
        yield opened


def images(store: Store) -> list[str]:
    """What is in the history, in the order in which it was stored."""
    return [heard.image.rpartition("/")[2] for heard in reversed(store.notifications(HistoryQuery()))]


def claimed_once(folder: Path, config: Config, place: str) -> None:
    """Another process uses the folder, and ends."""
    program = (
        "import sys; from pathlib import Path; from diundashboard.config import Config; "
        "from diundashboard.spool import Spool; from diundashboard.store import open_store; "
        "folder, path, url, place = sys.argv[1:]; "
        "store = open_store(Config(db_path=path, database_url=url)); "
        "Spool(Path(folder), store, place=place).claim(store.identity())"
    )
    arguments = [str(folder), config.db_path, config.database_url, place]
    subprocess.run([sys.executable, "-c", program, *arguments], check=True)


def test_what_waits_for_one_database_is_not_stored_in_another(
    folder: Path, config: Config, store: Store, other: Store
) -> None:
    claimed_once(folder, config, "the first")
    stranger = Spool(folder, other, place="the second")
    (folder / "waiting" / "1-kept").write_bytes(BODY)
    with pytest.raises(Foreign, match="that of the first; set SPOOL_PATH to another folder"):
        stranger.drain()
    assert stranger.take(OTHER_BODY).stored, "it stores its own past the folder"
    assert images(other) == ["redis:1"]
    Spool(folder, store, place="the first").drain()
    assert images(store) == ["nginx:1"]


@sqlite
@pytest.mark.parametrize("left", ["waiting", "failed"])
def test_only_a_folder_in_which_nothing_is_left_is_taken_over(
    folder: Path, config: Config, other: Store, left: str
) -> None:
    claimed_once(folder, config, "the first")
    (folder / left).mkdir(exist_ok=True)
    (folder / left / "1-kept").write_bytes(BODY)
    with pytest.raises(Foreign):
        Spool(folder, other, place="the second").claim(other.identity())
    (folder / left / "1-kept").unlink()
    Spool(folder, other, place="the second").claim(other.identity())


@sqlite
def test_an_empty_folder_that_another_dashboard_uses_is_not_taken_over(
    folder: Path, store: Store, other: Store
) -> None:
    using = Spool(folder, store, place="the first")
    using.claim(store.identity())
    with pytest.raises(Foreign, match="that of the first"):
        Spool(folder, other, place="the second").claim(other.identity())
    Spool(folder, store, place="the first, called in another way").claim(store.identity())


@sqlite
def test_a_new_database_in_the_place_of_the_one_before_gets_what_waits_and_says_so(
    folder: Path, config: Config, other: Store, caplog: pytest.LogCaptureFixture
) -> None:
    claimed_once(folder, config, "the same place")
    (folder / "waiting" / "1-kept").write_bytes(BODY)
    Spool(folder, other, place="the same place").drain()
    assert images(other) == ["nginx:1"]
    assert "the database has a new id" in caplog.text


@sqlite
@pytest.mark.parametrize("content", ["", "{", "[]", '{"id": 1}'])
def test_a_folder_that_names_no_database_is_taken_over(folder: Path, store: Store, content: str) -> None:
    (folder / "database").write_text(content)
    (folder / "waiting" / "1-kept").write_bytes(BODY)
    Spool(folder, store, place="here").drain()
    assert images(store) == ["nginx:1"]
    assert json.loads((folder / "database").read_text()) == {"id": store.identity(), "place": "here"}


class _NeverSeen:
    """A store whose database has been away since the start."""

    def identity(self) -> str:
        raise Unavailable("it is away")

    def record(self, *_: object) -> int:
        raise Unavailable("it is away")


@pytest.fixture
def away() -> Store:
    store: Store = _NeverSeen()  # type: ignore[assignment]
    return store


@sqlite
def test_what_comes_before_the_database_was_ever_seen_waits_until_the_ids_agree(
    folder: Path, config: Config, store: Store, other: Store, away: Store, clock: Clock
) -> None:
    claimed_once(folder, config, "the first")
    early = Spool(folder, away, clock, "the first, called in another way")
    assert early.take(BODY) == KEPT
    with pytest.raises(Unavailable):
        early.drain()
    with pytest.raises(Foreign):
        Spool(folder, other, clock, "the second").drain()
    Spool(folder, store, clock, "the first").drain()
    assert images(store) == ["nginx:1"]


@sqlite
def test_while_another_dashboard_uses_the_folder_nothing_is_kept_for_a_database_that_was_never_seen(
    folder: Path, store: Store, away: Store, clock: Clock
) -> None:
    using = Spool(folder, store, clock, "the first")
    assert using.take(BODY) == KEPT
    with pytest.raises(Unavailable, match=r"cannot be kept in .* another dashboard, that of the first"):
        Spool(folder, away, clock, "the second").take(OTHER_BODY)
    assert Spool(folder, away, clock, "the first").take(OTHER_BODY) == KEPT, "a process of the same dashboard"
    using.drain()
    assert images(store) == ["nginx:1", "redis:1"]
