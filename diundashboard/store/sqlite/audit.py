"""Who did what, and who tried."""

from __future__ import annotations

import sqlite3

from diundashboard.model import Actor, Entry
from diundashboard.store import audit
from diundashboard.store.audit import KEPT, row_of
from diundashboard.store.sqlite.database import Database, time_of


class Audit(audit.Audit, Database):
    def note(self, by: Actor, event: str, detail: str = "", refused: bool = False) -> None:
        with self._transaction() as cursor:
            noted(cursor, self._now(), by, event, detail, refused)

    def audit(self, before: int | None = None, limit: int = 50) -> tuple[Entry, ...]:
        with self._transaction("DEFERRED") as cursor:
            rows = cursor.execute(
                """
                SELECT id, at, by, address, event, detail, refused
                  FROM audit
                 WHERE id < ?
                 ORDER BY id DESC
                 LIMIT ?
                """,
                (2**63 - 1 if before is None else before, limit),
            ).fetchall()
        return tuple(
            Entry(
                row["id"],
                time_of(row["at"]),
                row["by"],
                row["address"],
                row["event"],
                row["detail"],
                bool(row["refused"]),
            )
            for row in rows
        )


def noted(cursor: sqlite3.Cursor, now: int, by: Actor, event: str, detail: str = "", refused: bool = False) -> None:
    """Write a row of the audit, and delete the oldest of its sort if there are too many."""
    cursor.execute(
        "INSERT INTO audit (at, by, address, event, detail, refused) VALUES (?, ?, ?, ?, ?, ?)",
        (now, *row_of(by, event, detail), refused),
    )
    cursor.execute(
        """
        DELETE FROM audit
         WHERE refused = :refused
           AND id <= (SELECT id FROM audit WHERE refused = :refused ORDER BY id DESC LIMIT 1 OFFSET :most)
        """,
        {"refused": refused, "most": KEPT[refused]},
    )
