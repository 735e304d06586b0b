"""Whether what is stored is what the history says, on both databases."""

from __future__ import annotations

from diundashboard.config import Config
from diundashboard.model import Selection, State, UpdateQuery
from diundashboard.store import Store
from tests.conftest import Clock
from tests.store.asking import DAY, OTHER, record
from tests.store.databases import raw


def test_nothing_differs_whatever_was_reported_and_done(store: Store, clock: Clock) -> None:
    ids = [record(store, f"a:{version}", hostname=host) for version in ("1.0", "1.1", "2.0-rc1") for host in "xyz"]
    done = store.acknowledge(Selection((ids[3],)), "person")
    record(store, "a:1.1", hostname="x", digest=OTHER)
    store.snooze(Selection((ids[1],)), clock.time + DAY, "person")
    store.mute(Selection((ids[2],)), True, "person")
    store.say_running(ids[4], "1.0", "person")
    store.undo(done.id, "person")
    hosts = {host.hostname: host.id for host in store.hosts()}
    store.merge_hosts(hosts["x"], hosts["y"])
    store.forget_host(hosts["z"])
    record(store, "a:1.2", hostname="z")
    assert store.check() == ()


def test_what_differs_is_named_and_repaired(config: Config, store: Store) -> None:
    update_id = record(store, "app:1.0", metadata={"tag": "media"})
    store.acknowledge(Selection((update_id,)), "person")
    with raw(config) as connection:
        connection.execute("UPDATE updates SET acknowledged_at = NULL, folded = TRUE")
        connection.execute("UPDATE series SET running_version = '0.9', open = 1")
        connection.execute("UPDATE days SET closed = 7")
        connection.execute("UPDATE updates SET tag_id = NULL")
    found = store.check()
    names = {difference.name for difference in found}
    assert names >= {"running", "open", "1.0: acknowledged_at", "1.0: folded", "1.0: tag_id"}
    assert any("closed" in difference.name for difference in found)
    assert str(found[0]) == "nas: docker.io/library/app: running is 0.9, the history says 1.0"
    before = store.stamp()
    assert store.check(repair=True) == found
    assert store.stamp() != before
    assert store.check() == ()
    update = store.update(update_id)
    assert (update.state, update.tag and update.tag.name) == (State.ACKNOWLEDGED, "media")
    assert (store.updates(UpdateQuery()).total, store.summary().done[-1]) == (0, 1)
