"""Store one notification: its host, its update, its history."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from datetime import datetime

from diundashboard import image
from diundashboard.fold import moved
from diundashboard.notification import Notification, derive
from diundashboard.series import Reported, Series
from diundashboard.store.growth import more_containers, more_search
from diundashboard.store.names import metadata_tag
from diundashboard.store.sqlite.database import microseconds, time_of
from diundashboard.store.sqlite.reported import NEW, Host, insert_series, with_metadata, write_version
from diundashboard.store.sqlite.states import count, load_one, refold_host, state_of, update_series, write_versions
from diundashboard.store.sqlite.tags import retag, tag_of_image
from diundashboard.text import searchable


def record(
    cursor: sqlite3.Cursor, notification: Notification, at: datetime, again: datetime | None = None
) -> int | None:
    """Store a notification, and return the id of its update; None for DIUN's own test.

    With `again`, nothing changes if it is stored already.
    """
    found = _find(cursor, notification)
    host = Host(found["host_id"], found["hostname"])
    if again is not None:
        known = found if notification.is_test else _known(cursor, notification, host, found)
        if _is_stored(cursor, notification, host, known, (at, again)):
            return None if known["id"] is None else int(known["id"])
    if found["forgotten_at"] is not None:
        cursor.execute("UPDATE hosts SET forgotten_at = NULL WHERE id = ?", (host.id,))
    if notification.is_test:
        _remember(cursor, notification, host, at, None, image.Kind.NEW)
        return None
    if found["metadata_shared_at"] is None and _shares_metadata(cursor, notification, host, at):
        found = _find(cursor, notification)
    if found["metadata_shared_at"] is not None:
        notification = notification.without_container_metadata()
    known = _known(cursor, notification, host, found)
    if known["id"] is None:
        return _news(cursor, notification, host, None, at)
    if known["digest"] == notification.digest:
        _repeat(cursor, known, notification, host)
    elif again is None or microseconds(at) >= known["received_at"]:
        # The first try follows the arrival: if the notification seems older, the clock was set back.
        return _news(cursor, notification, host, known, max(at, time_of(known["received_at"])))
    _remember(cursor, notification, host, at, known["id"], known["kind"])
    return int(known["id"])


_KNOWN = """
    u.id, u.kind, u.digest, u.received_at, u.metadata, u.named, u.containers, u.search, u.label_tag_id, u.tag_id
"""


def _find(cursor: sqlite3.Cursor, notification: Notification) -> sqlite3.Row:
    """The host that sends it, created if it is new, and the image's update there, or nulls."""
    find = f"""
        SELECT h.id AS host_id, h.hostname, h.forgotten_at, h.metadata_shared_at, {_KNOWN}
          FROM hosts AS sender
          JOIN hosts AS h ON h.id = coalesce(sender.merged_into, sender.id)
          LEFT JOIN updates AS u ON u.hostname = h.hostname AND u.image = ?
         WHERE sender.hostname = ?
    """
    names = (notification.reference.image, notification.hostname)
    found: sqlite3.Row | None = cursor.execute(find, names).fetchone()
    if found is None:
        cursor.execute("INSERT INTO hosts (hostname) VALUES (?)", (notification.hostname,))
        found = cursor.execute(find, names).fetchone()
        assert found is not None  # noqa: S101 - it tells mypy what holds
    return found


def _known(cursor: sqlite3.Cursor, notification: Notification, host: Host, found: sqlite3.Row) -> sqlite3.Row:
    """The update that the notification is about, or nulls."""
    return (_row_of_digest(cursor, notification, host) if not notification.reference.version else None) or found


def _is_stored(
    cursor: sqlite3.Cursor, notification: Notification, host: Host, known: sqlite3.Row, times: Sequence[datetime]
) -> bool:
    """Whether the history has this notification of one of these times."""
    about = "update_id IS NULL AND host_id = :host_id" if known["id"] is None else "update_id = :update_id"
    values = {"host_id": host.id, "update_id": known["id"], "payload": notification.payload}
    if known["id"] is not None:
        times = (*times, max(*times, time_of(known["received_at"])))  # If the clock was set back: see `record`.
    stored = cursor.execute(
        f"SELECT received_at FROM notifications WHERE {about} AND payload = :payload", values
    ).fetchall()
    return not {microseconds(time) for time in times}.isdisjoint(row["received_at"] for row in stored)


def _row_of_digest(cursor: sqlite3.Cursor, notification: Notification, host: Host) -> sqlite3.Row | None:
    """The update of the tag that has this digest: after a pull, what still runs is reported without its tag."""
    row: sqlite3.Row | None = cursor.execute(
        f"""
        SELECT {_KNOWN}
          FROM updates AS u
         WHERE u.hostname = ? AND u.registry || '/' || u.repository = ? AND u.digest = ? AND u.version <> ''
         ORDER BY u.received_at DESC, u.id DESC
         LIMIT 1
        """,
        (host.hostname, notification.reference.name, notification.digest),
    ).fetchone()
    return row


