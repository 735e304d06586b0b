"""The states of series: load them or their histories, and write their changes."""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from diundashboard.fold import Move, counted, fold, without
from diundashboard.series import Event, Series, Version
from diundashboard.store.events import Act, Change, News, batches, histories
from diundashboard.store.sqlite.database import EPOCH, microseconds, time_of, time_or_none

_VERSION = """
    u.id, u.version, u.digest, u.rebuilt, u.first_seen_at, u.received_at, u.opened_at, u.done_at, u.acknowledged_at,
    u.acknowledged_by, u.kind, u.from_version, u.superseded, u.folded, u.older, u.waiting_since
"""

_SERIES = """
    s.id AS series_id, s.host_id, s.variant, s.running_version, s.said_version, s.said_at, s.label, s.note,
    s.snoozed_until, s.muted_at
"""

_SERIES_COLUMNS = _SERIES.count(",") + 1


class Stored(NamedTuple):
    """A series as it is stored."""

    host_id: int
    series: Series


class Told(NamedTuple):
    """A series derived from its history."""

    host_id: int
    variant: str
    events: Sequence[Event]


def load(cursor: sqlite3.Cursor, series_ids: Iterable[int]) -> dict[int, Stored]:
    """The states of series, as they are stored."""
    rows = cursor.execute(
        f"""
        SELECT {_SERIES}, {_VERSION}
          FROM series AS s
          LEFT JOIN updates AS u ON u.series_id = s.id
         WHERE s.id IN (SELECT value FROM json_each(?))
         ORDER BY s.id, u.id
        """,
        (json.dumps(list(series_ids)),),
    )
    return stored(rows)


def load_one(
    cursor: sqlite3.Cursor, host_id: int, registry: str, repository: str, variant: str
) -> tuple[int, Series] | None:
    """The id and the state of a host's series of a repository; None if there is none."""
    rows = cursor.execute(
        f"""
        SELECT {_SERIES}, {_VERSION}
          FROM series AS s
          LEFT JOIN updates AS u ON u.series_id = s.id
         WHERE s.host_id = ? AND s.registry = ? AND s.repository = ? AND s.variant = ?
         ORDER BY u.id
        """,
        (host_id, registry, repository, variant),
    ).fetchall()
    if not rows:
        return None
    return rows[0]["series_id"], _series(rows[0], [_version(row) for row in rows if row["id"] is not None])


def stored(rows: Iterable[sqlite3.Row]) -> dict[int, Stored]:
    """Rows of series with their versions, grouped by series."""
    found: dict[int, tuple[sqlite3.Row, list[Version]]] = {}
    for row in rows:
        _, versions = found.setdefault(row["series_id"], (row, []))
        if row["id"] is not None:
            versions.append(_version(row))
    return {series_id: Stored(row["host_id"], _series(row, versions)) for series_id, (row, versions) in found.items()}


def tell(cursor: sqlite3.Cursor, series_ids: Iterable[int]) -> dict[int, Told]:
    """The histories of series, without undone actions."""
    ids = json.dumps(list(series_ids))
    reported = cursor.execute(
        """
        SELECT u.series_id, n.id, n.received_at, n.update_id, u.version, n.digest, n.status,
               coalesce(n.current, '') AS current
          FROM updates AS u
          JOIN notifications AS n ON n.update_id = u.id AND n.spoke
         WHERE u.series_id IN (SELECT value FROM json_each(?))
        """,
        (ids,),
    ).fetchall()
    done = cursor.execute(
        """
        SELECT i.series_id, a.id, a.told, a.at, a.by, a.verb, a.detail, i.update_id, i.digest
          FROM action_items AS i
          JOIN actions AS a ON a.id = i.action_id
         WHERE i.series_id IN (SELECT value FROM json_each(?)) AND a.undone_at IS NULL
        """,
        (ids,),
    ).fetchall()
    events = histories(map(_news, reported), map(_act, done))
    rows = cursor.execute(
        "SELECT id, host_id, variant FROM series WHERE id IN (SELECT value FROM json_each(?))", (ids,)
    ).fetchall()
    return {row["id"]: Told(row["host_id"], row["variant"], events.get(row["id"], ())) for row in rows}


def keep(cursor: sqlite3.Cursor, changes: Sequence[Change]) -> None:
    """Write the changes of series, and add them to the numbers of the days."""
    write_versions(cursor, [version for change in changes for version in change.versions])
    update_series(cursor, [(*state_of(change.after), change.series_id) for change in changes])
    count(cursor, ((change.host_id, change.moves) for change in changes))


def update_series(cursor: sqlite3.Cursor, states: Iterable[tuple[Any, ...]]) -> None:
    """Write states of series: each row is what `state_of` returns, followed by the id of the series."""
    cursor.executemany(
        """
        UPDATE series
           SET running_version = ?, said_version = ?, said_at = ?, label = ?, note = ?, snoozed_until = ?, muted_at = ?,
               open = ?, done = ?, rows = ?, versions = ?
         WHERE id = ?
        """,
        states,
    )


def write_versions(cursor: sqlite3.Cursor, versions: Iterable[Version]) -> None:
    """Write what events can change in stored versions, except a new digest."""
    cursor.executemany(
        """
        UPDATE updates
           SET opened_at = ?, done_at = ?, acknowledged_at = ?, acknowledged_by = ?, kind = ?, from_version = ?,
               superseded = ?, folded = ?, older = ?, waiting_since = ?
         WHERE id = ?
        """,
        [
            (
                microseconds(version.opened_at),
                _microseconds_or_none(version.done_at),
                _microseconds_or_none(version.acknowledged_at),
                version.acknowledged_by,
                version.kind,
                version.from_version,
                version.superseded,
                version.folded,
                version.older,
                _microseconds_or_none(version.waiting_since),
                version.id,
            )
            for version in versions
        ],
    )


