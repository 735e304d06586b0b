"""Store what DIUN sends."""

from __future__ import annotations

from datetime import datetime

from diundashboard.model import REFUSALS_KEPT, Refusal
from diundashboard.notification import Notification
from diundashboard.store import intake
from diundashboard.store.postgres.database import Database
from diundashboard.store.postgres.record import MetadataShared, drop_metadata, record, repeat
from diundashboard.text import storable


class Intake(intake.Intake, Database):
    def record(
        self, notification: Notification, at: datetime | None = None, again: datetime | None = None
    ) -> int | None:
        """Store a notification, as the interface promises. A repeat is one statement, and so one wait for the disk."""
        at = at or self._clock()
        with self._connection() as connection, connection.cursor() as cursor:
            if again is None:
                update_id = repeat(cursor, notification, at, connection.deadline_on_server())
                if update_id is not None:
                    return update_id
            try:
                with connection.transaction():
                    return record(cursor, notification, at, again)
            except MetadataShared:
                with connection.transaction():
                    drop_metadata(cursor, notification, at)
                    return record(cursor, notification, at, again)

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
            # Rows that another process deletes at this moment need no waiting.
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
        return tuple(Refusal(**row._asdict()) for row in rows)
