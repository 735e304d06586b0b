"""A query or a selection of updates as SQL."""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString

from diundashboard.model import UNTAGGED, Age, Selection, State, UpdateQuery
from diundashboard.store.errors import NotFound
from diundashboard.store.postgres.database import Cursor, firsts
from diundashboard.text import storable

# Few series are muted or snoozed. Looking them up lets an index on updates alone answer the counts.
_MUTED: LiteralString = "(SELECT id FROM series WHERE muted_at IS NOT NULL)"

_SNOOZED: LiteralString = "(SELECT id FROM series WHERE snoozed_until > 'epoch' AND snoozed_until > %(now)s)"

_OPEN: LiteralString = "u.acknowledged_at IS NULL AND NOT u.superseded"

_STATE: dict[State | None, LiteralString] = {
    None: "TRUE",
    State.PENDING: f"{_OPEN} AND u.series_id NOT IN {_MUTED} AND u.series_id NOT IN {_SNOOZED}",
    State.SNOOZED: f"{_OPEN} AND u.series_id NOT IN {_MUTED} AND u.series_id IN {_SNOOZED}",
    State.ACKNOWLEDGED: f"u.acknowledged_at IS NOT NULL AND u.series_id NOT IN {_MUTED}",
    State.MUTED: f"u.series_id IN {_MUTED}",
    State.SUPERSEDED: f"u.acknowledged_at IS NULL AND u.superseded AND u.series_id NOT IN {_MUTED}",
}

AGE: dict[Age, LiteralString] = {
    Age.DAY: "u.received_at > %(now)s - interval '24 hours'",
    Age.WEEK: "u.received_at > %(now)s - interval '168 hours'",
    Age.MONTH: "u.received_at > %(now)s - interval '720 hours'",
    Age.OLDER: "u.waiting_since <= %(now)s - interval '720 hours'",
}

_FILTERS: dict[str, LiteralString] = {
    "host": "u.hostname = ANY(%(host)s::text[])",
    "registry": "u.registry = ANY(%(registry)s::text[])",
    "provider": "u.provider = ANY(%(provider)s::text[])",
    "kind": "u.kind = ANY(%(kind)s::text[])",
    "stack": "u.stack = ANY(%(stack)s::text[])",
}


def condition(query: UpdateQuery, now: datetime) -> tuple[str, dict[str, Any]]:
    """The condition of a query, on the table updates AS u alone, and its values."""
    values: dict[str, Any] = {"now": now}
    parts = [_STATE[query.state]]
    if query.fold and query.state not in (State.ACKNOWLEDGED, State.SUPERSEDED):
        parts.append("NOT u.folded")
    for number, word in enumerate(query.words):
        parts.append(
            f"(strpos(u.search, %(word{number})s) > 0"
            f" OR u.hostname IN (SELECT hostname FROM hosts WHERE strpos(search, %(word{number})s) > 0))"
        )
        values[f"word{number}"] = word
    if query.age:
        parts.append(AGE[query.age])
    if query.until:
        done = query.state == State.ACKNOWLEDGED
        parts.append("u.acknowledged_at <= %(until)s" if done else "u.received_at <= %(until)s")
        values["until"] = query.until
    for name, condition in _FILTERS.items():
        if wanted := getattr(query, name):
            parts.append(condition)
            values[name] = list(map(storable, wanted))
    if query.tag:
        values["tag"] = [storable(name) for name in query.tag if name != UNTAGGED]
        either = ["u.tag_id IS NULL"] if UNTAGGED in query.tag else []
        if values["tag"]:
            either.append("u.tag_id = ANY(ARRAY(SELECT id FROM tags WHERE name = ANY(%(tag)s::text[])))")
        parts.append(f"({' OR '.join(either)})")
    return " AND ".join(parts), values


def chosen_ids(cursor: Cursor, selection: Selection, now: datetime) -> list[int]:
    """The ids of a selection; NotFound if one is unknown."""
    if selection.query is not None:
        where, values = condition(selection.query, now)
        return firsts(cursor.execute(f"SELECT u.id FROM updates AS u WHERE {where}", values).fetchall())
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
        raise no_update(missing[0])
    return ids


def no_update(update_id: int) -> NotFound:
    """The error for an unknown id of an update."""
    return NotFound(f"no update has the id {update_id}")
