"""The store on PostgreSQL: a pool of connections, and no lock of ours but those of the database.

Any number of threads and processes write at once. None waits for another that waits for it, because all that take
several locks take them in this order, and those of one kind in the order of their ids:

1. the row of an action that is undone, so that it is undone once;
2. the advisory lock on what is new: shared by those who record something new, alone by who changes tags or hosts. A
   new update and a new assignment that do not see each other would leave the update without its tag; a new update
   and a merge, on a host that is no more;
3. the advisory lock on a repository's name, by who records something new of it. Two hosts that report a repository
   at once would each find it without a tag, and two processes that report a digest would each find it new;
4. the row of a host that is new, or was forgotten;
5. the rows of series. Who holds one may change what its updates fold to, and does so alone: versions of a series that
   arrive at once see, count and fold each other;
6. rows of tags, then of assignments, then of updates;
7. the rows of days: every notification of a host needs the same one, and holds it until it is durable;
8. the row of edits.

A repeated notification takes 5, 6 and 7 in one statement. Each statement sees what was committed before it began (READ
COMMITTED, set on every connection), so what is read behind a lock is as its last holder left it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, replace
from datetime import UTC, date, datetime, timedelta
from typing import Any, LiteralString

import psycopg
from psycopg import errors
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.types.json import Jsonb
from psycopg_pool import ConnectionPool, PoolTimeout

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
from diundashboard.store.migrations import PostgresMigrations, migrate
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

POOL_SIZE = 25
"""The most connections of one process."""

POOL_KEPT = 5
"""The connections that stay open while nothing happens."""

CONNECTION_LIFETIME = 300
"""Seconds after which a connection is replaced."""

LOCK_WAIT = 5
"""Seconds that an operation waits for a lock, or for the network to take what it sends: DIUN gives up after ten."""

POOL_TIMEOUT = 3
"""Seconds that an operation waits for a connection. DIUN waits ten for its answer, and never asks again."""

CONNECT_TIMEOUT = 10
"""Seconds that PostgreSQL has to answer, where the URL sets no connect_timeout of its own."""

NEWS_LOCK = int.from_bytes(b"diunnews")
"""The key of the advisory lock on what is new."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_UPDATE: LiteralString = """
    SELECT u.id, u.series_id, u.hostname, coalesce(nullif(h.display_name, ''), h.hostname), u.image, u.registry,
           u.repository, u.version, u.digest, u.status,
           CASE
               WHEN s.muted_at IS NOT NULL THEN 'muted'
               WHEN u.acknowledged_at IS NOT NULL THEN 'acknowledged'
               WHEN s.snoozed_until > %(now)s THEN 'snoozed'
               ELSE 'pending'
           END,
           u.kind, u.from_version, s.running_version, u.prerelease,
           CASE WHEN u.acknowledged_at IS NULL AND NOT u.folded THEN s.open - 1 ELSE 0 END,
           u.provider, u.platform, u.mime_type, u.hub_link, u.diun_version, u.created, u.metadata, u.containers,
           u.stack, s.note, u.notifications, u.first_seen_at, u.received_at, u.waiting_since, u.acknowledged_at,
           u.acknowledged_by, CASE WHEN s.snoozed_until > %(now)s THEN s.snoozed_until END, t.id, t.name, t.colour
"""

_FROM: LiteralString = """
      FROM updates AS u
      JOIN series AS s ON s.id = u.series_id
      JOIN hosts AS h ON h.id = s.host_id
      LEFT JOIN tags AS t ON t.id = u.tag_id
"""

_RECEIVED: LiteralString = """
    SELECT n.id, n.update_id, n.received_at, n.status, n.kind, n.digest, n.image,
           coalesce(nullif(h.display_name, ''), h.hostname), n.payload
      FROM notifications AS n
      JOIN hosts AS h ON h.id = n.host_id
"""

# Each new tag gets a colour that is far from the one before.
_NEW_TAG: LiteralString = """
    INSERT INTO tags (name, colour)
    SELECT %s, count(*) * 5 %% 12
      FROM tags
    ON CONFLICT (name) DO NOTHING
"""

# The tag of the longest rule that matches a name, in which `*` stands for anything.
_RULED: LiteralString = """
    SELECT r.tag_id
      FROM tag_rules AS r
     WHERE named.name LIKE replace(
               replace(replace(replace(r.pattern, '!', '!!'), '%%', '!%%'), '_', '!_'), '*', '%%'
           ) ESCAPE '!'
     ORDER BY length(r.pattern) DESC, r.pattern
     LIMIT 1
"""

_ACTION: LiteralString = "SELECT id, at, by, verb, detail, count, undone_at IS NOT NULL FROM actions"

# The hosts with names that searches do not know yet.
_UNNAMED: LiteralString = """
    SELECT id
      FROM hosts
     WHERE search = '' AND (display_name <> '' OR id IN (SELECT merged_into FROM hosts))
