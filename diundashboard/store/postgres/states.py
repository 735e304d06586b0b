"""The states of series: load them or their histories, and write their changes.

Statements about many series take arrays of ids and read one table each. While the statistics say that no update is
done, the planner may start a join with the index of done updates, and read all of it again for each row.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import date, datetime
from itertools import islice
from operator import attrgetter
from typing import Any, LiteralString, NamedTuple, TypeVar

from psycopg import Connection
from psycopg.rows import tuple_row

from diundashboard.fold import Move, counted, fold, without
from diundashboard.series import Event, Series, Version
from diundashboard.store.events import Act, Change, News, batches, histories
from diundashboard.store.postgres.bulk import array, ids, update
from diundashboard.store.postgres.database import EPOCH, Cursor, day_of, firsts

_VERSION: LiteralString = """
    u.id, u.version, u.digest, u.rebuilt, u.first_seen_at, u.received_at, u.opened_at, u.done_at, u.acknowledged_at,
    u.acknowledged_by, u.kind, u.from_version, u.superseded, u.folded, u.older, u.waiting_since
"""
"""The fields of a version, in their order."""

_SERIES: LiteralString = """
    s.id AS series_id, s.host_id, s.variant, s.running_version, s.said_version, s.said_at, s.label, s.note,
    s.snoozed_until, s.muted_at
"""

_SERIES_FIELDS = _SERIES.count(",") + 1

T = TypeVar("T")

PART = 250
"""How many series are written at a time."""


class Stored(NamedTuple):
    """A series as it is stored."""

    host_id: int
    series: Series


class Told(NamedTuple):
    """A series derived from its history."""

    host_id: int
    variant: str
    events: Sequence[Event]


class Days:
    """What a transaction changes in the numbers of the days.

    It is written once, at the end, in the order of the key, so that two transactions that each hold the row of a day
    never wait for each other.
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
                [array(column) for column in zip(*rows, strict=True)],
            )


_VERSION_COLUMNS = {
    "digest": "text",
    "rebuilt": "boolean",
    "first_seen_at": "timestamptz",
    "received_at": "timestamptz",
    "opened_at": "timestamptz",
    "done_at": "timestamptz",
    "acknowledged_at": "timestamptz",
    "acknowledged_by": "text",
    "kind": "text",
    "from_version": "text",
    "superseded": "boolean",
    "folded": "boolean",
    "older": "integer",
    "waiting_since": "timestamptz",
}
"""The columns of an update that events can change, and their types. A version has the same names."""

_facts_of = attrgetter(*_VERSION_COLUMNS)

_SERIES_COLUMNS = {
    "running_version": "text",
    "said_version": "text",
    "said_at": "timestamptz",
    "label": "text",
    "note": "text",
    "snoozed_until": "timestamptz",
    "muted_at": "timestamptz",
    "open": "integer",
    "done": "integer",
    "rows": "integer",
    "versions": "integer",
}
"""The columns of a series that events can change, and their types."""


def state_of(series: Series) -> tuple[Any, ...]:
    """The values of _SERIES_COLUMNS."""
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


def load(cursor: Cursor, series_ids: Iterable[int]) -> dict[int, Stored]:
    """The states of series, as they are stored."""
    return loading(cursor.connection, list(series_ids))()


def loading(connection: Connection[Any], series_ids: list[int]) -> Callable[[], dict[int, Stored]]:
    """Ask for the states of series. The function that is returned waits for them."""
    wanted = (ids(series_ids),)
    series = connection.execute(
        f"SELECT {_SERIES} FROM series AS s WHERE s.id = ANY(%s::bigint[]) ORDER BY s.id", wanted, binary=True
    )
    updates = _plain(connection).execute(
        f"SELECT u.series_id, {_VERSION} FROM updates AS u WHERE u.series_id = ANY(%s::bigint[]) ORDER BY u.id", wanted
    )

    def states() -> dict[int, Stored]:
        versions: dict[int, list[Version]] = defaultdict(list)
        for series_id, *version in updates:
            versions[series_id].append(Version._make(version))
        return {row.series_id: Stored(row.host_id, _series(row, versions[row.series_id])) for row in series}

    return states


def load_one(cursor: Cursor, host_id: int, registry: str, repository: str, variant: str) -> tuple[int, Series] | None:
    """The id and the state of a host's series of a repository, its row locked; None if there is none."""
    # Two statements: a single one that waits for the lock would read the versions as they were before it waited.
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
    return locked.id, _series(rows[0], [Version._make(row[_SERIES_FIELDS:]) for row in rows if row.id is not None])


def tell(cursor: Cursor, series_ids: Iterable[int]) -> dict[int, Told]:
    """The histories of series, without undone actions."""
    return telling(cursor.connection, list(series_ids))()


def telling(connection: Connection[Any], series_ids: list[int]) -> Callable[[], dict[int, Told]]:
    """Ask for the histories of series, without undone actions. The function that is returned waits for them."""
    wanted = {"ids": ids(series_ids)}
    updates = _plain(connection).execute(
        "SELECT id, series_id, version FROM updates WHERE series_id = ANY(%(ids)s::bigint[])", wanted
    )
    reported = _plain(connection).execute(
        """
        SELECT id, received_at, update_id, digest, status, coalesce(current, '') AS current
          FROM notifications
         WHERE update_id = ANY(ARRAY(SELECT id FROM updates WHERE series_id = ANY(%(ids)s::bigint[]))) AND spoke
        """,
        wanted,
    )
    done = _plain(connection).execute(
        "SELECT series_id, action_id, update_id, digest FROM action_items WHERE series_id = ANY(%(ids)s::bigint[])",
        wanted,
    )
    acted = connection.execute(
        """
        SELECT id, told, at, by, verb, detail
          FROM actions
         WHERE id = ANY(ARRAY(SELECT DISTINCT action_id FROM action_items WHERE series_id = ANY(%(ids)s::bigint[])))
           AND undone_at IS NULL
        """,
        wanted,
    )
    series = _plain(connection).execute(
        "SELECT id, host_id, variant FROM series WHERE id = ANY(%(ids)s::bigint[]) ORDER BY id", wanted
    )

    def told() -> dict[int, Told]:
        known = {id: (series_id, version) for id, series_id, version in updates}
        actions = {row.id: row for row in acted}
        events = histories(
            (_news(row, *known[row[2]]) for row in reported),
            (_act(item, actions[item[1]]) for item in done if item[1] in actions),
        )
        return {id: Told(host_id, variant, events.get(id, ())) for id, host_id, variant in series}

    return told


