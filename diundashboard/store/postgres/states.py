"""The states of series: load them or their histories, and write what became of them.

Whatever is about many series is driven by arrays of ids, a table at a time. While the statistics say that nothing is
acknowledged, a join may start with an index of what is, and read all of it again for each row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from typing import Any, LiteralString, NamedTuple

from diundashboard.fold import Move, counted, fold, without
from diundashboard.series import Event, Series, Version
from diundashboard.store.events import Act, Change, News, batches, histories
from diundashboard.store.postgres.database import EPOCH, Cursor, day_of, firsts

_VERSION: LiteralString = """
    u.id, u.version, u.digest, u.rebuilt, u.first_seen_at, u.received_at, u.opened_at, u.done_at, u.acknowledged_at,
    u.acknowledged_by, u.kind, u.from_version, u.superseded, u.folded, u.older, u.waiting_since
"""

_SERIES: LiteralString = """
    s.id AS series_id, s.host_id, s.variant, s.running_version, s.said_version, s.said_at, s.label, s.note,
    s.snoozed_until, s.muted_at
"""


class Stored(NamedTuple):
    """A series as its rows hold it."""

    host_id: int
    series: Series


class Told(NamedTuple):
    """A series as its history tells it."""

    host_id: int
    variant: str
    events: Sequence[Event]


class Days:
    """What a transaction changes in the numbers of the days.

    It is written once, at the end, in the order of the key: two transactions that hold a day each never wait for the
    other's.
    """

    def __init__(self) -> None:
        self._numbers: dict[tuple[date, int, str], list[int]] = defaultdict(lambda: [0, 0, 0])

    def hear(self, host_id: int, kind: str, at: datetime) -> None:
        """Count a notification."""
        self._numbers[day_of(at), host_id, kind][0] += 1

    def count(self, host_id: int, moves: list[Move]) -> None:
        """Count what opened and closed on a host, for all kinds together."""
        for day, (opened, closed) in counted(moves).items():
            numbers = self._numbers[day, host_id, ""]
            numbers[1] += opened
            numbers[2] += closed

    def write(self, cursor: Cursor) -> None:
        """Add everything to the numbers of the days."""
        rows = [(*day, *numbers) for day, numbers in sorted(self._numbers.items()) if any(numbers)]
        if rows:
            cursor.execute(
                """
                INSERT INTO days AS d (day, host_id, kind, notifications, opened, closed)
                SELECT *
                  FROM unnest(%s::date[], %s::bigint[], %s::text[], %s::integer[], %s::integer[], %s::integer[])
                ON CONFLICT (day, host_id, kind) DO UPDATE
                   SET notifications = d.notifications + excluded.notifications,
                       opened = d.opened + excluded.opened,
                       closed = d.closed + excluded.closed
                """,
                _columns(rows),
            )


def load(cursor: Cursor, series_ids: Iterable[int]) -> dict[int, Stored]:
    """The states of series, as they are stored."""
    ids = list(series_ids)
    rows = cursor.execute(
        f"SELECT {_SERIES} FROM series AS s WHERE s.id = ANY(%s::bigint[]) ORDER BY s.id", (ids,)
    ).fetchall()
    versions: dict[int, list[Version]] = defaultdict(list)
    for version in cursor.execute(
        f"SELECT u.series_id, {_VERSION} FROM updates AS u WHERE u.series_id = ANY(%s::bigint[]) ORDER BY u.id", (ids,)
    ):
        versions[version.series_id].append(_version(version))
    return {row.series_id: Stored(row.host_id, _series(row, versions[row.series_id])) for row in rows}


def load_one(cursor: Cursor, host_id: int, registry: str, repository: str, variant: str) -> tuple[int, Series] | None:
    """The id and the state of a host's series of a repository, its row locked; None if there is none."""
    # Two statements: one that waits for the lock would read the versions as they were before.
    locked = cursor.execute(
        """
        SELECT id
          FROM series
         WHERE host_id = %s AND repository_key = name_key(%s) AND variant_key = name_key(%s)
           FOR UPDATE
        """,
        (host_id, f"{registry}/{repository}", variant),
    ).fetchone()
    if locked is None:
        return None
    rows = cursor.execute(
        f"""
        SELECT {_SERIES}, {_VERSION}
          FROM series AS s
          LEFT JOIN updates AS u ON u.series_id = s.id
         WHERE s.id = %s
         ORDER BY u.id
        """,
        (locked.id,),
    ).fetchall()
    return locked.id, _series(rows[0], [_version(row) for row in rows if row.id is not None])


