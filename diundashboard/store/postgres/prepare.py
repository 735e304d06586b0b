"""Prepare a database for the store: bring it up to date."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import LiteralString

from diundashboard.store.errors import Unusable
from diundashboard.store.migrations import PostgresMigrations, migrate
from diundashboard.store.postgres.database import Cursor, answering, connect, conninfo_of, firsts, one
from diundashboard.store.postgres.derive import derive_anew
from diundashboard.store.postgres.hosts import name_hosts
from diundashboard.store.postgres.watch import Connection

logger = logging.getLogger("diundashboard")

# The hosts with other names that a search does not find yet.
_UNNAMED: LiteralString = """
    SELECT id
      FROM hosts
     WHERE search = '' AND (display_name <> '' OR id IN (SELECT merged_into FROM hosts))
"""


def prepare(url: str) -> str:
    """Migrate the database to the present schema, and fill its derived columns.

    Returns the id of the database.

    Raises:
        Unusable: the database has another encoding, or a later schema. It is left as it was.
        Unavailable: the server does not answer, or does not let this role change the schema.
    """
    conninfo, place = conninfo_of(url)
    with answering(place):
        connection = connect(conninfo)
        if (encoding := connection.info.parameter_status("server_encoding")) != "UTF8":
            connection.close()
            raise Unusable(f"{place} has the encoding {encoding}; create it with ENCODING 'UTF8'")
        for setting in _unsafe(connection):
            logger.warning(
                "WARNING: %s has %s = off: a power cut can damage what is stored; set it to on", place, setting
            )
        migrate(PostgresMigrations(connection))
        with closing(connect(conninfo)) as connection, connection.transaction(), connection.cursor() as cursor:
            complete(cursor)
            return str(one(cursor.execute("SELECT id FROM identity")).id)


def complete(cursor: Cursor) -> None:
    """Fill the derived columns that another release left to this one."""
    name_hosts(cursor, firsts(cursor.execute(_UNNAMED).fetchall()))
    derive_anew(cursor)


def _unsafe(connection: Connection) -> list[str]:
    """The settings of the server that give up what survives a power cut, and that no session can change."""
    rows = connection.execute(
        """
        SELECT name
          FROM pg_settings
         WHERE name IN ('fsync', 'full_page_writes') AND setting = 'off'
         ORDER BY name
        """
    ).fetchall()
    return firsts(rows)
