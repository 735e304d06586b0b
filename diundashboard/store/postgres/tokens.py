"""What programs show instead of logging in."""

from __future__ import annotations

from datetime import datetime
from typing import Any, LiteralString

from diundashboard.model import NOBODY, Actor, Level, Person, Token
from diundashboard.store import tokens
from diundashboard.store.errors import Conflict, NotFound
from diundashboard.store.names import token_name
from diundashboard.store.postgres.audit import noted
from diundashboard.store.postgres.database import Database, one
from diundashboard.store.sessions import NOTED_EVERY
from diundashboard.store.tokens import TOKENS, bearer, check_token
from diundashboard.text import storable

_COLUMNS: LiteralString = "id, name, level, created_by, created_at, expires_at, used_at"


class Tokens(tokens.Tokens, Database):
    def tokens(self) -> tuple[Token, ...]:
        with self._connection() as connection:
            rows = connection.execute(f"SELECT {_COLUMNS} FROM tokens ORDER BY lower(name), name").fetchall()
        return tuple(map(_token_of, rows))

    def add_token(
        self, name: str, level: Level, key: str, expires_at: datetime | None = None, by: Actor = NOBODY
    ) -> Token:
        name, now = token_name(name), self._clock()
        check_token(level, expires_at, now)
        with self._transaction() as cursor:
            # Two that count at the same time would both see room for one more.
            cursor.execute("LOCK TABLE tokens IN SHARE ROW EXCLUSIVE MODE")
            if one(cursor.execute("SELECT count(*) FROM tokens"))[0] >= TOKENS:
                raise Conflict(f"there are {TOKENS} tokens: remove one first")
            row = cursor.execute(
                f"""
                INSERT INTO tokens (key, name, level, created_by, created_at, expires_at)
                VALUES (%s, %s, %s, %s, %s, %s)
                ON CONFLICT (name) DO NOTHING
                RETURNING {_COLUMNS}
                """,
                (key, name, level, storable(by.name), now, expires_at),
            ).fetchone()
            if row is None:
                raise Conflict(f"a token named {name!r} already exists")
            noted(cursor, now, by, "token added", f"{name}, {level}")
        return _token_of(row)

    def remove_token(self, token_id: int, by: Actor = NOBODY) -> None:
        with self._transaction() as cursor:
            row = cursor.execute("DELETE FROM tokens WHERE id = %s RETURNING name", (token_id,)).fetchone()
            if row is None:
                raise NotFound(f"no token has the id {token_id}")
            noted(cursor, self._clock(), by, "token removed", row.name)

    def bearer_of(self, key: str) -> Person | None:
        now = self._clock()
        with self._connection() as connection:
            row = connection.execute(
                "SELECT name, level, used_at FROM tokens WHERE key = %s AND (expires_at IS NULL OR expires_at > %s)",
                (key, now),
            ).fetchone()
            if row is None:
                return None
            if row.used_at is None or now - row.used_at > NOTED_EVERY:
                connection.execute("UPDATE tokens SET used_at = greatest(used_at, %s) WHERE key = %s", (now, key))
        return bearer(row.name, row.level)


def _token_of(row: Any) -> Token:
    return Token(**row._asdict() | {"level": Level(row.level)})
