"""Saved views of the updates page."""

from __future__ import annotations

import sqlite3

from diundashboard.model import NOBODY, Actor, View
from diundashboard.store import views
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.names import check_views, view_name, view_query
from diundashboard.store.sqlite.audit import noted
from diundashboard.store.sqlite.database import Database


class Views(views.Views, Database):
    def views(self) -> tuple[View, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute("SELECT id, name, query, is_start FROM views ORDER BY lower(name), name").fetchall()
        return tuple(map(_view_of, rows))

    def save_view(self, name: str, query: str, replace: bool = False, by: Actor = NOBODY) -> View:
        name, query = view_name(name), view_query(query)
        with self._editing() as cursor:
            check_views(cursor.execute("SELECT count(*) FROM views WHERE name <> ?", (name,)).fetchone()[0])
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
                raise Conflict(f"a view named {name!r} already exists")
            noted(cursor, self._now(), by, "view saved", name)
        return _view_of(row)

    def delete_view(self, view_id: int, by: Actor = NOBODY) -> None:
        with self._editing() as cursor:
            row = cursor.execute("DELETE FROM views WHERE id = ? RETURNING name", (view_id,)).fetchone()
            if row is None:
                raise NotFound(f"no view has the id {view_id}")
            noted(cursor, self._now(), by, "view deleted", row["name"])

    def start_with(self, view_id: int | None, by: Actor = NOBODY) -> None:
        with self._editing() as cursor:
            found = cursor.execute("SELECT name FROM views WHERE id = ?", (view_id,)).fetchone()
            if view_id is not None and not found:
                raise NotFound(f"no view has the id {view_id}")
            cursor.execute("UPDATE views SET is_start = coalesce(id = ?, 0)", (view_id,))
            noted(cursor, self._now(), by, "start page chosen", found["name"] if found else "updates")


def _view_of(row: sqlite3.Row) -> View:
    return View(id=row["id"], name=row["name"], query=row["query"], is_start=bool(row["is_start"]))