def _plain(connection: Connection[Any]) -> Cursor:
    """A cursor for very many rows. The columns have no names and are sent in binary, which the driver reads faster."""
    return connection.cursor(row_factory=tuple_row, binary=True)


def ahead(
    connection: Connection[Any], series_ids: Iterable[int], ask: Callable[[Connection[Any], list[int]], Callable[[], T]]
) -> Iterator[T]:
    """The results of `ask` for series, one batch at a time, in a pipeline.

    Each batch is requested before the caller writes the previous one, and read while the server writes that one.
    """
    ready: list[T] = []
    with connection.pipeline() as pipeline:
        for batch in batches(series_ids):
            answer = ask(connection, batch)
            pipeline.sync()
            yield from ready
            ready = [answer()]
        yield from ready


def parts(changes: Iterable[T]) -> Iterator[list[T]]:
    """Changes in the portions in which they are written. In a pipeline, the next portion is folded meanwhile."""
    left = iter(changes)
    while part := list(islice(left, PART)):
        yield part


def keep(cursor: Cursor, changes: Sequence[Change], days: Days, whole: bool = False) -> None:
    """Write the changes of series, and add them to the numbers of the days, which the caller writes at the end.

    `whole` writes every column of the series, whatever is stored.
    """
    write_versions(cursor, [pair for change in changes for pair in altered(change.before, change.after)])
    update_series(cursor, [(each.series_id, None if whole else each.before, each.after) for each in changes])
    moves: dict[int, list[Move]] = defaultdict(list)
    for change in changes:
        moves[change.host_id] += change.moves
    for host_id, found in moves.items():
        days.count(host_id, found)


def altered(before: Series, after: Series) -> list[tuple[Version, Version]]:
    """The versions in both states that differ, each as it was and as it is."""
    were = {version.id: version for version in before.versions}
    return [(were[new.id], new) for new in after.versions if new.id in were and were[new.id] != new]


def update_series(cursor: Cursor, states: Iterable[tuple[int, Series | None, Series]]) -> None:
    """Write what changed in the states of series, by their ids. Without the old state, write everything."""
    rows = [(series_id, before and state_of(before), state_of(after)) for series_id, before, after in states]
    update(cursor, "series", _SERIES_COLUMNS, rows)


def write_versions(cursor: Cursor, versions: Iterable[tuple[Version, Version]]) -> None:
    """Write what changed in stored versions."""
    update(cursor, "updates", _VERSION_COLUMNS, [(new.id, _facts_of(old), _facts_of(new)) for old, new in versions])


def unfold(cursor: Cursor, action_id: int, series_ids: Iterable[int]) -> None:
    """Fold the series of an action without it, and write the result. The caller holds their locks."""
    days = Days()
    for told in ahead(cursor.connection, series_ids, telling):
        for part in parts(told.items()):
            changes = []
            for series_id, (host_id, variant, events) in part:
                before, after, moves = without(Series(variant), events, action_id)
                changes.append(Change(series_id, host_id, before, after, moves))
            keep(cursor, changes, days)
    days.write(cursor)


def refold(cursor: Cursor, series_ids: Iterable[int]) -> Iterator[int]:
    """Fold series from their beginning, write their states and count their days; yields how many are finished.

    The caller has set the numbers of these days to zero, and holds the locks of the series.
    """
    done, days = 0, Days()
    for states, told in ahead(cursor.connection, series_ids, _loading_and_telling):
        for part in parts(told.items()):
            changes = []
            for series_id, (host_id, variant, events) in part:
                moves: list[Move] = []
                after = fold(Series(variant), events, moves)
                changes.append(Change(series_id, host_id, states[series_id].series, after, moves))
            keep(cursor, changes, days, whole=True)
        done += len(told)
        yield done
    days.write(cursor)


def _loading_and_telling(
    connection: Connection[Any], series_ids: list[int]
) -> Callable[[], tuple[dict[int, Stored], dict[int, Told]]]:
    states, told = loading(connection, series_ids), telling(connection, series_ids)
    return lambda: (states(), told())


def refold_host(cursor: Cursor, host_id: int) -> None:
    """Fold every series of a host from its beginning, and count its days again. The caller has locked the host."""
    cursor.execute("UPDATE days SET opened = 0, closed = 0 WHERE host_id = %s", (host_id,))
    rows = cursor.execute("SELECT id FROM series WHERE host_id = %s ORDER BY id", (host_id,)).fetchall()
    for _ in refold(cursor, firsts(rows)):
        pass


def _news(row: tuple[Any, ...], series_id: int, version: str) -> News:
    id, at, update, digest, status, current = row
    return News(series_id, id, at, update, version, digest, status, current)


def _act(item: tuple[Any, ...], action: Any) -> Act:
    series_id, id, update, digest = item
    return Act(series_id, id, action.told, action.at, action.by, action.verb, action.detail, update, digest)


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
