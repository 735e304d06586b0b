"""Read what DIUN sent and what people did."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

from diundashboard.model import Action, HistoryQuery, Received
from diundashboard.store import history
from diundashboard.store.errors import NotFound
from diundashboard.store.sqlite.actions import labelled
from diundashboard.store.sqlite.database import Database
from diundashboard.store.sqlite.query import no_update
from diundashboard.store.sqlite.rows import ACTION, RECEIVED, action_of, received_of
from diundashboard.text import searchable, storable

# The actions that changed some of the series.
_CHANGED = "(SELECT action_id FROM action_items WHERE series_id IN (SELECT id FROM series WHERE {}))"

_FOUND = """
    id IN (SELECT series_id FROM updates WHERE instr(search, :word{0}))
    OR host_id IN (SELECT id FROM hosts WHERE instr(search, :word{0}))
"""


class History(history.History, Database):
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
                f"{RECEIVED} WHERE {' AND '.join(parts)} ORDER BY n.id DESC LIMIT :limit", values
            ).fetchall()
        return tuple(map(received_of, rows))

    def actions(self, query: HistoryQuery) -> tuple[Action, ...]:
        parts = ["id < :before"]
        values: dict[str, Any] = {"before": 2**63 - 1 if query.before is None else query.before, "limit": query.limit}
        if query.host is not None:
            parts.append(f"id IN {_CHANGED.format('host_id = (SELECT id FROM hosts WHERE hostname = :host)')}")
            values["host"] = storable(query.host)
        with self._transaction("DEFERRED") as cursor:
            words = searchable(query.search).split()[:8]
            names = _names(cursor) if words else []
            for number, word in enumerate(words):
                parts.append(
                    f"""(
                        id IN {_CHANGED.format(_FOUND.format(number))}
                        OR by IN (SELECT value FROM json_each(:by{number}))
                        OR verb = 'tag' AND detail IN (SELECT value FROM json_each(:tag{number}))
                    )"""
                )
                found = [(verb, name) for verb, name in names if word in searchable(name)]
                values |= {
                    f"word{number}": word,
                    f"by{number}": json.dumps([name for verb, name in found if not verb]),
                    f"tag{number}": json.dumps([name for verb, name in found if verb]),
                }
            rows = cursor.execute(
                f"{ACTION} WHERE {' AND '.join(parts)} ORDER BY id DESC LIMIT :limit", values
            ).fetchall()
            return labelled(cursor, rows)

    def received(self, notification_id: int) -> Received:
        with self._transaction("DEFERRED") as cursor:
            row = cursor.execute(f"{RECEIVED} WHERE n.id = ?", (notification_id,)).fetchone()
        if row is None:
            raise NotFound(f"no notification has the id {notification_id}")
        return received_of(row)

    def timeline(self, update_id: int, offset: int = 0, limit: int = 500) -> tuple[Received | Action, ...]:
        with self._transaction("DEFERRED") as cursor:
            series = cursor.execute("SELECT series_id FROM updates WHERE id = ?", (update_id,)).fetchone()
            if series is None:
                raise no_update(update_id)
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
                f"{RECEIVED} WHERE n.id IN (SELECT value FROM json_each(?))",
                (json.dumps([id for _, told, id in moments if told]),),
            ).fetchall()
            actions = cursor.execute(
                f"{ACTION} WHERE id IN (SELECT value FROM json_each(?))",
                (json.dumps([id for _, told, id in moments if not told]),),
            ).fetchall()
            # The last version of an action, which `dict` keeps, is the highest.
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
        found: dict[tuple[int, int], Received | Action] = {(1, row["id"]): received_of(row) for row in received}
        found |= {(0, row["id"]): action_of(row, versions.get(row["id"], "")) for row in actions}
        return tuple(found[told, id] for _, told, id in moments)

    def digest_before(self, update_id: int) -> str:
        with self._transaction("DEFERRED") as cursor:
            row = cursor.execute(
                """
                SELECT n.digest
                  FROM updates AS u
                  JOIN notifications AS n ON n.update_id = u.id
                 WHERE u.id = ? AND n.spoke AND n.digest <> u.digest
                 ORDER BY n.id DESC
                 LIMIT 1
                """,
                (update_id,),
            ).fetchone()
        return row[0] if row else ""


def _names(cursor: sqlite3.Cursor) -> list[tuple[str, str]]:
    """The people of all actions, after an empty verb, and the tags, after `tag`: to compare them as Python does."""
    return cursor.execute(
        "SELECT '', by FROM actions UNION SELECT verb, detail FROM actions WHERE verb = 'tag'"
    ).fetchall()
