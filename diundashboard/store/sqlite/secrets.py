"""The secret that the dashboard has chosen for DIUN."""

from __future__ import annotations

from diundashboard.model import NOBODY, Actor
from diundashboard.store import secrets
from diundashboard.store.secrets import WEBHOOK
from diundashboard.store.sqlite.audit import noted
from diundashboard.store.sqlite.database import Database


class Secrets(secrets.Secrets, Database):
    def webhook_secret(self, offered: str) -> str:
        with self._transaction() as cursor:
            cursor.execute(
                """
                INSERT INTO secrets (name, value)
                SELECT ?, CASE WHEN EXISTS (SELECT 1 FROM notifications) THEN '' ELSE ? END
                 WHERE TRUE
                ON CONFLICT (name) DO NOTHING
                """,
                (WEBHOOK, offered),
            )
            row = cursor.execute("SELECT value FROM secrets WHERE name = ?", (WEBHOOK,)).fetchone()
        kept: str = row["value"]
        return kept

    def require_webhook_secret(self, offered: str, by: Actor = NOBODY) -> str:
        with self._transaction() as cursor:
            row = cursor.execute(
                """
                INSERT INTO secrets (name, value)
                VALUES (?, ?)
                ON CONFLICT (name) DO UPDATE
                   SET value = coalesce(nullif(value, ''), excluded.value)
                RETURNING value
                """,
                (WEBHOOK, offered),
            ).fetchone()
            noted(cursor, self._now(), by, "webhook secret required")
        kept: str = row["value"]
        return kept
