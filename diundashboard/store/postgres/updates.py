"""Find and count updates."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import LiteralString

from diundashboard.model import (
    COUNTED_DONE,
    STATE_TABS,
    UNTAGGED,
    Choice,
    Choices,
    Group,
    Page,
    Selection,
    Sort,
    State,
    Summary,
    Totals,
    Update,
    UpdateQuery,
)
from diundashboard.store import updates
from diundashboard.store.choices import choices_of, state_choice
from diundashboard.store.postgres.database import Cursor, Database, day_of, firsts, one
from diundashboard.store.postgres.query import AGE, chosen_ids, condition, no_update
from diundashboard.store.postgres.rows import FROM, UPDATE, update_of
from diundashboard.store.postgres.states import load

_SORT: dict[Sort, LiteralString] = {
    Sort.AGE: "",
    Sort.DONE: "u.acknowledged_at DESC, u.id DESC, ",
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


_IN_GROUP: dict[Group, LiteralString] = {
    Group.TAG: "coalesce(t.name, %(untagged)s)",
    Group.HOST: "u.hostname",
    Group.STACK: "u.stack",
    Group.REGISTRY: "u.registry",
}


class Updates(updates.Updates, Database):
    def updates(self, query: UpdateQuery) -> Page:
        with self._snapshot() as cursor:
            return page(cursor, query, self._clock())

    def choices(self, query: UpdateQuery) -> Choices:
        query = replace(query, until=None)
        with self._snapshot() as cursor:
            others = replace(query, host=(), tag=(), registry=(), provider=(), kind=(), age=None)
            where, values = condition(others, self._clock())
            ages = ("TRUE" if query.age is None else AGE[query.age], *AGE.values())
            counts = ", ".join(f"count(*) FILTER (WHERE {age}) AS count{number}" for number, age in enumerate(ages))
            counted = ", ".join(f"c.count{number}" for number in range(len(ages)))
            rows = cursor.execute(
                f"""
                SELECT h.hostname, coalesce(nullif(h.display_name, ''), h.hostname) AS host,
                       coalesce(t.name, %(untagged)s) AS tag, c.registry, c.provider, c.kind, {counted}
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
            states = _states(cursor, query, self._clock())
        return choices_of(query, rows, states)

    def totals(self) -> Totals:
        with self._snapshot() as cursor:
            (hosts,) = one(
                cursor.execute("SELECT count(*) FROM hosts WHERE merged_into IS NULL AND forgotten_at IS NULL")
            )
            return Totals(pending=_count(cursor, UpdateQuery(), self._clock()), hosts=hosts)

    def summary(self) -> Summary:
        today = day_of(self._clock())
        week = [today - timedelta(days=days) for days in range(6, -1, -1)]
        with self._snapshot() as cursor:
            where, values = condition(UpdateQuery(), self._clock())
            rows = cursor.execute(
                f"""
                SELECT u.kind, count(*), min(u.waiting_since)
                  FROM updates AS u
                 WHERE {where}
                 GROUP BY u.kind
                """,
                values,
            ).fetchall()
            (hosts,) = one(
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
            oldest=min((oldest for *_, oldest in rows), default=None),
            done=tuple(done.get(day, 0) for day in week),
        )

    def update(self, update_id: int) -> Update:
        with self._connection() as connection:
            row = connection.execute(
                f"{UPDATE} {FROM} WHERE u.id = %(id)s", {"id": update_id, "now": self._clock()}
            ).fetchone()
        if row is None:
            raise no_update(update_id)
        return update_of(row)

    def series(self, update_id: int) -> tuple[Update, ...]:
        with self._connection() as connection:
            rows = connection.execute(
                f"""
                {UPDATE} {FROM}
                 WHERE u.series_id = (SELECT series_id FROM updates WHERE id = %(id)s)
                 ORDER BY u.version_key DESC, u.received_at DESC, u.id DESC
                 LIMIT 100
                """,
                {"id": update_id, "now": self._clock()},
            ).fetchall()
        if not rows:
            raise no_update(update_id)
        return tuple(map(update_of, rows))

    def older(self, update_id: int) -> tuple[Update, ...]:
        with self._snapshot() as cursor:
            found = cursor.execute("SELECT series_id FROM updates WHERE id = %s", (update_id,)).fetchone()
            if found is None:
                raise no_update(update_id)
            folded = load(cursor, [found.series_id])[found.series_id].series.under(update_id)
            rows = cursor.execute(
                f"""
                {UPDATE} {FROM}
                 WHERE u.id = ANY(%(folded)s::bigint[])
                 ORDER BY u.version_key DESC, u.received_at DESC, u.id DESC
                """,
                {"folded": list(folded), "now": self._clock()},
            ).fetchall()
        return tuple(map(update_of, rows))

    def chosen(self, selection: Selection) -> tuple[Update, ...]:
        with self._snapshot() as cursor:
            rows = cursor.execute(
                f"""
                {UPDATE} {FROM}
                 WHERE u.id = ANY(%(chosen)s::bigint[])
                 ORDER BY {_SORT[Sort.HOST]} u.name, u.id
                 LIMIT 1000
                """,
                {"chosen": chosen_ids(cursor, selection, self._clock()), "now": self._clock()},
            ).fetchall()
        return tuple(map(update_of, rows))

    def stamp(self) -> str:
        """A version stamp, as the interface promises.

        It is made of what grows with each commit. Ids do not: they are assigned before it, and in another order.
        """
        with self._connection() as connection:
            row = one(
                connection.execute(
                    """
                    SELECT (SELECT sum(notifications) FROM days), (SELECT number FROM edits),
                           (SELECT count(*) FROM series WHERE snoozed_until > 'epoch' AND snoozed_until > %s)
                    """,
                    (self._clock(),),
                )
            )
        return "-".join(map(str, row))