"""

# The few series that are muted or snoozed are looked up, so that an index of the updates alone answers what is counted.
_MUTED: LiteralString = "(SELECT id FROM series WHERE muted_at IS NOT NULL)"
_SNOOZED: LiteralString = "(SELECT id FROM series WHERE snoozed_until > 'epoch' AND snoozed_until > %(now)s)"

_STATE: dict[State | None, LiteralString] = {
    None: "TRUE",
    State.PENDING: f"u.acknowledged_at IS NULL AND u.series_id NOT IN {_MUTED} AND u.series_id NOT IN {_SNOOZED}",
    State.SNOOZED: f"u.acknowledged_at IS NULL AND u.series_id NOT IN {_MUTED} AND u.series_id IN {_SNOOZED}",
    State.ACKNOWLEDGED: f"u.acknowledged_at IS NOT NULL AND u.series_id NOT IN {_MUTED}",
    State.MUTED: f"u.series_id IN {_MUTED}",
}

_AGE: dict[Age, LiteralString] = {
    Age.DAY: "u.received_at > %(now)s - interval '24 hours'",
    Age.WEEK: "u.received_at > %(now)s - interval '168 hours'",
    Age.MONTH: "u.received_at > %(now)s - interval '720 hours'",
    Age.OLDER: "u.waiting_since <= %(now)s - interval '720 hours'",
}

_FILTERS: dict[str, LiteralString] = {
    "host": "u.hostname = %(host)s",
    "registry": "u.registry = %(registry)s",
    "provider": "u.provider = %(provider)s",
    "kind": "u.kind = %(kind)s",
}

_SORT: dict[Sort, LiteralString] = {
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

_GROUP: dict[Group, LiteralString] = {
    Group.NOTHING: "",
    Group.TAG: "t.name IS NULL, lower(t.name), t.name, ",
    Group.HOST: _SORT[Sort.HOST],
    Group.STACK: "u.stack = '', u.stack, ",
    Group.REGISTRY: "u.registry, ",
}

Cursor = psycopg.Cursor[tuple[Any, ...]]


class PostgresStore(Store):
    """Raises Unavailable where the server at `url`, a URI or conninfo string of libpq, does not answer."""

    def __init__(self, url: str, clock: Callable[[], datetime] = now) -> None:
        self._clock = clock
        conninfo, self._place = _conninfo(url)
        self._conninfo = conninfo
        self._pool = ConnectionPool(
            conninfo,
            kwargs={"autocommit": True},
            min_size=POOL_KEPT,
            max_size=POOL_SIZE,
            max_lifetime=CONNECTION_LIFETIME,
            timeout=POOL_TIMEOUT,
            configure=_configure_pooled,
            check=ConnectionPool.check_connection,
            open=False,
        )
        with _answering(self._place):
            connection = psycopg.connect(conninfo, autocommit=True)
            if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
                connection.close()
                raise Unavailable(f"{self._place} has the encoding {encoding}; create it with ENCODING 'UTF8'")
            _configure(connection)
            migrate(PostgresMigrations(connection))
            with psycopg.connect(conninfo, autocommit=True) as connection:
                _configure(connection)
                with connection.transaction(), connection.cursor() as cursor:
                    unnamed = cursor.execute(_UNNAMED).fetchall()
                    self._name_hosts(cursor, _firsts(unnamed))
                    self._derive_anew(cursor)

    def record(self, notification: Notification, at: datetime | None = None) -> int:
        """As the interface says. What is known already is one statement, and so one answer to wait for."""
        at = at or self._clock()
        with self._connection() as connection, connection.cursor() as cursor:
            update_id = self._add(cursor, notification, notification.hostname, at)
            if update_id is None:
                with connection.transaction():
                    update_id = self._speak(cursor, notification, at)
        return update_id

    def _add(self, cursor: Cursor, notification: Notification, hostname: str, at: datetime) -> int | None:
        """The same digest again: one more notification, and perhaps other containers and metadata. None if it is not.

        `hostname` is the host's own, not one that was merged into it. What may have changed while this waited for the
        lock on the series is compared again: a row that is no longer there, or has another digest, is not found.
        """
        row = cursor.execute(
            """
            WITH found AS (
                SELECT u.id, u.series_id, h.id AS host_id
                  FROM hosts AS h
                  JOIN updates AS u ON u.host_key = h.host_key
                  JOIN series AS s ON s.id = u.series_id
                 WHERE h.host_key = name_key(%(hostname)s) AND h.merged_into IS NULL AND h.forgotten_at IS NULL
                   AND u.image_key = name_key(%(image)s) AND u.digest = %(digest)s
                   FOR NO KEY UPDATE OF s
            ),
            known AS (
                UPDATE updates AS u
                   SET notifications = u.notifications + 1,
                       metadata = u.metadata || %(metadata)s,
                       containers = ARRAY(SELECT unnest(u.containers) UNION SELECT unnest(%(containers)s::text[])),
                       search = CASE
                           WHEN strpos(u.search, %(search)s) > 0 THEN u.search
                           ELSE u.search || ' ' || %(search)s
                       END
                  FROM found
                 WHERE u.id = found.id AND u.digest = %(digest)s
                RETURNING u.id, u.kind, found.series_id, found.host_id
            ),
            heard AS (
                UPDATE series AS s
                   SET heard = s.heard + 1
                  FROM known
                 WHERE s.id = known.series_id
            ),
            counted AS (
                INSERT INTO days AS d (day, host_id, kind, notifications)
                SELECT %(day)s, host_id, kind, 1
                  FROM known
                ON CONFLICT (day, host_id, kind) DO UPDATE
                   SET notifications = d.notifications + 1
            )
            INSERT INTO notifications (update_id, host_id, image, kind, received_at, status, digest, payload, search)
            SELECT id, host_id, %(image)s, kind, %(at)s, %(status)s, %(digest)s, %(payload)s, %(history_search)s
              FROM known
            RETURNING update_id
            """,
            _received_values(notification, hostname, at)
            | {
                "hostname": hostname,
                "metadata": Jsonb(notification.metadata),
                "containers": list(notification.containers),
                "search": notification.derived().search,
            },
        ).fetchone()
        return None if row is None else int(row[0])

    def _speak(self, cursor: Cursor, notification: Notification, at: datetime) -> int:
        """A new image or digest speaks for its update."""
        reference, derived = notification.reference, notification.derived()
        cursor.execute(
            "SELECT pg_advisory_xact_lock_shared(%s), pg_advisory_xact_lock(hashtextextended(%s, 0))",
            (NEWS_LOCK, reference.name),
        )
        host_id, hostname, known_id, digest = self._heard(cursor, notification)
        if known_id is not None and digest == notification.digest:
            # Another process has stored this digest since `_add` looked: by now it is a repetition.
            again = self._add(cursor, notification, hostname, at)
            assert again is not None
            return again
        tagged = self._tag_at_first_sight(cursor, reference.name, notification.metadata)
        series_id, running = _one(
            cursor.execute(
                """
                INSERT INTO series AS s (host_id, registry, repository, variant, heard)
                VALUES (%s, %s, %s, %s, 1)
                ON CONFLICT (host_id, repository_key, variant_key) DO UPDATE
                   SET snoozed_until = 'epoch', heard = s.heard + 1
                RETURNING id, running_version
                """,
                (host_id, reference.registry, reference.repository, derived.variant),
            )
        )
        rebuilt = known_id is not None or notification.status == "update"
        update_id, opened = _one(
            cursor.execute(
                """
                WITH before AS (
                    SELECT acknowledged_at
                      FROM updates
                     WHERE id = %(known_id)s
                )
                INSERT INTO updates AS u (
                    hostname, image, registry, repository, version, digest, status, kind, provider, platform, mime_type,
                    hub_link, diun_version, created, metadata, containers, notifications, first_seen_at, received_at,
                    opened_at, waiting_since, series_id, name, version_key, prerelease, rebuilt, from_version, stack,
                    search, tag_id
                )
                VALUES (
                    %(hostname)s, %(image)s, %(registry)s, %(repository)s, %(version)s, %(digest)s, %(status)s,
                    %(kind)s, %(provider)s, %(platform)s, %(mime_type)s, %(hub_link)s, %(diun_version)s, %(created)s,
                    %(metadata)s, %(containers)s, 1, %(at)s, %(at)s, %(at)s, %(at)s, %(series_id)s, %(name)s,
                    %(version_key)s, %(prerelease)s, %(rebuilt)s, %(from_version)s, %(stack)s, %(search)s,
                    coalesce(
                        (SELECT tag_id FROM tag_assignments WHERE reference_key = name_key(%(image)s)),
                        (SELECT tag_id FROM tag_assignments WHERE reference_key = name_key(%(reference)s))
                    )
                )
                ON CONFLICT (host_key, image_key) DO UPDATE
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
                       containers = ARRAY(SELECT unnest(u.containers) UNION SELECT unnest(excluded.containers)),
                       notifications = u.notifications + 1,
                       received_at = excluded.received_at,
                       first_seen_at = least(u.first_seen_at, excluded.first_seen_at),
                       opened_at = CASE
                           WHEN u.acknowledged_at IS NULL THEN least(u.opened_at, excluded.opened_at)
                           ELSE excluded.opened_at
                       END,
                       acknowledged_at = NULL,
                       acknowledged_by = '',
                       rebuilt = excluded.rebuilt,
                       from_version = excluded.from_version,
                       stack = excluded.stack,
                       search = excluded.search,
                       tag_id = excluded.tag_id
                RETURNING id, NOT EXISTS (SELECT FROM before WHERE acknowledged_at IS NULL)
                """,
                {
                    "known_id": known_id,
                    "hostname": hostname,
                    "image": reference.image,
                    "registry": reference.registry,
                    "repository": reference.repository,
                    "version": reference.version,
                    "digest": notification.digest,
                    "status": notification.status,
                    "kind": update_kind(running, reference.version, rebuilt),
                    "provider": notification.provider,
                    "platform": notification.platform,
                    "mime_type": notification.mime_type,
                    "hub_link": notification.hub_link,
                    "diun_version": notification.diun_version,
                    "created": notification.created,
                    "metadata": Jsonb(notification.metadata),
                    "containers": list(notification.containers),
                    "at": at,
                    "series_id": series_id,
                    "name": derived.name,
                    "version_key": derived.version_key,
                    "prerelease": derived.prerelease,
                    "rebuilt": rebuilt,
                    "from_version": running,
                    "stack": derived.stack,
                    "search": derived.search,
                    "reference": reference.name,
                },
            )
        )
        if tagged:
            self._retag(cursor, [reference.name])
        if current := notification.metadata.get("current", "").strip():
            self._say(cursor, series_id, current, at)
        self._refresh(cursor, [series_id])
        cursor.execute(
            """
            WITH spoken AS (
                SELECT id, kind
                  FROM updates
                 WHERE id = %(update_id)s
            ),
            counted AS (
                INSERT INTO days AS d (day, host_id, kind, notifications, opened)
                SELECT %(day)s, %(host_id)s, kind, 1, %(opened)s
                  FROM spoken
                ON CONFLICT (day, host_id, kind) DO UPDATE
                   SET notifications = d.notifications + 1, opened = d.opened + excluded.opened
            )
            INSERT INTO notifications (update_id, host_id, image, kind, received_at, status, digest, payload, search)
            SELECT id, %(host_id)s, %(image)s, kind, %(at)s, %(status)s, %(digest)s, %(payload)s, %(history_search)s
              FROM spoken
            """,
            _received_values(notification, hostname, at)
            | {"update_id": update_id, "host_id": host_id, "opened": int(opened)},
        )
        return int(update_id)

    def _heard(self, cursor: Cursor, notification: Notification) -> tuple[int, str, int | None, str | None]:
        """The host that a notification is from, created if it is new, and the update's id and digest, if there is one.

        Looked for first, since an INSERT that finds its row there takes a number from the sequence all the same.
        """

        def look() -> Any:
            return cursor.execute(
                """
                SELECT h.id, h.hostname, u.id, u.digest, h.forgotten_at
                  FROM hosts AS named
                  JOIN hosts AS h ON h.id = coalesce(named.merged_into, named.id)
                  LEFT JOIN updates AS u ON u.host_key = h.host_key AND u.image_key = name_key(%s)
                 WHERE named.host_key = name_key(%s)
                """,
                (notification.reference.image, notification.hostname),
            ).fetchone()

        found = look()
        if found is None:
            cursor.execute(
                "INSERT INTO hosts (hostname) VALUES (%s) ON CONFLICT (host_key) DO NOTHING", (notification.hostname,)
            )
            found = look()
        host_id, hostname, update_id, digest, forgotten_at = found
        if forgotten_at is not None:
            cursor.execute("UPDATE hosts SET forgotten_at = NULL WHERE id = %s", (host_id,))
        return host_id, hostname, update_id, digest

    def _tag_at_first_sight(self, cursor: Cursor, name: str, metadata: dict[str, str]) -> bool:
        """Metadata tags a repository that nobody has tagged, and a rule one that has no metadata either.

        True if it did; the updates that the repository had before have another tag then. The caller holds the
        advisory lock on the name.
        """
        source, rule_tag_id = _one(
            cursor.execute(
                f"""
                SELECT (SELECT source FROM tag_assignments WHERE reference_key = name_key(named.name)), ({_RULED})
                  FROM (SELECT %s::text COLLATE "C") AS named (name)
                """,
                (name,),
            )
        )
        wanted = metadata_tag(metadata)
        if source in (None, "rule") and wanted:
            self._lock_repositories(cursor, [name])
            self._assign(cursor, [name], self._tag_named(cursor, wanted), "metadata")
        elif source is None and rule_tag_id is not None:
            self._lock_repositories(cursor, [name])
            self._assign(cursor, [name], rule_tag_id, "rule")
        else:
            return False
        return True

    def updates(self, query: UpdateQuery) -> Page:
        with self._snapshot() as cursor:
            return self._page(cursor, query)

    def _page(self, cursor: Cursor, query: UpdateQuery) -> Page:
        where, values = self._where(query)
        # Only the rows of the page are read whole, and not sorted. A search looks at every row, and counts it too.
        counted: LiteralString = "count(*) OVER ()" if query.words else "NULL"
        found = cursor.execute(
            f"""
            SELECT u.id, {counted} {_FROM}
             WHERE {where}
             ORDER BY {_GROUP[query.group]} {_SORT[query.sort]} u.received_at DESC, u.id DESC
             LIMIT %(limit)s OFFSET %(offset)s
            """,
            values | {"limit": query.per_page, "offset": (query.page - 1) * query.per_page},
        ).fetchall()
        rows = cursor.execute(
            f"""
            {_UPDATE} {_FROM}
              JOIN unnest(%(ids)s::bigint[]) WITH ORDINALITY AS place (id, number) ON place.id = u.id
             ORDER BY place.number
            """,
            {"ids": _firsts(found), "now": values["now"]},
        ).fetchall()
        total = found[0][1] if query.words and found else self._count(cursor, query)
        return Page(tuple(map(_update, rows)), total, query.page, query.per_page)

    def choices(self, query: UpdateQuery) -> Choices:
        query = replace(query, until=None)
        with self._snapshot() as cursor:
            others = replace(query, host=None, tag=None, registry=None, provider=None, kind=None, age=None)
            where, values = self._where(others)
            ages = ("TRUE" if query.age is None else _AGE[query.age], *_AGE.values())
            counts = ", ".join(f"count(*) FILTER (WHERE {age}) AS count{number}" for number, age in enumerate(ages))
            counted = ", ".join(f"c.count{number}" for number in range(len(ages)))
            rows = cursor.execute(
                f"""
                SELECT h.hostname, coalesce(nullif(h.display_name, ''), h.hostname), coalesce(t.name, %(untagged)s),
                       c.registry, c.provider, c.kind, {counted}
                  FROM (
                      SELECT u.hostname, u.tag_id, u.registry, u.provider, u.kind, {counts}
                        FROM updates AS u
                       WHERE {where}
                       GROUP BY u.tag_id, u.hostname, u.registry, u.kind, u.provider
                  ) AS c
                  JOIN hosts AS h ON h.hostname = c.hostname
                  LEFT JOIN tags AS t ON t.id = c.tag_id
                """,
                values | {"untagged": UNTAGGED},
            ).fetchall()
            states = self._states(cursor, query)
        return choices_of(query, rows, states)

    def _count(self, cursor: Cursor, query: UpdateQuery) -> int:
        """How many updates a query finds."""
        where, values = self._where(query)
        number: int = _one(cursor.execute(f"SELECT count(*) FROM updates AS u WHERE {where}", values))[0]
        return number

    def _states(self, cursor: Cursor, query: UpdateQuery) -> dict[State | None, Choice]:
        """The states, counted as `Choices` says; under a filter without the query's own, which is counted already."""
        if query.narrowed:
            return {state: self._state(cursor, query, state) for state in (*State, None) if state != query.state}
        counted: tuple[LiteralString, LiteralString] = ("count(*)", "count(*)")
        opened, every = counted if query.fold else ("sum(open)", "sum(open + done)")
        counts = _one(
            cursor.execute(
                f"""
                SELECT coalesce({opened} FILTER (WHERE open > 0 AND muted_at IS NULL AND snoozed_until <= %(now)s), 0),
                       coalesce({opened} FILTER (WHERE open > 0 AND muted_at IS NULL AND snoozed_until > %(now)s), 0),
                       coalesce(sum(done) FILTER (WHERE muted_at IS NULL), 0),
                       coalesce({every} FILTER (WHERE muted_at IS NOT NULL), 0), coalesce({every}, 0)
                  FROM series
                """,
                {"now": self._clock()},
            )
        )
        return {state: state_choice(state, count) for state, count in zip((*State, None), counts, strict=True)}

    def _state(self, cursor: Cursor, query: UpdateQuery, state: State | None) -> Choice:
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
        (count,) = _one(
            cursor.execute(
                f"SELECT count(*) FROM updates AS u WHERE u.received_at > %(since)s AND {where}",
                values | {"since": since[0]},
            )
        )
        return state_choice(state, count, at_least=True)

    def totals(self) -> Totals:
        with self._snapshot() as cursor:
            hosts = _one(
                cursor.execute("SELECT count(*) FROM hosts WHERE merged_into IS NULL AND forgotten_at IS NULL")
            )
            return Totals(self._count(cursor, UpdateQuery()), *hosts)

    def summary(self) -> Summary:
        today = _day(self._clock())
        week = [today - timedelta(days=days) for days in range(6, -1, -1)]
        with self._snapshot() as cursor:
            where, values = self._where(UpdateQuery())
            rows = cursor.execute(
                f"""
                SELECT u.kind, count(*), min(u.waiting_since)
                  FROM updates AS u
                 WHERE {where}
                 GROUP BY u.kind
                """,
                values,
            ).fetchall()
            (hosts,) = _one(
                cursor.execute(
                    """
                    SELECT count(DISTINCT host_id)
                      FROM series
                     WHERE open > 0 AND muted_at IS NULL AND snoozed_until <= %(now)s
                    """,
                    values,
                )
            )
            done: dict[date, int] = dict(
                cursor.execute("SELECT day, sum(closed)::bigint FROM days WHERE day >= %s GROUP BY day", (week[0],))
            )
        return Summary(
            kinds={kind: count for kind, count, _ in rows},
            hosts=hosts,
            oldest=_utc(min((oldest for *_, oldest in rows), default=None)),
            done=tuple(done.get(day, 0) for day in week),
        )

    def update(self, update_id: int) -> Update:
        with self._connection() as connection:
            row = connection.execute(
                f"{_UPDATE} {_FROM} WHERE u.id = %(id)s", {"id": update_id, "now": self._clock()}
            ).fetchone()
        if row is None:
            raise _no_update(update_id)
        return _update(row)

    def series(self, update_id: int) -> tuple[Update, ...]:
        with self._connection() as connection:
            rows = connection.execute(
                f"""
                {_UPDATE} {_FROM}
                 WHERE u.series_id = (SELECT series_id FROM updates WHERE id = %(id)s)
                 ORDER BY u.version_key DESC, u.received_at DESC, u.id DESC
                 LIMIT 100
                """,
                {"id": update_id, "now": self._clock()},
            ).fetchall()
        if not rows:
            raise _no_update(update_id)
        return tuple(map(_update, rows))

    def older(self, update_id: int) -> tuple[Update, ...]:
        with self._snapshot() as cursor:
            self._find(cursor, Selection((update_id,)))
            rows = cursor.execute(
                f"""
                {_UPDATE} {_FROM}
                 WHERE u.acknowledged_at IS NULL AND u.folded
                   AND u.series_id = (SELECT series_id FROM updates WHERE id = %(id)s)
                 ORDER BY u.version_key DESC, u.received_at DESC, u.id DESC
                """,
                {"id": update_id, "now": self._clock()},
            ).fetchall()
        return tuple(map(_update, rows))

    def chosen(self, selection: Selection) -> tuple[Update, ...]:
        with self._snapshot() as cursor:
            rows = cursor.execute(
                f"""
                {_UPDATE} {_FROM}
                 WHERE u.id = ANY(%(chosen)s::bigint[])
                 ORDER BY {_SORT[Sort.HOST]} u.name, u.id
                 LIMIT 1000
                """,
                {"chosen": self._find(cursor, selection), "now": self._clock()},
            ).fetchall()
        return tuple(map(_update, rows))

    def stamp(self) -> str:
        """As the interface says. Made of what grows with each commit; ids are given before it, in another order."""
        with self._connection() as connection:
            row = _one(
                connection.execute(
                    """
                    SELECT (SELECT sum(notifications) FROM days), (SELECT number FROM edits),
                           (SELECT count(*) FROM series WHERE snoozed_until > 'epoch' AND snoozed_until > %s)
                    """,
                    (self._clock(),),
                )
            )
        return "-".join(map(str, row))

    def action(self, action_id: int) -> Action:
        with self._snapshot() as cursor:
            return self._action(cursor, action_id)

    def timeline(self, update_id: int, offset: int = 0, limit: int = 500) -> tuple[Received | Action, ...]:
        with self._snapshot() as cursor:
            series = cursor.execute("SELECT series_id FROM updates WHERE id = %s", (update_id,)).fetchone()
            if series is None:
                raise _no_update(update_id)
            moments = cursor.execute(
                """
                SELECT n.received_at AS at, 1 AS told, n.id
                  FROM updates AS u
                  JOIN notifications AS n ON n.update_id = u.id
                 WHERE u.series_id = %(series)s
                 UNION ALL
                SELECT at, 0, id
                  FROM actions
                 WHERE id IN (SELECT action_id FROM action_items WHERE series_id = %(series)s)
                 ORDER BY at DESC, told DESC, id DESC
                 LIMIT %(limit)s OFFSET %(offset)s
                """,
                {"series": series[0], "limit": limit, "offset": offset},
            ).fetchall()
            received = cursor.execute(
                f"{_RECEIVED} WHERE n.id = ANY(%s)", ([id for _, told, id in moments if told],)
            ).fetchall()
            actions = cursor.execute(
                f"{_ACTION} WHERE id = ANY(%s)", ([id for _, told, id in moments if not told],)
            ).fetchall()
            # The last of an action is the highest.
            versions = dict(
                cursor.execute(
                    """
                    SELECT i.action_id, u.version
                      FROM action_items AS i
                      JOIN updates AS u ON u.id = i.update_id
                     WHERE i.series_id = %s AND i.action_id = ANY(%s)
                     ORDER BY u.version_key, u.id
                    """,
                    (series[0], [id for _, told, id in moments if not told]),
                ).fetchall()
            )
        found: dict[tuple[int, int], Received | Action] = {(1, row[0]): _received(row) for row in received}
        found |= {(0, row[0]): _action(row, versions.get(row[0], "")) for row in actions}
        return tuple(found[told, id] for _, told, id in moments)

    def digest_before(self, update_id: int) -> str:
        with self._connection() as connection:
            row = connection.execute(
                """
                SELECT n.digest
                  FROM updates AS u
                  JOIN notifications AS n ON n.update_id = u.id
                 WHERE u.id = %s AND n.digest <> u.digest
                 ORDER BY n.id DESC
                 LIMIT 1
                """,
                (update_id,),
            ).fetchone()
        return row[0] if row else ""

    def received(self, notification_id: int) -> Received:
        with self._connection() as connection:
            row = connection.execute(f"{_RECEIVED} WHERE n.id = %s", (notification_id,)).fetchone()
        if row is None:
            raise NotFound(f"no notification has the id {notification_id}")
        return _received(row)

    def views(self) -> tuple[View, ...]:
        with self._connection() as connection:
            rows = connection.execute("SELECT id, name, query, is_start FROM views ORDER BY lower(name), name")
            return tuple(View(*row) for row in rows)

    def save_view(self, name: str, query: str, replace: bool = False) -> View:
        name, query = view_name(name), storable(query)
        with self._editing() as cursor:
            row = cursor.execute(
                """
                INSERT INTO views (name, query)
                VALUES (%s, %s)
                ON CONFLICT (view_key) DO UPDATE
                   SET query = excluded.query
                 WHERE %s OR views.query = excluded.query
                RETURNING id, name, query, is_start
                """,
                (name, query, replace),
            ).fetchone()
            if row is None:
                raise Conflict(f"a view has the name {name!r} already")
        return View(*row)

    def delete_view(self, view_id: int) -> None:
        with self._editing() as cursor:
            if not cursor.execute("DELETE FROM views WHERE id = %s", (view_id,)).rowcount:
                raise NotFound(f"no view has the id {view_id}")

    def start_with(self, view_id: int | None) -> None:
        with self._editing() as cursor:
            known = _firsts(cursor.execute("SELECT id FROM views ORDER BY id FOR UPDATE").fetchall())
            if view_id is not None and view_id not in known:
                raise NotFound(f"no view has the id {view_id}")
            cursor.execute("UPDATE views SET is_start = id IS NOT DISTINCT FROM %s::bigint", (view_id,))

    def acknowledge(self, selection: Selection, by: str) -> Action:
        with self._acting("acknowledge", "", by) as (cursor, action, at):
            rows = cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, update_id, before)
                SELECT DISTINCT %s::bigint, u.series_id, u.id, to_jsonb(u.done_at)
                  FROM updates AS c
                  JOIN updates AS u ON u.series_id = c.series_id
                 WHERE c.id = ANY(%s::bigint[]) AND u.acknowledged_at IS NULL
                   AND (u.version_key, u.received_at, u.id) <= (c.version_key, c.received_at, c.id)
                RETURNING update_id
                """,
                (action, self._chosen(cursor, selection)),
            ).fetchall()
            ids = _firsts(rows)
            cursor.execute(
                """
                UPDATE updates
                   SET acknowledged_at = %(at)s, acknowledged_by = %(by)s, done_at = %(at)s
                 WHERE id = ANY(%(ids)s)
                """,
                {"at": at, "by": storable(by), "ids": ids},
            )
            self._refresh(cursor, self._series_in(cursor, action))
            self._count_closed(cursor, self._closed(cursor, ids), 1)
            return self._did(cursor, action)

    def reopen(self, selection: Selection, by: str) -> Action:
        with self._acting("reopen", "", by) as (cursor, action, _):
            rows = cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, update_id, before)
                SELECT %s, series_id, id,
                       jsonb_build_array(acknowledged_at, acknowledged_by, done_at, kind, from_version)
                  FROM updates
                 WHERE acknowledged_at IS NOT NULL AND id = ANY(%s::bigint[])
                RETURNING update_id
                """,
                (action, self._chosen(cursor, selection)),
            ).fetchall()
            ids = _firsts(rows)
            closed = self._closed(cursor, ids)
            cursor.execute(
                "UPDATE updates SET acknowledged_at = NULL, acknowledged_by = '', done_at = NULL WHERE id = ANY(%s)",
                (ids,),
            )
            self._refresh(cursor, self._series_in(cursor, action))
            self._count_closed(cursor, closed, -1)
            return self._did(cursor, action)

    def snooze(self, selection: Selection, until: datetime | None, by: str) -> Action:
        verb, detail = ("wake", "") if until is None else ("snooze", until.isoformat())
        with self._acting(verb, detail, by) as (cursor, action, _):
            self._set_in_series(cursor, action, "snoozed_until", until or _EPOCH, selection)
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
            self._lock_alone(cursor)
            chosen = self._find(cursor, selection)
            names = self._names(cursor, chosen)
            self._lock_repositories(cursor, names)
            known = cursor.execute("SELECT FROM tags WHERE name = %s", (name,)).fetchone()
            tag_id = None if name is None else self._tag_named(cursor, name)
            cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, reference, before)
                SELECT DISTINCT %(action)s::bigint, u.series_id, a.reference, jsonb_build_array(a.tag_id, a.source)
                  FROM updates AS u
                  JOIN tag_assignments AS a ON a.reference_key = u.image_key
                 WHERE u.id = ANY(%(chosen)s::bigint[])
                 UNION ALL
                SELECT DISTINCT %(action)s::bigint, u.series_id, u.registry || '/' || u.repository,
                       jsonb_build_array(a.tag_id, a.source, %(tag_id)s::bigint, %(created)s::boolean)
                  FROM updates AS u
                  LEFT JOIN tag_assignments AS a ON a.reference_key = u.repository_key
                 WHERE u.id = ANY(%(chosen)s::bigint[])
                """,
                {"action": action, "chosen": chosen, "tag_id": tag_id, "created": name is not None and known is None},
            )
            cursor.execute(
                """
                DELETE FROM tag_assignments AS a
                 USING action_items AS i
                 WHERE i.action_id = %s AND jsonb_array_length(i.before) = 2 AND a.reference_key = name_key(i.reference)
                """,
                (action,),
            )
            self._assign(cursor, names, tag_id, "person")
            self._retag(cursor, names)
            return self._did(cursor, action)

    def say_running(self, update_id: int, version: str, by: str) -> Action:
        version = storable(version).strip()
        with self._acting("running", version, by) as (cursor, action, at):
            (series_id,) = self._series_of(cursor, self._chosen(cursor, Selection((update_id,))))
            cursor.execute(
                """
                INSERT INTO action_items (action_id, series_id, before)
                SELECT %s, id, jsonb_build_array(said_version, said_key, said_at)
                  FROM series
                 WHERE id = %s
                """,
                (action, series_id),
            )
            if not version:
                cursor.execute(
                    "UPDATE series SET said_version = '', said_key = '', said_at = NULL WHERE id = %s", (series_id,)
                )
            elif not self._say(cursor, series_id, version, at):
                raise Invalid(f"the version {version} does not compare with those of this image")
            self._refresh(cursor, [series_id])
            return self._did(cursor, action)

    def undo(self, action_id: int, by: str) -> Action:
        with self._editing() as cursor:
            row = cursor.execute(
                "SELECT verb, detail, at, undone_at FROM actions WHERE id = %s FOR UPDATE", (action_id,)
            ).fetchone()
            if row is None:
                raise NotFound(f"no action has the id {action_id}")
            verb, detail, at, undone_at = row
            if undone_at is not None:
                raise Conflict("this was undone already")
            if verb in ("tag", "untag"):
                self._untag(cursor, action_id)
            else:
                self._lock_shared(cursor)
                self._lock_series(cursor, self._series_in(cursor, action_id))
            match verb:
                case "acknowledge":
                    # By ids: while the statistics say that nothing is acknowledged, a join starts with the index on
                    # acknowledged_at, and reads the whole action again for each row.
                    items = cursor.execute("SELECT update_id FROM action_items WHERE action_id = %s", (action_id,))
                    rows = cursor.execute(
                        "SELECT id FROM updates WHERE id = ANY(%s::bigint[]) AND acknowledged_at = %s",
                        (_firsts(items.fetchall()), at),
                    ).fetchall()
                    closed = self._closed(cursor, _firsts(rows))
                    # One statement for all columns, as each new version of a row is added to every index.
                    cursor.execute(
                        """
                        UPDATE updates AS u
                           SET done_at = CASE
                                   WHEN u.done_at = %(at)s THEN coalesce(i.before, nullif(u.acknowledged_at, %(at)s))
                                   ELSE u.done_at
                               END,
                               acknowledged_at = nullif(u.acknowledged_at, %(at)s),
                               acknowledged_by = CASE WHEN u.acknowledged_at = %(at)s THEN '' ELSE u.acknowledged_by END
                          FROM (
                              SELECT update_id, max((before #>> '{}')::timestamptz) AS before
                                FROM action_items
                               WHERE action_id = %(action)s
                               GROUP BY update_id
                          ) AS i
                         WHERE i.update_id = u.id AND %(at)s IN (u.done_at, u.acknowledged_at)
                        """,
                        {"action": action_id, "at": at},
                    )
                    self._open_again(cursor, action_id)
                    # What was acknowledged again or reopened since goes back to before this, should that be undone too.
                    cursor.execute(
                        """
                        UPDATE action_items AS later
                           SET before = CASE jsonb_typeof(later.before)
                                   WHEN 'array' THEN jsonb_build_array(NULL, '', i.before)
                                   ELSE i.before
                               END
                          FROM action_items AS i
                         WHERE i.action_id = %(action)s AND i.update_id = later.update_id
                           AND to_jsonb(%(at)s) IN (later.before, later.before -> 0)
                        """,
                        {"action": action_id, "at": at},
                    )
                    self._refresh(cursor, self._series_in(cursor, action_id))
                    self._count_closed(cursor, closed, -1)
                case "reopen":
                    rows = cursor.execute(
                        """
                        UPDATE updates AS u
                           SET acknowledged_at = (i.before ->> 0)::timestamptz,
                               acknowledged_by = i.before ->> 1,
                               kind = coalesce(i.before ->> 3, u.kind),
                               from_version = coalesce(i.before ->> 4, u.from_version)
                          FROM action_items AS i
                         WHERE i.action_id = %s AND i.update_id = u.id AND u.acknowledged_at IS NULL
                           AND u.received_at <= %s
                        RETURNING u.id
                        """,
                        (action_id, at),
                    ).fetchall()
                    # What ran still does where another digest has come.
                    cursor.execute(
                        """
                        UPDATE updates AS u
                           SET done_at = (i.before ->> 2)::timestamptz
                          FROM action_items AS i
                         WHERE i.action_id = %s AND i.update_id = u.id AND u.done_at IS NULL
                        """,
                        (action_id,),
                    )
                    self._open_again(cursor, action_id)
                    self._refresh(cursor, self._series_in(cursor, action_id))
                    self._count_closed(cursor, self._closed(cursor, _firsts(rows)), 1)
                case "note":
                    self._set_back(cursor, action_id, "note", "text", detail)
                case "snooze":
                    self._set_back(cursor, action_id, "snoozed_until", "timestamptz", datetime.fromisoformat(detail))
                case "wake":
                    self._set_back(cursor, action_id, "snoozed_until", "timestamptz", _EPOCH)
                case "mute" | "unmute":
                    self._set_back(cursor, action_id, "muted_at", "timestamptz", at if verb == "mute" else None)
                case "running":
                    cursor.execute(
                        """
                        UPDATE series AS s
                           SET said_version = i.before ->> 0,
                               said_key = i.before ->> 1,
                               said_at = (i.before ->> 2)::timestamptz
                          FROM action_items AS i
                         WHERE i.action_id = %s AND i.series_id = s.id AND s.said_at IS NOT DISTINCT FROM %s
                        """,
                        (action_id, at if detail else None),
                    )
                    self._refresh(cursor, self._series_in(cursor, action_id))
            cursor.execute(
                "UPDATE actions SET undone_at = %s, undone_by = %s WHERE id = %s",
                (self._clock(), storable(by), action_id),
            )
            return self._action(cursor, action_id)

    def _untag(self, cursor: Cursor, action_id: int) -> None:
        """Put the assignments back that tagging replaced, where they are still as it left them.

        A tag that it created goes too, unless it has found another use.
        """
        self._lock_alone(cursor)
        rows = cursor.execute(
            """
            SELECT s.registry || '/' || s.repository
              FROM action_items AS i
              JOIN series AS s ON s.id = i.series_id
             WHERE i.action_id = %s
            """,
            (action_id,),
        ).fetchall()
        names = sorted(set(_firsts(rows)))
        self._lock_repositories(cursor, names)
        replaced = cursor.execute(
            """
            SELECT DISTINCT i.reference, i.before, a.tag_id, a.source, t.id
              FROM action_items AS i
              LEFT JOIN tag_assignments AS a ON a.reference_key = name_key(i.reference)
              LEFT JOIN tags AS t ON t.id = (i.before ->> 0)::bigint
             WHERE i.action_id = %s
            """,
            (action_id,),
        ).fetchall()
        created: set[int] = set()
        for reference, before, tag_id, source, old_tag_id in replaced:
            created.update(before[2:3] if before[3:] == [True] else ())
            left = (before[2], "person") if len(before) > 2 else (None, None)
            if (tag_id, source) != left:
                continue
            if before[1] and before[0] == old_tag_id:
                self._assign(cursor, [reference], old_tag_id, before[1])
            else:
                cursor.execute("DELETE FROM tag_assignments WHERE reference_key = name_key(%s)", (reference,))
        self._retag(cursor, names)
        cursor.execute(
            """
            DELETE FROM tags AS t
             WHERE t.id = ANY(%s)
               AND NOT EXISTS (SELECT FROM tag_rules AS r WHERE r.tag_id = t.id)
               AND NOT EXISTS (SELECT FROM tag_assignments AS a WHERE a.tag_id = t.id)
            """,
            (sorted(created),),
        )

    def tags(self) -> tuple[Tag, ...]:
        with self._connection() as connection:
            rows = connection.execute(
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
        try:
            with self._editing() as cursor:
                self._lock_alone(cursor)
                changed = cursor.execute(
                    "UPDATE tags SET name = %s, colour = %s WHERE id = %s", (name, colour, tag_id)
                ).rowcount
        except errors.UniqueViolation:
            raise Conflict(f"a tag has the name {name!r} already") from None
        if not changed:
            raise _no_tag(tag_id)
        return Tag(tag_id, name, colour=colour)

    def delete_tag(self, tag_id: int) -> None:
        with self._editing() as cursor:
            self._lock_alone(cursor)
            rows = cursor.execute(
                "SELECT DISTINCT registry || '/' || repository FROM updates WHERE tag_id = %s", (tag_id,)
            ).fetchall()
            self._lock_repositories(cursor, _firsts(rows))
            if cursor.execute("DELETE FROM tags WHERE id = %s", (tag_id,)).rowcount == 0:
                raise _no_tag(tag_id)
            self._retag(cursor, _firsts(rows))

    def has_tag(self, tag_id: int) -> bool:
        with self._connection() as connection:
            return connection.execute("SELECT 1 FROM tags WHERE id = %s", (tag_id,)).fetchone() is not None

    def assign_tag(self, reference: str, tag_id: int) -> str:
        key = assignable(reference)
        name = image.parse(key).name
        with self._editing() as cursor:
            self._lock_alone(cursor)
            self._lock_repositories(cursor, [name])
            self._tag(cursor, tag_id)
            self._assign(cursor, [key], tag_id, "person")
            self._retag(cursor, [name])
        return key

    def unassign_tag(self, reference: str) -> None:
        key = assignable(reference)
        name = image.parse(key).name
        with self._editing() as cursor:
            self._lock_alone(cursor)
            self._lock_repositories(cursor, [name])
            cursor.execute("DELETE FROM tag_assignments WHERE reference_key = name_key(%s)", (key,))
            self._retag(cursor, [name])

    def hosts(self) -> tuple[Host, ...]:
        now = self._clock()
        with self._snapshot() as cursor:
            where, values = self._where(UpdateQuery())
            kinds: dict[str, dict[str, int]] = {}
            for hostname, kind, count in cursor.execute(
                f"SELECT u.hostname, u.kind, count(*) FROM updates AS u WHERE {where} GROUP BY u.kind, u.hostname",
                values,
            ):
                kinds.setdefault(hostname, {})[kind] = count
            rows = cursor.execute(
                """
                SELECT h.id, h.hostname, coalesce(nullif(h.display_name, ''), h.hostname),
                       ARRAY(SELECT m.hostname FROM hosts AS m WHERE m.merged_into = h.id),
                       (SELECT n.received_at FROM notifications AS n WHERE n.host_id = h.id ORDER BY n.id LIMIT 1),
                       latest.received_at,
                       (SELECT coalesce(sum(d.notifications), 0) FROM days AS d WHERE d.host_id = h.id),
                       coalesce(latest.provider, ''), coalesce(latest.diun_version, ''),
                       (
                           SELECT CASE WHEN count(*) >= 4 THEN max(gap) END
                             FROM (
                                 SELECT day - lag(day) OVER (ORDER BY day) AS gap
                                   FROM days
                                  WHERE host_id = h.id AND day > %s AND notifications > 0
                                  GROUP BY day
                             ) AS gaps
                       )
                  FROM hosts AS h
                  LEFT JOIN LATERAL (
                      SELECT n.received_at, u.provider, u.diun_version
                        FROM notifications AS n
                        LEFT JOIN updates AS u ON u.id = n.update_id
                       WHERE n.host_id = h.id
                       ORDER BY n.id DESC
                       LIMIT 1
                  ) AS latest ON TRUE
                 WHERE h.merged_into IS NULL AND h.forgotten_at IS NULL
                 ORDER BY lower(coalesce(nullif(h.display_name, ''), h.hostname)), h.hostname
                """,
                (_day(now) - timedelta(days=90),),
            ).fetchall()
        found = []
        for id, hostname, name, aliases, first, last, count, provider, diun_version, days in rows:
            gap = None if days is None else timedelta(days=days)
            found.append(
                Host(
                    id,
                    hostname,
                    name,
                    tuple(sorted(aliases)),
                    kinds.get(hostname, {}),
                    first.astimezone(UTC),
                    last.astimezone(UTC),
                    count,
                    provider,
                    diun_version,
                    gap,
                    gap is not None and now - last > gap + timedelta(days=1),
                )
            )
        return tuple(found)

    def rename_host(self, host_id: int, name: str) -> None:
        name = host_name(name)
        with self._editing() as cursor:
            taken = cursor.execute(
                """
                SELECT
                  FROM hosts
                 WHERE id <> %s AND %s IN (hostname, display_name) AND merged_into IS NULL AND forgotten_at IS NULL
                """,
                (host_id, name),
            ).fetchone()
            if name and taken is not None:
                raise Conflict(f"another host is called {name}; merge the two if they are the same")
            self._hostname(cursor, host_id)
            cursor.execute("UPDATE hosts SET display_name = %s WHERE id = %s", (name, host_id))
            self._name_hosts(cursor, [host_id])

    def merge_hosts(self, host_id: int, into_id: int) -> None:
        if host_id == into_id:
            raise Invalid("a host cannot be merged into itself")
        with self._editing() as cursor:
            self._lock_alone(cursor)
            self._hostname(cursor, host_id)
            pair = {"host": host_id, "into": into_id, "into_hostname": self._hostname(cursor, into_id)}
            cursor.execute("SELECT FROM series WHERE host_id IN (%(host)s, %(into)s) ORDER BY id FOR UPDATE", pair)
            # The earlier of two updates for one image gives its notifications to the later, and goes.
            cursor.execute(
                """
                CREATE TEMPORARY TABLE same ON COMMIT DROP AS
                SELECT CASE WHEN later THEN b.id ELSE a.id END AS winner,
                       CASE WHEN later THEN a.id ELSE b.id END AS loser
                  FROM updates AS a
                  JOIN series AS old ON old.id = a.series_id AND old.host_id = %(host)s
                  JOIN updates AS b ON b.image_key = a.image_key
                  JOIN series AS kept ON kept.id = b.series_id AND kept.host_id = %(into)s,
               LATERAL (SELECT (a.received_at, a.id) < (b.received_at, b.id)) AS compared (later)
                """,
                pair,
            )
            self._count_gone(
                cursor,
                """
                SELECT gone.id,
                       CASE
                           WHEN stays.acknowledged_at IS NULL THEN greatest(gone.opened_at, stays.opened_at)
                           ELSE gone.opened_at
                       END AS opened_at
                  FROM same
                  JOIN updates AS gone ON gone.id = same.loser
                  JOIN updates AS stays ON stays.id = same.winner
                """,
            )
            cursor.execute(
                """
                UPDATE updates AS u
                   SET notifications = u.notifications + loser.notifications,
                       first_seen_at = least(u.first_seen_at, loser.first_seen_at),
                       opened_at = CASE
                           WHEN u.acknowledged_at IS NULL AND loser.acknowledged_at IS NULL
                           THEN least(u.opened_at, loser.opened_at)
                           ELSE u.opened_at
                       END,
                       done_at = greatest(u.done_at, loser.done_at),
                       containers = ARRAY(SELECT unnest(u.containers) UNION SELECT unnest(loser.containers))
                  FROM same
                  JOIN updates AS loser ON loser.id = same.loser
                 WHERE u.id = same.winner
                """
            )
            for table in ("notifications", "action_items"):
                cursor.execute(
                    f"UPDATE {table} AS n SET update_id = same.winner FROM same WHERE n.update_id = same.loser"
                )
            cursor.execute("DELETE FROM updates WHERE id IN (SELECT loser FROM same)")
            cursor.execute(
                """
                INSERT INTO series AS s (
                    host_id, registry, repository, variant, note, snoozed_until, muted_at, said_version, said_key,
                    said_at, heard
                )
                SELECT %(into)s, registry, repository, variant, note, snoozed_until, muted_at, said_version, said_key,
                       said_at, heard
                  FROM series
                 WHERE host_id = %(host)s
                ON CONFLICT (host_id, repository_key, variant_key) DO UPDATE
                   SET heard = s.heard + excluded.heard
                """,
                pair,
            )
            cursor.execute(
                """
                CREATE TEMPORARY TABLE moved ON COMMIT DROP AS
                SELECT old.id AS old_id, kept.id AS kept_id
                  FROM series AS old
                  JOIN series AS kept ON kept.repository_key = old.repository_key AND kept.variant_key = old.variant_key
                 WHERE old.host_id = %(host)s AND kept.host_id = %(into)s
                """,
                pair,
            )
            cursor.execute(
                """
                UPDATE updates AS u
                   SET hostname = %(into_hostname)s, series_id = moved.kept_id
                  FROM moved
                 WHERE u.series_id = moved.old_id
                """,
                pair,
            )
            # What one action did to both as a whole is undone once.
            cursor.execute(
                """
                UPDATE action_items AS i
                   SET series_id = moved.kept_id
                  FROM moved
                 WHERE i.series_id = moved.old_id
                   AND NOT EXISTS (
                       SELECT
                         FROM action_items AS kept
                        WHERE kept.action_id = i.action_id AND kept.series_id = moved.kept_id
                          AND (kept.update_id, kept.reference) IS NOT DISTINCT FROM (i.update_id, i.reference)
                   )
                """
            )
            cursor.execute("DELETE FROM series WHERE host_id = %(host)s", pair)
            cursor.execute("UPDATE notifications SET host_id = %(into)s WHERE host_id = %(host)s", pair)
            cursor.execute(
                "UPDATE hosts SET merged_into = %(into)s WHERE id = %(host)s OR merged_into = %(host)s", pair
            )
            self._name_hosts(cursor, [into_id])
            self._refresh(cursor, _firsts(cursor.execute("SELECT DISTINCT kept_id FROM moved").fetchall()))
            cursor.execute("DROP TABLE same, moved")
            # Nobody else holds a day of these hosts: that takes a lock on one of their series.
            cursor.execute(
                """
                INSERT INTO days AS d (day, host_id, kind, notifications, opened, closed)
                SELECT day, %(into)s, kind, notifications, opened, closed
                  FROM days
                 WHERE host_id = %(host)s
                ON CONFLICT (day, host_id, kind) DO UPDATE
                   SET notifications = d.notifications + excluded.notifications,
                       opened = d.opened + excluded.opened,
                       closed = d.closed + excluded.closed
                """,
                pair,
            )
            cursor.execute("DELETE FROM days WHERE host_id = %(host)s", pair)

    def forget_host(self, host_id: int) -> None:
        with self._editing() as cursor:
            self._lock_alone(cursor)
            self._hostname(cursor, host_id)
            rows = cursor.execute("SELECT id FROM series WHERE host_id = %s ORDER BY id FOR UPDATE", (host_id,))
            series_ids = _firsts(rows.fetchall())
            self._count_gone(cursor, "SELECT id, opened_at FROM updates WHERE series_id = ANY(%s)", series_ids)
            cursor.execute("DELETE FROM updates WHERE series_id = ANY(%s)", (series_ids,))
            cursor.execute("DELETE FROM series WHERE id = ANY(%s)", (series_ids,))
            cursor.execute("UPDATE hosts SET forgotten_at = %s WHERE id = %s", (self._clock(), host_id))

    def notifications(self, query: HistoryQuery) -> tuple[Received, ...]:
        parts: list[str] = ["TRUE"]
        values: dict[str, Any] = {"limit": query.limit}
        conditions: dict[str, LiteralString] = {
            "host": "n.host_id = (SELECT id FROM hosts WHERE host_key = name_key(%(host)s))",
            "kind": "n.kind = %(kind)s",
            "before": "n.id < %(before)s",
        }
        for name, condition in conditions.items():
            if (value := getattr(query, name)) is not None:
                parts.append(condition)
                values[name] = storable(value) if isinstance(value, str) else value
        for number, word in enumerate(searchable(query.search).split()[:8]):
            parts.append(f"(strpos(n.search, %(word{number})s) > 0 OR strpos(h.search, %(word{number})s) > 0)")
            values[f"word{number}"] = word
        with self._connection() as connection:
            rows = connection.execute(
                f"{_RECEIVED} WHERE {' AND '.join(parts)} ORDER BY n.id DESC LIMIT %(limit)s",
                values,
            ).fetchall()
        return tuple(map(_received, rows))

    def insights(self) -> Insights:
        today = _day(self._clock())
        with self._snapshot() as cursor:
            counted = cursor.execute(
                """
                SELECT day, kind, sum(notifications), sum(opened), sum(closed)
                  FROM days
                 WHERE day > %s
                 GROUP BY day, kind
                """,
                (today - timedelta(days=INSIGHT_DAYS),),
            ).fetchall()
            pending: int = _one(cursor.execute("SELECT coalesce(sum(open), 0) FROM series"))[0]
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
        notifications, open_at = insight_days(today, pending, counted)
        return Insights(
            notifications,
            open_at,
            by_tag,
            by_host,
            tuple(Noise(*row) for row in noisiest),
            oldest,
        )

    def _waits(self, cursor: Cursor, label: LiteralString) -> tuple[Wait, ...]:
        """The waits of the last updates done, by label; the ten with the most."""
        rows = cursor.execute(
            f"""
            SELECT label, count(*) AS total, percentile_disc(0.5) WITHIN GROUP (ORDER BY wait),
                   percentile_disc(0.9) WITHIN GROUP (ORDER BY wait)
              FROM (
                  SELECT {label} AS label, u.acknowledged_at - u.received_at AS wait
                  {_FROM}
                   WHERE u.acknowledged_at IS NOT NULL
                   ORDER BY u.acknowledged_at DESC, u.id DESC
                   LIMIT %s
              ) AS done
             GROUP BY label
             ORDER BY total DESC, label
             LIMIT 10
            """,
            (WAITS,),
        ).fetchall()
        return tuple(Wait(*row) for row in rows)

    def refuse(self, refusal: Refusal) -> None:
        with self._connection() as connection:
            connection.execute(
                "INSERT INTO refusals (at, address, status, reason, excerpt) VALUES (%s, %s, %s, %s, %s)",
                (
                    refusal.at,
                    storable(refusal.address),
                    refusal.status,
                    storable(refusal.reason),
                    storable(refusal.excerpt),
                ),
            )
            # What another process deletes at this moment is none of ours to wait for.
            connection.execute(
                """
                DELETE FROM refusals
                 WHERE id IN (SELECT id FROM refusals ORDER BY id DESC OFFSET %s FOR UPDATE SKIP LOCKED)
                """,
                (REFUSALS_KEPT,),
            )

    def refusals(self, since: datetime) -> tuple[Refusal, ...]:
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT at, address, status, reason, excerpt FROM refusals WHERE at >= %s ORDER BY id DESC", (since,)
            ).fetchall()
        return tuple(Refusal(at.astimezone(UTC), *rest) for at, *rest in rows)

    def rules(self) -> tuple[Rule, ...]:
        with self._connection() as connection:
            rows = connection.execute(
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
            self._lock_alone(cursor)
            tag = self._tag(cursor, tag_id)
            row = cursor.execute(
                """
                INSERT INTO tag_rules (pattern, tag_id)
                VALUES (%s, %s)
                ON CONFLICT (pattern_key) DO NOTHING
                RETURNING id
                """,
                (pattern, tag_id),
            ).fetchone()
            if row is None:
                raise Conflict(f"a rule has the pattern {pattern} already")
            self._apply_rules(cursor)
        return Rule(row[0], pattern, tag)

    def delete_rule(self, rule_id: int) -> None:
        with self._editing() as cursor:
            self._lock_alone(cursor)
            if not cursor.execute("DELETE FROM tag_rules WHERE id = %s", (rule_id,)).rowcount:
                raise NotFound(f"no rule has the id {rule_id}")
            self._apply_rules(cursor)

    def _apply_rules(self, cursor: Cursor) -> None:
        """Tag repositories that nothing else has tagged by the longest rule that matches, and untag where none does."""
        rows = cursor.execute(
            f"""
            SELECT ruled.name, ruled.tag_id
              FROM (
                  SELECT named.repository_key, named.name, ({_RULED}) AS tag_id
                    FROM (
                        SELECT DISTINCT repository_key, registry || '/' || repository AS name
                          FROM series
                    ) AS named
              ) AS ruled
              LEFT JOIN tag_assignments AS a ON a.reference_key = ruled.repository_key
             WHERE (a.reference IS NULL OR a.source = %s) AND a.tag_id IS DISTINCT FROM ruled.tag_id
            """,
            ("rule",),
        ).fetchall()
        names = _firsts(rows)
        self._lock_repositories(cursor, names)
        cursor.execute(
            """
            DELETE FROM tag_assignments
             WHERE reference_key IN (SELECT name_key(name) FROM unnest(%s::text[]) AS name)
            """,
            (names,),
        )
        cursor.executemany(
            "INSERT INTO tag_assignments (reference, tag_id, source) VALUES (%s, %s, 'rule')",
            [row for row in rows if row[1] is not None],
        )
        self._retag(cursor, names)

    def _tag(self, cursor: Cursor, tag_id: int) -> Tag:
        row = cursor.execute("SELECT name, colour FROM tags WHERE id = %s", (tag_id,)).fetchone()
        if row is None:
            raise _no_tag(tag_id)
        return Tag(tag_id, row[0], colour=row[1])

    def _count_gone(self, cursor: Cursor, gone: LiteralString, *values: list[int]) -> None:
        """Before updates go: take the open ones out of the days on which they asked, as nobody will close them."""
        cursor.execute(
            f"""
            INSERT INTO days AS d (day, host_id, kind, opened)
            SELECT (gone.opened_at AT TIME ZONE 'UTC')::date, s.host_id, u.kind, -count(*)
              FROM ({gone}) AS gone
              JOIN updates AS u ON u.id = gone.id
              JOIN series AS s ON s.id = u.series_id
             WHERE u.acknowledged_at IS NULL
             GROUP BY 1, 2, 3
            ON CONFLICT (day, host_id, kind) DO UPDATE
               SET opened = d.opened + excluded.opened
            """,
            values,
        )

    def _hostname(self, cursor: Cursor, host_id: int) -> str:
        row = cursor.execute(
            "SELECT hostname FROM hosts WHERE id = %s AND merged_into IS NULL AND forgotten_at IS NULL", (host_id,)
        ).fetchone()
        if row is None:
            raise NotFound(f"no host has the id {host_id}")
        return str(row[0])

    def ping(self) -> None:
        with self._connection() as connection:
            connection.execute("SELECT id FROM updates LIMIT 1")

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def _connection(self) -> Iterator[psycopg.Connection]:
        """A connection on which each statement is a transaction of its own."""
        with _answering(self._place):
            if self._pool.closed:
                self._pool.open()
            try:
                with self._pool.connection() as connection:
                    yield connection
            except PoolTimeout:
                # The pool does not say why. A connection of its own does, or shows that all others are in use.
                psycopg.connect(self._conninfo, connect_timeout=POOL_TIMEOUT).close()
                raise

    @contextmanager
    def _transaction(self) -> Iterator[Cursor]:
        with self._connection() as connection, connection.transaction(), connection.cursor() as cursor:
            yield cursor

    @contextmanager
    def _editing(self) -> Iterator[Cursor]:
        """A transaction that changes what pages show, apart from new notifications."""
        with self._transaction() as cursor:
            yield cursor
            cursor.execute("UPDATE edits SET number = number + 1")

    @contextmanager
    def _snapshot(self) -> Iterator[Cursor]:
        """A transaction all of whose statements see the same moment."""
        with self._transaction() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            yield cursor

    def _where(self, query: UpdateQuery) -> tuple[str, dict[str, Any]]:
        """The condition of a query on the updates alone, and its values."""
        values: dict[str, Any] = {"now": self._clock()}
        parts = [_STATE[query.state]]
        if query.fold and query.state != State.ACKNOWLEDGED:
            parts.append("NOT u.folded")
        for number, word in enumerate(query.words):
            parts.append(
                f"(strpos(u.search, %(word{number})s) > 0"
                f" OR u.hostname IN (SELECT hostname FROM hosts WHERE strpos(search, %(word{number})s) > 0))"
            )
            values[f"word{number}"] = word
        if query.age:
            parts.append(_AGE[query.age])
        if query.until:
            parts.append("u.received_at <= %(until)s")
            values["until"] = query.until
        for name, condition in _FILTERS.items():
            if (value := getattr(query, name)) is not None:
                parts.append(condition)
                values[name] = storable(value)
        if query.tag is not None:
            named = "= (SELECT id FROM tags WHERE name = %(tag)s)"
            parts.append(f"u.tag_id {'IS NULL' if query.tag == UNTAGGED else named}")
            values["tag"] = storable(query.tag)
        return " AND ".join(parts), values

    @contextmanager
    def _acting(self, verb: str, detail: str, by: str) -> Iterator[tuple[Cursor, int, datetime]]:
        """A transaction with the row of an action in it: the cursor, the action's id, and its time."""
        at = self._clock()
        with self._editing() as cursor:
            cursor.execute(
                "INSERT INTO actions (at, by, verb, detail, count) VALUES (%s, %s, %s, %s, 0) RETURNING id",
                (at, storable(by), verb, detail),
            )
            yield cursor, _one(cursor)[0], at

    def _chosen(self, cursor: Cursor, selection: Selection) -> list[int]:
        """The ids of a selection, the rows of their series locked."""
        self._lock_shared(cursor)
        ids = self._find(cursor, selection)
        self._lock_series(cursor, self._series_of(cursor, ids))
        if selection.query is None:
            return ids
        # Until the locks were there, another could change what had been found: a digest that nobody has seen yet
        # must not be acknowledged with those that somebody has.
        return sorted(set(ids).intersection(self._find(cursor, selection)))

    def _find(self, cursor: Cursor, selection: Selection) -> list[int]:
        """The ids of a selection at this moment."""
        if selection.query is not None:
            where, values = self._where(selection.query)
            return _firsts(cursor.execute(f"SELECT u.id FROM updates AS u WHERE {where}", values).fetchall())
        ids = list(selection.ids)
        missing = cursor.execute(
            """
            SELECT min(chosen)
              FROM unnest(%s::bigint[]) AS chosen
             WHERE NOT EXISTS (SELECT FROM updates WHERE id = chosen)
            """,
            (ids,),
        ).fetchone()
        if missing and missing[0] is not None:
            raise _no_update(missing[0])
        return ids

    def _series_of(self, cursor: Cursor, ids: list[int]) -> list[int]:
        rows = cursor.execute("SELECT DISTINCT series_id FROM updates WHERE id = ANY(%s::bigint[])", (ids,))
        return _firsts(rows.fetchall())

    def _series_in(self, cursor: Cursor, action: int) -> list[int]:
        rows = cursor.execute("SELECT DISTINCT series_id FROM action_items WHERE action_id = %s", (action,))
        return _firsts(rows.fetchall())

    def _names(self, cursor: Cursor, ids: list[int]) -> list[str]:
        """The repositories of updates."""
        rows = cursor.execute(
            "SELECT DISTINCT registry || '/' || repository FROM updates WHERE id = ANY(%s::bigint[])", (ids,)
        )
        return _firsts(rows.fetchall())

    def _lock_series(self, cursor: Cursor, series_ids: list[int]) -> None:
        cursor.execute("SELECT FROM series WHERE id = ANY(%s) ORDER BY id FOR UPDATE", (series_ids,))

    def _lock_repositories(self, cursor: Cursor, names: list[str]) -> None:
        """Lock the rows of all series of these repositories, whose updates are to have another tag."""
        cursor.execute(
            """
            SELECT
              FROM series
             WHERE repository_key IN (SELECT name_key(name) FROM unnest(%s::text[]) AS name)
             ORDER BY id
               FOR UPDATE
            """,
            (names,),
        )

    def _lock_shared(self, cursor: Cursor) -> None:
        """Wait until nobody changes tags or hosts, and keep others from it: series stay what they are."""
        cursor.execute("SELECT pg_advisory_xact_lock_shared(%s)", (NEWS_LOCK,))

    def _lock_alone(self, cursor: Cursor) -> None:
        """Wait until nobody records anything new, nor changes tags or hosts, and keep others from it."""
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", (NEWS_LOCK,))

    def _set_in_series(
        self,
        cursor: Cursor,
        action: int,
        column: LiteralString,
        value: datetime | str | None,
        selection: Selection,
    ) -> None:
        """Set one column of the series of a selection, where it is not so already; keep what it was."""
        same: LiteralString = f"{column} IS NOT DISTINCT FROM %(value)s"
        if column == "muted_at" and value is not None:
            same = "muted_at IS NOT NULL"
        values = {"action": action, "value": value, "chosen": self._chosen(cursor, selection)}
        cursor.execute(
            f"""
            INSERT INTO action_items (action_id, series_id, before)
            SELECT %(action)s, id, to_jsonb({column})
              FROM series
             WHERE NOT ({same})
               AND id IN (SELECT series_id FROM updates WHERE id = ANY(%(chosen)s::bigint[]))
            """,
            values,
        )
        cursor.execute(
            f"""
            UPDATE series
               SET {column} = %(value)s
             WHERE id IN (SELECT series_id FROM action_items WHERE action_id = %(action)s)
            """,
            values,
        )

    def _set_back(
        self, cursor: Cursor, action: int, column: LiteralString, type: LiteralString, left: datetime | str | None
    ) -> None:
        """Set one column of an action's series to what it was, where it is still as the action left it."""
        cursor.execute(
            f"""
            UPDATE series AS s
               SET {column} = (i.before #>> '{{}}')::{type}
              FROM action_items AS i
             WHERE i.action_id = %s AND i.series_id = s.id AND s.{column} IS NOT DISTINCT FROM %s
            """,
            (action, left),
        )

    def _open_again(self, cursor: Cursor, action: int) -> None:
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
                              WHERE n.update_id = u.id AND n.received_at > coalesce(u.done_at, '-infinity')
                                AND n.digest IS DISTINCT FROM (
                                    SELECT done.digest
                                      FROM notifications AS done
                                     WHERE done.update_id = u.id AND done.received_at <= u.done_at
                                     ORDER BY done.id DESC
                                     LIMIT 1
                                )
                         ) AS opened_at
                    FROM updates AS u
                   WHERE u.id IN (SELECT update_id FROM action_items WHERE action_id = %s)
              ) AS found
             WHERE updates.id = found.id AND updates.opened_at <> found.opened_at
            """,
            (action,),
        )

    def _closed(self, cursor: Cursor, ids: list[int]) -> list[tuple[date, int, str, int]]:
        """On which days these updates were acknowledged, by host and kind: how many."""
        return cursor.execute(
            """
            SELECT (u.acknowledged_at AT TIME ZONE 'UTC')::date, s.host_id, u.kind, count(*)
              FROM updates AS u
              JOIN series AS s ON s.id = u.series_id
             WHERE u.id = ANY(%s) AND u.acknowledged_at IS NOT NULL
             GROUP BY 1, 2, 3
            """,
            (ids,),
        ).fetchall()

    def _count_closed(self, cursor: Cursor, closed: list[tuple[date, int, str, int]], sign: int) -> None:
        """Count what was acknowledged, or no longer is. The last that a transaction does, in the order of the key."""
        cursor.executemany(
            """
            INSERT INTO days AS d (day, host_id, kind, closed)
            VALUES (%s, %s, %s, %s)
            ON CONFLICT (day, host_id, kind) DO UPDATE
               SET closed = d.closed + excluded.closed
            """,
            [(day, host_id, kind, sign * count) for day, host_id, kind, count in sorted(closed)],
        )

    def _did(self, cursor: Cursor, action: int) -> Action:
        """Count what an action changed; one that changed nothing leaves no trace."""
        cursor.execute(
            """
            UPDATE actions
               SET count = (
                       SELECT count(DISTINCT CASE WHEN actions.verb = 'reopen' THEN update_id ELSE series_id END)
                         FROM action_items
                        WHERE action_id = actions.id
                   )
             WHERE id = %s
            """,
            (action,),
        )
        done = self._action(cursor, action)
        if done.count:
            return done
        cursor.execute("DELETE FROM actions WHERE id = %s", (action,))
        return Action(0, done.at, done.by, done.verb, done.detail, 0)

    def _action(self, cursor: Cursor, action_id: int) -> Action:
        row = cursor.execute(f"{_ACTION} WHERE id = %s", (action_id,)).fetchone()
        if row is None:
            raise NotFound(f"no action has the id {action_id}")
        label = cursor.execute(
            """
            SELECT s.repository, CASE WHEN s.open > 0 THEN u.version END,
                   coalesce(nullif(h.display_name, ''), h.hostname)
              FROM action_items AS i
              JOIN series AS s ON s.id = i.series_id
              JOIN hosts AS h ON h.id = s.host_id
              LEFT JOIN updates AS u ON u.id = i.update_id
             WHERE i.action_id = %s
             ORDER BY u.version_key DESC, u.id DESC
             LIMIT 1
            """,
            (action_id,),
        ).fetchone()
        return _action(row, action_label(*label) if label and row[5] == 1 else "")

    def _refresh(self, cursor: Cursor, series_ids: list[int]) -> None:
        """Bring what follows from a series' updates up to date: what runs, what is folded, since when, the kinds.

        The caller holds the locks on the rows of the series.
        """
        stale = cursor.execute(
            """
            WITH held AS (
                SELECT chosen.id, count(u.id) FILTER (WHERE u.acknowledged_at IS NULL) AS open,
                       count(u.id) FILTER (WHERE u.acknowledged_at IS NOT NULL) AS done
                  FROM unnest(%(ids)s::bigint[]) AS chosen (id)
                  LEFT JOIN updates AS u ON u.series_id = chosen.id
                 GROUP BY chosen.id
            ),
            counted AS (
                UPDATE series AS s
                   SET open = held.open,
                       done = held.done,
                       running_version = coalesce(
                           (
                               SELECT u.version
                                 FROM updates AS u
                                WHERE u.series_id = s.id AND u.done_at > coalesce(s.said_at, '-infinity')
                                  AND u.version_key > s.said_key
                                ORDER BY u.version_key DESC, u.id DESC
                                LIMIT 1
                           ),
                           s.said_version
                       )
                  FROM held
                 WHERE s.id = held.id
                RETURNING s.id, s.running_version
            ),
            placed AS (
                SELECT id, place > 1 AS folded,
                       CASE WHEN place = 1 AND acknowledged_at IS NULL THEN first_opened_at ELSE opened_at END
                       AS waiting_since
                  FROM (
                      SELECT id, acknowledged_at, opened_at,
                             min(opened_at) OVER (PARTITION BY series_id, acknowledged_at IS NULL) AS first_opened_at,
                             row_number() OVER (
                                 PARTITION BY series_id
                                 ORDER BY acknowledged_at IS NOT NULL, version_key DESC, received_at DESC, id DESC
                             ) AS place
                        FROM updates
                       WHERE series_id = ANY(%(ids)s)
                  ) AS numbered
            ),
            folding AS (
                UPDATE updates AS u
                   SET folded = placed.folded, waiting_since = placed.waiting_since
                  FROM placed
                 WHERE u.id = placed.id AND (u.folded, u.waiting_since) <> (placed.folded, placed.waiting_since)
            )
            SELECT u.id, u.version, u.rebuilt, counted.running_version
              FROM counted
              JOIN updates AS u ON u.series_id = counted.id
             WHERE u.acknowledged_at IS NULL AND u.from_version <> counted.running_version
            """,
            {"ids": series_ids},
        ).fetchall()
        if stale:
            kinds = [update_kind(running, version, rebuilt) for _, version, rebuilt, running in stale]
            cursor.execute(
                """
                UPDATE updates AS u
                   SET kind = k.kind, from_version = k.running
                  FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS k (id, kind, running)
                 WHERE u.id = k.id
                """,
                ([id for id, *_ in stale], kinds, [running for *_, running in stale]),
            )

    def _say(self, cursor: Cursor, series_id: int, version: str, at: datetime) -> bool:
        """Take a person's or a label's word for what runs; False where it does not compare."""
        said = image.version(version)
        return (
            said.numbers
            and cursor.execute(
                """
                UPDATE series
                   SET said_version = %s, said_key = %s, said_at = %s
                 WHERE id = %s AND variant = %s
                """,
                (said.text, said.sort_key, at, series_id, said.variant),
            ).rowcount
            == 1
        )

    def _tag_named(self, cursor: Cursor, name: str) -> int:
        """The id of the tag of this name, created if there is none."""
        find: LiteralString = "SELECT id FROM tags WHERE name = %s"
        row = cursor.execute(find, (name,)).fetchone()
        if row is None:
            cursor.execute(_NEW_TAG, (name,))
            row = _one(cursor.execute(find, (name,)))
        return int(row[0])

    def _assign(self, cursor: Cursor, references: Iterable[str], tag_id: int | None, source: str) -> None:
        cursor.execute(
            """
            INSERT INTO tag_assignments (reference, tag_id, source)
            SELECT reference, %s, %s
              FROM unnest(%s::text[]) AS reference
            ON CONFLICT (reference_key) DO UPDATE
               SET tag_id = excluded.tag_id, source = excluded.source
            """,
            (tag_id, source, list(references)),
        )

    def _retag(self, cursor: Cursor, names: Collection[str]) -> None:
        """Give every update of these repositories the tag of its exact image, or else of its repository.

        The caller holds the locks on the rows of their series.
        """
        cursor.execute(
            """
            UPDATE updates AS u
               SET tag_id = assigned.tag_id
              FROM (
                  SELECT v.id, coalesce(own.tag_id, shared.tag_id) AS tag_id
                    FROM updates AS v
                    LEFT JOIN tag_assignments AS own ON own.reference_key = v.image_key
                    LEFT JOIN tag_assignments AS shared ON shared.reference_key = v.repository_key
                   WHERE v.repository_key IN (SELECT name_key(name) FROM unnest(%s::text[]) AS name)
              ) AS assigned
             WHERE u.id = assigned.id AND u.tag_id IS DISTINCT FROM assigned.tag_id
            """,
            (list(names),),
        )

    def _name_hosts(self, cursor: Cursor, host_ids: list[int]) -> None:
        """Let hosts be found by the names that they have besides their own: a person's, and those merged into them."""
        rows = cursor.execute(
            """
            SELECT h.display_name, ARRAY(SELECT m.hostname FROM hosts AS m WHERE m.merged_into = h.id), h.id
              FROM hosts AS h
             WHERE h.id = ANY(%s)
             ORDER BY h.id
            """,
            (host_ids,),
        ).fetchall()
        cursor.executemany(
            "UPDATE hosts SET search = %s WHERE id = %s",
            [(searchable(" ".join([name, *sorted(merged)]).strip()), host_id) for name, merged, host_id in rows],
        )

    def _derive_anew(self, cursor: Cursor) -> None:
        """Fill the columns that come out of reading a version, where another release filled them, or none."""
        current: LiteralString = "SELECT number FROM version_rules"
        if cursor.execute(current).fetchone() == (DERIVED_RULES,):
            return
        # One process does it, and nobody writes meanwhile. Writers take series before updates, and so does this.
        cursor.execute("LOCK TABLE version_rules, series, updates IN EXCLUSIVE MODE")
        if cursor.execute(current).fetchone() == (DERIVED_RULES,):
            return
        rows = cursor.execute(
            "SELECT id, hostname, registry, repository, version, metadata, containers FROM updates"
        ).fetchall()
        cursor.execute(
            """
            CREATE TEMPORARY TABLE derived (
                update_id bigint,
                variant text,
                version_key text,
                prerelease boolean,
                name text,
                stack text,
                search text,
                series_id bigint
            ) ON COMMIT DROP
            """
        )
        columns: LiteralString = "update_id, variant, version_key, prerelease, name, stack, search"
        with cursor.copy(f"COPY derived ({columns}) FROM STDIN") as copy:
            for update_id, hostname, registry, repository, *read in rows:
                derived = derive(hostname, f"{registry}/{repository}", *read)
                copy.write_row((update_id, *astuple(derived)))
        cursor.execute(
            """
            INSERT INTO series (host_id, registry, repository, variant)
            SELECT DISTINCT h.id, u.registry, u.repository, d.variant
              FROM derived AS d
              JOIN updates AS u ON u.id = d.update_id
              JOIN hosts AS h ON h.host_key = u.host_key
            ON CONFLICT (host_id, repository_key, variant_key) DO NOTHING
            """
        )
        cursor.execute(
            """
            UPDATE derived AS d
               SET series_id = s.id
              FROM updates AS u
              JOIN hosts AS h ON h.host_key = u.host_key
              JOIN series AS s ON s.host_id = h.id AND s.repository_key = u.repository_key
             WHERE u.id = d.update_id AND s.variant_key = name_key(d.variant)
            """
        )
        cursor.execute(
            """
            UPDATE series AS s
               SET note = old.note,
                   snoozed_until = old.snoozed_until,
                   muted_at = old.muted_at,
                   said_version = old.said_version,
                   said_at = old.said_at
              FROM derived AS d
              JOIN updates AS u ON u.id = d.update_id
              JOIN series AS old ON old.id = u.series_id
             WHERE s.id = d.series_id AND s.id <> old.id AND s.note = '' AND s.muted_at IS NULL
            """
        )
        cursor.execute(
            """
            UPDATE action_items AS i
               SET series_id = d.series_id
              FROM derived AS d
              JOIN updates AS u ON u.id = d.update_id
             WHERE i.series_id = u.series_id AND u.series_id <> d.series_id
               AND (i.update_id = u.id OR i.update_id IS NULL)
            """
        )
        cursor.execute(
            """
            UPDATE updates AS u
               SET series_id = d.series_id,
                   name = d.name,
                   version_key = d.version_key,
                   prerelease = d.prerelease,
                   stack = d.stack,
                   search = d.search
              FROM derived AS d
             WHERE u.id = d.update_id
            """
        )
        cursor.execute("DELETE FROM series WHERE id NOT IN (SELECT series_id FROM updates)")
        cursor.execute(
            """
            UPDATE series AS s
               SET heard = (SELECT sum(u.notifications) FROM updates AS u WHERE u.series_id = s.id)
            """
        )
        said = cursor.execute("SELECT said_version, id FROM series WHERE said_version <> ''").fetchall()
        cursor.executemany(
            "UPDATE series SET said_key = %s WHERE id = %s",
            [(image.version(version).sort_key, series_id) for version, series_id in said],
        )
        self._fill_history_search(cursor)
        self._refresh(cursor, _firsts(cursor.execute("SELECT id FROM series").fetchall()))
        names = cursor.execute("SELECT DISTINCT registry || '/' || repository FROM updates").fetchall()
        self._retag(cursor, _firsts(names))
        cursor.execute("DELETE FROM version_rules")
        cursor.execute("INSERT INTO version_rules (number) VALUES (%s)", (DERIVED_RULES,))

    def _fill_history_search(self, cursor: Cursor) -> None:
        found = cursor.execute(
            """
            SELECT DISTINCT n.image, h.id, h.hostname
              FROM notifications AS n
              JOIN hosts AS h ON h.id = n.host_id
            """
        ).fetchall()
        cursor.execute("CREATE TEMPORARY TABLE searchable (image text, host_id bigint, search text) ON COMMIT DROP")
        with cursor.copy("COPY searchable (image, host_id, search) FROM STDIN") as copy:
            for name, host_id, hostname in found:
                copy.write_row((name, host_id, searchable(f"{name} {hostname}")))
        cursor.execute(
            """
            UPDATE notifications AS n
               SET search = f.search
              FROM searchable AS f
             WHERE n.image = f.image AND n.host_id = f.host_id AND n.search <> f.search
            """
        )


