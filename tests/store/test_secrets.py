"""The secret that the dashboard has chosen for DIUN, on both databases."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

from diundashboard.store import Store
from tests.store.asking import record


def test_a_new_database_asks_for_the_first_secret_that_is_offered(store: Store) -> None:
    assert store.webhook_secret("one") == "one"
    assert store.webhook_secret("two") == "one"
    record(store)
    assert store.webhook_secret("three") == "one"
    assert store.require_webhook_secret("four") == "one"


def test_a_database_with_notifications_stays_open_until_somebody_wants_a_secret(store: Store) -> None:
    record(store)
    assert store.webhook_secret("one") == ""
    assert store.webhook_secret("two") == ""
    assert store.require_webhook_secret("three") == "three"
    assert store.webhook_secret("four") == "three"


def test_of_many_that_ask_at_once_all_get_the_same(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(lambda number: store.webhook_secret(str(number)), range(8)))) == 1