def tell(cursor: Cursor, series_ids: Iterable[int]) -> dict[int, Told]:
    """The histories of series, without what was undone."""
    ids = list(series_ids)
    updates = {
        row.id: row
        for row in cursor.execute(
            "SELECT id, series_id, version FROM updates WHERE series_id = ANY(%s::bigint[])", (ids,)
        )
    }
    reported = cursor.execute(
        """
        SELECT id, received_at, update_id, digest, status, coalesce(current, '') AS current
          FROM notifications
         WHERE update_id = ANY(%s::bigint[]) AND spoke
        """,
        (list(updates),),
    ).fetchall()
    items = cursor.execute(
        "SELECT series_id, action_id, update_id, digest FROM action_items WHERE series_id = ANY(%s::bigint[])", (ids,)
    ).fetchall()
    actions = {
        row.id: row
        for row in cursor.execute(
            """
            SELECT id, told, at, by, verb, detail
              FROM actions
             WHERE id = ANY(%s::bigint[]) AND undone_at IS NULL
            """,
            (list({item.action_id for item in items}),),
        )
    }
    events = histories(
        (_news(row, updates[row.update_id]) for row in reported),
        (_act(item, actions[item.action_id]) for item in items if item.action_id in actions),
    )
    rows = cursor.execute("SELECT id, host_id, variant FROM series WHERE id = ANY(%s::bigint[]) ORDER BY id", (ids,))
    return {row.id: Told(row.host_id, row.variant, events.get(row.id, ())) for row in rows}


def keep(cursor: Cursor, changes: Sequence[Change], days: Days) -> None:
    """Write what became of series, and count it on the days, which the caller writes at the end."""
    write_versions(cursor, [version for change in changes for version in change.versions])
    update_series(cursor, [(change.series_id, *state_of(change.after)) for change in changes])
    for change in changes:
        days.count(change.host_id, change.moves)


def update_series(cursor: Cursor, states: Sequence[tuple[Any, ...]]) -> None:
    """Write states of series, each as `state_of` gives it, behind the id of the series."""
    if states:
        cursor.execute(
            """
            UPDATE series AS s
               SET running_version = new.running_version,
                   said_version = new.said_version,
                   said_at = new.said_at,
                   label = new.label,
                   note = new.note,
                   snoozed_until = new.snoozed_until,
                   muted_at = new.muted_at,
                   open = new.open,
                   done = new.done,
                   rows = new.rows,
                   versions = new.versions
              FROM unnest(
                       %s::bigint[], %s::text[], %s::text[], %s::timestamptz[], %s::text[], %s::text[],
                       %s::timestamptz[], %s::timestamptz[], %s::integer[], %s::integer[], %s::integer[],
                       %s::integer[]
                   ) AS new (
                       id, running_version, said_version, said_at, label, note, snoozed_until, muted_at, open, done,
                       rows, versions
                   )
             WHERE s.id = new.id
            """,
            _columns(states),
        )


def write_versions(cursor: Cursor, versions: Iterable[Version]) -> None:
    """Write what events can change of versions that are stored already, but for a new digest."""
    rows = [
        (
            version.id,
            version.opened_at,
            version.done_at,
            version.acknowledged_at,
            version.acknowledged_by,
            version.kind,
            version.from_version,
            version.superseded,
            version.folded,
            version.older,
            version.waiting_since,
        )
        for version in versions
    ]
    if rows:
        cursor.execute(
            """
            UPDATE updates AS u
               SET opened_at = new.opened_at,
                   done_at = new.done_at,
                   acknowledged_at = new.acknowledged_at,
                   acknowledged_by = new.acknowledged_by,
                   kind = new.kind,
                   from_version = new.from_version,
                   superseded = new.superseded,
                   folded = new.folded,
                   older = new.older,
                   waiting_since = new.waiting_since
              FROM unnest(
                       %s::bigint[], %s::timestamptz[], %s::timestamptz[], %s::timestamptz[], %s::text[], %s::text[],
                       %s::text[], %s::boolean[], %s::boolean[], %s::integer[], %s::timestamptz[]
                   ) AS new (
                       id, opened_at, done_at, acknowledged_at, acknowledged_by, kind, from_version, superseded, folded,
                       older, waiting_since
                   )
             WHERE u.id = new.id
            """,
            _columns(rows),
        )