def _shares_metadata(cursor: sqlite3.Cursor, notification: Notification, host: Host, at: datetime) -> bool:
    """Whether the container's id has arrived under another repository: then it says nothing, nor do the others' here.

    Everything derived from such metadata so far is dropped too. The payloads keep them.
    """
    if not notification.ctn_id:
        return False
    other = cursor.execute(
        """
        SELECT 1
          FROM updates
         WHERE ctn_id = ? AND hostname = ? AND registry || '/' || repository <> ?
        """,
        (notification.ctn_id, host.hostname, notification.reference.name),
    ).fetchone()
    if other is None:
        return False
    cursor.execute("UPDATE hosts SET metadata_shared_at = ? WHERE id = ?", (microseconds(at), host.id))
    cursor.execute("UPDATE notifications SET current = '' WHERE host_id = ? AND spoke", (host.id,))
    rows = cursor.execute(
        "SELECT id, registry || '/' || repository AS name, version FROM updates WHERE hostname = ?", (host.hostname,)
    ).fetchall()
    cursor.executemany(
        """
        UPDATE updates
           SET metadata = '{}', containers = '[]', named = '[]', stack = '', ctn_id = '', label_tag_id = NULL,
               search = ?
         WHERE id = ?
        """,
        [(derive(host.hostname, row["name"], row["version"], {}, ()).search, row["id"]) for row in rows],
    )
    retag(cursor, {row["name"] for row in rows})
    refold_host(cursor, host.id)
    return True


def _repeat(cursor: sqlite3.Cursor, known: sqlite3.Row, notification: Notification, host: Host) -> None:
    """Add the containers and the metadata of a notification with the digest already known."""
    named = _joined(known["named"], notification.containers)
    containers = _joined(known["containers"], notification.containers)
    metadata = with_metadata(known["metadata"], notification, containers)
    # A host that was merged into this one can still be searched for by its own name.
    same = (metadata, named, containers) == (known["metadata"], known["named"], known["containers"])
    if not same or notification.hostname != host.hostname:
        search = more_search(known["search"], notification.derived().search)
        cursor.execute(
            "UPDATE updates SET metadata = ?, named = ?, containers = ?, search = ? WHERE id = ?",
            (metadata, named, containers, search, known["id"]),
        )


def _news(
    cursor: sqlite3.Cursor, notification: Notification, host: Host, known: sqlite3.Row | None, at: datetime
) -> int:
    """A new version, or another digest of a known one: one event in its series. Returns the update's id."""
    reference = notification.reference
    variant = image.variant(reference.version)
    found = load_one(cursor, host.id, reference.registry, reference.repository, variant)
    series_id, before = found or (None, Series(variant))
    event = Reported(
        at,
        known["id"] if known else NEW,
        reference.version,
        notification.digest,
        notification.status == "update",
        notification.current,
    )
    after = event.on(before)
    reported = after.version(event.update)
    assert reported is not None  # noqa: S101 - it tells mypy what holds
    if series_id is None:
        series_id = insert_series(cursor, host, notification, after)
    elif before[2:] != after[2:] or before.counts != after.counts:
        update_series(cursor, [(*state_of(after), series_id)])
    named = known["named"] if known else _named_before(cursor, series_id) if before.versions else "[]"
    label = metadata_tag(notification.metadata)
    # An image that has no label and had none keeps its tag.
    kept = known is not None and not label and known["label_tag_id"] is None
    tags = (None, known["tag_id"]) if known and kept else tag_of_image(cursor, reference, label)
    update_id = write_version(cursor, notification, host, series_id, reported, json.loads(named), tags)
    if others := [each for each in after.versions if each.id != event.update and each not in before.versions]:
        write_versions(cursor, others)
    if moves := moved(before, after, at):
        count(cursor, [(host.id, moves)])
    _remember(cursor, notification, host, at, update_id, reported.kind, event)
    return update_id


def _named_before(cursor: sqlite3.Cursor, series_id: int) -> str:
    """The containers that DIUN named for the version before: a new one has those too, as DIUN may name one alone."""
    row = cursor.execute(
        "SELECT named FROM updates WHERE series_id = ? ORDER BY received_at DESC, id DESC LIMIT 1", (series_id,)
    ).fetchone()
    return str(row["named"])


def _remember(
    cursor: sqlite3.Cursor,
    notification: Notification,
    host: Host,
    at: datetime,
    update_id: int | None,
    kind: str,
    news: Reported | None = None,
) -> None:
    """Add a notification to the history, with the event that it is to its series if it is news."""
    cursor.execute(
        """
        INSERT INTO notifications (
            update_id, host_id, image, kind, received_at, status, digest, payload, search, spoke, current
        )
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            update_id,
            host.id,
            notification.reference.image,
            kind,
            microseconds(at),
            notification.status,
            notification.digest,
            notification.payload,
            searchable(f"{notification.reference.image} {host.hostname}"),
            news is not None,
            "" if news is None else news.current,
        ),
    )


def _joined(known: str, containers: tuple[str, ...]) -> str:
    """A JSON array of containers with some more."""
    new = json.dumps(containers)
    return new if known in (new, "[]") else json.dumps(more_containers(json.loads(known), containers))