def _conninfo(url: str) -> tuple[str, str]:
    """The conninfo string for psycopg, and where it leads, in words without its password."""
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        # libpq's own message may quote a piece of the password.
        parts = {"host": "@"}
    host, port, name = (str(parts.get(key) or "") for key in ("host", "port", "dbname"))
    if "@" in host + name or (not port.replace(",", "").isdecimal() and port):
        raise Unavailable(
            "DATABASE_URL is no URI or conninfo string that libpq understands; special characters in a password "
            "must be percent-encoded, such as %40 for @"
        )
    place = (
        f'PostgreSQL at {host or "the local socket"}, port {port or 5432}, database "{name or parts.get("user", "")}"'
    )
    timeout = parts.get("connect_timeout") or CONNECT_TIMEOUT
    # A network that takes packets and returns none is noticed in time to keep what DIUN says elsewhere.
    unheard = parts.get("tcp_user_timeout") or LOCK_WAIT * 1000
    return make_conninfo(url, connect_timeout=timeout, tcp_user_timeout=unheard, client_encoding="UTF8"), place


def _configure_pooled(connection: psycopg.Connection[Any]) -> None:
    """As every session; and none waits for a lock longer than DIUN waits for its answer."""
    _configure(connection)
    connection.execute(f"SET lock_timeout = '{LOCK_WAIT}s'")


