"""Store what DIUN sends."""

from __future__ import annotations

import json
import sqlite3
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from diundashboard.image import update_kind
from diundashboard.model import REFUSALS_KEPT, Refusal
from diundashboard.notification import Notification
from diundashboard.store import intake
from diundashboard.store.errors import Unavailable
from diundashboard.store.sqlite.database import BUSY_TIMEOUT, Database, microseconds, time_of
from diundashboard.store.sqlite.days import count_opened
from diundashboard.store.sqlite.series import refresh, say
from diundashboard.store.sqlite.tags import retag, tag_at_first_sight
from diundashboard.text import searchable, storable


class _Known(NamedTuple):
    """The update of an image on a host as stored. Everything is None if there is none."""

    id: int | None
    series_id: int
    kind: str
    digest: str
    acknowledged_at: int | None
    metadata: str
    containers: str | None
    search: str

    def containers_with(self, names: tuple[str, ...]) -> str:
        new = json.dumps(names)
        return new if self.containers in (new, None) else json.dumps(sorted({*json.loads(self.containers), *names}))

    def metadata_with(self, metadata: Mapping[str, str]) -> str:
        new = json.dumps(metadata)
        return new if new == self.metadata else json.dumps(json.loads(self.metadata) | metadata)


@dataclass(slots=True, eq=False)
class _Arrival:
    """A notification waiting to be stored, and the result."""

    notification: Notification
    at: int
    settled: bool = False
    update_id: int = 0
    error: Exception | None = None


class Intake(intake.Intake, Database):
    def __init__(self, path: str, clock: Callable[[], datetime]) -> None:
        super().__init__(path, clock)
        self._arrivals: deque[_Arrival] = deque()

    def record(self, notification: Notification, at: datetime | None = None) -> int:
        """Store a notification, as the interface promises.

        Those that arrive while another transaction runs share the next one, and so one wait for the disk. Each is still
        stored as a whole or not at all, and durable on return.
        """
        arrival = _Arrival(notification, self._now() if at is None else microseconds(at))
        self._arrivals.append(arrival)
        self._wait_for_turn(arrival)
        try:
            if not arrival.settled:
                self._record_arrivals()
        finally:
            self._lock.release()
        if arrival.error:
            raise arrival.error
        return arrival.update_id

    def _wait_for_turn(self, arrival: _Arrival) -> None:
        """Acquire the lock, or raise Unavailable before DIUN stops waiting for an answer."""
        if not self._lock.acquire(timeout=BUSY_TIMEOUT):
            try:
                self._arrivals.remove(arrival)
            except ValueError:
                self._lock.acquire()  # It is being stored right now.
            else:
                raise Unavailable(f"the SQLite database at {self._path} cannot be used: it is busy with other things")

    def _record_arrivals(self) -> None:
        """Store all waiting notifications and set their results. The caller holds the lock."""
        batch = [self._arrivals.popleft() for _ in range(len(self._arrivals))]
        try:
            self._record_batch(batch)
        except Unavailable as error:
            for arrival in batch:
                arrival.error = error
        except Exception:
            # One that cannot be stored must not fail the others.
            for arrival in batch:
                try:
                    self._record_batch([arrival])
                except Exception as error:
                    arrival.error = error
        for arrival in batch:
            arrival.settled = True

    def _record_batch(self, batch: list[_Arrival]) -> None:
        with self._locked_transaction() as cursor:
            for arrival in batch:
                arrival.update_id = _record(cursor, arrival.notification, arrival.at)

    def refuse(self, refusal: Refusal) -> None:
        with self._transaction() as cursor:
            cursor.execute(
                "INSERT INTO refusals (at, address, status, reason, excerpt) VALUES (?, ?, ?, ?, ?)",
                (
                    microseconds(refusal.at),
                    storable(refusal.address),
                    refusal.status,
                    storable(refusal.reason),
                    storable(refusal.excerpt),
                ),
            )
            cursor.execute("DELETE FROM refusals WHERE id <= (SELECT max(id) FROM refusals) - ?", (REFUSALS_KEPT,))

    def refusals(self, since: datetime) -> tuple[Refusal, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                "SELECT at, address, status, reason, excerpt FROM refusals WHERE at >= ? ORDER BY id DESC",
                (microseconds(since),),
            ).fetchall()
        return tuple(Refusal(**dict(row) | {"at": time_of(row["at"])}) for row in rows)


