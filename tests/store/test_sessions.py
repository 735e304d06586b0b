"""Who is logged in, and who tries to, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from diundashboard.guessing import FREE
from diundashboard.model import Account, Level, Person
from diundashboard.store import NotFound, Store
from diundashboard.store.sessions import BROWSERS, SESSIONS
from tests.conftest import Clock


@pytest.fixture
def ada(store: Store) -> Account:
    return store.add_account("ada", Level.WRITE, "hash")


def test_a_session_says_who_has_it(store: Store, ada: Account) -> None:
    store.begin_session(ada.id, "key", "hash", "hint")
    assert store.person_of("key", used=True) == Person("ada", Level.WRITE, ada.id)
    assert store.person_of("other", used=True) is None
    assert store.end_session("key") == "hint"
    assert store.end_session("key") == ""
    assert store.person_of("key", used=True) is None


def test_a_session_ends_after_a_week_without_use(store: Store, ada: Account, clock: Clock) -> None:
    store.begin_session(ada.id, "key", "hash")
    for _ in range(3):
        clock.time += timedelta(days=6)
        assert store.person_of("key", used=True)
    clock.time += timedelta(days=4)
    assert store.person_of("key", used=False)
    clock.time += timedelta(days=4)
    assert store.person_of("key", used=True) is None


def test_a_session_ends_at_the_age_of_thirty_days(store: Store, ada: Account, clock: Clock) -> None:
    store.begin_session(ada.id, "key", "hash")
    for _ in range(29):
        clock.time += timedelta(days=1)
        assert store.person_of("key", used=True)
    clock.time += timedelta(days=1)
    assert store.person_of("key", used=True) is None


def test_a_use_is_noted_every_ten_minutes_at_most(store: Store, ada: Account, clock: Clock) -> None:
    clock.step = timedelta()
    for key, used_after in (("early", timedelta(minutes=9)), ("late", timedelta(minutes=11))):
        begun = clock.time
        store.begin_session(ada.id, key, "hash")
        clock.time = begun + used_after
        assert store.person_of(key, used=True)
        clock.time = begun + timedelta(days=7, minutes=5)
        assert (store.person_of(key, used=True) is None) == (key == "early")


def test_a_session_begins_only_with_the_password_as_it_is_now(store: Store, ada: Account) -> None:
    store.set_password(ada.id, "new")
    with pytest.raises(NotFound):
        store.begin_session(ada.id, "key", "hash")
    with pytest.raises(NotFound):
        store.begin_session(99, "key", "new")
    store.begin_session(ada.id, "key", "new")


@pytest.mark.parametrize("change", ["password", "level", "removal", "everywhere"])
def test_all_sessions_of_a_person_end_with_a_change(store: Store, ada: Account, change: str) -> None:
    eve = store.add_account("eve", Level.ADMIN, "hash")
    for key, account in (("one", ada), ("two", ada), ("other", eve)):
        store.begin_session(account.id, key, "hash")
    match change:
        case "password":
            store.set_password(ada.id, "new")
        case "level":
            store.set_level(ada.id, Level.READ)
        case "removal":
            store.remove_account(ada.id)
        case "everywhere":
            store.end_sessions(ada.id)
    assert [store.person_of(key, used=True) is not None for key in ("one", "two", "other")] == [False, False, True]


def test_a_level_that_stays_ends_no_session(store: Store, ada: Account) -> None:
    store.begin_session(ada.id, "key", "hash")
    store.set_level(ada.id, Level.WRITE)
    assert store.person_of("key", used=True)


def test_a_person_of_a_provider_is_logged_out_by_another_level_alone(store: Store) -> None:
    account = store.recognize("https://id.example", "42", "Ada", Level.WRITE)
    store.begin_session(account.id, "key")
    store.recognize("https://id.example", "42", "Ada L.", Level.WRITE)
    assert store.person_of("key", used=True) == Person("Ada L.", Level.WRITE, account.id, "https://id.example")
    store.recognize("https://id.example", "42", "Ada L.", Level.READ)
    assert store.person_of("key", used=True) is None


def test_a_further_session_ends_the_oldest(store: Store, ada: Account) -> None:
    for number in range(SESSIONS + 1):
        store.begin_session(ada.id, str(number), "hash")
    assert store.person_of("0", used=True) is None
    assert store.person_of("1", used=True)


def test_after_some_wrong_passwords_each_further_one_must_wait_longer(store: Store, clock: Clock) -> None:
    clock.step = timedelta()
    for _ in range(FREE):
        assert store.attempt("ada from 192.0.2.7") == timedelta()
    assert store.attempt("ada from 192.0.2.7") == timedelta(seconds=1)
    assert store.attempt("ada from 192.0.2.8") == timedelta()
    clock.time += timedelta(seconds=1)
    assert store.attempt("ada from 192.0.2.7") == timedelta()
    assert store.attempt("ada from 192.0.2.7") == timedelta(seconds=2)
    for _ in range(20):
        clock.time += timedelta(minutes=1)
        assert store.attempt("ada from 192.0.2.7") == timedelta()
    assert store.attempt("ada from 192.0.2.7") == timedelta(minutes=1)
    clock.time -= timedelta(days=3)
    assert store.attempt("ada from 192.0.2.7") == timedelta(minutes=1)
    store.succeeded("ada from 192.0.2.7")
    assert store.attempt("ada from 192.0.2.7") == timedelta()


def test_an_hour_without_attempts_forgets_them(store: Store, clock: Clock) -> None:
    for _ in range(FREE):
        store.attempt("key")
    clock.time += timedelta(hours=1, seconds=1)
    for _ in range(FREE):
        assert store.attempt("key") == timedelta()


def test_attempts_at_the_same_time_count_each(store: Store, clock: Clock) -> None:
    clock.step = timedelta()
    with ThreadPoolExecutor(8) as pool:
        waits = list(pool.map(lambda _: store.attempt("key"), range(16)))
    assert waits.count(timedelta()) == FREE


def test_only_so_many_attempts_are_remembered(store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in ("sqlite", "postgres"):
        monkeypatch.setattr(f"diundashboard.store.{kind}.sessions.KEPT", 3)
    clock.step = timedelta(milliseconds=1)
    for _ in range(FREE):
        store.attempt("first")
    for number in range(3):
        store.attempt(str(number))
    assert store.attempt("first") == timedelta()


def test_a_browser_is_known_for_the_account_that_logged_in_there(store: Store, ada: Account) -> None:
    eve = store.add_account("eve", Level.READ, "hash")
    store.know_browser(ada.id, "key")
    assert store.knows_browser(ada.id, "key")
    assert not store.knows_browser(eve.id, "key")
    for number in range(BROWSERS):
        store.know_browser(ada.id, str(number))
    assert not store.knows_browser(ada.id, "key")
    store.set_password(ada.id, "new")
    assert not store.knows_browser(ada.id, "0")
    with pytest.raises(NotFound):
        store.know_browser(99, "key")
