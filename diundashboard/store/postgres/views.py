"""Saved views of the updates page."""

from __future__ import annotations

from diundashboard.model import NOBODY, Actor, View
from diundashboard.store import views
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.names import check_views, view_name, view_query
from diundashboard.store.postgres.audit import noted
from diundashboard.store.postgres.database import Database, one


class Views(views.Views, Database):
    def views(self) -> tuple[View, ...]:
        with self._connection() as connection:
            rows = connection.execute(
                "SELECT id, name, query, is_start FROM views ORDER BY lower(name), name"
            ).fetchall()
        return tuple(View(**row._asdict()) for row in rows)

    def save_view(self, name: str, query: str, replace: bool = False, by: Actor = NOBODY) -> View:
        name, query = view_name(name), view_query(query)
        with self._editing() as cursor:
            cursor.execute("LOCK TABLE views IN SHARE ROW EXCLUSIVE MODE")
            check_views(one(cursor.execute("SELECT count(*) FROM views WHERE name <> %s", (name,)))[0])
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
                raise Conflict(f"a view named {name!r} already exists")
            noted(cursor, self._clock(), by, "view saved", name)
        return View(**row._asdict())

    def delete_view(self, view_id: int, by: Actor = NOBODY) -> None:
        with self._editing() as cursor:
            row = cursor.execute("DELETE FROM views WHERE id = %s RETURNING name", (view_id,)).fetchone()
            if row is None:
                raise NotFound(f"no view has the id {view_id}")
            noted(cursor, self._clock(), by, "view deleted", row.name)

    def start_with(self, view_id: int | None, by: Actor = NOBODY) -> None:
        with self._editing() as cursor:
            # As `save_view` does, first of all: two that lock rows and then the table wait for each other.
            cursor.execute("LOCK TABLE views IN SHARE ROW EXCLUSIVE MODE")
            known = dict(cursor.execute("SELECT id, name FROM views").fetchall())
            if view_id is not None and view_id not in known:
                raise NotFound(f"no view has the id {view_id}")
            cursor.execute("UPDATE views SET is_start = id IS NOT DISTINCT FROM %s::bigint", (view_id,))
            noted(cursor, self._clock(), by, "start page chosen", "updates" if view_id is None else known[view_id])