def _record(cursor: sqlite3.Cursor, notification: Notification, at: int) -> int:
    """Store one notification, and return the id of its update."""
    reference = notification.reference
    find = """
        SELECT h.id, h.hostname, h.forgotten_at, u.id, u.series_id, u.kind, u.digest, u.acknowledged_at, u.metadata,
               u.containers, u.search
          FROM hosts AS named
          JOIN hosts AS h ON h.id = coalesce(named.merged_into, named.id)
          LEFT JOIN updates AS u ON u.hostname = h.hostname AND u.image = ?
         WHERE named.hostname = ?
    """
    names = (reference.image, notification.hostname)
    found = cursor.execute(find, names).fetchone()
    if found is None:
        cursor.execute("INSERT INTO hosts (hostname) VALUES (?)", (notification.hostname,))
        found = cursor.execute(find, names).fetchone()
    # By position: reading each column by its name would take longer than the query.
    host_id, hostname, forgotten_at, *row = found
    known = _Known._make(row)
    if forgotten_at is not None:
        cursor.execute("UPDATE hosts SET forgotten_at = NULL WHERE id = ?", (host_id,))
    if known.id is not None and known.digest == notification.digest:
        _repeat(cursor, known, notification, hostname)
        update_id, kind, opened = known.id, known.kind, False
    else:
        opened = known.id is None or known.acknowledged_at is not None
        update_id, kind = _renew(cursor, host_id, hostname, known, notification, at)
    cursor.execute(
        """
        INSERT INTO notifications (update_id, host_id, image, kind, received_at, status, digest, payload, search)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        """,
        (
            update_id,
            host_id,
            reference.image,
            kind,
            at,
            notification.status,
            notification.digest,
            notification.payload,
            searchable(f"{reference.image} {hostname}"),
        ),
    )
    if opened:
        count_opened(cursor, at, host_id, kind)
    return update_id


def _repeat(cursor: sqlite3.Cursor, known: _Known, notification: Notification, hostname: str) -> None:
    """Add the containers and the metadata of a notification with the digest already known."""
    metadata = known.metadata_with(notification.metadata)
    containers = known.containers_with(notification.containers)
    # A host that was merged into this one can still be searched for by its own name.
    if (metadata, containers, notification.hostname) != (known.metadata, known.containers, hostname):
        search = notification.derived().search
        cursor.execute(
            "UPDATE updates SET metadata = ?, containers = ?, search = ? WHERE id = ?",
            (
                metadata,
                containers,
                known.search if search in known.search else f"{known.search} {search}",
                known.id,
            ),
        )


def _renew(
    cursor: sqlite3.Cursor,
    host_id: int,
    hostname: str,
    known: _Known,
    notification: Notification,
    at: int,
) -> tuple[int, str]:
    """Store the update of a new image or digest, and return its id and kind."""
    reference, derived = notification.reference, notification.derived()
    tagged = tag_at_first_sight(cursor, reference.name, notification.metadata)
    series_id, running, open_before, heard = cursor.execute(
        """
        INSERT INTO series (host_id, registry, repository, variant, open)
        VALUES (?, ?, ?, ?, 1)
        ON CONFLICT DO UPDATE
           SET snoozed_until = 0
        RETURNING id, running_version, open, heard
        """,
        (host_id, reference.registry, reference.repository, derived.variant),
    ).fetchone()
    rebuilt = known.id is not None or notification.status == "update"
    kind: str = update_kind(running, reference.version, rebuilt)
    update_id: int = cursor.execute(
        """
        INSERT INTO updates (
            hostname, image, registry, repository, version, digest, status, kind, provider, platform, mime_type,
            hub_link, diun_version, created, metadata, containers, notifications, first_seen_at, received_at,
            opened_at, waiting_since, series_id, name, version_key, prerelease, rebuilt, from_version, stack,
            search, tag_id
        )
        VALUES (
            ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?,
            coalesce(
                (SELECT tag_id FROM tag_assignments WHERE reference = ?),
                (SELECT tag_id FROM tag_assignments WHERE reference = ?)
            )
        )
        ON CONFLICT (hostname, image) DO UPDATE
           SET digest = excluded.digest,
               status = excluded.status,
               kind = excluded.kind,
               provider = excluded.provider,
               platform = excluded.platform,
               mime_type = excluded.mime_type,
               hub_link = excluded.hub_link,
               diun_version = excluded.diun_version,
               created = excluded.created,
               metadata = excluded.metadata,
               containers = excluded.containers,
               received_at = excluded.received_at,
               first_seen_at = min(first_seen_at, excluded.first_seen_at),
               opened_at = iif(acknowledged_at IS NULL, min(opened_at, excluded.opened_at), excluded.opened_at),
               waiting_since = min(waiting_since, excluded.waiting_since),
               acknowledged_at = NULL,
               acknowledged_by = '',
               rebuilt = excluded.rebuilt,
               from_version = excluded.from_version,
               stack = excluded.stack,
               search = excluded.search,
               tag_id = excluded.tag_id
        RETURNING id
        """,
        (
            hostname,
            reference.image,
            reference.registry,
            reference.repository,
            reference.version,
            notification.digest,
            notification.status,
            kind,
            notification.provider,
            notification.platform,
            notification.mime_type,
            notification.hub_link,
            notification.diun_version,
            None if notification.created is None else microseconds(notification.created),
            json.dumps(notification.metadata),
            known.containers_with(notification.containers),
            at,
            at,
            at,
            at,
            series_id,
            derived.name,
            derived.version_key,
            derived.prerelease,
            rebuilt,
            running,
            derived.stack,
            derived.search,
            reference.image,
            reference.name,
        ),
    ).fetchone()[0]
    if tagged:
        retag(cursor, [reference.name])
    current = notification.metadata.get("current", "").strip()
    if current:
        say(cursor, series_id, current, at)
    stays_alone = open_before == 1 and known.id is not None and known.acknowledged_at is None
    if current or not (heard == 0 or stays_alone):
        refresh(cursor, [series_id])
        kind = cursor.execute("SELECT kind FROM updates WHERE id = ?", (update_id,)).fetchone()[0]
    return update_id, kind