def unfold(cursor: Cursor, action_id: int, series_ids: Iterable[int]) -> None:
    """Fold the series of an action without it, and write that. The caller holds their locks."""
    days = Days()
    for batch in batches(series_ids):
        changes = []
        for series_id, (host_id, variant, events) in tell(cursor, batch).items():
            before, after, moves = without(Series(variant), events, action_id)
            changes.append(Change(series_id, host_id, before, after, moves))
        keep(cursor, changes, days)
    days.write(cursor)


def refold(cursor: Cursor, series_ids: Iterable[int]) -> Iterator[int]:
    """Fold series from their beginning, write their states and count their days; yields how many are done.

    The caller has set the numbers of these days to zero, and holds the locks of the series.
    """
    done, days = 0, Days()
    for batch in batches(series_ids):
        states = load(cursor, batch)
        changes = []
        for series_id, (host_id, variant, events) in tell(cursor, batch).items():
            moves: list[Move] = []
            after = fold(Series(variant), events, moves)
            changes.append(Change(series_id, host_id, states[series_id].series, after, moves))
        _write_digests(cursor, [version for change in changes for version in change.versions])
        keep(cursor, changes, days)
        done += len(batch)
        yield done
    days.write(cursor)


def refold_host(cursor: Cursor, host_id: int) -> None:
    """Fold every series of a host from its beginning, and count its days anew. The caller has locked the host."""
    cursor.execute("UPDATE days SET opened = 0, closed = 0 WHERE host_id = %s", (host_id,))
    rows = cursor.execute("SELECT id FROM series WHERE host_id = %s ORDER BY id", (host_id,)).fetchall()
    for _ in refold(cursor, firsts(rows)):
        pass


def state_of(series: Series) -> tuple[Any, ...]:
    """The columns of a series that events can change, in the order in which they are written."""
    return (
        series.running,
        series.said,
        series.said_at,
        series.label,
        series.note,
        series.snoozed_until or EPOCH,
        series.muted_at,
        *series.counts,
    )


def _write_digests(cursor: Cursor, versions: Sequence[Version]) -> None:
    rows = [(each.id, each.digest, each.rebuilt, each.first_seen_at, each.received_at) for each in versions]
    if rows:
        cursor.execute(
            """
            UPDATE updates AS u
               SET digest = new.digest,
                   rebuilt = new.rebuilt,
                   first_seen_at = new.first_seen_at,
                   received_at = new.received_at
              FROM unnest(%s::bigint[], %s::text[], %s::boolean[], %s::timestamptz[], %s::timestamptz[])
                   AS new (id, digest, rebuilt, first_seen_at, received_at)
             WHERE u.id = new.id
               AND (u.digest, u.rebuilt, u.first_seen_at, u.received_at)
                   <> (new.digest, new.rebuilt, new.first_seen_at, new.received_at)
            """,
            _columns(rows),
        )


def _columns(rows: Sequence[tuple[Any, ...]]) -> list[list[Any]]:
    """Rows as arrays, one for each column."""
    return [list(column) for column in zip(*rows, strict=True)]


def _news(row: Any, update: Any) -> News:
    return News(
        series_id=update.series_id,
        id=row.id,
        at=row.received_at,
        update=row.update_id,
        version=update.version,
        digest=row.digest,
        status=row.status,
        current=row.current,
    )


def _act(item: Any, action: Any) -> Act:
    return Act(
        series_id=item.series_id,
        action=item.action_id,
        told=action.told,
        at=action.at,
        by=action.by,
        verb=action.verb,
        detail=action.detail,
        update=item.update_id,
        digest=item.digest,
    )


def _version(row: Any) -> Version:
    return Version(
        id=row.id,
        text=row.version,
        digest=row.digest,
        rebuilt=row.rebuilt,
        first_seen_at=row.first_seen_at,
        received_at=row.received_at,
        opened_at=row.opened_at,
        done_at=row.done_at,
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        kind=row.kind,
        from_version=row.from_version,
        superseded=row.superseded,
        folded=row.folded,
        older=row.older,
        waiting_since=row.waiting_since,
    )


def _series(row: Any, versions: list[Version]) -> Series:
    return Series(
        variant=row.variant,
        versions=tuple(versions),
        running=row.running_version,
        said=row.said_version,
        said_at=row.said_at,
        label=row.label,
        note=row.note,
        snoozed_until=None if row.snoozed_until == EPOCH else row.snoozed_until,
        muted_at=row.muted_at,
    )
