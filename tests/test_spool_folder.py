"""The folder of the spool: its order, what else lies in it, what it shows, and its limit."""

from __future__ import annotations

import json
import os
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from diundashboard.cli import main
from diundashboard.config import Config
from diundashboard.model import HistoryQuery
from diundashboard.notification import BODY_LIMIT
from diundashboard.spool import Receipt, Spool, SpoolState, folder
from diundashboard.spool.folder import Folder
from diundashboard.spool.reserve import RESERVE
from diundashboard.store import Store
from tests.conftest import Clock
from tests.store.asking import EVERY

KEPT = Receipt(stored=False)

sqlite = pytest.mark.parametrize("config", ["sqlite"], indirect=True)


def body(image: str, digest: str = "sha256:1") -> bytes:
    return json.dumps({"image": image, "hostname": "nas", "digest": digest}).encode()


@pytest.fixture
def place(config: Config) -> Path:
    """The folder of a spool in which something waits, so that what comes next is kept."""
    made = Path(config.spool_path)
    (made / "waiting").mkdir(parents=True)
    return made


@pytest.fixture
def spool(place: Path, store: Store, clock: Clock) -> Spool:
    return Spool(place, store, clock)


def digests(store: Store) -> list[str]:
    """What is in the history, in the order in which it was stored."""
    return [heard.digest for heard in reversed(store.notifications(HistoryQuery()))]


def digest(store: Store) -> str:
    """The digest of the only update."""
    (update,) = store.updates(EVERY).updates
    return update.digest


# Order


def test_a_clock_that_is_set_back_reorders_nothing(spool: Spool, store: Store, clock: Clock) -> None:
    for number in range(3):
        assert spool.take(body("nginx:1", f"sha256:{number}")) == KEPT
        clock.time -= timedelta(hours=5)
    spool.drain()
    assert digests(store) == ["sha256:0", "sha256:1", "sha256:2"]
    assert digest(store) == "sha256:2"


@sqlite
def test_several_processes_number_what_they_keep_together(place: Path, store: Store, clock: Clock) -> None:
    spools = [Spool(place, store, clock) for _ in range(3)]
    for number in range(9):
        assert spools[number % 3].take(body("nginx:1", f"sha256:{number}")) == KEPT
    spools[0].drain()
    assert digests(store) == [f"sha256:{number}" for number in range(9)]


@sqlite
@pytest.mark.parametrize("counter", [b"", b"garbage", b"%020d %020d %020d\n" % (1, 0, 0)])
def test_a_counter_that_a_power_cut_set_back_reorders_nothing(
    place: Path, store: Store, clock: Clock, counter: bytes
) -> None:
    for number in range(2, 5):
        Spool(place, store, clock).take(body("nginx:1", f"sha256:{number}"))
    (place / "counter").write_bytes(counter)
    Spool(place, store, clock).take(body("nginx:1", "sha256:5"))
    Spool(place, store, clock).drain()
    assert digests(store) == [f"sha256:{number}" for number in range(2, 6)]


@sqlite
def test_what_a_release_before_has_kept_comes_first(place: Path, spool: Spool, store: Store, clock: Clock) -> None:
    assert spool.take(body("nginx:1", "sha256:2")) == KEPT
    at = clock.time - timedelta(hours=1)
    moment = int(at.timestamp() * 1_000_000)
    (place / "waiting" / f"{moment:020}-4711-000000000").write_bytes(body("nginx:1", "sha256:1"))
    spool.drain()
    assert digests(store) == ["sha256:1", "sha256:2"]
    assert store.notifications(HistoryQuery())[-1].received_at == at


def test_a_time_more_than_a_day_ahead_is_stored_as_now(spool: Spool, store: Store, clock: Clock) -> None:
    clock.time += timedelta(days=4000)
    assert spool.take(body("nginx:1", "sha256:1")) == KEPT
    clock.time -= timedelta(days=4000)
    assert spool.take(body("nginx:1", "sha256:2")) == KEPT
    spool.drain()
    assert digest(store) == "sha256:2"
    assert all(heard.received_at <= clock.time for heard in store.notifications(HistoryQuery()))
    assert spool.take(body("nginx:1", "sha256:3")).stored
    assert digest(store) == "sha256:3"


