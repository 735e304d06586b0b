"""Write the rows of what DIUN reported: its series, its version."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, LiteralString

from psycopg.types.json import Jsonb

from diundashboard.limits import METADATA_KEYS, NAME
from diundashboard.notification import Notification, derive
from diundashboard.series import Series, Version
from diundashboard.store.growth import bounded_containers, bounded_metadata, more_containers
from diundashboard.store.postgres.database import Cursor, one
from diundashboard.store.postgres.states import state_of

NEW = 2**62
"""The id of a version that has no row yet: it is above every other."""


@dataclass(frozen=True, slots=True)
class Host:
    """The host that a notification is from."""

    id: int
    hostname: str


def insert_series(cursor: Cursor, host: Host, notification: Notification, series: Series) -> int:
    reference = notification.reference
    cursor.execute(
        """
        INSERT INTO series (
            host_id, registry, repository, variant, running_version, said_version, said_at, label, note, snoozed_until,
            muted_at, open, done, rows, versions
        )
        VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
        RETURNING id
        """,
        (host.id, reference.registry, reference.repository, series.variant, *state_of(series)),
    )
    series_id: int = one(cursor).id
    return series_id


def write_version(
    cursor: Cursor,
    notification: Notification,
    host: Host,
    series_id: int,
    version: Version,
    named: Sequence[str],
    tags: tuple[int | None, int | None],
) -> int:
    """Write the row of the version that was reported, and return its id. `named` are the containers of the last one."""
    reference = notification.reference
    containers = more_containers(named, notification.containers)
    derived = derive(notification.hostname, reference.name, reference.version, notification.metadata, containers)
    values: dict[str, Any] = {
        "id": version.id,
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
        "created": notification.created,
        "metadata": metadata_of(notification),
        "ctn_id": notification.ctn_id,
        "named": list(notification.containers),
        "containers": containers,
        "series_id": series_id,
        "name": derived.name,
        "version_key": derived.version_key,
        "prerelease": derived.prerelease,
        "stack": derived.stack,
        "search": derived.search,
        "label_tag_id": tags[0],
        "tag_id": tags[1],
        "rebuilt": version.rebuilt,
        "first_seen_at": version.first_seen_at,
        "received_at": version.received_at,
        "opened_at": version.opened_at,
        "waiting_since": version.waiting_since or version.opened_at,
        "done_at": version.done_at,
        "acknowledged_at": None,
        "acknowledged_by": "",
        "kind": version.kind,
        "from_version": version.from_version,
        "superseded": version.superseded,
        "folded": version.folded,
        "older": version.older,
    }
    if version.id == NEW:
        return int(one(cursor.execute(_INSERT, values)).id)
    cursor.execute(_UPDATE, values)
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
    VALUES ({", ".join(f"%({name})s" for name in [*_IDENTITY, *_REPORTED])}, 0)
    RETURNING id
"""
_UPDATE = f"""
    UPDATE updates
       SET {", ".join(f"{name} = %({name})s" for name in _REPORTED)}
     WHERE id = %(id)s
"""


def metadata_of(notification: Notification) -> Jsonb:
    """The metadata of a notification, by container."""
    return Jsonb({notification.container_key: notification.metadata} if notification.metadata else {})


def shorten(cursor: Cursor, which: LiteralString) -> None:
    """Bring the containers and the metadata of updates within their limits; `which` is a condition."""
    rows = cursor.execute(
        f"""
        SELECT id, metadata, named, containers
          FROM updates
         WHERE {which}
           AND (octet_length(containers::text) > %(name)s OR octet_length(named::text) > %(name)s
                OR octet_length(metadata::text) > %(metadata)s)
        """,
        {"name": NAME, "metadata": METADATA_KEYS * 5},
    ).fetchall()
    for row in rows:
        named, containers = bounded_containers(row.named), bounded_containers(row.containers)
        metadata = bounded_metadata(row.metadata, containers)
        if (metadata, named, containers) != (row.metadata, row.named, row.containers):
            cursor.execute(
                "UPDATE updates SET metadata = %s, named = %s, containers = %s WHERE id = %s",
                (Jsonb(metadata), named, containers, row.id),
            )