def _configure(connection: psycopg.Connection[Any]) -> None:
    """Make a session independent of what a server, a database or a role may set otherwise.

    psycopg reads times by the first two. With another isolation level, statements would not see what was committed
    while they waited for a lock.
    """
    connection.execute(
        """
        SELECT set_config('TimeZone', 'UTC', FALSE),
               set_config('DateStyle', 'ISO', FALSE),
               set_config('default_transaction_isolation', 'read committed', FALSE)
        """
    )


@contextmanager
def _answering(place: str) -> Iterator[None]:
    """Turn the driver's errors into the store's, except for those that an operation expects."""
    try:
        yield
    except errors.NumericValueOutOfRange:
        raise NotFound("no id is that large") from None
    except (psycopg.IntegrityError, psycopg.DataError):
        raise
    except PoolTimeout:
        raise Unavailable(f"{place}: no connection was free for {POOL_TIMEOUT} seconds") from None
    except psycopg.Error as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise Unavailable(f"{place}: {reason}") from error


def _one(cursor: Cursor) -> tuple[Any, ...]:
    row = cursor.fetchone()
    assert row is not None
    return row


def _utc(time: datetime | None) -> datetime | None:
    return None if time is None else time.astimezone(UTC)


def _day(time: datetime) -> date:
    return time.astimezone(UTC).date()