def page(cursor: Cursor, query: UpdateQuery, now: datetime) -> Page:
    """One page of a query."""
    where, values = condition(query, now)
    # Only the rows of the page are read in full, and those are not sorted. A search reads every row, and so counts too.
    counted: LiteralString = "count(*) OVER ()" if query.words else "NULL"
    found = cursor.execute(
        f"""
        SELECT u.id, {counted} AS total {FROM}
         WHERE {where}
         ORDER BY {_GROUP[query.group]} {_SORT[query.order]} u.received_at DESC, u.id DESC
         LIMIT %(limit)s OFFSET %(offset)s
        """,
        values | {"limit": query.per_page, "offset": (query.page - 1) * query.per_page},
    ).fetchall()
    rows = cursor.execute(
        f"""
        {UPDATE} {FROM}
          JOIN unnest(%(ids)s::bigint[]) WITH ORDINALITY AS place (id, number) ON place.id = u.id
         ORDER BY place.number
        """,
        {"ids": firsts(found), "now": values["now"]},
    ).fetchall()
    total = found[0].total if query.words and found else _count(cursor, query, now)
    return Page(tuple(map(update_of, rows)), total, query.page, query.per_page, _groups(cursor, query, now))


def _groups(cursor: Cursor, query: UpdateQuery, now: datetime) -> dict[str, int]:
    """The number of updates in each group of a query, on all its pages."""
    if query.group == Group.NOTHING:
        return {}
    where, values = condition(query, now)
    rows = cursor.execute(
        f"""
        SELECT {_IN_GROUP[query.group]}, count(*)
          FROM updates AS u
          LEFT JOIN tags AS t ON t.id = u.tag_id
         WHERE {where}
         GROUP BY 1
        """,
        values | {"untagged": UNTAGGED},
    )
    return dict(rows.fetchall())


def _count(cursor: Cursor, query: UpdateQuery, now: datetime) -> int:
    """The number of updates that a query finds."""
    where, values = condition(query, now)
    number: int = one(cursor.execute(f"SELECT count(*) FROM updates AS u WHERE {where}", values))[0]
    return number


def _states(cursor: Cursor, query: UpdateQuery, now: datetime) -> dict[State | None, Choice]:
    """The states with their counts as `Choices` describes them; of a filtered query, all but its own state."""
    if query.narrowed:
        return {state: _state(cursor, query, state, now) for state in STATE_TABS if state != query.state}
    opened, every = ("sum(rows)", "sum(rows)") if query.fold else ("sum(open)", "sum(versions)")
    counts = one(
        cursor.execute(
            f"""
            SELECT coalesce({opened} FILTER (WHERE open > 0 AND muted_at IS NULL AND snoozed_until <= %(now)s), 0)
                       AS pending,
                   coalesce({opened} FILTER (WHERE open > 0 AND muted_at IS NULL AND snoozed_until > %(now)s), 0)
                       AS snoozed,
                   coalesce(sum(done) FILTER (WHERE muted_at IS NULL), 0) AS acknowledged,
                   coalesce({every} FILTER (WHERE muted_at IS NOT NULL), 0) AS muted, coalesce({every}, 0) AS every
              FROM series
            """,
            {"now": now},
        )
    )
    return {state: state_choice(state, count) for state, count in zip(STATE_TABS, counts, strict=True)}


def _state(cursor: Cursor, query: UpdateQuery, state: State | None, now: datetime) -> Choice:
    """One state with its count under the filters of a query."""
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
        return state_choice(state, _count(cursor, asked, now))
    where, values = condition(asked, now)
    (count,) = one(
        cursor.execute(
            f"SELECT count(*) FROM updates AS u WHERE u.received_at > %(since)s AND {where}",
            values | {"since": since.received_at},
        )
    )
    return state_choice(state, count, at_least=True)
