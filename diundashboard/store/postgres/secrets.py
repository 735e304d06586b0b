"""The secret that the dashboard has chosen for DIUN."""

from __future__ import annotations

from diundashboard.model import NOBODY, Actor
from diundashboard.store import secrets
from diundashboard.store.postgres.audit import noted
from diundashboard.store.postgres.database import Database, one
from diundashboard.store.secrets import WEBHOOK


class Secrets(secrets.Secrets, Database):
    def webhook_secret(self, offered: str) -> str:
        with self._transaction() as cursor:
            cursor.execute(
                """
                INSERT INTO secrets (name, value)
                SELECT %s, CASE WHEN EXISTS (SELECT 1 FROM notifications) THEN '' ELSE %s END
                ON CONFLICT (name) DO NOTHING
                """,
                (WEBHOOK, offered),
            )
            kept: str = one(cursor.execute("SELECT value FROM secrets WHERE name = %s", (WEBHOOK,))).value
        return kept

    def require_webhook_secret(self, offered: str, by: Actor = NOBODY) -> str:
        with self._transaction() as cursor:
            kept: str = one(
                cursor.execute(
                    """
                    INSERT INTO secrets (name, value)
                    VALUES (%s, %s)
                    ON CONFLICT (name) DO UPDATE
                       SET value = coalesce(nullif(secrets.value, ''), excluded.value)
                    RETURNING value
                    """,
                    (WEBHOOK, offered),
                )
            ).value
            noted(cursor, self._clock(), by, "webhook secret required")
        return kept
