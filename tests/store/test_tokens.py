"""What programs show instead of logging in, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from diundashboard.model import Actor, Invalid, Level, Person
from diundashboard.store import Conflict, NotFound, Store
from diundashboard.store.tokens import TOKENS
from tests.conftest import Clock

ADA = Actor("ada", "192.0.2.1")


def test_a_token_is_found_by_its_hash_and_acts_under_its_own_name(store: Store) -> None:
    made = store.add_token(" homepage ", Level.READ, "key", by=ADA)
    assert (made.name, made.level, made.created_by, made.expires_at) == ("homepage", Level.READ, "ada", None)
    assert store.tokens() == (made,)
    assert store.bearer_of("key") == Person("token homepage", Level.READ)
    assert store.bearer_of("other") is None


def test_a_token_is_good_until_it_expires(store: Store, clock: Clock) -> None:
    made = store.add_token("ci", Level.WRITE, "key", clock.time + timedelta(days=1))
    assert made.expires_at == clock.time - clock.step + timedelta(days=1)
    assert store.bearer_of("key")
    clock.time += timedelta(days=1)
    assert store.bearer_of("key") is None
    assert [token.name for token in store.tokens()] == ["ci"]


def test_its_last_use_is_noted_every_ten_minutes(store: Store, clock: Clock) -> None:
    store.add_token("ci", Level.READ, "key")
    uses = []
    for pause in (0, 5, 4, 2, 11):
        clock.time += timedelta(minutes=pause)
        store.bearer_of("key")
        uses.append(store.tokens()[0].used_at)
    assert None not in uses
    assert [uses[0] == each for each in uses] == [True, True, True, False, False]
    assert uses[3] != uses[4]


def test_a_removed_token_is_good_for_nothing(store: Store) -> None:
    made = store.add_token("ci", Level.READ, "key")
    store.remove_token(made.id)
    assert store.bearer_of("key") is None
    assert store.tokens() == ()
    with pytest.raises(NotFound):
        store.remove_token(made.id)


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb", "a\x1b[31m"])
def test_a_name_that_no_log_could_show_is_refused(store: Store, name: str) -> None:
    with pytest.raises(Invalid):
        store.add_token(name, Level.READ, "key")
    assert store.tokens() == ()


def test_no_token_is_an_admin_or_has_expired_when_it_is_made(store: Store, clock: Clock) -> None:
    with pytest.raises(Invalid):
        store.add_token("ci", Level.ADMIN, "key")
    with pytest.raises(Invalid):
        store.add_token("ci", Level.READ, "key", clock.time)
    assert store.tokens() == ()


def test_a_name_belongs_to_one_token(store: Store) -> None:
    store.add_token("ci", Level.READ, "key")
    with pytest.raises(Conflict):
        store.add_token("ci", Level.WRITE, "other")
    assert store.bearer_of("other") is None


def test_tokens_are_sorted_by_name_regardless_of_case(store: Store) -> None:
    for name in ("b", "C", "a"):
        store.add_token(name, Level.READ, name)
    assert [token.name for token in store.tokens()] == ["a", "b", "C"]


def test_there_are_200_tokens_at_most_however_many_are_made_at_once(store: Store) -> None:
    for number in range(TOKENS - 3):
        store.add_token(str(number), Level.READ, str(number))

    def make(number: int) -> bool:
        try:
            store.add_token(f"more {number}", Level.READ, f"more {number}")
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        assert sum(pool.map(make, range(6))) == 3
    assert len(store.tokens()) == TOKENS