def test_the_spools_of_two_machines_leave_the_newest_digest(
    tmp_path: Path, config: Config, store: Store, clock: Clock
) -> None:
    first, second = (Spool(tmp_path / name, store, clock) for name in ("first", "second"))
    for name in ("first", "second"):
        (tmp_path / name / "waiting").mkdir(parents=True)
    assert first.take(body("nginx:1", "sha256:older")) == KEPT
    assert second.take(body("nginx:1", "sha256:newer")) == KEPT
    second.drain()
    first.drain()
    assert digest(store) == "sha256:newer"
    assert digests(store) == ["sha256:newer", "sha256:older"]


# What else lies in the folder


def _socket(path: Path) -> None:
    with tempfile.TemporaryDirectory() as short, socket.socket(socket.AF_UNIX) as server:
        server.bind(f"{short}/socket")
        shutil.move(f"{short}/socket", path)


def _full_folder(path: Path) -> None:
    path.mkdir()
    (path / "file").write_bytes(body("redis:7"))


def _large_file(path: Path) -> None:
    path.write_bytes(body("redis:7") + b" " * BODY_LIMIT)


HOSTILE: dict[str, Callable[[Path], None]] = {
    "an empty folder": lambda path: path.mkdir(),
    "a folder": _full_folder,
    "a FIFO": lambda path: os.mkfifo(path),
    "a socket": _socket,
    "a dangling link": lambda path: path.symlink_to("nowhere"),
    "a link to a notification": lambda path: path.symlink_to(__file__),
    "a link to itself": lambda path: path.symlink_to(path.name),
    "an endless file": lambda path: path.symlink_to("/dev/zero"),
    "a large file": _large_file,
    "an empty file": lambda path: path.touch(),
}


@sqlite
@pytest.mark.parametrize("name", ["n00000000000{}-0", "foreign{}", "9999999999999999999{}-1", "\udcff{}"])
def test_what_is_no_file_of_a_notification_is_put_aside_and_stops_nothing(
    place: Path, spool: Spool, store: Store, name: str
) -> None:
    for number, make in enumerate(HOSTILE.values()):
        make(place / "waiting" / name.format(number))
    assert spool.take(body("nginx:1")) == KEPT
    spool.drain()
    assert digests(store) == ["sha256:1"]
    assert set(os.listdir(place / "failed")) == {name.format(number) for number in range(len(HOSTILE))}
    assert not (place / "waiting").exists()
    assert spool.state() == SpoolState(waiting=0, oldest_waiting_s=None, failed=len(HOSTILE))


@sqlite
@pytest.mark.parametrize("name", ["waiting", "failed", "lock", "counter", "database", "reserve"])
def test_whatever_has_the_name_of_something_of_ours_stops_nothing(
    place: Path, store: Store, clock: Clock, name: str
) -> None:
    for number, make in enumerate(HOSTILE.values()):
        used = place / str(number)
        (used / "waiting").mkdir(parents=True)
        (used / "waiting" / "1-garbage").write_bytes(b"garbage")
        if name == "waiting":
            shutil.rmtree(used / name)
        make(used / name)
        spool = Spool(used, store, clock)
        spool.claim(store.identity())
        Folder(used).reserve.hold()
        spool.take(body("nginx:1", f"sha256:{number}"))
        spool.drain()
        assert digests(store)[-1] == f"sha256:{number}"
        assert not os.path.lexists(used / "waiting")
        assert (used / "reserve").stat().st_size == RESERVE


@sqlite
def test_half_written_files_with_odd_names_stop_nothing(place: Path, spool: Spool, store: Store) -> None:
    for name in (".folder", "...", "..x"):
        (place / "waiting" / name).mkdir()
    (place / "waiting" / ".link").symlink_to("nowhere")
    for path in (place / "waiting").iterdir():
        os.utime(path, (0, 0), follow_symlinks=False)
    assert spool.take(body("nginx:1")) == KEPT
    spool.drain()
    assert digests(store) == ["sha256:1"]
    assert not (place / "waiting").exists()


