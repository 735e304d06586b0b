"""The store on one SQLite file: one connection, guarded by one lock."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from diundashboard import image
from diundashboard.clock import now
from diundashboard.image import update_kind
from diundashboard.model import (
    COLOURS,
    COUNTED_DONE,
    INSIGHT_DAYS,
    REFUSALS_KEPT,
    UNTAGGED,
    WAITS,
    Action,
    Age,
    Choice,
    Choices,
    Group,
    HistoryQuery,
    Host,
    Insights,
    Invalid,
    Noise,
    Page,
    Received,
    Refusal,
    Rule,
    Selection,
    Sort,
    State,
    Summary,
    Tag,
    Totals,
    Update,
    UpdateQuery,
    View,
    Wait,
)
from diundashboard.notification import DERIVED_RULES, Notification, derive
from diundashboard.store import Conflict, NotFound, Store, Unavailable
from diundashboard.store.choices import choices_of, state_choice
from diundashboard.store.days import insight_days
from diundashboard.store.migrations import FIRST, LOCK_TIMEOUT, TABLE, SQLiteMigrations, migrate
from diundashboard.store.names import (
    action_label,
    assignable,
    host_name,
    metadata_tag,
    note_text,
    rule_pattern,
    tag_name,
    view_name,
)
from diundashboard.text import searchable, storable

BUSY_TIMEOUT = 4
"""Seconds that an operation waits for the writers of other processes, and a notification before that for the operations
of this one: DIUN gives up after ten."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_DAY = 86_400_000_000

_UPDATE = """
    SELECT u.id, u.series_id, u.hostname, coalesce(nullif(h.display_name, ''), h.hostname), u.image, u.registry,
           u.repository, u.version, u.digest, u.status,
           CASE
               WHEN s.muted_at IS NOT NULL THEN 'muted'
               WHEN u.acknowledged_at IS NOT NULL THEN 'acknowledged'
               WHEN s.snoozed_until > :now THEN 'snoozed'
               ELSE 'pending'
           END,
           u.kind, u.from_version, s.running_version, u.prerelease,
           CASE WHEN u.acknowledged_at IS NULL AND NOT u.folded THEN s.open - 1 ELSE 0 END,
           u.provider, u.platform, u.mime_type, u.hub_link, u.diun_version, u.created, u.metadata, u.containers,
           u.stack, s.note, u.notifications, u.first_seen_at, u.received_at, u.waiting_since, u.acknowledged_at,
           u.acknowledged_by, CASE WHEN s.snoozed_until > :now THEN s.snoozed_until END, t.id, t.name, t.colour
"""

_FROM = """
      FROM updates AS u
      JOIN series AS s ON s.id = u.series_id
      JOIN hosts AS h ON h.id = s.host_id
      LEFT JOIN tags AS t ON t.id = u.tag_id
"""

# Each new tag gets a colour that is far from the one before.
_NEW_TAG = """
    INSERT INTO tags (name, colour)
    SELECT ?, count(*) * 5 % 12
      FROM tags
     WHERE TRUE
    ON CONFLICT DO NOTHING
"""

_RECEIVED = """
    SELECT n.id, n.update_id, n.received_at, n.status, n.kind, n.digest, n.image,
           coalesce(nullif(h.display_name, ''), h.hostname), n.payload
      FROM notifications AS n
      JOIN hosts AS h ON h.id = n.host_id
"""

# The hosts with names that searches do not know yet.
_UNNAMED = """
    SELECT id
      FROM hosts
     WHERE search = '' AND (display_name <> '' OR id IN (SELECT merged_into FROM hosts))
"""

# The few series that are muted or snoozed are looked up, so that an index of the updates alone answers what is counted.
_MUTED = "(SELECT id FROM series WHERE muted_at IS NOT NULL)"
_SNOOZED = "(SELECT id FROM series WHERE snoozed_until > 0 AND snoozed_until > :now)"

_ACTION = "SELECT id, at, by, verb, detail, count, undone_at IS NOT NULL FROM actions"

_STATE = {
    None: "TRUE",
    State.PENDING: f"u.acknowledged_at IS NULL AND u.series_id NOT IN {_MUTED} AND u.series_id NOT IN {_SNOOZED}",
    State.SNOOZED: f"u.acknowledged_at IS NULL AND u.series_id NOT IN {_MUTED} AND u.series_id IN {_SNOOZED}",
    State.ACKNOWLEDGED: f"u.acknowledged_at IS NOT NULL AND u.series_id NOT IN {_MUTED}",
    State.MUTED: f"u.series_id IN {_MUTED}",
}

_AGE = {
    Age.DAY: f"u.received_at > :now - {_DAY}",
    Age.WEEK: f"u.received_at > :now - 7 * {_DAY}",
    Age.MONTH: f"u.received_at > :now - 30 * {_DAY}",
    Age.OLDER: f"u.waiting_since <= :now - 30 * {_DAY}",
}

# The plus keeps SQLite from reading all that a host or a tag ever had, where few of it are asked for.
_FILTERS = {
    "host": "+u.hostname = :host",
    "registry": "u.registry = :registry",
    "provider": "u.provider = :provider",
    "kind": "u.kind = :kind",
}

_SORT = {
    Sort.AGE: "",
    Sort.WAITING: "u.waiting_since, ",
    Sort.NAME: "u.name, ",
    Sort.HOST: "lower(coalesce(nullif(h.display_name, ''), h.hostname)), h.hostname, ",
    Sort.KIND: """
        CASE u.kind
            WHEN 'major' THEN 0
            WHEN 'minor' THEN 1
            WHEN 'patch' THEN 2
            WHEN 'build' THEN 3
            WHEN 'rebuild' THEN 4
            WHEN 'new' THEN 5
            ELSE 6
        END,
    """,
}

_GROUP = {
    Group.NOTHING: "",
    Group.TAG: "t.name IS NULL, lower(t.name), t.name, ",
    Group.HOST: _SORT[Sort.HOST],
    Group.STACK: "u.stack = '', u.stack, ",
    Group.REGISTRY: "u.registry, ",
}


# The tag of the longest rule that matches a name.
_RULED = """
    SELECT r.tag_id
      FROM tag_rules AS r
     WHERE named.name GLOB replace(replace(r.pattern, '[', '[[]'), '?', '[?]')
     ORDER BY length(r.pattern) DESC, r.pattern
     LIMIT 1
"""


class _Known(NamedTuple):
    """The update that an image has on a host, as its row holds it; everything is None if there is none."""

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
    """A notification that waits for its transaction, and what became of it."""

    notification: Notification
    at: int
    settled: bool = False
    update_id: int = 0
    error: Exception | None = None