def unfold(cursor: sqlite3.Cursor, action_id: int) -> None:
    """Fold the series of an action without it, and write the result."""
    rows = cursor.execute(
        "SELECT DISTINCT series_id FROM action_items WHERE action_id = ? AND series_id IS NOT NULL", (action_id,)
    ).fetchall()
    for batch in batches([series_id for (series_id,) in rows]):
        changes = []
        for series_id, (host_id, variant, events) in tell(cursor, batch).items():
            before, after, moves = without(Series(variant), events, action_id)
            changes.append(Change(series_id, host_id, before, after, moves))
        keep(cursor, changes)


def refold(cursor: sqlite3.Cursor, series_ids: Iterable[int]) -> Iterator[int]:
    """Fold series from their beginning, write their states and count their days; yields how many are finished.

    The caller has set the numbers of these days to zero.
    """
    done = 0
    for batch in batches(series_ids):
        states = load(cursor, batch)
        changes = []
        for series_id, (host_id, variant, events) in tell(cursor, batch).items():
            moves: list[Move] = []
            after = fold(Series(variant), events, moves)
            changes.append(Change(series_id, host_id, states[series_id].series, after, moves))
        cursor.executemany(
            "UPDATE updates SET digest = ?, rebuilt = ?, first_seen_at = ?, received_at = ? WHERE id = ?",
            [
                (each.digest, each.rebuilt, microseconds(each.first_seen_at), microseconds(each.received_at), each.id)
                for change in changes
                for each in change.versions
            ],
        )
        keep(cursor, changes)
        done += len(batch)
        yield done


def refold_host(cursor: sqlite3.Cursor, host_id: int) -> None:
    """Fold every series of a host from its beginning, and count its days again."""
    cursor.execute("UPDATE days SET opened = 0, closed = 0 WHERE host_id = ?", (host_id,))
    rows = cursor.execute("SELECT id FROM series WHERE host_id = ? ORDER BY id", (host_id,)).fetchall()
    for _ in refold(cursor, [series_id for (series_id,) in rows]):
        pass


def count(cursor: sqlite3.Cursor, moves: Iterable[tuple[int, list[Move]]]) -> None:
    """Add what changed for each host to the numbers of the days. Rows are counted for all kinds together."""
    of_host: dict[int, list[Move]] = defaultdict(list)
    for host_id, found in moves:
        of_host[host_id] += found
    cursor.executemany(
        """
        INSERT INTO days (day, host_id, kind, opened, closed)
        VALUES (?, ?, '', ?, ?)
        ON CONFLICT DO UPDATE
           SET opened = opened + excluded.opened, closed = closed + excluded.closed
        """,
        [
            ((day - EPOCH.date()).days, host_id, opened, closed)
            for host_id, found in of_host.items()
            for day, (opened, closed) in counted(found).items()
        ],
    )


def state_of(series: Series) -> tuple[Any, ...]:
    """The columns of a series that events can change, in the order in which they are written."""
    return (
        series.running,
        series.said,
        _microseconds_or_none(series.said_at),
        series.label,
        series.note,
        _microseconds_or_none(series.snoozed_until) or 0,
        _microseconds_or_none(series.muted_at),
        *series.counts,
    )


def _microseconds_or_none(time: datetime | None) -> int | None:
    return None if time is None else microseconds(time)


def _news(row: sqlite3.Row) -> News:
    return News(
        series_id=row["series_id"],
        id=row["id"],
        at=time_of(row["received_at"]),
        update=row["update_id"],
        version=row["version"],
        digest=row["digest"],
        status=row["status"],
        current=row["current"],
    )


def _act(row: sqlite3.Row) -> Act:
    return Act(
        series_id=row["series_id"],
        action=row["id"],
        told=row["told"],
        at=time_of(row["at"]),
        by=row["by"],
        verb=row["verb"],
        detail=row["detail"],
        update=row["update_id"],
        digest=row["digest"],
    )


def _version(row: sqlite3.Row) -> Version:
    # By position, after the columns of the series: a name would be searched for among all columns.
    id, text, digest, rebuilt, seen, received, opened, done, acknowledged, by, *follows = tuple(row)[_SERIES_COLUMNS:]
    kind, from_version, superseded, folded, older, waiting = follows
    return Version(
        id=id,
        text=text,
        digest=digest,
        rebuilt=bool(rebuilt),
        first_seen_at=time_of(seen),
        received_at=time_of(received),
        opened_at=time_of(opened),
        done_at=time_or_none(done),
        acknowledged_at=time_or_none(acknowledged),
        acknowledged_by=by,
        kind=kind,
        from_version=from_version,
        superseded=bool(superseded),
        folded=bool(folded),
        older=older,
        waiting_since=time_of(waiting),
    )


def _series(row: sqlite3.Row, versions: list[Version]) -> Series:
    return Series(
        variant=row["variant"],
        versions=tuple(versions),
        running=row["running_version"],
        said=row["said_version"],
        said_at=time_or_none(row["said_at"]),
        label=row["label"],
        note=row["note"],
        snoozed_until=time_or_none(row["snoozed_until"] or None),
        muted_at=time_or_none(row["muted_at"]),
    )