@sqlite
def test_what_could_not_be_stored_can_be_tried_again(
    place: Path, spool: Spool, store: Store, config: Config, monkeypatch: pytest.MonkeyPatch, clock: Clock
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("the store has an error")

    arrived = clock.time
    assert spool.take(body("nginx:1")) == KEPT
    with monkeypatch.context() as broken:
        broken.setattr(store, "record", refuse)
        spool.drain()
    assert spool.state().failed == 1
    monkeypatch.setenv("SPOOL_PATH", config.spool_path)
    assert main(["spool"]) == 1
    assert main(["spool", "--retry"]) == 0
    clock.time += timedelta(hours=1)
    spool.drain()
    assert digests(store) == ["sha256:1"]
    assert store.notifications(HistoryQuery())[0].received_at == arrived + clock.step
    assert not any((place / "failed").iterdir())


@sqlite
def test_the_command_names_what_could_not_be_stored(
    place: Path, config: Config, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "failed").mkdir()
    (place / "failed" / "1-garbage").touch()
    (place / "waiting" / "n000000000001-0000000000000000").touch()
    monkeypatch.setenv("SPOOL_PATH", config.spool_path)
    assert main(["spool"]) == 1
    assert capsys.readouterr().out.splitlines() == [
        f"1 waiting in {place}/waiting, 1 could not be stored",
        f"{place}/failed/1-garbage",
    ]


@sqlite
def test_two_files_that_fail_under_one_name_are_both_there(place: Path, spool: Spool) -> None:
    for content in (b"first", b"second"):
        (place / "waiting").mkdir(exist_ok=True)
        (place / "waiting" / "1-garbage").write_bytes(content)
        spool.drain()
    assert {path.read_bytes() for path in (place / "failed").iterdir()} == {b"first", b"second"}


@sqlite
def test_what_is_stored_and_cannot_be_removed_is_stored_once(place: Path, spool: Spool, store: Store) -> None:
    assert spool.take(body("nginx:1")) == KEPT
    (kept,) = (place / "waiting").iterdir()
    if subprocess.run(["chattr", "+i", kept], check=False, capture_output=True).returncode:
        pytest.skip("no file can be made immutable here")
    try:
        spool.drain()
        spool.drain()
    finally:
        subprocess.run(["chattr", "-i", kept], check=True)
    assert digests(store) == ["sha256:1"]
    spool.drain()
    assert digests(store) == ["sha256:1"]
    assert not (place / "waiting").exists()


# What it shows


@sqlite
def test_the_state_tells_what_waits_since_when_and_what_failed(place: Path, spool: Spool, clock: Clock) -> None:
    assert Spool(place / "nowhere", spool._store).state() == SpoolState(0, None, 0)
    clock.step = timedelta(0)
    for _ in range(3):
        assert spool.take(body("nginx:1")) == KEPT
        clock.time += timedelta(minutes=1)
    (place / "failed").mkdir()
    (place / "failed" / "garbage").touch()
    assert spool.state() == SpoolState(waiting=3, oldest_waiting_s=180, failed=1)


@sqlite
def test_nobody_else_can_read_what_waits(place: Path, store: Store, clock: Clock) -> None:
    shutil.rmtree(place)
    before = os.umask(0)
    try:
        Folder(place).keep(body("nginx:1"), clock())
        (place / "waiting" / "1-garbage").touch()
        Spool(place, store, clock).drain()
        Folder(place).keep(body("nginx:1"), clock())
    finally:
        os.umask(before)
    for path in (place, *place.rglob("*")):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600) or path.name == "1-garbage", path


@sqlite
def test_a_folder_that_others_could_read_is_closed_unless_it_holds_more(
    tmp_path: Path, place: Path, store: Store
) -> None:
    for path in (place, tmp_path):
        path.chmod(0o755)
        Spool(path, store).claim(store.identity())
    assert [stat.S_IMODE(path.stat().st_mode) for path in (place, tmp_path)] == [0o700, 0o755]


# Limits


@sqlite
def test_a_spool_that_has_reached_its_limit_says_so_and_takes_more_when_it_has_room(
    place: Path, store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder, "LIMIT", 2 * 4096)
    monkeypatch.setattr(folder, "_RECOUNT", 0)
    kept = Folder(place)
    for _ in range(2):
        kept.keep(body("nginx:1"), clock())
    with pytest.raises(OSError, match="its limit"):
        kept.keep(body("nginx:1"), clock())
    spool = Spool(place, store, clock)
    assert spool.take(body("nginx:1", "sha256:2")).stored, "better out of order than not at all"
    kept.remove(kept.names()[0])
    kept.keep(body("nginx:1"), clock())
    assert len(kept.names()) == 2