class SQLiteStore(Store):
    """Raises Unavailable where `path` is no file that this program can use; it is then as it was."""

    def __init__(self, path: str, clock: Callable[[], datetime] = now) -> None:
        self._path = path
        self._clock = clock
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._arrivals: deque[_Arrival] = deque()
        self._prepare()

    def record(self, notification: Notification, at: datetime | None = None) -> int:
        """As the interface says. What arrives while another transaction runs is stored together, in the next one.

        One wait for the disk then serves all of them; each is still stored whole or not at all, and durable on return.
        """
        arrival = _Arrival(notification, self._now() if at is None else _microseconds(at))
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
        """Take the lock; not for longer than DIUN waits, where what others do with the file takes too long."""
        if not self._lock.acquire(timeout=BUSY_TIMEOUT):
            try:
                self._arrivals.remove(arrival)
            except ValueError:
                self._lock.acquire()  # It is just being stored.
            else:
                raise Unavailable(f"the SQLite database at {self._path} cannot be used: it is busy with other things")

    def _record_arrivals(self) -> None:
        """Store everything that waits, and tell each whether that worked. The caller holds the lock."""
        batch = [self._arrivals.popleft() for _ in range(len(self._arrivals))]
        try:
            self._record_batch(batch)
        except Unavailable as error:
            for arrival in batch:
                arrival.error = error
        except Exception:
            # One that cannot be stored does not take the others with it.
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
                arrival.update_id = self._record(cursor, arrival.notification, arrival.at)

    def _record(self, cursor: sqlite3.Cursor, notification: Notification, at: int) -> int:
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
        host_id, hostname, forgotten_at, *row = found
        known = _Known._make(row)
        if forgotten_at is not None:
            cursor.execute("UPDATE hosts SET forgotten_at = NULL WHERE id = ?", (host_id,))
        if known.id is not None and known.digest == notification.digest:
            self._add(cursor, known, notification, hostname)
            update_id, kind, opened = known.id, known.kind, False
        else:
            opened = known.id is None or known.acknowledged_at is not None
            update_id, kind = self._speak(cursor, host_id, hostname, known, notification, at)
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
            cursor.execute(
                "UPDATE days SET opened = opened + 1 WHERE day = ? AND host_id = ? AND kind = ?",
                (at // _DAY, host_id, kind),
            )
        return update_id

    def _add(self, cursor: sqlite3.Cursor, known: _Known, notification: Notification, hostname: str) -> None:
        """The same digest again, perhaps of other containers, or with other metadata."""
        metadata = known.metadata_with(notification.metadata)
        containers = known.containers_with(notification.containers)
        # A host that was merged into this one is found by its own name too.
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

    def _speak(
        self,
        cursor: sqlite3.Cursor,
        host_id: int,
        hostname: str,
        known: _Known,
        notification: Notification,
        at: int,
    ) -> tuple[int, str]:
        """A new image or digest speaks for its update: the update's id and kind."""
        reference, derived = notification.reference, notification.derived()
        tagged = self._tag_at_first_sight(cursor, reference.name, notification.metadata)
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
                None if notification.created is None else _microseconds(notification.created),
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
            self._retag(cursor, [reference.name])
        current = notification.metadata.get("current", "").strip()
        if current:
            self._say(cursor, series_id, current, at)
        stays_alone = open_before == 1 and known.id is not None and known.acknowledged_at is None
        if current or not (heard == 0 or stays_alone):
            self._refresh(cursor, [series_id])
            kind = cursor.execute("SELECT kind FROM updates WHERE id = ?", (update_id,)).fetchone()[0]
        return update_id, kind

    def _tag_at_first_sight(self, cursor: sqlite3.Cursor, name: str, metadata: Mapping[str, str]) -> bool:
        """Metadata tags a repository that nobody has tagged, and a rule one that has no metadata either.

        True if it did; the updates that the repository had before have another tag then.
        """
        source, ruled = cursor.execute(
            f"""
            SELECT (SELECT source FROM tag_assignments WHERE reference = named.name), ({_RULED})
              FROM (SELECT ? AS name) AS named
            """,
            (name,),
        ).fetchone()
        if source not in (None, "rule"):
            return False
        if tag := metadata_tag(metadata):
            self._assign(cursor, name, self._tag_named(cursor, tag), "metadata")
        elif source is None and ruled is not None:
            self._assign(cursor, name, ruled, "rule")
        else:
            return False
        return True

    def updates(self, query: UpdateQuery) -> Page:
        with self._transaction("DEFERRED") as cursor:
            return self._page(cursor, query)

    def _page(self, cursor: sqlite3.Cursor, query: UpdateQuery) -> Page:
        where, values = self._where(query)
        total = self._count(cursor, query)
        # The index holds what rows are sorted by; only those of the page are read whole.
        ids = cursor.execute(
            f"""
            SELECT u.id {_FROM}
             WHERE {where}
             ORDER BY {_GROUP[query.group]} {_SORT[query.sort]} u.received_at DESC, u.id DESC
             LIMIT :limit OFFSET :offset
            """,
            values | {"limit": query.per_page, "offset": (query.page - 1) * query.per_page},
        ).fetchall()
        rows = cursor.execute(
            f"""
            {_UPDATE} {_FROM}
              JOIN json_each(:ids) AS place ON place.value = u.id
             ORDER BY place.key
            """,
            {"ids": json.dumps([id for (id,) in ids]), "now": values["now"]},
        ).fetchall()
        return Page(tuple(map(_update, rows)), total, query.page, query.per_page)

    def choices(self, query: UpdateQuery) -> Choices:
        query = replace(query, until=None)
        with self._transaction("DEFERRED") as cursor:
            others = replace(query, host=None, tag=None, registry=None, provider=None, kind=None, age=None)
            where, values = self._where(others)
            ages = ("TRUE" if query.age is None else _AGE[query.age], *_AGE.values())
            counts = ", ".join(f"count(*) FILTER (WHERE {age}) AS count{number}" for number, age in enumerate(ages))
            counted = ", ".join(f"c.count{number}" for number in range(len(ages)))
            rows = cursor.execute(
                f"""
                SELECT h.hostname, coalesce(nullif(h.display_name, ''), h.hostname), coalesce(t.name, :untagged),
                       c.registry, c.provider, c.kind, {counted}
                  FROM (
                      SELECT u.hostname, u.tag_id, u.registry, u.provider, u.kind, {counts}
                        FROM updates AS u
                       WHERE {where}
                       GROUP BY u.registry, u.kind, u.provider, u.tag_id, u.hostname
                  ) AS c
                  JOIN hosts AS h ON h.hostname = c.hostname
                  LEFT JOIN tags AS t ON t.id = c.tag_id
                """,
                values | {"untagged": UNTAGGED},
            ).fetchall()
            states = self._states(cursor, query)
        return choices_of(query, rows, states)

    def _count(self, cursor: sqlite3.Cursor, query: UpdateQuery) -> int:
        """How many updates a query finds."""
        where, values = self._where(query)
        number: int = cursor.execute(f"SELECT count(*) FROM updates AS u WHERE {where}", values).fetchone()[0]
        return number

    def _states(self, cursor: sqlite3.Cursor, query: UpdateQuery) -> dict[State | None, Choice]:
        """The states, counted as `Choices` says; under a filter without the query's own, which is counted already."""
        if query.narrowed:
            return {state: self._state(cursor, query, state) for state in (*State, None) if state != query.state}
        opened, every = ("count(*)", "count(*)") if query.fold else ("sum(open)", "sum(open + done)")
        counts = cursor.execute(
            f"""
            SELECT coalesce({opened} FILTER (WHERE open > 0 AND muted_at IS NULL AND snoozed_until <= :now), 0),
                   coalesce({opened} FILTER (WHERE open > 0 AND muted_at IS NULL AND snoozed_until > :now), 0),
                   coalesce(sum(done) FILTER (WHERE muted_at IS NULL), 0),
                   coalesce({every} FILTER (WHERE muted_at IS NOT NULL), 0), coalesce({every}, 0)
              FROM series
            """,
            {"now": self._now()},
        ).fetchone()
        return {state: state_choice(state, count) for state, count in zip((*State, None), counts, strict=True)}

    def _state(self, cursor: sqlite3.Cursor, query: UpdateQuery, state: State | None) -> Choice:
        """One state, counted with the filters of a query in force."""
        asked, since = replace(query, state=state), None
        if state in (State.ACKNOWLEDGED, None):
            since = cursor.execute(
                f"""
                SELECT received_at
                  FROM updates
                 WHERE {"acknowledged_at IS NOT NULL" if state else "TRUE"}
                 ORDER BY received_at DESC, id DESC
                 LIMIT 1 OFFSET {COUNTED_DONE}
                """
            ).fetchone()
        if since is None:
            return state_choice(state, self._count(cursor, asked))
        where, values = self._where(asked)
        (count,) = cursor.execute(
            f"SELECT count(*) FROM updates AS u WHERE u.received_at > :since AND {where}", values | {"since": since[0]}
        ).fetchone()
        return state_choice(state, count, at_least=True)

    def totals(self) -> Totals:
        with self._transaction("DEFERRED") as cursor:
            hosts = cursor.execute(
                "SELECT count(*) FROM hosts WHERE merged_into IS NULL AND forgotten_at IS NULL"
            ).fetchone()
            return Totals(self._count(cursor, UpdateQuery()), *hosts)

    def summary(self) -> Summary:
        today = self._now() // _DAY
        with self._transaction("DEFERRED") as cursor:
            where, values = self._where(UpdateQuery())
            rows = cursor.execute(
                f"""
                SELECT u.kind, u.hostname, count(*), min(u.waiting_since)
                  FROM updates AS u
                 WHERE {where}
                 GROUP BY u.kind, u.hostname
                """,
                values,
            ).fetchall()
            done = dict(
                cursor.execute("SELECT day, sum(closed) FROM days WHERE day > ? GROUP BY day", (today - 7,)).fetchall()
            )
        kinds: Counter[str] = Counter()
        for kind, _, count, _ in rows:
            kinds[kind] += count
        return Summary(
            kinds=dict(kinds),
            hosts=len({hostname for _, hostname, _, _ in rows}),
            oldest=_time_or_none(min((oldest for *_, oldest in rows), default=None)),
            done=tuple(done.get(day, 0) for day in range(today - 6, today + 1)),
        )

    def update(self, update_id: int) -> Update:
        with self._transaction("DEFERRED") as cursor:
            row = cursor.execute(
                f"{_UPDATE} {_FROM} WHERE u.id = :id", {"id": update_id, "now": self._now()}
            ).fetchone()
        if row is None:
            raise _no_update(update_id)
        return _update(row)

    def series(self, update_id: int) -> tuple[Update, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                f"""
                {_UPDATE} {_FROM}
                 WHERE u.series_id = (SELECT series_id FROM updates WHERE id = :id)
                 ORDER BY u.version_key DESC, u.received_at DESC, u.id DESC
                 LIMIT 100
                """,
                {"id": update_id, "now": self._now()},
            ).fetchall()
        if not rows:
            raise _no_update(update_id)
        return tuple(map(_update, rows))

    def older(self, update_id: int) -> tuple[Update, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                f"""
                {_UPDATE} {_FROM}
                 WHERE u.acknowledged_at IS NULL AND u.folded
                   AND u.series_id = (SELECT series_id FROM updates WHERE id = :id)
                 ORDER BY u.version_key DESC, u.received_at DESC, u.id DESC
                """,
                {"id": update_id, "now": self._now()},
            ).fetchall()
            self._chosen(cursor, Selection((update_id,)))
        return tuple(map(_update, rows))

    def chosen(self, selection: Selection) -> tuple[Update, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                f"""
                {_UPDATE} {_FROM}
                 WHERE u.id IN (SELECT value FROM json_each(:chosen))
                 ORDER BY {_SORT[Sort.HOST]} u.name, u.id
                 LIMIT 1000
                """,
                {"chosen": self._chosen(cursor, selection), "now": self._now()},
            ).fetchall()
        return tuple(map(_update, rows))

    def stamp(self) -> str:
        with self._transaction("DEFERRED") as cursor:
            row = cursor.execute(
                """
                SELECT (SELECT max(id) FROM notifications), (SELECT max(id) FROM actions),
                       (SELECT number FROM edits),
                       (SELECT count(*) FROM series WHERE snoozed_until > 0 AND snoozed_until > ?)
                """,
                (self._now(),),
            ).fetchone()
        return "-".join(map(str, row))

    def action(self, action_id: int) -> Action:
        with self._transaction("DEFERRED") as cursor:
            if cursor.execute("SELECT 1 FROM actions WHERE id = ?", (action_id,)).fetchone() is None:
                raise NotFound(f"no action has the id {action_id}")
            return self._action(cursor, action_id)

    def timeline(self, update_id: int, offset: int = 0, limit: int = 500) -> tuple[Received | Action, ...]:
        with self._transaction("DEFERRED") as cursor:
            series = cursor.execute("SELECT series_id FROM updates WHERE id = ?", (update_id,)).fetchone()
            if series is None:
                raise _no_update(update_id)
            moments = cursor.execute(
                """
                SELECT n.received_at AS at, 1 AS told, n.id
                  FROM updates AS u
                  JOIN notifications AS n ON n.update_id = u.id
                 WHERE u.series_id = :series
                 UNION ALL
                SELECT at, 0, id
                  FROM actions
                 WHERE id IN (SELECT action_id FROM action_items WHERE series_id = :series)
                 ORDER BY at DESC, told DESC, id DESC
                 LIMIT :limit OFFSET :offset
                """,
                {"series": series[0], "limit": limit, "offset": offset},
            ).fetchall()
            received = cursor.execute(
                f"{_RECEIVED} WHERE n.id IN (SELECT value FROM json_each(?))",
                (json.dumps([id for _, told, id in moments if told]),),
            ).fetchall()
            actions = cursor.execute(
                f"{_ACTION} WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps([id for _, told, id in moments if not told]),),
            ).fetchall()
            # The last of an action is the highest.
            versions = dict(
                cursor.execute(
                    """
                    SELECT i.action_id, u.version
                      FROM action_items AS i
                      JOIN updates AS u ON u.id = i.update_id
                     WHERE i.series_id = ? AND i.action_id IN (SELECT value FROM json_each(?))
                     ORDER BY u.version_key, u.id
                    """,
                    (series[0], json.dumps([id for _, told, id in moments if not told])),
                ).fetchall()
            )
        found: dict[tuple[int, int], Received | Action] = {(1, row[0]): _received(row) for row in received}
        found |= {(0, row[0]): _action(row, versions.get(row[0], "")) for row in actions}
        return tuple(found[told, id] for _, told, id in moments)

    def digest_before(self, update_id: int) -> str:
        with self._transaction("DEFERRED") as cursor:
            row = cursor.execute(
                """
                SELECT n.digest
                  FROM updates AS u
                  JOIN notifications AS n ON n.update_id = u.id
                 WHERE u.id = ? AND n.digest <> u.digest
                 ORDER BY n.id DESC
                 LIMIT 1
                """,
                (update_id,),
            ).fetchone()
        return row[0] if row else ""

    def received(self, notification_id: int) -> Received:
        with self._transaction("DEFERRED") as cursor:
            row = cursor.execute(f"{_RECEIVED} WHERE n.id = ?", (notification_id,)).fetchone()
        if row is None:
            raise NotFound(f"no notification has the id {notification_id}")
        return _received(row)

    def views(self) -> tuple[View, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute("SELECT id, name, query, is_start FROM views ORDER BY lower(name), name").fetchall()
        return tuple(map(_view, rows))

    def save_view(self, name: str, query: str, replace: bool = False) -> View:
        name, query = view_name(name), storable(query)
        with self._editing() as cursor:
            row = cursor.execute(
                """
                INSERT INTO views (name, query)
                VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE
                   SET query = excluded.query
                 WHERE ? OR views.query = excluded.query
                RETURNING id, name, query, is_start
                """,
                (name, query, replace),
            ).fetchone()
            if row is None:
                raise Conflict(f"a view has the name {name!r} already")
        return _view(row)

    def delete_view(self, view_id: int) -> None:
        with self._editing() as cursor:
            if not cursor.execute("DELETE FROM views WHERE id = ?", (view_id,)).rowcount:
                raise NotFound(f"no view has the id {view_id}")

    def start_with(self, view_id: int | None) -> None:
        with self._editing() as cursor:
            found = cursor.execute("SELECT 1 FROM views WHERE id = ?", (view_id,)).fetchone()
            if view_id is not None and not found:
                raise NotFound(f"no view has the id {view_id}")
            cursor.execute("UPDATE views SET is_start = coalesce(id = ?, 0)", (view_id,))

    def acknowledge(self, selection: Selection, by: str) -> Action:
        with self._acting("acknowledge", "", by) as (cursor, action, at):
            cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, update_id, before)
                SELECT ?, series_id, id, json_quote(done_at)
                  FROM updates
                 WHERE acknowledged_at IS NULL
                   AND id IN (
                       SELECT u.id
                         FROM json_each(?) AS chosen
                         JOIN updates AS c ON c.id = chosen.value
                         JOIN updates AS u ON u.series_id = c.series_id
                        WHERE (u.version_key, u.received_at, u.id) <= (c.version_key, c.received_at, c.id)
                   )
                """,
                (action, self._chosen(cursor, selection)),
            )
            ids = self._updates_in(cursor, action)
            cursor.execute(
                """
                UPDATE updates
                   SET acknowledged_at = :at, acknowledged_by = :by, done_at = :at
                 WHERE id IN (SELECT value FROM json_each(:ids))
                """,
                {"at": at, "by": storable(by), "ids": ids},
            )
            self._count_closed(cursor, ids, 1)
            self._refresh(cursor, self._series_in(cursor, action))
            return self._did(cursor, action)

    def reopen(self, selection: Selection, by: str) -> Action:
        with self._acting("reopen", "", by) as (cursor, action, _):
            cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, update_id, before)
                SELECT ?, series_id, id, json_array(acknowledged_at, acknowledged_by, done_at, kind, from_version)
                  FROM updates
                 WHERE acknowledged_at IS NOT NULL AND id IN (SELECT value FROM json_each(?))
                """,
                (action, self._chosen(cursor, selection)),
            )
            ids = self._updates_in(cursor, action)
            self._open(cursor, ids)
            cursor.execute("UPDATE updates SET done_at = NULL WHERE id IN (SELECT value FROM json_each(?))", (ids,))
            self._refresh(cursor, self._series_in(cursor, action))
            return self._did(cursor, action)

    def snooze(self, selection: Selection, until: datetime | None, by: str) -> Action:
        verb, detail = ("wake", "") if until is None else ("snooze", until.isoformat())
        with self._acting(verb, detail, by) as (cursor, action, _):
            self._set_in_series(
                cursor, action, "snoozed_until", 0 if until is None else _microseconds(until), selection
            )
            return self._did(cursor, action)

    def mute(self, selection: Selection, muted: bool, by: str) -> Action:
        with self._acting("mute" if muted else "unmute", "", by) as (cursor, action, at):
            self._set_in_series(cursor, action, "muted_at", at if muted else None, selection)
            return self._did(cursor, action)

    def annotate(self, selection: Selection, note: str, by: str) -> Action:
        note = note_text(note)
        with self._acting("note", note, by) as (cursor, action, _):
            self._set_in_series(cursor, action, "note", note, selection)
            return self._did(cursor, action)

    def tag_updates(self, selection: Selection, name: str | None, by: str) -> Action:
        name = None if name is None else tag_name(name)
        with self._acting("untag" if name is None else "tag", name or "", by) as (cursor, action, _):
            chosen = self._chosen(cursor, selection)
            known = cursor.execute("SELECT 1 FROM tags WHERE name = ?", (name,)).fetchone()
            tag_id = None if name is None else self._tag_named(cursor, name)
            cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, reference, before)
                SELECT DISTINCT :action, u.series_id, a.reference, json_array(a.tag_id, a.source)
                  FROM json_each(:chosen) AS chosen
                  JOIN updates AS u ON u.id = chosen.value
                  JOIN tag_assignments AS a ON a.reference = u.image
                 UNION ALL
                SELECT DISTINCT :action, u.series_id, u.registry || '/' || u.repository,
                       json_array(a.tag_id, a.source, :tag_id, :created)
                  FROM json_each(:chosen) AS chosen
                  JOIN updates AS u ON u.id = chosen.value
                  LEFT JOIN tag_assignments AS a ON a.reference = u.registry || '/' || u.repository
                """,
                {"action": action, "chosen": chosen, "tag_id": tag_id, "created": name is not None and known is None},
            )
            cursor.execute(
                """
                DELETE FROM tag_assignments
                 WHERE reference IN (SELECT reference FROM action_items WHERE action_id = ?)
                """,
                (action,),
            )
            names = [
                row[0]
                for row in cursor.execute(
                    """
                    SELECT DISTINCT registry || '/' || repository
                      FROM updates
                     WHERE id IN (SELECT value FROM json_each(?))
                    """,
                    (chosen,),
                ).fetchall()
            ]
            for reference in names:
                self._assign(cursor, reference, tag_id, "person")
            self._retag(cursor, names)
            return self._did(cursor, action)

    def say_running(self, update_id: int, version: str, by: str) -> Action:
        version = storable(version).strip()
        with self._acting("running", version, by) as (cursor, action, at):
            (series_id,) = self._series_of(cursor, self._chosen(cursor, Selection((update_id,))))
            cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, before)
                SELECT ?, id, json_array(said_version, said_key, said_at)
                  FROM series
                 WHERE id = ?
                """,
                (action, series_id),
            )
            if not version:
                cursor.execute(
                    "UPDATE series SET said_version = '', said_key = '', said_at = NULL WHERE id = ?", (series_id,)
                )
            elif not self._say(cursor, series_id, version, at):
                raise Invalid(f"the version {version} does not compare with those of this image")
            self._refresh(cursor, [series_id])
            return self._did(cursor, action)

    def undo(self, action_id: int, by: str) -> Action:
        with self._editing() as cursor:
            row = cursor.execute(
                "SELECT verb, detail, at, undone_at FROM actions WHERE id = ?", (action_id,)
            ).fetchone()
            if row is None:
                raise NotFound(f"no action has the id {action_id}")
            verb, detail, at, undone_at = row
            if undone_at is not None:
                raise Conflict("this was undone already")
            match verb:
                case "acknowledge":
                    still = cursor.execute(
                        """
                        SELECT u.id
                          FROM action_items AS i
                          JOIN updates AS u ON u.id = i.update_id
                         WHERE i.action_id = ? AND u.acknowledged_at = ?
                        """,
                        (action_id, at),
                    )
                    self._open(cursor, _json_of(still))
                    cursor.execute(
                        """
                        UPDATE updates
                           SET done_at = coalesce(i.before, updates.acknowledged_at)
                          FROM (
                              SELECT update_id, max(json_extract(before, '$')) AS before
                                FROM action_items
                               WHERE action_id = ?
                               GROUP BY update_id
                          ) AS i
                         WHERE i.update_id = updates.id AND updates.done_at = ?
                        """,
                        (action_id, at),
                    )
                    self._open_again(cursor, action_id)
                    # What was acknowledged again or reopened since goes back to before this, should that be undone too.
                    cursor.execute(
                        """
                        UPDATE action_items
                           SET before = iif(
                                   json_type(action_items.before) = 'array',
                                   json_array(NULL, '', json(i.before)),
                                   i.before
                               )
                          FROM action_items AS i
                         WHERE i.action_id = :action AND i.update_id = action_items.update_id
                           AND :at IN (
                               json_extract(action_items.before, '$'), json_extract(action_items.before, '$[0]')
                           )
                        """,
                        {"action": action_id, "at": at},
                    )
                case "reopen":
                    closed = cursor.execute(
                        """
                        UPDATE updates
                           SET acknowledged_at = json_extract(i.before, '$[0]'),
                               acknowledged_by = json_extract(i.before, '$[1]'),
                               kind = coalesce(json_extract(i.before, '$[3]'), kind),
                               from_version = coalesce(json_extract(i.before, '$[4]'), from_version)
                          FROM action_items AS i
                         WHERE i.action_id = ? AND i.update_id = updates.id AND updates.acknowledged_at IS NULL
                           AND updates.received_at <= ?
                        RETURNING id
                        """,
                        (action_id, at),
                    )
                    self._count_closed(cursor, _json_of(closed), 1)
                    # What ran still does where another digest has come.
                    cursor.execute(
                        """
                        UPDATE updates
                           SET done_at = json_extract(i.before, '$[2]')
                          FROM action_items AS i
                         WHERE i.action_id = ? AND i.update_id = updates.id AND updates.done_at IS NULL
                        """,
                        (action_id,),
                    )
                    self._open_again(cursor, action_id)
                case "note":
                    self._set_back(cursor, action_id, "note", detail)
                case "snooze":
                    self._set_back(cursor, action_id, "snoozed_until", _microseconds(datetime.fromisoformat(detail)))
                case "wake":
                    self._set_back(cursor, action_id, "snoozed_until", 0)
                case "mute" | "unmute":
                    self._set_back(cursor, action_id, "muted_at", at if verb == "mute" else None)
                case "running":
                    cursor.execute(
                        """
                        UPDATE series
                           SET said_version = json_extract(i.before, '$[0]'),
                               said_key = json_extract(i.before, '$[1]'),
                               said_at = json_extract(i.before, '$[2]')
                          FROM action_items AS i
                         WHERE i.action_id = ? AND i.series_id = series.id AND series.said_at IS ?
                        """,
                        (action_id, at if detail else None),
                    )
                case _:
                    self._untag(cursor, action_id)
            series = cursor.execute(
                "SELECT DISTINCT series_id FROM action_items WHERE action_id = ? AND series_id IS NOT NULL",
                (action_id,),
            ).fetchall()
            self._refresh(cursor, [series_id for (series_id,) in series])
            cursor.execute(
                "UPDATE actions SET undone_at = ?, undone_by = ? WHERE id = ?", (self._now(), storable(by), action_id)
            )
            return self._action(cursor, action_id)

    def _untag(self, cursor: sqlite3.Cursor, action_id: int) -> None:
        """Put the assignments back that tagging replaced, where they are still as it left them.

        A tag that it created goes too, unless it has found another use.
        """
        rows = cursor.execute(
            """
            SELECT DISTINCT i.reference, i.before, a.tag_id, a.source
              FROM action_items AS i
              LEFT JOIN tag_assignments AS a ON a.reference = i.reference
             WHERE i.action_id = ?
            """,
            (action_id,),
        ).fetchall()
        created: set[int] = set()
        for reference, before, *present in rows:
            tag_id, source, *given = json.loads(before)
            created.update(given[:1] if given[1:] == [1] else ())
            if present != ([given[0], "person"] if given else [None, None]):
                continue
            if source and (tag_id is None or self._knows_tag(cursor, tag_id)):
                self._assign(cursor, reference, tag_id, source)
            else:
                cursor.execute("DELETE FROM tag_assignments WHERE reference = ?", (reference,))
        names = cursor.execute(
            """
            SELECT DISTINCT s.registry || '/' || s.repository
              FROM action_items AS i
              JOIN series AS s ON s.id = i.series_id
             WHERE i.action_id = ?
            """,
            (action_id,),
        ).fetchall()
        self._retag(cursor, [name for (name,) in names])
        cursor.execute(
            """
            DELETE FROM tags
             WHERE id IN (SELECT value FROM json_each(?))
               AND id NOT IN (SELECT tag_id FROM tag_rules)
               AND NOT EXISTS (SELECT 1 FROM tag_assignments WHERE tag_id = tags.id)
            """,
            (json.dumps(sorted(created)),),
        )

    def tags(self) -> tuple[Tag, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                """
                SELECT id, name, (SELECT count(*) FROM updates WHERE tag_id = tags.id), colour
                  FROM tags
                 ORDER BY lower(name), name
                """
            ).fetchall()
        return tuple(Tag(*row) for row in rows)

    def create_tag(self, name: str) -> Tag:
        name = tag_name(name)
        with self._editing() as cursor:
            row = cursor.execute(f"{_NEW_TAG} RETURNING id, colour", (name,)).fetchone()
        if row is None:
            raise Conflict(f"a tag has the name {name!r} already")
        return Tag(row[0], name, colour=row[1])

    def change_tag(self, tag_id: int, name: str, colour: int) -> Tag:
        name = tag_name(name)
        if not 0 <= colour < COLOURS:
            raise Invalid(f"a colour is a number from 0 to {COLOURS - 1}")
        with self._editing() as cursor:
            self._check_tag(cursor, tag_id)
            changed = cursor.execute(
                "UPDATE OR IGNORE tags SET name = ?, colour = ? WHERE id = ?", (name, colour, tag_id)
            ).rowcount
            if not changed:
                raise Conflict(f"a tag has the name {name!r} already")
        return Tag(tag_id, name, colour=colour)

    def delete_tag(self, tag_id: int) -> None:
        with self._editing() as cursor:
            self._check_tag(cursor, tag_id)
            names = cursor.execute(
                "SELECT DISTINCT registry || '/' || repository FROM updates WHERE tag_id = ?", (tag_id,)
            ).fetchall()
            cursor.execute("DELETE FROM tags WHERE id = ?", (tag_id,))
            self._retag(cursor, [name for (name,) in names])

    def has_tag(self, tag_id: int) -> bool:
        with self._transaction("DEFERRED") as cursor:
            return tag_id < 2**63 and self._knows_tag(cursor, tag_id)

    def assign_tag(self, reference: str, tag_id: int) -> str:
        key = assignable(reference)
        with self._editing() as cursor:
            self._check_tag(cursor, tag_id)
            self._assign(cursor, key, tag_id, "person")
            self._retag(cursor, [image.parse(key).name])
        return key

    def unassign_tag(self, reference: str) -> None:
        key = assignable(reference)
        with self._editing() as cursor:
            cursor.execute("DELETE FROM tag_assignments WHERE reference = ?", (key,))
            self._retag(cursor, [image.parse(key).name])

    def hosts(self) -> tuple[Host, ...]:
        now = self._now()
        with self._transaction("DEFERRED") as cursor:
            where, values = self._where(UpdateQuery())
            kinds: dict[str, dict[str, int]] = {}
            for hostname, kind, count in cursor.execute(
                f"SELECT u.hostname, u.kind, count(*) FROM updates AS u WHERE {where} GROUP BY u.kind, u.hostname",
                values,
            ):
                kinds.setdefault(hostname, {})[kind] = count
            gaps = dict(
                cursor.execute(
                    """
                    SELECT host_id, max(gap)
                      FROM (
                          SELECT host_id, day - lag(day) OVER (PARTITION BY host_id ORDER BY day) AS gap
                            FROM (SELECT DISTINCT host_id, day FROM days WHERE day > ? AND notifications > 0)
                      )
                     GROUP BY host_id
                    HAVING count(*) >= 4
                    """,
                    (now // _DAY - 90,),
                ).fetchall()
            )
            rows = cursor.execute(
                """
                SELECT h.id, h.hostname, coalesce(nullif(h.display_name, ''), h.hostname),
                       (SELECT json_group_array(m.hostname) FROM hosts AS m WHERE m.merged_into = h.id),
                       (SELECT n.received_at FROM notifications AS n WHERE n.host_id = h.id ORDER BY n.id LIMIT 1),
                       (SELECT n.received_at FROM notifications AS n WHERE n.host_id = h.id ORDER BY n.id DESC LIMIT 1),
                       (SELECT coalesce(sum(d.notifications), 0) FROM days AS d WHERE d.host_id = h.id),
                       (
                           SELECT json_array(u.provider, u.diun_version)
                             FROM notifications AS n
                             JOIN updates AS u ON u.id = n.update_id
                            WHERE n.host_id = h.id
                            ORDER BY n.id DESC
                            LIMIT 1
                       )
                  FROM hosts AS h
                 WHERE h.merged_into IS NULL AND h.forgotten_at IS NULL
                 ORDER BY lower(coalesce(nullif(h.display_name, ''), h.hostname)), h.hostname
                """
            ).fetchall()
        found = []
        for id, hostname, name, aliases, first, last, count, latest in rows:
            provider, diun_version = json.loads(latest) if latest else ("", "")
            gap = None if gaps.get(id) is None else timedelta(days=gaps[id])
            found.append(
                Host(
                    id,
                    hostname,
                    name,
                    tuple(sorted(json.loads(aliases))),
                    kinds.get(hostname, {}),
                    _time(first),
                    _time(last),
                    count,
                    provider,
                    diun_version,
                    gap,
                    gap is not None and (now - last) * _MICROSECOND > gap + timedelta(days=1),
                )
            )
        return tuple(found)

    def rename_host(self, host_id: int, name: str) -> None:
        name = host_name(name)
        with self._editing() as cursor:
            taken = cursor.execute(
                """
                SELECT 1
                  FROM hosts
                 WHERE id <> ? AND ? IN (hostname, display_name) AND merged_into IS NULL AND forgotten_at IS NULL
                """,
                (host_id, name),
            ).fetchone()
            if name and taken:
                raise Conflict(f"another host is called {name}; merge the two if they are the same")
            self._hostname(cursor, host_id)
            cursor.execute("UPDATE hosts SET display_name = ? WHERE id = ?", (name, host_id))
            self._name_hosts(cursor, [host_id])

    def merge_hosts(self, host_id: int, into_id: int) -> None:
        if host_id == into_id:
            raise Invalid("a host cannot be merged into itself")
        with self._editing() as cursor:
            hostname, into = self._hostname(cursor, host_id), self._hostname(cursor, into_id)
            pair = {"host": host_id, "into": into_id, "hostname": hostname, "into_hostname": into}
            # The earlier of two updates for one image gives its notifications to the later, and goes.
            cursor.execute("CREATE TEMP TABLE same (loser INTEGER PRIMARY KEY, winner INTEGER)")
            cursor.execute(
                """
                INSERT INTO same
                SELECT iif((a.received_at, a.id) < (b.received_at, b.id), a.id, b.id),
                       iif((a.received_at, a.id) < (b.received_at, b.id), b.id, a.id)
                  FROM updates AS a
                  JOIN updates AS b ON b.image = a.image AND b.hostname = :into_hostname
                 WHERE a.hostname = :hostname
                """,
                pair,
            )
            self._count_gone(
                cursor,
                """
                SELECT gone.id, iif(stays.acknowledged_at IS NULL, max(gone.opened_at, stays.opened_at), gone.opened_at)
                       AS opened_at
                  FROM same
                  JOIN updates AS gone ON gone.id = same.loser
                  JOIN updates AS stays ON stays.id = same.winner
                """,
            )
            cursor.execute(
                """
                UPDATE updates
                   SET notifications = updates.notifications + loser.notifications,
                       first_seen_at = min(updates.first_seen_at, loser.first_seen_at),
                       opened_at = iif(
                           updates.acknowledged_at IS NULL AND loser.acknowledged_at IS NULL,
                           min(updates.opened_at, loser.opened_at),
                           updates.opened_at
                       ),
                       done_at = coalesce(max(updates.done_at, loser.done_at), updates.done_at, loser.done_at),
                       containers = (
                           SELECT json_group_array(value)
                             FROM (
                                 SELECT value
                                   FROM json_each(updates.containers)
                                  UNION
                                 SELECT value
                                   FROM json_each(loser.containers)
                             )
                       )
                  FROM same
                  JOIN updates AS loser ON loser.id = same.loser
                 WHERE updates.id = same.winner
                """
            )
            cursor.execute(
                """
                UPDATE notifications
                   SET update_id = same.winner
                  FROM same
                 WHERE notifications.update_id = same.loser
                """
            )
            cursor.execute(
                """
                UPDATE action_items
                   SET update_id = same.winner
                  FROM same
                 WHERE action_items.update_id = same.loser
                """
            )
            cursor.execute("DELETE FROM updates WHERE id IN (SELECT loser FROM same)")
            cursor.execute("DROP TABLE same")
            cursor.execute(
                """
                INSERT INTO series (
                    host_id, registry, repository, variant, note, snoozed_until, muted_at, said_version, said_key,
                    said_at, heard
                )
                SELECT :into, registry, repository, variant, note, snoozed_until, muted_at, said_version, said_key,
                       said_at, heard
                  FROM series
                 WHERE host_id = :host
                ON CONFLICT DO UPDATE
                   SET heard = heard + excluded.heard
                """,
                pair,
            )
            cursor.execute(
                """
                UPDATE updates
                   SET hostname = :into_hostname,
                       series_id = kept.id
                  FROM series AS old
                  JOIN series AS kept ON kept.host_id = :into AND kept.registry = old.registry
                   AND kept.repository = old.repository AND kept.variant = old.variant
                 WHERE old.host_id = :host AND updates.series_id = old.id
                """,
                pair,
            )
            # What one action did to both as a whole is undone once.
            cursor.execute(
                """
                UPDATE action_items
                   SET series_id = kept.id
                  FROM series AS old
                  JOIN series AS kept ON kept.host_id = :into AND kept.registry = old.registry
                   AND kept.repository = old.repository AND kept.variant = old.variant
                 WHERE old.host_id = :host AND action_items.series_id = old.id
                   AND NOT EXISTS (
                       SELECT 1
                         FROM action_items AS both
                        WHERE both.action_id = action_items.action_id AND both.series_id = kept.id
                          AND both.update_id IS action_items.update_id AND both.reference IS action_items.reference
                   )
                """,
                pair,
            )
            cursor.execute("DELETE FROM series WHERE host_id = :host", pair)
            cursor.execute("UPDATE notifications SET host_id = :into WHERE host_id = :host", pair)
            cursor.execute(
                """
                INSERT INTO days (day, host_id, kind, notifications, opened, closed)
                SELECT day, :into, kind, notifications, opened, closed
                  FROM days
                 WHERE host_id = :host
                ON CONFLICT DO UPDATE
                   SET notifications = notifications + excluded.notifications,
                       opened = opened + excluded.opened,
                       closed = closed + excluded.closed
                """,
                pair,
            )
            cursor.execute("DELETE FROM days WHERE host_id = :host", pair)
            cursor.execute("UPDATE hosts SET merged_into = :into WHERE id = :host OR merged_into = :host", pair)
            self._name_hosts(cursor, [into_id])
            ids = cursor.execute("SELECT id FROM series WHERE host_id = :into", pair).fetchall()
            self._refresh(cursor, [id for (id,) in ids])

    def forget_host(self, host_id: int) -> None:
        with self._editing() as cursor:
            hostname = self._hostname(cursor, host_id)
            self._count_gone(cursor, "SELECT id, opened_at FROM updates WHERE hostname = ?", hostname)
            cursor.execute("DELETE FROM updates WHERE hostname = ?", (hostname,))
            cursor.execute("DELETE FROM series WHERE host_id = ?", (host_id,))
            cursor.execute("UPDATE hosts SET forgotten_at = ? WHERE id = ?", (self._now(), host_id))

    def notifications(self, query: HistoryQuery) -> tuple[Received, ...]:
        parts = ["TRUE"]
        values: dict[str, Any] = {"limit": query.limit}
        conditions = {
            "host": "n.host_id = (SELECT id FROM hosts WHERE hostname = :host)",
            "kind": "n.kind = :kind",
            "before": "n.id < :before",
        }
        for name, condition in conditions.items():
            if (value := getattr(query, name)) is not None:
                parts.append(condition)
                values[name] = storable(value) if isinstance(value, str) else value
        for number, word in enumerate(searchable(query.search).split()[:8]):
            parts.append(f"(instr(n.search, :word{number}) OR instr(h.search, :word{number}))")
            values[f"word{number}"] = word
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                f"{_RECEIVED} WHERE {' AND '.join(parts)} ORDER BY n.id DESC LIMIT :limit", values
            ).fetchall()
        return tuple(map(_received, rows))

    def insights(self) -> Insights:
        now = self._now()
        today = _time(now).date()
        with self._transaction("DEFERRED") as cursor:
            counted = cursor.execute(
                """
                SELECT day, kind, sum(notifications), sum(opened), sum(closed)
                  FROM days
                 WHERE day > ?
                 GROUP BY day, kind
                """,
                (now // _DAY - INSIGHT_DAYS,),
            ).fetchall()
            pending: int = cursor.execute("SELECT coalesce(sum(open), 0) FROM series").fetchone()[0]
            by_tag = self._waits(cursor, "coalesce(t.name, 'no tag')")
            by_host = self._waits(cursor, "coalesce(nullif(h.display_name, ''), h.hostname)")
            noisiest = cursor.execute(
                """
                SELECT registry || '/' || repository, sum(heard) AS total
                  FROM series
                 GROUP BY registry, repository
                 ORDER BY total DESC, registry, repository
                 LIMIT 10
                """
            ).fetchall()
            oldest = self._page(cursor, UpdateQuery(sort=Sort.WAITING, per_page=10)).updates
        days = [(_EPOCH.date() + timedelta(days=day), *rest) for day, *rest in counted]
        notifications, open_at = insight_days(today, pending, days)
        return Insights(
            notifications,
            open_at,
            by_tag,
            by_host,
            tuple(Noise(*row) for row in noisiest),
            oldest,
        )

    def _waits(self, cursor: sqlite3.Cursor, label: str) -> tuple[Wait, ...]:
        """The waits of the last updates done, by label; the ten with the most."""
        rows = cursor.execute(
            f"""
            SELECT label, total, min(iif(place * 2 >= total, wait, NULL)),
                   min(iif(place * 10 >= total * 9, wait, NULL))
              FROM (
                  SELECT label, wait, count(*) OVER (PARTITION BY label) AS total,
                         row_number() OVER (PARTITION BY label ORDER BY wait) AS place
                    FROM (
                        SELECT {label} AS label, u.acknowledged_at - u.received_at AS wait
                        {_FROM}
                         WHERE u.acknowledged_at IS NOT NULL
                         ORDER BY u.acknowledged_at DESC, u.id DESC
                         LIMIT {WAITS}
                    )
              )
             GROUP BY label
             ORDER BY total DESC, label
             LIMIT 10
            """
        ).fetchall()
        return tuple(
            Wait(label, total, median * _MICROSECOND, ninety * _MICROSECOND) for label, total, median, ninety in rows
        )

    def refuse(self, refusal: Refusal) -> None:
        with self._transaction() as cursor:
            cursor.execute(
                "INSERT INTO refusals (at, address, status, reason, excerpt) VALUES (?, ?, ?, ?, ?)",
                (
                    _microseconds(refusal.at),
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
                (_microseconds(since),),
            ).fetchall()
        return tuple(Refusal(_time(at), *rest) for at, *rest in rows)

    def rules(self) -> tuple[Rule, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                """
                SELECT r.id, r.pattern, t.id, t.name, t.colour
                  FROM tag_rules AS r
                  JOIN tags AS t ON t.id = r.tag_id
                 ORDER BY r.pattern
                """
            ).fetchall()
        return tuple(Rule(id, pattern, Tag(tag, name, colour=colour)) for id, pattern, tag, name, colour in rows)

    def create_rule(self, pattern: str, tag_id: int) -> Rule:
        pattern = rule_pattern(pattern)
        with self._editing() as cursor:
            self._check_tag(cursor, tag_id)
            row = cursor.execute(
                "INSERT INTO tag_rules (pattern, tag_id) VALUES (?, ?) ON CONFLICT DO NOTHING RETURNING id",
                (pattern, tag_id),
            ).fetchone()
            if row is None:
                raise Conflict(f"a rule has the pattern {pattern} already")
            self._apply_rules(cursor, self._names(cursor))
            name, colour = cursor.execute("SELECT name, colour FROM tags WHERE id = ?", (tag_id,)).fetchone()
        return Rule(row[0], pattern, Tag(tag_id, name, colour=colour))

    def delete_rule(self, rule_id: int) -> None:
        with self._editing() as cursor:
            if not cursor.execute("DELETE FROM tag_rules WHERE id = ?", (rule_id,)).rowcount:
                raise NotFound(f"no rule has the id {rule_id}")
            self._apply_rules(cursor, self._names(cursor))

    def _names(self, cursor: sqlite3.Cursor) -> list[str]:
        """Every repository that is known."""
        rows = cursor.execute("SELECT DISTINCT registry || '/' || repository FROM updates").fetchall()
        return [name for (name,) in rows]

    def _count_gone(self, cursor: sqlite3.Cursor, gone: str, *values: str) -> None:
        """Before updates go: take the open ones out of the days on which they asked, as nobody will close them."""
        cursor.execute(
            f"""
            INSERT INTO days (day, host_id, kind, opened)
            SELECT gone.opened_at / {_DAY}, s.host_id, u.kind, -count(*)
              FROM ({gone}) AS gone
              JOIN updates AS u ON u.id = gone.id
              JOIN series AS s ON s.id = u.series_id
             WHERE u.acknowledged_at IS NULL
             GROUP BY 1, 2, 3
            ON CONFLICT DO UPDATE
               SET opened = opened + excluded.opened
            """,
            values,
        )

    def _hostname(self, cursor: sqlite3.Cursor, host_id: int) -> str:
        row = cursor.execute(
            "SELECT hostname FROM hosts WHERE id = ? AND merged_into IS NULL AND forgotten_at IS NULL", (host_id,)
        ).fetchone()
        if row is None:
            raise NotFound(f"no host has the id {host_id}")
        return str(row[0])

    def ping(self) -> None:
        with self._transaction("DEFERRED") as cursor:
            cursor.execute("SELECT id FROM updates LIMIT 1")

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None

    def _now(self) -> int:
        return _microseconds(self._clock())

    @contextmanager
    def _transaction(self, mode: str = "IMMEDIATE") -> Iterator[sqlite3.Cursor]:
        """A transaction of this thread alone. IMMEDIATE takes the write lock at once, so that it cannot fail later."""
        with self._lock, self._locked_transaction(mode) as cursor:
            yield cursor

    @contextmanager
    def _editing(self) -> Iterator[sqlite3.Cursor]:
        """A transaction that changes what pages show, apart from new notifications and actions."""
        with self._transaction() as cursor:
            yield cursor
            cursor.execute("UPDATE edits SET number = number + 1")

    @contextmanager
    def _locked_transaction(self, mode: str = "IMMEDIATE") -> Iterator[sqlite3.Cursor]:
        """A transaction of the thread that holds the lock. IMMEDIATE takes the file's write lock before it reads."""
        with _answering(self._path):
            if self._connection is None:
                self._connection = _connect(self._path, BUSY_TIMEOUT)
            with closing(self._connection.cursor()) as cursor:
                cursor.execute(f"BEGIN {mode}")
                try:
                    yield cursor
                except BaseException:
                    cursor.execute("ROLLBACK")
                    raise
                cursor.execute("COMMIT")

    def _where(self, query: UpdateQuery) -> tuple[str, dict[str, Any]]:
        """The condition of a query on the updates alone, and its values."""
        values: dict[str, Any] = {"now": self._now()}
        parts = [_STATE[query.state]]
        if query.fold and query.state != State.ACKNOWLEDGED:
            parts.append("NOT u.folded")
        for number, word in enumerate(query.words):
            parts.append(
                f"(instr(u.search, :word{number})"
                f" OR u.hostname IN (SELECT hostname FROM hosts WHERE instr(search, :word{number})))"
            )
            values[f"word{number}"] = word
        if query.age:
            parts.append(_AGE[query.age])
        if query.until:
            parts.append("u.received_at <= :until")
            values["until"] = _microseconds(query.until)
        for name, condition in _FILTERS.items():
            if (value := getattr(query, name)) is not None:
                parts.append(condition)
                values[name] = storable(value)
        if query.tag is not None:
            named = "= (SELECT id FROM tags WHERE name = :tag)"
            parts.append(f"+u.tag_id {'IS NULL' if query.tag == UNTAGGED else named}")
            values["tag"] = storable(query.tag)
        return " AND ".join(parts), values

    @contextmanager
    def _acting(self, verb: str, detail: str, by: str) -> Iterator[tuple[sqlite3.Cursor, int, int]]:
        """A transaction with the row of an action in it: the cursor, the action's id, and its time."""
        at = self._now()
        with self._transaction() as cursor:
            cursor.execute(
                "INSERT INTO actions (at, by, verb, detail, count) VALUES (?, ?, ?, ?, 0) RETURNING id",
                (at, storable(by), verb, detail),
            )
            yield cursor, cursor.fetchone()[0], at

    def _chosen(self, cursor: sqlite3.Cursor, selection: Selection) -> str:
        """The ids of a selection, as JSON."""
        if selection.query is not None:
            where, values = self._where(selection.query)
            return _json_of(cursor.execute(f"SELECT u.id FROM updates AS u WHERE {where}", values))
        chosen = json.dumps(selection.ids)
        missing = cursor.execute(
            "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM updates) ORDER BY value LIMIT 1",
            (chosen,),
        ).fetchone()
        if missing:
            raise _no_update(missing[0])
        return chosen

    def _series_of(self, cursor: sqlite3.Cursor, chosen: str) -> list[int]:
        rows = cursor.execute(
            "SELECT DISTINCT series_id FROM updates WHERE id IN (SELECT value FROM json_each(?))", (chosen,)
        )
        return [series_id for (series_id,) in rows]

    def _set_in_series(
        self, cursor: sqlite3.Cursor, action: int, column: str, value: int | str | None, selection: Selection
    ) -> None:
        """Set one column of the series of a selection, where it is not so already; keep what it was."""
        same = f"{column} IS NOT NULL" if column == "muted_at" and value is not None else f"{column} IS :value"
        cursor.execute(
            f"""
            INSERT INTO action_items (action_id, series_id, before)
            SELECT :action, id, json_quote({column})
              FROM series
             WHERE NOT ({same})
               AND id IN (SELECT series_id FROM updates WHERE id IN (SELECT value FROM json_each(:chosen)))
            """,
            {"action": action, "value": value, "chosen": self._chosen(cursor, selection)},
        )
        cursor.execute(
            f"""
            UPDATE series
               SET {column} = ?
             WHERE id IN (SELECT series_id FROM action_items WHERE action_id = ?)
            """,
            (value, action),
        )

    def _set_back(self, cursor: sqlite3.Cursor, action: int, column: str, left: int | str | None) -> None:
        """Set one column of an action's series to what it was, where it is still as the action left it."""
        cursor.execute(
            f"""
            UPDATE series
               SET {column} = json_extract(i.before, '$')
              FROM action_items AS i
             WHERE i.action_id = ? AND i.series_id = series.id AND series.{column} IS ?
            """,
            (action, left),
        )

    def _open(self, cursor: sqlite3.Cursor, ids: str) -> None:
        """Take the acknowledgement of updates back."""
        self._count_closed(cursor, ids, -1)
        cursor.execute(
            """
            UPDATE updates
               SET acknowledged_at = NULL, acknowledged_by = ''
             WHERE id IN (SELECT value FROM json_each(?))
            """,
            (ids,),
        )

    def _open_again(self, cursor: sqlite3.Cursor, action: int) -> None:
        """Find out since when an action's updates ask: since the first digest that is not done."""
        cursor.execute(
            """
            UPDATE updates
               SET opened_at = found.opened_at
              FROM (
                  SELECT u.id,
                         (
                             SELECT min(n.received_at)
                               FROM notifications AS n
                              WHERE n.update_id = u.id AND n.received_at > coalesce(u.done_at, -1)
                                AND n.digest IS NOT (
                                    SELECT done.digest
                                      FROM notifications AS done
                                     WHERE done.update_id = u.id AND done.received_at <= u.done_at
                                     ORDER BY done.id DESC
                                     LIMIT 1
                                )
                         ) AS opened_at
                    FROM updates AS u
                   WHERE u.id IN (SELECT update_id FROM action_items WHERE action_id = ?)
              ) AS found
             WHERE updates.id = found.id AND updates.opened_at <> found.opened_at
            """,
            (action,),
        )

    def _count_closed(self, cursor: sqlite3.Cursor, ids: str, sign: int) -> None:
        """Count the acknowledged among these updates on the days when they were."""
        cursor.execute(
            f"""
            INSERT INTO days (day, host_id, kind, closed)
            SELECT u.acknowledged_at / {_DAY}, s.host_id, u.kind, :sign * count(*)
              FROM updates AS u
              JOIN series AS s ON s.id = u.series_id
             WHERE u.id IN (SELECT value FROM json_each(:ids)) AND u.acknowledged_at IS NOT NULL
             GROUP BY 1, 2, 3
            ON CONFLICT DO UPDATE
               SET closed = closed + excluded.closed
            """,
            {"ids": ids, "sign": sign},
        )

    def _updates_in(self, cursor: sqlite3.Cursor, action: int) -> str:
        """The ids of an action's updates, as JSON."""
        return _json_of(cursor.execute("SELECT update_id FROM action_items WHERE action_id = ?", (action,)))

    def _series_in(self, cursor: sqlite3.Cursor, action: int) -> list[int]:
        rows = cursor.execute("SELECT DISTINCT series_id FROM action_items WHERE action_id = ?", (action,))
        return [series_id for (series_id,) in rows]

    def _did(self, cursor: sqlite3.Cursor, action: int) -> Action:
        """Count what an action changed; one that changed nothing leaves no trace."""
        cursor.execute(
            """
            UPDATE actions
               SET count = (
                       SELECT count(DISTINCT iif(actions.verb = 'reopen', update_id, series_id))
                         FROM action_items
                        WHERE action_id = actions.id
                   )
             WHERE id = ?
            """,
            (action,),
        )
        done = self._action(cursor, action)
        if done.count:
            return done
        cursor.execute("DELETE FROM actions WHERE id = ?", (action,))
        return Action(0, done.at, done.by, done.verb, done.detail, 0)

    def _action(self, cursor: sqlite3.Cursor, action_id: int) -> Action:
        row = cursor.execute(f"{_ACTION} WHERE id = ?", (action_id,)).fetchone()
        label = cursor.execute(
            """
            SELECT s.repository, iif(s.open > 0, u.version, NULL), coalesce(nullif(h.display_name, ''), h.hostname)
              FROM action_items AS i
              JOIN series AS s ON s.id = i.series_id
              JOIN hosts AS h ON h.id = s.host_id
              LEFT JOIN updates AS u ON u.id = i.update_id
             WHERE i.action_id = ?
             ORDER BY u.version_key DESC, u.id DESC
             LIMIT 1
            """,
            (action_id,),
        ).fetchone()
        return _action(row, action_label(*label) if label and row[5] == 1 else "")

    def _refresh(self, cursor: sqlite3.Cursor, series_ids: Iterable[int]) -> None:
        """Bring what follows from a series' updates up to date: what runs, what is folded, since when, the kinds."""
        ids = json.dumps(list(series_ids))
        cursor.execute(
            """
            UPDATE series
               SET open = (
                       SELECT count(*)
                         FROM updates AS u
                        WHERE u.series_id = series.id AND u.acknowledged_at IS NULL
                   ),
                   done = (
                       SELECT count(*)
                         FROM updates AS u
                        WHERE u.series_id = series.id AND u.acknowledged_at IS NOT NULL
                   ),
                   running_version = coalesce(
                       (
                           SELECT u.version
                             FROM updates AS u
                            WHERE u.series_id = series.id AND u.done_at > coalesce(series.said_at, -1)
                              AND u.version_key > series.said_key
                            ORDER BY u.version_key DESC, u.id DESC
                            LIMIT 1
                       ),
                       said_version
                   )
             WHERE id IN (SELECT value FROM json_each(?))
            """,
            (ids,),
        )
        cursor.execute(
            """
            UPDATE updates
               SET folded = placed.folded, waiting_since = placed.waiting_since
              FROM (
                  SELECT id, place > 1 AS folded,
                         iif(place = 1 AND acknowledged_at IS NULL, first_opened_at, opened_at) AS waiting_since
                    FROM (
                        SELECT id, acknowledged_at, opened_at,
                               min(opened_at) OVER (PARTITION BY series_id, acknowledged_at IS NULL) AS first_opened_at,
                               row_number() OVER (
                                   PARTITION BY series_id
                                   ORDER BY acknowledged_at IS NOT NULL, version_key DESC, received_at DESC, id DESC
                               ) AS place
                          FROM updates
                         WHERE series_id IN (SELECT value FROM json_each(?))
                    )
              ) AS placed
             WHERE updates.id = placed.id
               AND (updates.folded, updates.waiting_since) <> (placed.folded, placed.waiting_since)
            """,
            (ids,),
        )
        stale = cursor.execute(
            """
            SELECT u.id, u.version, u.rebuilt, s.running_version
              FROM series AS s
              JOIN updates AS u ON u.series_id = s.id
             WHERE s.id IN (SELECT value FROM json_each(?)) AND u.acknowledged_at IS NULL
               AND u.from_version <> s.running_version
            """,
            (ids,),
        ).fetchall()
        cursor.executemany(
            "UPDATE updates SET kind = ?, from_version = ? WHERE id = ?",
            [(update_kind(running, version, rebuilt), running, id) for id, version, rebuilt, running in stale],
        )

    def _say(self, cursor: sqlite3.Cursor, series_id: int, version: str, at: int) -> bool:
        """Take a person's or a label's word for what runs; False where it does not compare."""
        said = image.version(version)
        return (
            said.numbers
            and cursor.execute(
                """
                UPDATE series
                   SET said_version = ?, said_key = ?, said_at = ?
                 WHERE id = ? AND variant = ?
                """,
                (said.text, said.sort_key, at, series_id, said.variant),
            ).rowcount
            == 1
        )

    def _check_tag(self, cursor: sqlite3.Cursor, tag_id: int) -> None:
        if not self._knows_tag(cursor, tag_id):
            raise NotFound(f"no tag has the id {tag_id}")

    def _knows_tag(self, cursor: sqlite3.Cursor, tag_id: int) -> bool:
        return cursor.execute("SELECT 1 FROM tags WHERE id = ?", (tag_id,)).fetchone() is not None

    def _tag_named(self, cursor: sqlite3.Cursor, name: str) -> int:
        """The id of the tag of this name, created if there is none."""
        cursor.execute(_NEW_TAG, (name,))
        tag_id: int = cursor.execute("SELECT id FROM tags WHERE name = ?", (name,)).fetchone()[0]
        return tag_id

    def _assign(self, cursor: sqlite3.Cursor, reference: str, tag_id: int | None, source: str) -> None:
        cursor.execute(
            """
            INSERT INTO tag_assignments (reference, tag_id, source)
            VALUES (?, ?, ?)
            ON CONFLICT (reference) DO UPDATE
               SET tag_id = excluded.tag_id, source = excluded.source
            """,
            (reference, tag_id, source),
        )

    def _apply_rules(self, cursor: sqlite3.Cursor, names: Iterable[str]) -> None:
        """Tag repositories that nothing else has tagged by the longest rule that matches, and untag where none does."""
        ids = json.dumps(list(names))
        cursor.execute(
            "DELETE FROM tag_assignments WHERE source = 'rule' AND reference IN (SELECT value FROM json_each(?))",
            (ids,),
        )
        cursor.execute(
            f"""
            INSERT INTO tag_assignments (reference, tag_id, source)
            SELECT named.name, ({_RULED}) AS matched, 'rule'
              FROM (SELECT value AS name FROM json_each(?)) AS named
             WHERE matched IS NOT NULL
            ON CONFLICT DO NOTHING
            """,
            (ids,),
        )
        self._retag(cursor, names)

    def _retag(self, cursor: sqlite3.Cursor, names: Iterable[str]) -> None:
        """Give every update of these repositories the tag of its exact image, or else of its repository."""
        cursor.execute(
            """
            UPDATE updates
               SET tag_id = assigned.tag_id
              FROM (
                  SELECT u.id, coalesce(own.tag_id, shared.tag_id) AS tag_id
                    FROM updates AS u
                    LEFT JOIN tag_assignments AS own ON own.reference = u.image
                    LEFT JOIN tag_assignments AS shared ON shared.reference = u.registry || '/' || u.repository
                   WHERE u.registry || '/' || u.repository IN (SELECT value FROM json_each(?))
              ) AS assigned
             WHERE updates.id = assigned.id AND updates.tag_id IS NOT assigned.tag_id
            """,
            (json.dumps(list(names)),),
        )

    def _prepare(self) -> None:
        """Refuse what is no database of ours while it is untouched; bring the schema of what is one up to date."""
        path = Path(self._path)
        with _answering(self._path):
            if path.is_dir():
                raise Unavailable(f"the SQLite database at {path} cannot be used: it is a folder; name a file in it")
            path.parent.mkdir(parents=True, exist_ok=True)
            if path.exists() and path.stat().st_size:
                _refuse_foreign(path)
            migrate(SQLiteMigrations(_connect(self._path, LOCK_TIMEOUT)))
            self._connection = _connect(self._path, LOCK_TIMEOUT)
        with self._transaction() as cursor:
            unnamed = cursor.execute(_UNNAMED).fetchall()
            self._name_hosts(cursor, [host_id for (host_id,) in unnamed])
            self._derive_anew(cursor)
        self.close()

    def _name_hosts(self, cursor: sqlite3.Cursor, host_ids: list[int]) -> None:
        """Let hosts be found by the names that they have besides their own: a person's, and those merged into them."""
        rows = cursor.execute(
            """
            SELECT h.display_name,
                   (SELECT json_group_array(m.hostname) FROM hosts AS m WHERE m.merged_into = h.id),
                   h.id
              FROM hosts AS h
             WHERE h.id IN (SELECT value FROM json_each(?))
            """,
            (json.dumps(host_ids),),
        ).fetchall()
        cursor.executemany(
            "UPDATE hosts SET search = ? WHERE id = ?",
            [
                (searchable(" ".join([name, *sorted(json.loads(merged))]).strip()), host_id)
                for name, merged, host_id in rows
            ],
        )

    def _derive_anew(self, cursor: sqlite3.Cursor) -> None:
        """Fill the columns that come out of reading a version, where another release filled them, or none."""
        number = cursor.execute("SELECT number FROM version_rules").fetchone()
        if number == (DERIVED_RULES,):
            return
        rows = cursor.execute(
            """
            SELECT u.id, h.id, u.hostname, u.registry, u.repository, u.version, u.metadata, u.containers, u.series_id
              FROM updates AS u
              JOIN hosts AS h ON h.hostname = u.hostname
            """
        ).fetchall()
        for update_id, host_id, hostname, registry, repository, version, metadata, containers, before in rows:
            derived = derive(
                hostname, f"{registry}/{repository}", version, json.loads(metadata), json.loads(containers)
            )
            series_id: int = cursor.execute(
                """
                INSERT INTO series (host_id, registry, repository, variant)
                VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE
                   SET variant = excluded.variant
                RETURNING id
                """,
                (host_id, registry, repository, derived.variant),
            ).fetchone()[0]
            if before not in (None, series_id):
                cursor.execute(
                    """
                    UPDATE series
                       SET note = old.note,
                           snoozed_until = old.snoozed_until,
                           muted_at = old.muted_at,
                           said_version = old.said_version,
                           said_at = old.said_at
                      FROM series AS old
                     WHERE old.id = ? AND series.id = ? AND series.note = '' AND series.muted_at IS NULL
                    """,
                    (before, series_id),
                )
                cursor.execute(
                    """
                    UPDATE action_items
                       SET series_id = ?
                     WHERE series_id = ? AND (update_id = ? OR update_id IS NULL)
                    """,
                    (series_id, before, update_id),
                )
            cursor.execute(
                """
                UPDATE updates
                   SET series_id = ?, name = ?, version_key = ?, prerelease = ?, stack = ?, search = ?
                 WHERE id = ?
                """,
                (
                    series_id,
                    derived.name,
                    derived.version_key,
                    derived.prerelease,
                    derived.stack,
                    derived.search,
                    update_id,
                ),
            )
        cursor.execute("DELETE FROM series WHERE id NOT IN (SELECT series_id FROM updates)")
        cursor.execute(
            "UPDATE series SET heard = (SELECT sum(u.notifications) FROM updates AS u WHERE u.series_id = series.id)"
        )
        said = cursor.execute("SELECT said_version, id FROM series WHERE said_version <> ''").fetchall()
        cursor.executemany(
            "UPDATE series SET said_key = ? WHERE id = ?",
            [(image.version(version).sort_key, series_id) for version, series_id in said],
        )
        for notification_id, name, hostname in cursor.execute(
            """
            SELECT n.id, n.image, h.hostname
              FROM notifications AS n
              JOIN hosts AS h ON h.id = n.host_id
            """
        ).fetchall():
            cursor.execute(
                "UPDATE notifications SET search = ? WHERE id = ?", (searchable(f"{name} {hostname}"), notification_id)
            )
        self._refresh(cursor, [id for (id,) in cursor.execute("SELECT id FROM series").fetchall()])
        self._retag(cursor, self._names(cursor))
        cursor.execute("DELETE FROM version_rules")
        cursor.execute("INSERT INTO version_rules (number) VALUES (?)", (DERIVED_RULES,))


@contextmanager
def _answering(path: str) -> Iterator[None]:
    """Turn the driver's errors into the store's."""
    try:
        yield
    except OverflowError:
        raise NotFound("no id is that large") from None
    except sqlite3.IntegrityError:
        raise
    except (sqlite3.Error, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise Unavailable(f"the SQLite database at {path} cannot be used: {reason}") from error


def _connect(path: str, timeout: float) -> sqlite3.Connection:
    """A connection whose COMMIT survives a power cut, and that waits so many seconds for writers of other processes."""
    # An absolute path is always the name of a file; ":memory:" would be another database for each connection.
    connection = sqlite3.connect(Path(path).absolute(), timeout=timeout, isolation_level=None, check_same_thread=False)
    try:
        _use_wal(connection, timeout)
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def _use_wal(connection: sqlite3.Connection, timeout: float) -> None:
    """Set the journal's mode, which stays with the file. SQLite does not wait for the lock that changing it needs."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def _refuse_foreign(path: Path) -> None:
    """Raise Unavailable for a file that holds something else. It is opened for reading only, and so left as it is."""
    mode = "mode=ro" if Path(f"{path}-wal").exists() else "immutable=1"
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?{mode}", uri=True)) as connection:
        tables = {
            name: {column for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (name,))}
            for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        }
        migrated = (
            TABLE in tables and connection.execute(f"SELECT 1 FROM {TABLE} WHERE migration_id = ?", (FIRST,)).fetchone()
        )
    held = sorted(name for name in tables if not name.startswith(("sqlite_", "_yoyo_", "yoyo_")))
    if held and not migrated and not _first_release(tables):
        names = ", ".join(held[:5]) + (", ..." if len(held) > 5 else "")
        raise Unavailable(
            f"the SQLite database at {path} is not one of DIUN Dashboard: it holds the tables {names}. "
            "It was left as it is; name another file in DB_PATH"
        )


_FIRST_RELEASE = {
    "updates": "image diun_version hostname status provider hub_link mime_type digest created platform ctn_name ctn_id "
    "ctn_state ctn_status received_at acknowledged_at",
    "tags": "id name",
    "tag_assignments": "image tag_id",
}


def _first_release(tables: dict[str, set[str]]) -> bool:
    return all(set(columns.split()) <= tables.get(table, set()) for table, columns in _FIRST_RELEASE.items())


def _microseconds(time: datetime) -> int:
    return (time - _EPOCH) // _MICROSECOND


def _time(microseconds: int) -> datetime:
    return _EPOCH + microseconds * _MICROSECOND


def _time_or_none(microseconds: int | None) -> datetime | None:
    return None if microseconds is None else _time(microseconds)


def _update(row: tuple[Any, ...]) -> Update:
    head, rest = row[:21], row[26:]
    created, metadata, containers, stack, note = row[21:26]
    notifications, first_seen, received, waiting, acknowledged, by, snoozed, tag_id, tag, colour = rest
    values = (
        *head[:10],
        State(head[10]),
        *head[11:14],
        bool(head[14]),
        *head[15:],
        _time_or_none(created),
        dict(sorted(json.loads(metadata).items())),
        tuple(sorted(json.loads(containers))),
        stack,
        note,
        notifications,
        _time(first_seen),
        _time(received),
        _time(waiting),
        _time_or_none(acknowledged),
        by,
        _time_or_none(snoozed),
        None if tag_id is None else Tag(tag_id, tag, colour=colour),
    )
    return Update(*values)


def _received(row: tuple[Any, ...]) -> Received:
    values = (*row[:2], _time(row[2]), *row[3:])
    return Received(*values)


def _view(row: tuple[Any, ...]) -> View:
    id, name, query, is_start = row
    return View(id, name, query, bool(is_start))


def _action(row: tuple[Any, ...], label: str = "") -> Action:
    id, at, by, verb, detail, count, undone = row
    return Action(id, _time(at), by, verb, detail, count, label, bool(undone))


def _json_of(rows: Iterable[tuple[Any, ...]]) -> str:
    """The first column, as JSON."""
    return json.dumps([row[0] for row in rows])


def _no_update(update_id: int) -> NotFound:
    return NotFound(f"no update has the id {update_id}")
