"""Who did what, and who tried, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import pytest

from diundashboard.model import NOBODY, Actor, Entry, Level
from diundashboard.store import Conflict, NotFound, Store
from diundashboard.store import audit as area
from tests.conftest import Clock
from tests.store.asking import record

ADA = Actor("ada", "192.0.2.1")


def written(store: Store) -> list[tuple[str, str]]:
    """Event and detail of every row that Ada's deeds have left, oldest first."""
    rows = store.audit(limit=1000)[::-1]
    assert {(row.by, row.address, row.refused) for row in rows} <= {("ada", "192.0.2.1", False)}
    return [(row.event, row.detail) for row in rows]


def host(store: Store, name: str) -> int:
    return next(each.id for each in store.hosts() if each.hostname == name)


def test_a_row_says_when_who_from_where_and_what(store: Store, clock: Clock) -> None:
    store.note(ADA, "webhook secret shown")
    at = clock.time
    store.note(Actor("", "198.51.100.7"), "failed login", "wrong password", refused=True)
    newest, oldest = store.audit()
    assert oldest == Entry(oldest.id, at, "ada", "192.0.2.1", "webhook secret shown", "", False)
    assert (newest.by, newest.address, newest.event) == ("", "198.51.100.7", "failed login")
    assert (newest.detail, newest.refused) == ("wrong password", True)


def test_what_is_done_to_tags_and_rules_is_written(store: Store) -> None:
    tag = store.create_tag("media", ADA)
    store.change_tag(tag.id, "music", 3, ADA)
    store.assign_tag("redis", tag.id, ADA)
    store.unassign_tag("redis", ADA)
    rule = store.create_rule("*app", tag.id, ADA)
    store.delete_rule(rule.id, ADA)
    store.delete_tag(tag.id, ADA)
    assert written(store) == [
        ("tag added", "media"),
        ("tag changed", "media to music, colour 3"),
        ("tag assigned", "music to docker.io/library/redis"),
        ("tag unassigned", "docker.io/library/redis"),
        ("rule added", "*app to music"),
        ("rule deleted", "*app"),
        ("tag deleted", "music"),
    ]


def test_what_is_done_to_hosts_is_written(store: Store) -> None:
    for name in ("nas", "pi"):
        record(store, "a:1", hostname=name)
    store.rename_host(host(store, "nas"), "cellar", ADA)
    store.rename_host(host(store, "nas"), "", ADA)
    store.trust_metadata(host(store, "nas"), ADA)
    store.merge_hosts(host(store, "pi"), host(store, "nas"), ADA)
    store.forget_host(host(store, "nas"), ADA)
    assert written(store) == [
        ("host renamed", "nas to cellar"),
        ("host renamed", "nas to nas"),
        ("metadata trusted", "nas"),
        ("host merged", "pi into nas"),
        ("host forgotten", "nas"),
    ]


def test_what_is_done_to_views_is_written(store: Store) -> None:
    view = store.save_view("mine", "?q=a", by=ADA)
    store.start_with(view.id, ADA)
    store.start_with(None, ADA)
    store.delete_view(view.id, ADA)
    assert written(store) == [
        ("view saved", "mine"),
        ("start page chosen", "mine"),
        ("start page chosen", "updates"),
        ("view deleted", "mine"),
    ]


def test_what_is_done_to_accounts_and_tokens_is_written_without_what_opens_them(store: Store) -> None:
    store.add_first_account("root", "hash of root", None, ADA)
    eve = store.add_account("eve", Level.READ, "hash of eve", ADA)
    store.set_level(eve.id, Level.READ, ADA)
    store.set_level(eve.id, Level.WRITE, ADA)
    store.set_password(eve.id, "new hash of eve", ADA)
    store.end_sessions(eve.id, ADA)
    store.remove_account(eve.id, ADA)
    token = store.add_token("ci", Level.READ, "hash of the token", by=ADA)
    store.remove_token(token.id, ADA)
    assert written(store) == [
        ("account added", "root, admin"),
        ("account added", "eve, read"),
        ("level changed", "eve, write"),
        ("password changed", "eve"),
        ("logged out everywhere", ""),
        ("account removed", "eve"),
        ("token added", "ci, read"),
        ("token removed", "ci"),
    ]


def test_logins_and_logouts_are_written_under_the_name_of_the_account(store: Store) -> None:
    account = store.add_account("ada", Level.READ, "hash", ADA)
    store.begin_session(account.id, "key", "hash", address="192.0.2.1")
    store.end_session("key", "192.0.2.1")
    store.end_session("key", "192.0.2.1")
    assert written(store)[1:] == [("logged in", ""), ("logged out", "")]


def test_who_comes_from_a_provider_is_written_when_new_or_of_another_level(store: Store) -> None:
    for level in (Level.READ, Level.READ, Level.WRITE):
        store.recognize("https://id.example", "1", "ada", level)
    assert [(row.by, row.event, row.detail) for row in store.audit()[::-1]] == [
        ("https://id.example", "account added", "ada, read"),
        ("https://id.example", "level changed", "ada, write"),
    ]


@pytest.mark.parametrize(
    "vain",
    [
        lambda store: store.create_tag("media", ADA),
        lambda store: store.delete_tag(99, ADA),
        lambda store: store.change_tag(99, "x", 0, ADA),
        lambda store: store.assign_tag("redis", 99, ADA),
        lambda store: store.create_rule("*", 99, ADA),
        lambda store: store.delete_rule(99, ADA),
        lambda store: store.rename_host(99, "x", ADA),
        lambda store: store.forget_host(99, ADA),
        lambda store: store.delete_view(99, ADA),
        lambda store: store.start_with(99, ADA),
        lambda store: store.forget_pulse(99, ADA),
        lambda store: store.remove_account(99, ADA),
        lambda store: store.set_password(99, "hash", ADA),
        lambda store: store.remove_token(99, ADA),
    ],
)
def test_what_fails_is_not_written_as_done(store: Store, vain: Callable[[Store], object]) -> None:
    store.create_tag("media", ADA)
    with suppress(NotFound, Conflict):
        vain(store)
        raise AssertionError("it did not fail")
    assert written(store) == [("tag added", "media")]


def test_the_newest_rows_stay_and_refusals_do_not_push_out_deeds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(area.KEPT, False, 5)
    monkeypatch.setitem(area.KEPT, True, 3)
    for number in range(7):
        store.note(NOBODY, "done", str(number))
    for number in range(20):
        store.note(NOBODY, "refused", str(number), refused=True)
    rows = [(row.event, int(row.detail)) for row in store.audit()]
    assert rows == [("refused", number) for number in (19, 18, 17)] + [("done", number) for number in (6, 5, 4, 3, 2)]


def test_ten_thousand_rows_stay_in_all() -> None:
    assert sum(area.KEPT.values()) == 10_000


def test_older_rows_follow_the_last_one_that_was_read(store: Store) -> None:
    for number in range(7):
        store.note(NOBODY, str(number))
    first = store.audit(limit=3)
    second = store.audit(first[-1].id, 3)
    assert [row.event for row in (*first, *second)] == ["6", "5", "4", "3", "2", "1"]
    assert store.audit(store.audit()[-1].id) == ()


def test_what_is_long_or_cannot_be_stored_is_shortened(store: Store) -> None:
    store.note(Actor("n\0" * 200, "a" * 200), "done", "\ud800" + "d" * 600)
    (row,) = store.audit()
    assert (len(row.by), len(row.address), len(row.detail)) == (100, 100, 500)
    assert (row.by[:2], row.detail[:2], row.detail[-1]) == ("n\ufffd", "\ufffdd", "…")
