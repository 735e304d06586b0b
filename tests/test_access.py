"""Who is let to the store while the database is away, and when it is back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from diundashboard.access import Access
from diundashboard.config import Config
from diundashboard.notification import parse
from diundashboard.store import Declined, Store, Unavailable, Unusable, open_store
from tests.conftest import Clock

NOTIFICATION = parse(b'{"image": "nginx:1"}')


@pytest.fixture
def config(config_of: Callable[[str], Config]) -> Config:
    return config_of("sqlite")


class Database:
    """What opens a real store, unless `error` says otherwise."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self.error: Exception | None = None
        self.opened: list[Store] = []
        self._config, self._clock = config, clock

    def open(self) -> Store:
        if self.error:
            raise self.error
        self.opened.append(open_store(self._config, self._clock))
        return self.opened[-1]


@pytest.fixture
def database(config: Config, clock: Clock) -> Database:
    return Database(config, clock)


def test_nobody_is_let_in_before_the_store_is_open(database: Database) -> None:
    access = Access(database.open)
    with pytest.raises(Unavailable, match="still being opened"):
        access.record(NOTIFICATION)
    database.error = Unavailable("nobody listens")
    access.look()
    with pytest.raises(Unavailable, match="nobody listens"):
        _ = access.store
    database.error = None
    access.look()
    assert access.store is database.opened[0]
    access.close()


def test_an_error_of_one_operation_turns_nobody_away(store: Store) -> None:
    access = Access.to(store)
    assert access.failed(Declined("a lock")) is True
    assert access.store is store


def test_a_database_that_does_not_answer_is_asked_by_nobody_until_a_look_lets_all_in(store: Store) -> None:
    access = Access.to(store)
    assert access.failed(Unavailable("connection lost")) is True
    assert access.failed(Unavailable("connection lost")) is False
    with pytest.raises(Unavailable, match="connection lost") as caught:
        access.record(NOTIFICATION)
    access.look()
    assert access.store is store, "it answers"
    assert access.failed(caught.value) is False
    assert access.store is store, "what was refused without asking tells nothing"


def test_nobody_joins_notifications_that_get_no_answer(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    hangs, goes_on = Event(), Event()

    def hang(*_: object) -> None:
        hangs.set()
        assert goes_on.wait(30)

    access = Access.to(store)
    monkeypatch.setattr("diundashboard.access.SILENCE", 0.0)
    with ThreadPoolExecutor(1) as pool:
        with monkeypatch.context() as hanging:
            hanging.setattr(store, "record", hang)
            first = pool.submit(access.record, NOTIFICATION)
            assert hangs.wait(30)
        with pytest.raises(Declined, match="has not answered"):
            access.record(NOTIFICATION)
        goes_on.set()
        first.result()
    assert access.record(NOTIFICATION) is not None


def test_a_store_without_an_answer_is_closed_and_opened_anew(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> str:
        raise Unavailable("connection lost")

    access = Access(database.open)
    access.look()
    monkeypatch.setattr(access.store, "stamp", fail)
    access.failed(Unavailable("connection lost"))
    access.look()
    with pytest.raises(Unavailable, match="connection lost"):
        _ = access.store
    access.look()
    assert access.store is database.opened[1]
    access.close()


def test_the_thread_opens_the_store_again_and_again_and_gives_up_where_waiting_does_not_help(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    given_up, errors = Event(), []

    def give_up(error: Unusable) -> None:
        errors.append(str(error))
        given_up.set()

    database.error = Unavailable("nobody listens")
    access = Access(database.open)
    access.start(give_up)
    assert access.wait(30)
    assert caplog.messages == ["nobody listens"]
    database.error = Unusable("a later schema")
    assert given_up.wait(30)
    assert errors == ["a later schema"]
    with pytest.raises(Unavailable):
        _ = access.store