def _firsts(rows: Iterable[tuple[Any, ...]]) -> list[Any]:
    """The first column."""
    return [row[0] for row in rows]


def _received_values(notification: Notification, hostname: str, at: datetime) -> dict[str, Any]:
    """What a notification leaves in the history and in the counts of its day."""
    name = notification.reference.image
    return {
        "image": name,
        "status": notification.status,
        "digest": notification.digest,
        "payload": notification.payload,
        "at": at,
        "day": _day(at),
        "history_search": searchable(f"{name} {hostname}"),
    }


def _received(row: tuple[Any, ...]) -> Received:
    id, update_id, received_at, *rest = row
    return Received(id, update_id, received_at.astimezone(UTC), *rest)


def _update(row: tuple[Any, ...]) -> Update:
    head, rest = row[:21], row[26:]
    created, metadata, containers, stack, note = row[21:26]
    notifications, first_seen, received, waiting, acknowledged, by, snoozed, tag_id, tag, colour = rest
    values = (
        *head[:10],
        State(head[10]),
        *head[11:],
        _utc(created),
        dict(sorted(metadata.items())),
        tuple(sorted(containers)),
        stack,
        note,
        notifications,
        first_seen.astimezone(UTC),
        received.astimezone(UTC),
        waiting.astimezone(UTC),
        _utc(acknowledged),
        by,
        _utc(snoozed),
        None if tag_id is None else Tag(tag_id, tag, colour=colour),
    )
    return Update(*values)


def _action(row: tuple[Any, ...], label: str = "") -> Action:
    id, at, by, verb, detail, count, undone = row
    return Action(id, at.astimezone(UTC), by, verb, detail, count, label, undone)


def _no_update(update_id: int) -> NotFound:
    return NotFound(f"no update has the id {update_id}")


def _no_tag(tag_id: int) -> NotFound:
    return NotFound(f"no tag has the id {tag_id}")
