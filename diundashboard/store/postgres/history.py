"""Read what DIUN sent and what people did."""

from __future__ import annotations

from typing import Any, LiteralString

from diundashboard.model import Action, HistoryQuery, Received
from diundashboard.store import history
from diundashboard.store.errors import NotFound
from diundashboard.store.postgres.actions import labelled
from diundashboard.store.postgres.database import Cursor, Database
from diundashboard.store.postgres.query import no_update
from diundashboard.store.postgres.rows import ACTION, RECEIVED, action_of, received_of
from diundashboard.text import searchable, storable

# The actions that changed some of the series.
_CHANGED = "(SELECT action_id FROM action_items WHERE series_id IN (SELECT id FROM series WHERE {}))"

_FOUND = """
    id IN (SELECT series_id FROM updates WHERE strpos(search, %(word{0})s) > 0)
    OR host_id IN (SELECT id FROM hosts WHERE strpos(search, %(word{0})s) > 0)
"""


class History(history.History, Database):
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
                f"{RECEIVED} WHERE {' AND '.join(parts)} ORDER BY n.id DESC LIMIT %(limit)s",
                values,
            ).fetchall()
        return tuple(map(received_of, rows))

    def actions(self, query: HistoryQuery) -> tuple[Action, ...]:
        parts: list[str] = ["id < %(before)s"]
        values: dict[str, Any] = {"before": 2**63 - 1 if query.before is None else query.before, "limit": query.limit}
        if query.host is not None:
            of_host = "host_id = (SELECT id FROM hosts WHERE host_key = name_key(%(host)s))"
            parts.append(f"id IN {_CHANGED.format(of_host)}")
            values["host"] = storable(query.host)
        with self._snapshot() as cursor:
            words = searchable(query.search).split()[:8]
            names = _names(cursor) if words else []
            for number, word in enumerate(words):
                parts.append(
                    f"""(
                        id IN {_CHANGED.format(_FOUND.format(number))}
                        OR by = ANY(%(by{number})s::text[])
                        OR verb = 'tag' AND detail = ANY(%(tag{number})s::text[])
                    )"""
                )
                found = [(verb, name) for verb, name in names if word in searchable(name)]
                values |= {
                    f"word{number}": word,
                    f"by{number}": [name for verb, name in found if not verb],
                    f"tag{number}": [name for verb, name in found if verb],
                }
            rows = cursor.execute(
                f"{ACTION} WHERE {' AND '.join(parts)} ORDER BY id DESC LIMIT %(limit)s", values
            ).fetchall()
            return labelled(cursor, rows)

    def received(self, notification_id: int) -> Received:
        with self._connection() as connection:
            row = connection.execute(f"{RECEIVED} WHERE n.id = %s", (notification_id,)).fetchone()
        if row is None:
            raise NotFound(f"no notification has the id {notification_id}")
        return received_of(row)

    def timeline(self, update_id: int, offset: int = 0, limit: int = 500) -> tuple[Received | Action, ...]:
        with self._snapshot() as cursor:
            series = cursor.execute("SELECT series_id FROM updates WHERE id = %s", (update_id,)).fetchone()
            if series is None:
                raise no_update(update_id)
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
                {"series": series.series_id, "limit": limit, "offset": offset},
            ).fetchall()
            received = cursor.execute(
                f"{RECEIVED} WHERE n.id = ANY(%s)", ([id for _, told, id in moments if told],)
            ).fetchall()
            actions = cursor.execute(
                f"{ACTION} WHERE id = ANY(%s)", ([id for _, told, id in moments if not told],)
            ).fetchall()
            # The last version of an action, which `dict` keeps, is the highest.
            versions = dict(
                cursor.execute(
                    """
                    SELECT i.action_id, u.version
                      FROM action_items AS i
                      JOIN updates AS u ON u.id = i.update_id
                     WHERE i.series_id = %s AND i.action_id = ANY(%s)
                     ORDER BY u.version_key, u.id
                    """,
                    (series.series_id, [id for _, told, id in moments if not told]),
                ).fetchall()
            )
        found: dict[tuple[int, int], Received | Action] = {(1, row.id): received_of(row) for row in received}
        found |= {(0, row.id): action_of(row, versions.get(row.id, "")) for row in actions}
        return tuple(found[told, id] for _, told, id in moments)

    def digest_before(self, update_id: int) -> str:
        with self._connection() as connection:
            row = connection.execute(
                """
                SELECT n.digest
                  FROM updates AS u
                  JOIN notifications AS n ON n.update_id = u.id
                 WHERE u.id = %s AND n.spoke AND n.digest <> u.digest
                 ORDER BY n.id DESC
                 LIMIT 1
                """,
                (update_id,),
            ).fetchone()
        return row.digest if row else ""


def _names(cursor: Cursor) -> list[tuple[str, str]]:
    """The people of all actions, after an empty verb, and the tags, after `tag`: to compare them as Python does."""
    return cursor.execute(
        "SELECT '', by FROM actions UNION SELECT verb, detail FROM actions WHERE verb = 'tag'"
    ).fetchall()
