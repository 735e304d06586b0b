"""A query or a selection of updates as SQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from typing import Any

from diundashboard.model import UNTAGGED, Age, Selection, State, UpdateQuery
from diundashboard.store.errors import NotFound
from diundashboard.store.sqlite.database import DAY, microseconds
from diundashboard.store.sqlite.rows import json_of
from diundashboard.text import storable

# Few series are muted or snoozed. Looking them up lets an index on updates alone answer the counts.
_MUTED = "(SELECT id FROM series WHERE muted_at IS NOT NULL)"
_SNOOZED = "(SELECT id FROM series WHERE snoozed_until > 0 AND snoozed_until > :now)"

_OPEN = "u.acknowledged_at IS NULL AND NOT u.superseded"

_STATE = {
    None: "TRUE",
    State.PENDING: f"{_OPEN} AND u.series_id NOT IN {_MUTED} AND u.series_id NOT IN {_SNOOZED}",
    State.SNOOZED: f"{_OPEN} AND u.series_id NOT IN {_MUTED} AND u.series_id IN {_SNOOZED}",
    State.ACKNOWLEDGED: f"u.acknowledged_at IS NOT NULL AND u.series_id NOT IN {_MUTED}",
    State.MUTED: f"u.series_id IN {_MUTED}",
    State.SUPERSEDED: f"u.acknowledged_at IS NULL AND u.superseded AND u.series_id NOT IN {_MUTED}",
}

AGE = {
    Age.DAY: f"u.received_at > :now - {DAY}",
    Age.WEEK: f"u.received_at > :now - 7 * {DAY}",
    Age.MONTH: f"u.received_at > :now - 30 * {DAY}",
    Age.OLDER: f"u.waiting_since <= :now - 30 * {DAY}",
}

# The plus keeps SQLite from using an index that reads every update of a host or a tag, to find the few asked for.
_FILTERS = {
    "host": "+u.hostname",
    "registry": "u.registry",
    "provider": "u.provider",
    "kind": "u.kind",
    "stack": "u.stack",
}


def condition(query: UpdateQuery, now: int) -> tuple[str, dict[str, Any]]:
    """The condition of a query, on the table updates AS u alone, and its values."""
    values: dict[str, Any] = {"now": now}
    parts = [_STATE[query.state]]
    if query.fold and query.state not in (State.ACKNOWLEDGED, State.SUPERSEDED):
        parts.append("NOT u.folded")
    for number, word in enumerate(query.words):
        parts.append(
            f"(instr(u.search, :word{number})"
            f" OR u.hostname IN (SELECT hostname FROM hosts WHERE instr(search, :word{number})))"
        )
        values[f"word{number}"] = word
    if query.age:
        parts.append(AGE[query.age])
    if query.until:
        done = query.state == State.ACKNOWLEDGED
        parts.append("u.acknowledged_at <= :until" if done else "u.received_at <= :until")
        values["until"] = microseconds(query.until)
    for name, column in _FILTERS.items():
        if wanted := getattr(query, name):
            parts.append(f"{column} IN ({_bound(name, wanted, values)})")
    if query.tag:
        named = [name for name in query.tag if name != UNTAGGED]
        either = ["+u.tag_id IS NULL"] if UNTAGGED in query.tag else []
        if named:
            either.append(f"+u.tag_id IN (SELECT id FROM tags WHERE name IN ({_bound('tag', named, values)}))")
        parts.append(f"({' OR '.join(either)})")
    return " AND ".join(parts), values


def _bound(name: str, wanted: Sequence[str], values: dict[str, Any]) -> str:
    """A parameter for each wanted value, which it adds to the values of the statement."""
    bound = {f"{name}{number}": storable(value) for number, value in enumerate(wanted)}
    values.update(bound)
    return ", ".join(f":{each}" for each in bound)


def chosen_ids(cursor: sqlite3.Cursor, selection: Selection, now: int) -> str:
    """The ids of a selection, as JSON; NotFound if one is unknown."""
    if selection.query is not None:
        where, values = condition(selection.query, now)
        return json_of(cursor.execute(f"SELECT u.id FROM updates AS u WHERE {where}", values))
    ids = json.dumps(selection.ids)
    missing = cursor.execute(
        "SELECT value FROM json_each(?) WHERE value NOT IN (SELECT id FROM updates) ORDER BY value LIMIT 1",
        (ids,),
    ).fetchone()
    if missing:
        raise no_update(missing[0])
    return ids


def no_update(update_id: int) -> NotFound:
    """The error for an unknown id of an update."""
    return NotFound(f"no update has the id {update_id}")
