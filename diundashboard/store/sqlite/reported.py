"""Write the rows of what DIUN reported: its series, its version."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import Any

from diundashboard.limits import METADATA_KEYS, NAME
from diundashboard.notification import Notification, derive
from diundashboard.series import Series, Version
from diundashboard.store.growth import bounded_containers, bounded_metadata, more_containers, more_metadata
from diundashboard.store.sqlite.database import microseconds
from diundashboard.store.sqlite.states import state_of

NEW = 2**62
"""The id of a version that has no row yet: it is above every other."""


@dataclass(frozen=True, slots=True)
class Host:
    """The host that a notification is from."""

    id: int
    hostname: str


def insert_series(cursor: sqlite3.Cursor, host: Host, notification: Notification, series: Series) -> int:
    reference = notification.reference
    series_id: int = cursor.execute(
        """
        INSERT INTO series (
            host_id, registry, repository, variant, running_version, said_version, said_at, label, note, snoozed_until,
            muted_at, open, done, rows, versions
        )
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        RETURNING id
        """,
        (host.id, reference.registry, reference.repository, series.variant, *state_of(series)),
    ).fetchone()[0]
    return series_id


def write_version(
    cursor: sqlite3.Cursor,
    notification: Notification,
    host: Host,
    series_id: int,
    version: Version,
    named: list[str],
    tags: tuple[int | None, int | None],
) -> int:
    """Write the row of the version that was reported, and return its id. `named` are the containers of the last one."""
    reference = notification.reference
    containers = more_containers(named, notification.containers)
    derived = derive(notification.hostname, reference.name, reference.version, notification.metadata, containers)
    values: dict[str, Any] = {
        "hostname": host.hostname,
        "image": reference.image,
        "registry": reference.registry,
        "repository": reference.repository,
        "version": reference.version,
        "digest": notification.digest,
        "pinned": notification.pinned,
        "status": notification.status,
        "provider": notification.provider,
        "platform": notification.platform,
        "mime_type": notification.mime_type,
        "hub_link": notification.hub_link,
        "diun_version": notification.diun_version,
        "created": None if notification.created is None else microseconds(notification.created),
        "metadata": with_metadata("{}", notification, "[]"),
        "ctn_id": notification.ctn_id,
        "named": json.dumps(notification.containers),
        "containers": json.dumps(containers),
        "series_id": series_id,
        "name": derived.name,
        "version_key": derived.version_key,
        "prerelease": derived.prerelease,
        "stack": derived.stack,
        "search": derived.search,
        "label_tag_id": tags[0],
        "tag_id": tags[1],
        "rebuilt": version.rebuilt,
        "first_seen_at": microseconds(version.first_seen_at),
        "received_at": microseconds(version.received_at),
        "opened_at": microseconds(version.opened_at),
        "waiting_since": microseconds(version.waiting_since or version.opened_at),
        "done_at": None if version.done_at is None else microseconds(version.done_at),
        "acknowledged_at": None,
        "acknowledged_by": "",
        "kind": version.kind,
        "from_version": version.from_version,
        "superseded": version.superseded,
        "folded": version.folded,
        "older": version.older,
    }
    reported = [values[name] for name in _REPORTED]
    if version.id == NEW:
        return int(cursor.execute(_INSERT, [*(values[name] for name in _IDENTITY), *reported]).fetchone()[0])
    cursor.execute(_UPDATE, [*reported, version.id])
    return version.id


def _columns(text: str) -> list[str]:
    return [name.strip() for name in text.split(",")]


_IDENTITY = _columns("hostname, image, registry, repository, version, series_id, name, version_key, prerelease")
_REPORTED = _columns("""
    digest, pinned, status, provider, platform, mime_type, hub_link, diun_version, created, metadata, ctn_id, named,
    containers, stack, search, label_tag_id, tag_id, rebuilt, first_seen_at, received_at, opened_at, waiting_since,
    done_at, acknowledged_at, acknowledged_by, kind, from_version, superseded, folded, older
""")
_INSERT = f"""
    INSERT INTO updates ({", ".join([*_IDENTITY, *_REPORTED])}, notifications)
    VALUES ({", ".join("?" for _ in [*_IDENTITY, *_REPORTED])}, 0)
    RETURNING id
"""
_UPDATE = f"""
    UPDATE updates
       SET {", ".join(f"{name} = ?" for name in _REPORTED)}
     WHERE id = ?
"""


def with_metadata(known: str, notification: Notification, containers: str) -> str:
    """The metadata of an image's containers, by container, with those of one more. All are JSON."""
    if not notification.metadata:
        return known
    key, metadata = notification.container_key, notification.metadata
    new = json.dumps({key: metadata})
    if known in (new, "{}"):
        return new
    return json.dumps(more_metadata(json.loads(known), key, metadata, json.loads(containers)))


def shorten(cursor: sqlite3.Cursor, which: str) -> None:
    """Bring the containers and the metadata of updates within their limits; `which` is a condition."""
    rows = cursor.execute(
        f"""
        SELECT id, metadata, named, containers
          FROM updates
         WHERE {which}
           AND (length(containers) > {NAME} OR length(named) > {NAME} OR length(metadata) > {METADATA_KEYS * 5})
        """
    ).fetchall()
    for row in rows:
        named, containers = (bounded_containers(json.loads(row[name])) for name in ("named", "containers"))
        metadata = json.dumps(bounded_metadata(json.loads(row["metadata"]), containers))
        new = (metadata, json.dumps(named), json.dumps(containers))
        if new != (row["metadata"], row["named"], row["containers"]):
            cursor.execute("UPDATE updates SET metadata = ?, named = ?, containers = ? WHERE id = ?", (*new, row["id"]))
